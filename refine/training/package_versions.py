"""Versions of the packages that take part in a training."""

from __future__ import annotations

import importlib.metadata
import platform

_PACKAGES = ("globeland", "keras", "tensorflow", "tensorflow-cpu", "jax", "tensorflow-datasets", "numpy")


def installed() -> dict[str, str]:
    """The version of Python and of each package that is installed, by name."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
