"""A trained model that can be run: its verified folder, and its network."""

from __future__ import annotations

import dataclasses
import pathlib

import keras
import numpy as np

from builder import errors
from refine.artefacts import model_folder
from refine.network import calibration, devices, model
from refine.samples import datasets

BATCH = 32  # pictures at once


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A trained model: `folder` says what it is, `network` computes."""

    folder: model_folder.ModelFolder
    network: model.Network

    def logits(self, pixels: np.ndarray, batch_size: int = BATCH) -> np.ndarray:
        """float32[n, class] of pixels[n, y, x, rgb] in 0..255, already of the network's size.

        Where XLA compiles, the last batch is filled up: each new size of a batch is compiled again, for a minute.
        """
        lacking = -len(pixels) % batch_size if devices.compiles() else 0
        filled = np.concatenate([pixels, np.repeat(pixels[-1:], lacking, axis=0)])
        logits = self.network.logits.predict(filled, batch_size=batch_size, verbose=0)
        return np.asarray(logits, np.float32)[: len(pixels)]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """float64[n, class]: calibrated probabilities of logits float[n, class]."""
        return calibration.probabilities(logits, self.folder.temperature)

    def check_fits(self, dataset: datasets.Dataset) -> None:
        """Refuses a dataset that the model cannot be judged on.

        Raises:
          errors.InputError: if `dataset` has other classes, or is another major version of the model's own.
        """
        datasets.check_fits(dataset, classes=self.folder.labels, trained_on=self.folder.dataset)


def load(folder: model_folder.ModelFolder | pathlib.Path) -> TrainedModel:
    """The trained model of a folder, verified unless it is a `ModelFolder` already.

    Raises:
      errors.InputError: if the folder is not a whole model (see `ModelFolder.open`), or its network cannot be loaded or
        does not fit its labels.
    """
    verified = model_folder.ModelFolder.open(folder) if isinstance(folder, pathlib.Path) else folder
    file = verified.path / model_folder.MODEL
    try:
        network = model.network_of(keras.models.load_model(file, compile=False))
        classes, size_px = int(network.logits.output_shape[-1]), network.size_px
    except MemoryError:
        raise
    except Exception as error:  # Keras, zipfile and h5py have their own each
        raise errors.InputError(
            f"{file}: expected a network that `refine train` wrote; Keras cannot load it ({_first_line(error)}). "
            f"{model_folder.CURE}"
        ) from error
    if (classes, size_px) != (len(verified.labels), verified.size_px):
        raise errors.InputError(
            f"{file}: expected {len(verified.labels)} classes and pictures of {verified.size_px} pixels, as "
            f"{model_folder.LABELS} and {model_folder.TRAINING} say; received {classes} and {size_px}. "
            f"{model_folder.CURE}"
        )
    return TrainedModel(verified, network)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
