"""The engines that classify chips when a map is made: the Keras model itself, or ONNX Runtime on its export."""

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
CHIPS_PER_RUN = 64  # chips that the network takes at once


class Engine(Protocol):
    """A trained model that is ready to classify."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the model's order."""

    def classify(self, chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(logits float32[n, class], calibrated probabilities float64[n, class]) of chips uint8[n, y, x, rgb]."""


@dataclasses.dataclass(frozen=True, eq=False)
class KerasEngine:
    """The Keras model on its own backend; `model` is a `trained_model.TrainedModel`."""

    model: Any

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the model's order, from its folder."""
        return tuple(self.model.folder.labels)

    def classify(self, chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits and probabilities as Keras computes them, after Pillow's resizing."""
        logits = self.model.logits(_fitted(chips, self.model.network.size_px), CHIPS_PER_RUN)
        return logits, self.model.probabilities(logits)


@dataclasses.dataclass(frozen=True, eq=False)
class OnnxEngine:
    """The model's ONNX export on ONNX Runtime: it starts faster and needs less memory than Keras.

    Chips are resized as `KerasEngine` does, so that both see the same grey levels.
    """

    session: Any
    labels: tuple[str, ...]
    size_px: int

    def classify(self, chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits and probabilities as ONNX Runtime computes them, after Pillow's resizing."""
        fitted = _fitted(chips, self.size_px)
        runs = [
            self.session.run(["logits", "probabilities"], {"chips": fitted[i : i + CHIPS_PER_RUN]})
            for i in range(0, len(fitted), CHIPS_PER_RUN)
        ]
        return np.concatenate([r[0] for r in runs]), np.concatenate([r[1] for r in runs]).astype(np.float64)


@functools.lru_cache(maxsize=1)
def open_engine(name: str, model: model_folder.ModelFolder) -> Engine:
    """The engine called `name` with a trained model; the last one opened is kept.

    Raises:
      errors.InputError: if there is no such engine, its package is missing, or the model cannot be loaded or exported.
    """
    if name == "keras":
        from refine.network import trained_model

        return KerasEngine(trained_model.load(model))
    if name == "onnxruntime":
        runtime = _onnxruntime()
        session = runtime.InferenceSession(str(_exported(model)), providers=runtime.get_available_providers())
        (chips,) = session.get_inputs()
        return OnnxEngine(session, model.labels, int(chips.shape[1]))
    raise errors.InputError(f"--engine: expected {' or '.join(ENGINES)}; received {name!r}.")


def _fitted(chips: np.ndarray, size_px: int) -> np.ndarray:
    """uint8[n, size_px, size_px, rgb] of chips[n, y, x, rgb]."""
    from refine.samples import batches

    return np.stack([batches.resized(chip, size_px) for chip in chips])


def _exported(model: model_folder.ModelFolder) -> pathlib.Path:
    """The model's ONNX file, made now if need be.

    The converter takes gigabytes of memory and returns none, so it runs in a process of its own.
    """
    path = model.exported(model_folder.ONNX)
    if path is not None:
        return path
    from refine.export import onnx_file

    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as process:
        return process.submit(onnx_file.export, model).result()


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise errors.InputError(
            "--engine onnxruntime needs the package onnxruntime: install globeland[refine], or use --engine keras."
        ) from error
    return onnxruntime
