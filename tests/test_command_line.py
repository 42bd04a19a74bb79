"""How errors of the disk and signals reach the person at the terminal."""

from __future__ import annotations

import argparse
import errno
import os
import pathlib
import signal
import time
from collections.abc import Callable

import pytest

from builder import atomic, command_line


def _run(command: Callable[[argparse.Namespace], int]) -> int:
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=command)
    return command_line.run(parser, [])


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full: make room"),
        (errno.EROFS, "Nothing can be written there: name another place"),
        (errno.EISDIR, "it is a folder: name another"),
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
