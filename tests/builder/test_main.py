"""The commands as a person types them: exit codes, messages, and nothing half-written."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from checkout import ROOT


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["builder", "refine"])
def test_help_names_every_command_and_the_exit_codes(package: str) -> None:
    done = _run(package, "--help")
    commands = {
        "builder": ["demo", "points", "chips", "catalog"],
        "refine": ["train", "compare", "accuracy", "noise", "map", "report", "demo"],
    }[package]
    assert done.returncode == 0
    assert all(f"\n    {name} " in done.stdout for name in commands)
    assert "130 interrupted" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["builder", "points", "--products", "nowhere", "--out", "x"], "nowhere"),
        (["builder", "points", "--products", ".", "--out", "x", "--bbox", "5,50,7"], "four numbers W,S,E,N"),
        (["builder", "points", "--products", ".", "--out", "x", "--per-class", "0"], "--per-class"),
        (["builder", "points", "--from", "nowhere.csv", "--out", "x"], "nowhere.csv"),
        (["builder", "points", "--from", "a.csv", "--out", "x", "--bbox", "5,50,7,51"], "do not apply"),
        (
            ["builder", "points", "--from", "a.csv", "--out", "x", "--seed", "1", "--sede=2"],
            "so --seed, --sede=2 do not",
        ),
        (["builder", "chips", "--frame", "nowhere"], "python -m builder points"),
        (["builder", "points", "--from", "a.csv", "--out", "x", "--buffer-m", "1000"], "so --buffer-m do not"),
        (["builder", "demo", "x", "--sise", "tiny"], "unrecognized arguments: --sise"),
        (["builder"], "COMMAND"),
    ],
)
def test_wrong_use_ends_with_2_a_cure_and_no_traceback(arguments: list[str], words: str) -> None:
    done = _run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (ROOT / "x").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["builder", "points", "--products", "nowhere", "--out", ".", "--overwrite"], "the folder you are in"),
        (["builder", "demo", ".", "--overwrite"], "the folder you are in"),
        (["builder", "demo", "..", "--overwrite"], "or one above it"),
        (["builder", "demo", "tests", "--overwrite"], "it holds other files"),
    ],
)
def test_a_place_that_holds_other_things_is_refused_in_two_lines(arguments: list[str], words: str) -> None:
    done = _run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert done.stdout == ""


def test_help_says_the_defaults_of_the_sampling_design() -> None:
    text = " ".join(_run("builder", "points", "--help").stdout.split())
    for number in ("per class (default 13000)", "stratum (default 100)", "one class (default 500.0)", "(default 3.0)"):
        assert number in text
    assert "SUPPRESS" not in text


def test_the_catalogue_can_be_checked_from_the_command_line(tmp_path: pathlib.Path) -> None:
    assert _run("builder", "catalog", "--check").returncode == 0
    (tmp_path / "CATALOG.md").write_text("old")
    assert _run("builder", "catalog", "--check", "--out", tmp_path / "CATALOG.md").returncode == 1
