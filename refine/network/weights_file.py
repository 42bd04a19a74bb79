"""Checks a Keras weights file without loading Keras."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from builder import errors

INCEPTION_V3 = 21_802_784  # parameters without top
WANTED = (
    "Expected a file that keras.applications.InceptionV3(include_top=False).save_weights wrote; give such a file, "
    "or --weights imagenet (network) or --weights none."
)


def check(path: pathlib.Path, *, parameters: int) -> None:
    """Refuses a file that holds another number of parameters: Keras itself ignores what it does not need.

    Args:
      path: the file.
      parameters: the number that the network has.

    Raises:
      errors.InputError: if the number differs, or the file is not HDF5.
    """
    import h5py  # type: ignore[import-untyped]

    sizes: list[int] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(("optimizer", "_layer_checkpoint")):
            sizes.append(int(np.prod(item.shape)))

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except OSError as error:
        raise errors.InputError(f"--weights {path}: not an HDF5 file, or damaged ({error}). {WANTED}") from error
    if sum(sizes) != parameters:
        raise errors.InputError(
            f"--weights {path}: expected the {parameters:,} parameters of InceptionV3 without top; received "
            f"{sum(sizes):,}. {WANTED}"
        )
