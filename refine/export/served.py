"""The network as other engines get it: chips of any one size in, logits and calibrated probabilities out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from builder import errors
from refine.network import trained_model

INPUT, LOGITS, PROBABILITIES = "chips", "logits", "probabilities"
TIE = 1e-3  # of a grey level
PARITY = 1e-4  # largest difference between engines: of probabilities, and of logits as a share of the largest one

Run = Callable[[np.ndarray], tuple[np.ndarray, ...]]  # chips to logits and probabilities


def check_backend(what: str) -> None:
    """Refuses to export `what` under another backend than TensorFlow.

    Raises:
      errors.InputError: naming the backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise errors.InputError(
            f"{what} is made through TensorFlow; this is Keras on {keras.backend.backend()}. Run with "
            "KERAS_BACKEND=tensorflow: a model folder is the same for every backend."
        )


def served_model(trained: trained_model.TrainedModel, *, chip_px: int) -> keras.Model:
    """Chips uint8[n, chip_px, chip_px, rgb] to {"logits", "probabilities"}, with the preprocessing inside."""
    size_px = trained.folder.size_px
    chips = keras.Input((chip_px, chip_px, 3), dtype="uint8", name=INPUT)
    pixels = keras.ops.cast(chips, "float32")
    if chip_px != size_px:
        # Rounded after each direction, as Pillow does: the network has learnt from whole grey levels.
        matrix = resize_matrix(chip_px, size_px)
        pixels = _whole_levels(keras.ops.matmul(matrix, pixels))
        columns = keras.ops.reshape(pixels, (-1, chip_px, size_px * 3))
        pixels = _whole_levels(keras.ops.matmul(matrix, columns))
        pixels = keras.ops.reshape(pixels, (-1, size_px, size_px, 3))
    logits = trained.network.logits(pixels)
    shares = keras.ops.softmax(logits / trained.folder.temperature)
    return keras.Model(chips, {LOGITS: logits, PROBABILITIES: shares}, name="served")


def _whole_levels(pixels: Any) -> Any:
    """Pixels rounded to whole grey levels, halves upwards as Pillow rounds them.

    TIE is added because engines' sums differ by less than that: an exact half is never rounded down.
    """
    return keras.ops.floor(pixels + (0.5 + TIE))


def resize_matrix(source_px: int, target_px: int) -> np.ndarray:
    """float32[target, source]: what `batches.resized` does along one side, bilinear with the triangle widened."""
    scale = source_px / target_px
    support = max(scale, 1.0)
    centres = (np.arange(target_px) + 0.5) * scale
    distances = np.abs(np.arange(source_px)[None, :] + 0.5 - centres[:, None])
    weights = np.clip(1 - distances / support, 0, None)
    normalized: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalized


def check_parity(
    what: str, run: Run, trained: trained_model.TrainedModel, served: keras.Model, *, chip_px: int
) -> None:
    """Refuses an export that computes something else than Keras.

    Args:
      what: the format, for the message.
      run: runs the export.
      trained: the model that was exported.
      served: `served_model` of it, for chips of `chip_px` pixels a side.
      chip_px: side of the chips that the export takes.

    Raises:
      errors.InputError: if a probability differs by `PARITY` or more, or a logit by that share of the largest logit
        (of 1 where all are smaller).
    """
    chips = np.random.default_rng(0).integers(0, 256, (4, chip_px, chip_px, 3), np.uint8)
    # Where nothing is resized the model itself is the measure; else the same resizing without the engine.
    native = chip_px == trained.folder.size_px
    logits = trained.logits(chips) if native else np.asarray(served.predict(chips, verbose=0)[LOGITS])
    limits = PARITY * max(1.0, float(np.abs(logits).max())), PARITY
    for name, found, expected, limit in zip(
        ("logit", "probability"), run(chips), (logits, trained.probabilities(logits)), limits, strict=True
    ):
        difference = float(np.abs(found - expected).max())
        if not difference < limit:
            raise errors.InputError(
                f"the {what} model differs from Keras by {difference:.2g} in a {name}; expected less than {limit:.2g}. "
                "Use the model with Keras (`map --engine keras`)."
            )
