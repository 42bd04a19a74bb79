"""The one exception that means: the user's input or usage is wrong, and how to correct it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Wrong input or wrong use: expected ..., received ..., do this.

    The commands print its text without a traceback and end with exit code 2; inside `tfds build` it is an ordinary
    exception with the same text. The message names the file, the value and the cure.
    """


class RefusedOverwrite(InputError):
    """The output exists already and `--overwrite` was not given; `option` is the one that names the output."""

    def __init__(self, path: object, option: str = "--out") -> None:
        super().__init__(f"{path} exists already. Name another {option}, or give --overwrite to replace it.")
        self.path, self.option = path, option

    def __reduce__(self) -> tuple[type[RefusedOverwrite], tuple[object, str]]:
        return RefusedOverwrite, (self.path, self.option)  # pickled by workers


class NoCrs(InputError):
    """A raster or a vector file has no coordinate reference system."""


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """The end of an error about an unknown name: the nearest known ones, or all of them."""
    names = [str(one) for one in known]
    near = difflib.get_close_matches(str(name), names, n=2)
    return f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(names)}."
