"""Which library computes for Keras, and whether TensorFlow is there to read with."""

from __future__ import annotations

import importlib.util
import os

VARIABLE = "KERAS_BACKEND"


def choose() -> None:
    """JAX where TensorFlow is not installed and nobody has chosen: Keras itself would look for TensorFlow alone."""
    if VARIABLE not in os.environ and not has_tensorflow() and _installed("jax"):
        os.environ[VARIABLE] = "jax"


def has_tensorflow() -> bool:
    """True where TensorFlow is installed; does not import it."""
    return _installed("tensorflow")


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
