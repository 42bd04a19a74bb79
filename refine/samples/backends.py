"""Chooses the Keras backend; says whether TensorFlow is installed, which reading TFRecord needs."""

from __future__ import annotations

import importlib.util
import os

VARIABLE = "KERAS_BACKEND"


def choose() -> None:
    """Chooses JAX where TensorFlow is not installed and the user has not chosen: Keras would try TensorFlow alone."""
    if VARIABLE not in os.environ and not has_tensorflow() and _installed("jax"):
        os.environ[VARIABLE] = "jax"


def has_tensorflow() -> bool:
    """True where TensorFlow is installed; does not import it."""
    return _installed("tensorflow")


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
