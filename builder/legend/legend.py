"""The legend: classes with names, definitions, codes and colours, read from one file."""

from __future__ import annotations

import dataclasses
import functools
import pathlib

import numpy as np

from builder import errors, input_files

NODATA = 0  # harmonized value: no observation
OUTSIDE = 255  # harmonized value: observed, but outside the legend or a tie
LEGEND_FILE = pathlib.Path(__file__).with_name("legend.toml")


@dataclasses.dataclass(frozen=True)
class LandCoverClass:
    """One class: `index` is the public ClassLabel, `code` (1..254) the value in rasters, `colour` is #rrggbb."""

    index: int
    code: int
    name: str
    title: str
    definition: str
    colour: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """(red, green, blue), each 0..255."""
        red, green, blue = bytes.fromhex(self.colour.removeprefix("#"))
        return red, green, blue


@dataclasses.dataclass(frozen=True)
class Legend:
    """An ordered set of classes. Indexes count from 0 in order; codes and names are unique."""

    name: str
    classes: tuple[LandCoverClass, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in public order."""
        return tuple(c.name for c in self.classes)

    @property
    def codes(self) -> tuple[int, ...]:
        """Raster codes in public order."""
        return tuple(c.code for c in self.classes)

    def by_name(self, name: str) -> LandCoverClass:
        """The class called `name`.

        Raises:
          errors.InputError: if there is none.
        """
        for c in self.classes:
            if c.name == name:
                return c
        raise errors.InputError(
            f"expected one of the classes {', '.join(self.names)}; received {name!r}. Use one of these names."
        )

    def by_code(self, code: int) -> LandCoverClass:
        """The class with raster code `code`.

        Raises:
          errors.InputError: if there is none.
        """
        for c in self.classes:
            if c.code == code:
                return c
        raise errors.InputError(
            f"expected one of the class codes {self.codes}; received {code}. Use one of these codes."
        )

    def index_of_code(self) -> np.ndarray:
        """int16[256]: ClassLabel index of each raster code, -1 where the code is not a class."""
        table = np.full(256, -1, np.int16)
        for c in self.classes:
            table[c.code] = c.index
        return table


def read(path: pathlib.Path) -> Legend:
    """The legend that a TOML file defines.

    Raises:
      errors.InputError: if the file cannot be read, two classes share a name or a code, or a code is 0 or 255.
    """
    table = input_files.read_toml(path, expected="a legend", cure="Name a legend in TOML.")
    classes = tuple(
        LandCoverClass(i, c["code"], c["name"], c["title"], c["definition"], c["colour"])
        for i, c in enumerate(table["class"])
    )
    for field in ("code", "name"):
        values = [getattr(c, field) for c in classes]
        if len(set(values)) != len(values):
            raise errors.InputError(f"{path}: two classes have the same {field}: {values}. Give each its own.")
    if any(not NODATA < c.code < OUTSIDE for c in classes):
        raise errors.InputError(
            f"{path}: a class code must be {NODATA + 1}..{OUTSIDE - 1}; received {[c.code for c in classes]}. "
            "Give each class such a code."
        )
    return Legend(table["name"], classes)


@functools.cache
def seven() -> Legend:
    """The legend of the published dataset: seven classes; their order and codes are public and fixed."""
    return read(LEGEND_FILE)
