"""Writes the model folder, see `refine.artefacts.model_folder`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from builder import atomic, hashing
from refine.artefacts import model_folder
from refine.network import calibration
from refine.training import training_history


def write(
    folder: pathlib.Path,
    classifier: keras.Model,
    *,
    labels: Sequence[str],
    record: Mapping[str, Any],
    history: Sequence[training_history.Row],
    fitted: calibration.Fitted,
    overwrite: bool = False,
) -> None:
    """Writes the model folder whole or not at all.

    Args:
      folder: where to write.
      classifier: the trained network, pixels to probabilities.
      labels: class names in the order of its outputs.
      record: what training.json holds, without the sha256 of the other files.
      history: one row per epoch.
      fitted: the calibration.
      overwrite: replaces a folder that exists.

    Raises:
      errors.RefusedOverwrite: if it exists and `overwrite` is false.
    """
    with atomic.folder(folder, overwrite=overwrite) as temporary:
        classifier.save(temporary / model_folder.MODEL)
        training_history.write(temporary / model_folder.HISTORY, history)
        _write_json(temporary / model_folder.LABELS, list(labels))
        _write_json(temporary / model_folder.CALIBRATION, fitted.as_json())
        files = {name: hashing.sha256_of_file(temporary / name) for name in model_folder.LISTED}
        _write_json(temporary / model_folder.TRAINING, dict(record) | {"files": files})


def _write_json(path: pathlib.Path, value: object) -> None:
    path.write_text(model_folder.to_text(value), encoding="utf-8")
