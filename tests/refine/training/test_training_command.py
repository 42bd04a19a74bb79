"""`refine train` and `refine compare` as they are typed: what is refused and exported, how they end."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import small_release

from builder import command_line
from refine.__main__ import main
from refine.artefacts import comparison, model_folder
from refine.judging import compare
from refine.network import model, trained_model
from refine.training import resumable_fit, train_model

pytestmark = pytest.mark.usefixtures("small_network")


def _train(root: pathlib.Path, *more: str) -> int:
    options = ["--strategy", "logits", "--size", "75", "--batch-size", "7", "--epochs", "2"]
    dataset = ["--dataset", "small_samples/rough", "--data_dir", str(root / "data"), "--out", str(root / "model")]
    return main(["train", *dataset, *options, *more])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("command")
    for config, version in (("rough", "1.0.0"), ("accurate", "1.0.0"), ("accurate", "1.1.0")):
        small_release.write(folder / "data", config=config, version=version)
    return folder


@pytest.mark.slow
def test_a_training_exports_what_it_is_asked_for(root: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = model.build(classes=7, size_px=75, dropout=0.0, seed=4)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 75, 75, 3)).astype(np.float32)
    model.settle_statistics(network, [(pixels,)] * 10, steps=10)
    weights = root / "base.weights.h5"
    network.base.save_weights(weights)
    assert _train(root, "--weights", str(weights), "--export", "saved_model,onnx") == command_line.DONE
    folder = root / "model"
    expected = [folder, folder / "saved_model", folder / "model.onnx"]
    assert capsys.readouterr().out.split() == [str(path) for path in expected]
    assert model_folder.ModelFolder.open(folder).exported(model_folder.ONNX) == folder / "model.onnx"
    assert (folder / "saved_model" / "saved_model.pb").is_file()
    made = (folder / model_folder.MODEL).stat().st_mtime_ns
    assert _train(root, "--weights", str(weights), "--export", "onnx") == command_line.DONE
    assert (folder / model_folder.MODEL).stat().st_mtime_ns == made
    assert _train(root, "--weights", str(weights)) == command_line.WRONG_INPUT
    assert _train(root, "--weights", str(weights), "--export", "onnx", "--seed", "1") == command_line.WRONG_INPUT
    assert "differs in settings.seed (0 then, 1 now)" in capsys.readouterr().err


@pytest.mark.parametrize("ended", [resumable_fit.STABLE, resumable_fit.NOT_A_NUMBER])
def test_a_training_that_broke_ends_with_gaps(root: pathlib.Path, ended: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"stages": [{"stage": "head", "epochs": 3, "stopped": ended}]}
    opened = model_folder.ModelFolder(root, record, ("forest",), 1.0, "0" * 64)
    trained = trained_model.TrainedModel(opened, network=None)
    monkeypatch.setattr(train_model, "train", lambda *given, **more: trained)
    code = _train(root, "--weights", "none")
    assert (
        code
        == {resumable_fit.STABLE: command_line.DONE, resumable_fit.NOT_A_NUMBER: command_line.DONE_WITH_GAPS}[ended]
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--export", "tflite"], "--export: expected formats among saved_model, onnx; received 'tflite'"),
        (["--epochs", "0"], "--epochs: expected 1 or more; received 0"),
        (["--validation-share", "0.1"], "has a validation split of 14 examples"),
        (
            ["--weight-by", "nowhere.csv"],
            "expected a table of doubtful examples with the columns key and weight; found no such file",
        ),
        (["--weights", "nowhere.h5"], "received 'nowhere.h5', which is no file"),
        (["--devices", "99"], "Give at most as many, or leave it out"),
    ],
)
def test_a_training_that_makes_no_sense_is_refused(
    root: pathlib.Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = root / "refused"
    assert _train(root, "--weights", "none", *options, "--out", str(out)) == command_line.WRONG_INPUT
    assert words in capsys.readouterr().err
    assert not out.exists() and not out.with_name("refused.unfinished").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dataset", "small_samples/rough:1.0.0"], "expected the NAME of a prepared dataset"),
        (["--dataset", "small_samples:1.0.0"], "received 'small_samples:1.0.0'. Give the name alone, and --version"),
        (
            ["--dataset", "small_samples"],
            "received small_samples/rough:1.0.0, small_samples/accurate:1.1.0",
        ),
        (["--dataset", "small_samples", "--version", "1.1.0"], "small_samples/rough:1.1.0 is not under"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(
    root: pathlib.Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", *options, "--data_dir", str(root / "data"), "--weights", "none", "--out", str(root / "c")]
    assert main(command) == command_line.WRONG_INPUT
    assert words in capsys.readouterr().err
    assert not (root / "c").exists()


def test_a_comparison_knows_origins_and_ends_with_gaps(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class Compared:
        is_broken = True

    def compared(datasets: Any, settings: Any, out: pathlib.Path, *, test: Any) -> Compared:
        asked.update(test=test, epochs=[s.most_epochs for s in settings])
        (out / comparison.MARKDOWN).write_text("a table")
        return Compared()

    monkeypatch.setattr(compare, "compare", compared)
    (root / "compared").mkdir()
    dataset = ["--dataset", "small_samples", "--version", "1.0.0", "--data_dir", str(root / "data")]
    code = main(["compare", *dataset, "--weights", "none", "--epochs", "3", "--out", str(root / "compared")])
    assert code == command_line.DONE_WITH_GAPS
    assert set(asked["test"].column(compare.ORIGIN)) == {"consensus", "review"}
    assert asked["epochs"] == [3, 200]
