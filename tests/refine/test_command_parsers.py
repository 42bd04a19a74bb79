"""The options of `python -m refine`: their help, and the requests and settings that they make."""

from __future__ import annotations

import argparse
import pathlib

import pytest

from builder import command_line
from refine import __main__ as command
from refine.mapping import map_request
from refine.network import losses
from refine.training import training_settings


def test_help_prints_the_defaults_of_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")  # no line is broken
    for name, expected in (
        ("train", ("(default 299)", "(default 0.001)", "(default 200 for logits, 30 for first-layer)")),
        ("map", ("(default 0.5)", "(default keras)")),
        ("accuracy", ("(default 0.95)", "(default 2000)")),
    ):
        with pytest.raises(SystemExit):
            command.main([name, "--help"])
        text = capsys.readouterr().out
        assert [default for default in expected if default not in text] == []


def test_every_option_is_described_by_a_noun() -> None:
    for action in _options(command.parser()):
        assert action.help
        assert not action.help.startswith("of ")


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    actions = [a for a in parser._actions if not isinstance(a, argparse._SubParsersAction)]
    for branch in (a for a in parser._actions if isinstance(a, argparse._SubParsersAction)):
        actions += [option for child in branch.choices.values() for option in _options(child)]
    return actions


def test_settings_are_those_that_were_given() -> None:
    words = "train --dataset d --strategy logits --out m --loss smoothing --smoothing 0.2 --weigh-by votes,purity"
    settings = command._settings(command.parser().parse_args(words.split()))
    assert settings == training_settings.TrainingSettings(
        loss=losses.Loss("smoothing", smoothing=0.2), weigh_by=("votes", "purity")
    )


def test_options_that_were_not_given_are_left_to_the_dataclasses() -> None:
    args = command.parser().parse_args(["map", "--model", "m", "--base", "b.tif", "--frame", "f", "--out", "o.tif"])
    given = command_line.fields_of(args, map_request.MapRequest, base=pathlib.Path("b.tif"))
    assert given == map_request.MapRequest(*map(pathlib.Path, ("m", "b.tif", "f", "o.tif")))
    assert not hasattr(args, "base_trust")


def test_every_option_of_a_map_reaches_its_request() -> None:
    words = (
        "map --model m --base b.tif --frame f --out o.tif --bbox=-10,40,-9,41 --include-undetermined --base-trust 0.7 "
        "--min-confidence 0.6 --engine onnxruntime --overwrite"
    )
    args = command.parser().parse_args(words.split())
    assert command_line.fields_of(args, map_request.MapRequest, base=pathlib.Path("b.tif")) == map_request.MapRequest(
        *map(pathlib.Path, ("m", "b.tif", "f", "o.tif")),
        bbox=(-10.0, 40.0, -9.0, 41.0),
        include_undetermined=True,
        base_trust=0.7,
        min_confidence=0.6,
        engine="onnxruntime",
        overwrite=True,
    )


@pytest.mark.parametrize("place", [".", ".."])
@pytest.mark.parametrize(
    "words",
    [
        "demo {place}",
        "train --dataset d --strategy logits --overwrite --out {place}",
        "noise --dataset d --overwrite --out {place}",
        "map --model m --base b.tif --frame f --overwrite --out {place}",
    ],
)
def test_the_folder_one_is_in_is_refused_before_anything_is_read(
    words: str, place: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine.txt").write_text("mine")
    monkeypatch.chdir(tmp_path / "work")
    assert command.main(words.format(place=place).split()) == command_line.WRONG_INPUT
    assert "received the folder you are in, or one above it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["work", "mine.txt"]
