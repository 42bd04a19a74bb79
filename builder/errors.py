"""The one exception that means: the user's input or usage is wrong, and how to mend it."""

from __future__ import annotations


class InputError(ValueError):
    """Wrong input or wrong use: expected ..., received ..., do this.

    The commands print its text without a traceback and leave with exit code 2; inside `tfds build` it is an
    ordinary exception with the same text. The message names the file, the value and the cure.
    """


class RefusedOverwrite(InputError):
    """The output exists already and `--overwrite` was not given."""

    def __init__(self, path: object) -> None:
        super().__init__(f"{path} exists already. Name another --out, or give --overwrite to replace it.")
