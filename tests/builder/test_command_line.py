"""How errors of the disk and signals reach the person at the terminal."""

from __future__ import annotations

import argparse
import errno
import os
import pathlib
import signal
import time
from collections.abc import Callable

import imagery_files
import pytest
import rasterio

from builder import atomic, command_line


def _run(command: Callable[[argparse.Namespace], int], *, extra: str = "build") -> int:
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=command)
    return command_line.run(parser, [], extra=extra)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full: make room"),
        (errno.EROFS, "Nothing can be written there: name another place"),
        (errno.EISDIR, "it is a folder: name another"),
        (errno.EEXIST, "Something else has that name already: name another place"),
        (errno.ENOENT, "There is no such place: check the path"),
    ],
)
def test_an_error_of_the_disk_is_told_with_its_cure(
    number: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: argparse.Namespace) -> int:
        raise OSError(number, os.strerror(number), "/there")

    assert _run(fails) == 2
    assert words in (told := capsys.readouterr().err)
    assert "/there" in told and "Traceback" not in told


def test_a_raster_that_cannot_be_read_is_wrong_input(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = imagery_files.write(tmp_path / "a.tif", imagery_files.texture(600, 600))
    for name, content in (("cut.tif", whole.read_bytes()[:200_000]), ("text.tif", b"no raster")):
        (tmp_path / name).write_bytes(content)

        def reads(_: argparse.Namespace, name: str = name) -> int:
            with rasterio.open(tmp_path / name) as dataset:
                return int(dataset.read().sum())

        assert _run(reads) == 2
        told = capsys.readouterr().err
        assert name in told and "Copy or write that file again" in told and "Traceback" not in told


def test_a_fault_of_ours_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: argparse.Namespace) -> int:
        raise ValueError("ours")

    assert _run(fails) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_box_west_of_greenwich_needs_no_equals_sign() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bbox", type=command_line.bbox)
    parser.add_argument("--number", type=float)
    seen: list[object] = []
    parser.set_defaults(run=lambda args: seen.append((args.bbox, args.number)) or 0)
    assert command_line.run(parser, ["--bbox", "-10.5,40,-9,41", "--number", "-1"]) == 0
    assert command_line.run(parser, ["--bbox=-10.5,40,-9,41", "--number", "-1"]) == 0
    assert seen == [((-10.5, 40.0, -9.0, 41.0), -1.0)] * 2


def test_an_empty_path_is_not_the_folder_one_is_in(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=command_line.path)
    with pytest.raises(SystemExit, match="2"):
        command_line.run(parser, ["--out", ""])
    assert "expected a path; received nothing" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_ended_leaves_nothing_half_written(
    number: signal.Signals, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def waits(_: argparse.Namespace) -> int:
        with atomic.folder(tmp_path / "out") as folder:
            (folder / "half").write_text("half", encoding="utf-8")
            os.kill(os.getpid(), number)
            time.sleep(10.0)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert _run(waits) == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err.startswith("interrupted: ")


@pytest.mark.parametrize(
    ("missing", "extra"),
    [("apache_beam.options", "build"), ("jax", "jax"), ("cleanlab", "refine"), ("keras", "refine")],
)
def test_a_package_that_is_not_installed_is_named_with_the_extra_that_brings_it(
    missing: str, extra: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: argparse.Namespace) -> int:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    assert _run(fails, extra="refine") == 2
    told = capsys.readouterr().err
    assert f"needs the package {missing.partition('.')[0]}, which is not installed" in told
    assert f"pip install 'globeland[{extra}]'" in told and "Traceback" not in told


def test_a_module_of_ours_that_is_missing_is_a_fault_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_: argparse.Namespace) -> int:
        raise ModuleNotFoundError("No module named 'refine.nothing'", name="refine.nothing")

    assert _run(fails) == 1
    assert "Traceback" in capsys.readouterr().err
