"""What every reader of class codes offers, and the errors that all of them raise."""

from __future__ import annotations

import pathlib
from typing import Protocol

import numpy as np

from builder import errors
from builder.geometry.lattice import Transform
from builder.geometry.window import Window


class RasterReader(Protocol):
    """An open file: what it states about itself, and its codes by window."""

    crs: str | None
    transform: Transform
    shape: tuple[int, int]
    dtype: np.dtype
    nodata: float | None
    variable: str | None  # None where files of the form have one layer only

    def read(self, window: Window) -> np.ndarray:
        """Codes[y, x] of the window, as stored."""

    def close(self) -> None:
        """Closes the file."""


def corrupt(path: pathlib.Path, error: Exception) -> errors.InputError:
    """The error for data that cannot be decoded."""
    # rasterio itself says only that there is a cause.
    return errors.InputError(
        f"{path}: the data are truncated or corrupt ({error.__cause__ or error}). Download the file again."
    )
