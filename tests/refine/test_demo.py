"""The demo's own part: which commands, in which order, and what happens when it is run again."""

from __future__ import annotations

import pathlib
import shlex

import h5py
import map_world
import numpy as np
import pytest

from builder import errors
from refine import __main__ as command
from refine import demo
from refine.network import weights_file


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> list[list[str]]:
    """The commands instead of what they do; the first writes the frame that a later one looks at."""
    calls: list[list[str]] = []

    def call(words: list[str]) -> None:
        calls.append(words)
        if words[:4] == ["python", "-m", "builder", "demo"] and not (pathlib.Path(words[4]) / "frame").exists():
            map_world.write_frame(pathlib.Path(words[4]) / "frame")

    monkeypatch.setattr(demo, "_call", call)
    return calls


def test_it_runs_the_whole_road_as_a_user_would(tmp_path: pathlib.Path, called: list[list[str]]) -> None:
    demo.run(tmp_path / "demo")
    verbs = [" ".join(words[:4] if words[0] == "python" else words[:2]) for words in called]
    assert verbs == [
        "python -m builder demo", "tfds build", "python -m refine compare", "python -m refine noise",
        "python -m refine map", "python -m refine report",
    ]  # fmt: skip


def test_every_command_of_refine_parses(tmp_path: pathlib.Path, called: list[list[str]]) -> None:
    demo.run(tmp_path / "demo")
    parser = command.parser()
    for words in called:
        if words[:3] == ["python", "-m", "refine"]:
            parser.parse_args(words[3:])


def test_run_again_it_goes_on_at_the_step_it_was_in(
    tmp_path: pathlib.Path, called: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = demo._call

    def broken(words: list[str]) -> None:
        if "compare" in words:
            raise KeyboardInterrupt
        done(words)

    with monkeypatch.context() as patched:
        patched.setattr(demo, "_call", broken)
        with pytest.raises(KeyboardInterrupt):
            demo.run(tmp_path / "demo")
    assert len(called) == 2
    demo.run(tmp_path / "demo")
    assert [words[3] for words in called[2:]] == ["compare", "noise", "map", "report"]
    assert "The dataset, both configs: done before" in capsys.readouterr().out


def test_a_demo_of_other_settings_or_a_strangers_folder_is_refused(
    tmp_path: pathlib.Path, called: list[list[str]]
) -> None:
    demo.run(tmp_path / "demo")
    with pytest.raises(errors.InputError, match=r"holds a demo of .*'seed': 0.* received .*'seed': 1"):
        demo.run(tmp_path / "demo", seed=1)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("mine")
    with pytest.raises(errors.InputError, match="expected a new or empty folder"):
        demo.run(tmp_path / "theirs")


def test_the_folder_one_works_in_is_refused(
    tmp_path: pathlib.Path, called: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (".", "..", str(tmp_path)):
        assert command.main(["demo", folder]) == 2
        assert "the folder you are in" in capsys.readouterr().err
    assert not called
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", '{"settings": {"weights": "none", "seed": 0}, "finished": "all"}'])
def test_a_damaged_record_is_named(tmp_path: pathlib.Path, called: list[list[str]], text: str) -> None:
    demo.run(tmp_path / "demo")
    (tmp_path / "demo" / demo.RECORD).write_text(text)
    with pytest.raises(errors.InputError, match=r"demo\.json: expected the record of a demo"):
        demo.run(tmp_path / "demo")


def test_weights_are_found_from_where_the_user_stands(
    tmp_path: pathlib.Path,
    called: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InputError, match="which is no file"):
        demo.run(tmp_path / "demo", weights="w.h5")
    (tmp_path / "w.h5").write_bytes(b"weights")
    assert command.main(["demo", "demo", "--weights", "w.h5"]) == 2  # before the minutes that the world takes
    assert "not an HDF5 file" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["layers/kernel"] = np.zeros(weights_file.INCEPTION_V3, np.int8)
    assert command.main(["demo", "demo", "--weights", "w.h5"]) == 0
    (compare,) = [words for words in called if "compare" in words]
    assert shlex.join(compare).count(f"--weights {tmp_path / 'w.h5'}") == 1
