"""What classifies chips when a map is made: the Keras model itself, or ONNX Runtime on its export."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import multiprocessing
import pathlib
from typing import Any, Protocol

import numpy as np

from builder import errors
from refine.artefacts import model_folder

ENGINES = ("keras", "onnxruntime")
CHIPS_PER_RUN = 64


class Engine(Protocol):
    """A trained model that is ready to classify."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the model's order."""

    @property
    def digest(self) -> str:
        """sha256 of the model's file."""

    @property
    def dataset(self) -> str:
        """NAME/CONFIG:VERSION that the model was trained on."""

    def classify(self, chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(logits float32[n, class], calibrated probabilities float64[n, class]) of chips uint8[n, y, x, rgb]."""


@dataclasses.dataclass(frozen=True, eq=False)
class KerasEngine:
    """The Keras model on its own backend."""

    loaded: Any

    @property
    def labels(self) -> tuple[str, ...]:
        """See `Engine`."""
        return tuple(self.loaded.folder.labels)

    @property
    def digest(self) -> str:
        """See `Engine`."""
        return str(self.loaded.folder.digest)

    @property
    def dataset(self) -> str:
        """See `Engine`."""
        return str(self.loaded.folder.dataset)

    def classify(self, chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        logits = self.loaded.logits(_fitted(chips, self.loaded.folder.size_px), CHIPS_PER_RUN)
        return logits, self.loaded.probabilities(logits)


@dataclasses.dataclass(frozen=True, eq=False)
class OnnxEngine:
    """The model's ONNX export on ONNX Runtime: starts faster and needs less memory than Keras.

    Chips are resized as `KerasEngine` does, so that both see the same grey levels.
    """

    session: Any
    labels: tuple[str, ...]
    digest: str
    dataset: str
    size_px: int

    def classify(self, chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine`."""
        fitted = _fitted(chips, self.size_px)
        runs = [
            self.session.run(["logits", "probabilities"], {"chips": fitted[i : i + CHIPS_PER_RUN]})
            for i in range(0, len(fitted), CHIPS_PER_RUN)
        ]
        return np.concatenate([r[0] for r in runs]), np.concatenate([r[1] for r in runs]).astype(np.float64)


def open_engine(name: str, model: pathlib.Path) -> Engine:
    """The engine called `name` with the model of a folder that `train` wrote; the last one opened is kept.

    Raises:
      errors.InputError: if there is no such engine, its package is missing, or the folder is not a whole model.
    """
    if name not in ENGINES:
        raise errors.InputError(f"--engine: expected {' or '.join(ENGINES)}; received {name!r}.")
    return _opened(name, model_folder.ModelFolder.open(model))


@functools.lru_cache(maxsize=1)
def _opened(name: str, folder: model_folder.ModelFolder) -> Engine:
    if name == "keras":
        from refine.network import trained_model

        return KerasEngine(trained_model.load(folder))
    runtime = _onnxruntime()
    path = _exported(folder)
    session = runtime.InferenceSession(str(path), providers=runtime.get_available_providers())
    (chips,) = session.get_inputs()
    return OnnxEngine(session, folder.labels, folder.digest, folder.dataset, int(chips.shape[1]))


def _fitted(chips: np.ndarray, size_px: int) -> np.ndarray:
    """uint8[n, size_px, size_px, rgb] of chips[n, y, x, rgb]."""
    from refine.samples import batches

    return np.stack([batches.resized(chip, size_px) for chip in chips])


def _exported(folder: model_folder.ModelFolder) -> pathlib.Path:
    """The model's ONNX file. It is made in a process of its own: the converter takes gigabytes and returns none."""
    path = folder.exported(model_folder.ONNX)
    if path is not None:
        return path
    from refine.export import onnx_file

    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as process:
        return process.submit(onnx_file.export, folder).result()


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise errors.InputError(
            "--engine onnxruntime needs the package onnxruntime: install globeland[refine], or use --engine keras."
        ) from error
    return onnxruntime
