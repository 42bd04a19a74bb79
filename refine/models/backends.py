"""Which library computes for Keras."""

from __future__ import annotations

import importlib.util
import os

VARIABLE = "KERAS_BACKEND"


def choose() -> None:
    """JAX where TensorFlow is not installed and nobody has chosen: Keras itself would look for TensorFlow alone."""
    if VARIABLE not in os.environ and not _installed("tensorflow") and _installed("jax"):
        os.environ[VARIABLE] = "jax"


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
