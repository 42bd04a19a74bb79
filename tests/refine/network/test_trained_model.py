"""A model folder whose network is not the one that its other files describe is refused by name."""

from __future__ import annotations

import json
import pathlib
import zipfile

import keras
import numpy as np
import pytest

from builder import errors, hashing
from refine.artefacts import model_folder
from refine.network import calibration, model, trained_model
from refine.training import write_model

SIDE_PX = 75
LABELS = ("forest", "water", "snow_ice")

pytestmark = pytest.mark.usefixtures("small_network")


def _write(
    path: pathlib.Path, *, labels: tuple[str, ...] = LABELS, size_px: int = SIDE_PX, scale: float = 1.0
) -> pathlib.Path:
    """A model of three classes for pictures of 75 pixels, whose folder may say something else."""
    network = model.build(classes=len(LABELS), size_px=SIDE_PX, dropout=0.0, seed=2)
    head = network.classifier.get_layer(model.LOGITS)
    head.set_weights([scale * weights for weights in head.get_weights()])
    record = {"format": model_folder.FORMAT, "dataset": "d/rough:1.0.0", "settings": {"size_px": size_px}}
    fitted = calibration.Fitted(2.0, 10, 1.0, 0.9, 0.2, 0.1)
    write_model.write(path, network.classifier, labels=labels, record=record, history=[], fitted=fitted)
    return path


def _replace_network(folder: pathlib.Path, classifier: keras.Model | bytes) -> None:
    """Another network under the sha256 that training.json lists."""
    if isinstance(classifier, bytes):
        (folder / model_folder.MODEL).write_bytes(classifier)
    else:
        classifier.save(folder / model_folder.MODEL)
    record = json.loads((folder / model_folder.TRAINING).read_text())
    record["files"][model_folder.MODEL] = hashing.sha256_of_file(folder / model_folder.MODEL)
    (folder / model_folder.TRAINING).write_text(json.dumps(record))


def test_a_model_is_loaded_from_its_path_and_from_a_folder_that_is_open(tmp_path: pathlib.Path) -> None:
    folder = model_folder.ModelFolder.open(_write(tmp_path / "model"))
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE_PX, SIDE_PX, 3), np.uint8)
    one, two = (trained_model.load(source).logits(pixels) for source in (folder, folder.path))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": LABELS[:2]}, "expected 2 classes and pictures of 75 pixels.*received 3 and 75"),
        ({"size_px": 99}, "expected 3 classes and pictures of 99 pixels.*received 3 and 75"),
    ],
)
def test_a_network_that_does_not_fit_its_folder_is_refused(
    tmp_path: pathlib.Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(errors.InputError, match=words):
        trained_model.load(_write(tmp_path / "model", **changes))  # type: ignore[arg-type]


def _lambda_model() -> keras.Model:
    pixels = keras.Input((SIDE_PX, SIDE_PX, 3))
    return keras.Model(pixels, keras.layers.Lambda(lambda values: values)(pixels))


def _other_model() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


@pytest.mark.parametrize("kind", ["text", "empty zip", "lambda", "other layers"])
def test_a_network_that_train_did_not_write_is_refused_though_its_sha256_fits(
    tmp_path: pathlib.Path, kind: str
) -> None:
    folder = _write(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    content = {"text": b"no network", "empty zip": (tmp_path / "empty.zip").read_bytes()}
    networks = {"lambda": _lambda_model, "other layers": _other_model}
    _replace_network(folder, content[kind] if kind in content else networks[kind]())
    with pytest.raises(errors.InputError, match=r"model\.keras: expected a network that `refine train` wrote"):
        trained_model.load(folder)
