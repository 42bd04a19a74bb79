"""The model folder is whole or refused; every export says what Keras says."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import small_network

from builder import errors, hashing
from refine.artefacts import model_folder
from refine.export import formats, onnx_file, saved_model, served
from refine.network import calibration, devices, model, trained_model
from refine.samples import batches
from refine.training import write_model

SIDE_PX, CHIP_PX = 75, 99
LABELS = ("forest", "water", "snow_ice")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Of the small network: what a folder holds and how chips are resized does not depend on what sees them."""
    with small_network.in_place_of_inception_v3():
        return _written(tmp_path_factory.mktemp("models") / "model")


def _written(path: pathlib.Path) -> pathlib.Path:
    network = model.build(classes=3, size_px=SIDE_PX, dropout=0.2, seed=2)
    pixels = np.random.default_rng(0).integers(0, 256, (8, SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    model.settle_statistics(network, [(pixels,)] * 20, steps=20)
    record = {"format": model_folder.FORMAT, "dataset": "small_samples/rough:1.0.0", "settings": {"size_px": SIDE_PX}}
    row = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"), 0.5)
    history = [{"stage": "head", "epoch": 1, **row, "seconds": 1.0, "images_per_s": 2.0}]
    fitted = calibration.Fitted(2.0, 10, 1.0, 0.9, 0.2, 0.1)
    write_model.write(path, network.classifier, labels=LABELS, record=record, history=history, fitted=fitted)
    return path


@pytest.fixture(scope="module")
def chips() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, CHIP_PX, CHIP_PX, 3), np.uint8)


def _expected(folder: pathlib.Path, chips: np.ndarray) -> np.ndarray:
    resized = np.stack([batches.resized(chip, SIDE_PX) for chip in chips])
    return trained_model.load(folder).logits(resized)


def test_batches_have_one_size_where_they_are_compiled(
    folder: pathlib.Path, chips: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, expected = trained_model.load(folder), _expected(folder, chips)
    seen: list[int] = []
    predict = loaded.network.logits.predict

    def spied(pixels: np.ndarray, **given: object) -> np.ndarray:
        seen.append(len(pixels))
        return np.asarray(predict(pixels, **given))

    monkeypatch.setattr(loaded.network.logits, "predict", spied)
    monkeypatch.setattr(devices, "compiles", lambda: True)
    resized = np.stack([batches.resized(chip, SIDE_PX) for chip in chips])
    np.testing.assert_allclose(loaded.logits(resized, 2), expected, atol=1e-5)
    assert seen == [4]  # three chips in batches of two


def test_a_model_comes_back_with_labels_temperature_and_dataset(folder: pathlib.Path) -> None:
    loaded = trained_model.load(folder)
    assert loaded.folder.labels == LABELS
    assert loaded.folder.temperature == 2.0
    assert loaded.folder.size_px == SIDE_PX
    assert loaded.folder.dataset == "small_samples/rough:1.0.0"
    assert loaded.folder.digest == hashing.sha256_of_file(folder / model_folder.MODEL)
    logits = np.array([[2.0, 0.0, -2.0]])
    np.testing.assert_allclose(loaded.probabilities(logits), calibration.probabilities(logits / 2, 1.0))


@pytest.mark.parametrize(
    "name", [model_folder.MODEL, model_folder.LABELS, model_folder.CALIBRATION, model_folder.TRAINING]
)
def test_a_folder_without_one_of_its_files_is_refused(folder: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / name).unlink()
    with pytest.raises(errors.InputError, match=name):
        trained_model.load(tmp_path / "copy")


def test_a_half_copied_model_is_refused(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    with (tmp_path / "copy" / model_folder.MODEL).open("r+b") as stream:
        stream.truncate(1000)
    with pytest.raises(errors.InputError, match=r"model\.keras differs from what was written"):
        trained_model.load(tmp_path / "copy")


@pytest.mark.parametrize(("record", "words"), [({"format": 9}, "expected format 1; received 9"), ({}, "received None")])
def test_a_model_of_another_format_is_refused(tmp_path: pathlib.Path, record: dict[str, int], words: str) -> None:
    record_of_nothing = {
        "dataset": "d",
        "settings": {},
        "files": dict.fromkeys((model_folder.MODEL, model_folder.LABELS, model_folder.CALIBRATION)),
    }
    (tmp_path / model_folder.TRAINING).write_text(json.dumps(record_of_nothing | record))
    with pytest.raises(errors.InputError, match=words):
        model_folder.ModelFolder.open(tmp_path)


def test_formats_that_cannot_be_written_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    formats.check_formats(["saved_model", "onnx"])
    with pytest.raises(errors.InputError, match="expected formats among saved_model, onnx; received 'tflite'"):
        formats.check_formats(["onnx", "tflite"])
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(errors.InputError, match="a SavedModel is made through TensorFlow"):
        formats.check_formats(["saved_model"])


@pytest.mark.parametrize(("shift", "words"), [((1e-3, 0), "by 0.001 in a logit"), ((0, 1e-3), "in a probability")])
def test_an_export_that_says_something_else_is_refused(
    folder: pathlib.Path, shift: tuple[float, float], words: str
) -> None:
    loaded = trained_model.load(folder)
    network = served.served_model(loaded, chip_px=SIDE_PX)

    def run(chips: np.ndarray) -> tuple[np.ndarray, ...]:
        outputs = network.predict(chips, verbose=0)
        return outputs["logits"] + shift[0], outputs["probabilities"] + shift[1]

    with pytest.raises(errors.InputError, match=words):
        served.check_parity("ONNX", run, loaded, network, chip_px=SIDE_PX)


@pytest.mark.parametrize(("share", "is_refused"), [(1e-5, False), (1e-3, True)])
def test_large_logits_may_differ_by_as_small_a_share(tmp_path: pathlib.Path, share: float, is_refused: bool) -> None:
    """Engines differ in the last digits: of logits in the hundreds by more than of small ones."""
    with small_network.in_place_of_inception_v3():
        folder = _written(tmp_path / "model")
    loaded = trained_model.load(folder)
    dense = loaded.network.classifier.get_layer(model.LOGITS)
    dense.set_weights([1e4 * weights for weights in dense.get_weights()])
    network = served.served_model(loaded, chip_px=SIDE_PX)

    def run(chips: np.ndarray) -> tuple[np.ndarray, ...]:
        logits = loaded.logits(chips)
        assert np.abs(logits).max() > 100
        return logits + share * np.abs(logits).max(), loaded.probabilities(logits)

    with pytest.raises(errors.InputError) if is_refused else contextlib.nullcontext():
        served.check_parity("ONNX", run, loaded, network, chip_px=SIDE_PX)


def test_an_export_that_was_changed_or_written_by_others_is_not_used(
    folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    pytest.importorskip("onnxruntime")
    shutil.copytree(folder, tmp_path / "model", ignore=shutil.ignore_patterns("model.onnx", "exports.json"))
    path = onnx_file.export(model_folder.ModelFolder.open(tmp_path / "model"))
    assert model_folder.ModelFolder.open(tmp_path / "model").exported(model_folder.ONNX) == path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(errors.InputError, match=r"model\.onnx differs from what was written"):
        model_folder.ModelFolder.open(tmp_path / "model")


def test_a_saved_model_with_a_file_of_the_user_is_not_replaced(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    out = saved_model.export(model_folder.ModelFolder.open(tmp_path / "model"))
    (out / "notes.txt").write_text("mine")
    with pytest.raises(errors.InputError, match=r"would delete notes\.txt"):
        saved_model.export(model_folder.ModelFolder.open(tmp_path / "model"))
    assert (out / "notes.txt").read_text() == "mine"


def test_unfinished_work_is_pointed_at(tmp_path: pathlib.Path) -> None:
    (tmp_path / "model.unfinished").mkdir()
    with pytest.raises(errors.InputError, match=r"model\.unfinished holds an unfinished training"):
        trained_model.load(tmp_path / "model")


def test_the_resize_matrix_is_what_pillow_does(chips: np.ndarray) -> None:
    for target in (SIDE_PX, 120):
        matrix = served.resize_matrix(CHIP_PX, target)
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
        across = np.round(np.einsum("ow,hwc->hoc", matrix, chips[0].astype(np.float32)))
        both = np.round(np.einsum("oh,hwc->owc", matrix, across))
        assert np.abs(both - batches.resized(chips[0], target).astype(np.float32)).max() <= 1


def test_the_onnx_file_resizes_scales_and_agrees_with_keras(folder: pathlib.Path, chips: np.ndarray) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    path = onnx_file.export(model_folder.ModelFolder.open(folder), chip_px=CHIP_PX)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    logits, shares = session.run(["logits", "probabilities"], {"chips": chips})
    expected = _expected(folder, chips)
    # Pillow and the matrix may round a pixel to neighbouring grey levels.
    assert np.abs(logits - expected).max() < 0.02 * max(1, np.abs(expected).max())
    np.testing.assert_allclose(shares, calibration.probabilities(logits, 2.0), atol=1e-5)
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["labels"]) == list(LABELS)
    assert properties["model_sha256"] == hashing.sha256_of_file(folder / model_folder.MODEL)
    made = path.stat().st_mtime_ns
    assert onnx_file.export(model_folder.ModelFolder.open(folder), chip_px=CHIP_PX).stat().st_mtime_ns == made


@pytest.mark.slow
def test_exports_of_inception_v3_for_chips_of_its_size_are_exact(tmp_path: pathlib.Path, chips: np.ndarray) -> None:
    pytest.importorskip("onnxruntime")
    folder = _written(tmp_path / "model")
    saved, onnx = formats.export(model_folder.ModelFolder.open(folder), ["saved_model", "onnx"])
    assert (saved, onnx) == (folder / "saved_model", folder / "model.onnx")
    small, loaded = chips[:, :SIDE_PX, :SIDE_PX], trained_model.load(folder)
    expected = loaded.logits(small)
    for run in (saved_model.runner(saved), onnx_file.runner(onnx)):
        logits, shares = run(small)
        assert np.abs(logits - expected).max() < served.PARITY
        assert np.abs(shares - loaded.probabilities(expected)).max() < served.PARITY


def test_the_saved_model_agrees_with_keras(folder: pathlib.Path, chips: np.ndarray, tmp_path: pathlib.Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    shutil.copytree(folder, tmp_path / "model")
    out = saved_model.export(model_folder.ModelFolder.open(tmp_path / "model"), chip_px=CHIP_PX)
    loaded = tensorflow.saved_model.load(str(out))
    outputs = loaded.serve(tensorflow.constant(chips))
    expected = _expected(folder, chips)
    assert np.abs(outputs["logits"].numpy() - expected).max() < 0.02 * max(1, np.abs(expected).max())
