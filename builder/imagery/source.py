"""Sources of imagery: a source finds dated scenes over an area, and reads their pixels on a ground grid.

A source does not choose among its scenes: `builder.chips.imagery_rules` judges them by rules, seasons and order.
Sources and scenes are frozen values that pickle; files that are slow to open stay open, per process.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from builder.geometry.lonlat import Bounds

FINEST_GSD_M, COARSEST_GSD_M = 1e-3, 1e5  # limits of a ground sample distance; whatever lies beyond is a mistake
REDISTRIBUTION = ("yes", "no", "unknown")
# SPDX names, and the words of STAC providers; a licence that forbids derivatives or commerce is left to the user.
OPEN_LICENCES = (
    "cc0",
    "cc-by-4",
    "cc-by-3",
    "cc-by-sa",
    "cc by 4",
    "cc by-sa",
    "pddl",
    "odc-by",
    "odbl",
    "public domain",
)


def is_gsd(value: object) -> bool:
    """Whether `value` can be a ground sample distance in metres: a number within FINEST_GSD_M..COARSEST_GSD_M."""
    return isinstance(value, int | float) and not isinstance(value, bool) and FINEST_GSD_M <= value <= COARSEST_GSD_M


@dataclasses.dataclass(frozen=True)
class Acquisition:
    """Who saw the ground, when, at which ground sample distance, and under which terms. Days are UTC and inclusive."""

    source: str
    sensor: str
    scene_ids: tuple[str, ...]
    acquired_from: datetime.date
    acquired_to: datetime.date
    gsd_m: float
    licence: str
    attribution: str
    url: str
    redistribution: str = "unknown"


@dataclasses.dataclass(frozen=True)
class PixelFile:
    """How to read one scene's pixels: GDAL path, and the numbers of the bands red, green and blue, from 1.

    `stretch` (low, high) maps samples linearly to 0..255 and is required where samples have more than 8 bits.
    `nodata` replaces the value that the file declares; without `mask` the file's own mask, alpha and nodata are
    ignored.
    """

    path: str
    bands: tuple[int, int, int] = (1, 2, 3)
    stretch: tuple[float, float] | None = None
    nodata: float | None = None
    mask: bool = True


@dataclasses.dataclass(frozen=True)
class Stated:
    """What the user states about a whole source in imagery.toml; None where nothing is stated."""

    licence: str | None = None
    attribution: str | None = None
    sensor: str | None = None
    gsd_m: float | None = None
    redistribution: str | None = None
    bands: tuple[int, int, int] | None = None
    stretch: tuple[float, float] | None = None
    nodata: float | None = None
    mask: bool = True

    def pixels(self, path: str) -> PixelFile:
        """How to read one file of the source."""
        return PixelFile(path, self.bands or (1, 2, 3), self.stretch, self.nodata, self.mask)

    def may_redistribute(self, licence: str) -> str:
        """One of REDISTRIBUTION: what is stated, else what the licence is known to allow."""
        if self.redistribution:
            return self.redistribution
        return "yes" if licence.casefold().startswith(OPEN_LICENCES) else "unknown"


NOTHING_STATED = Stated()


@dataclasses.dataclass(frozen=True)
class Scene:
    """One dated picture of the ground. `names` are further words in which a denied source is looked for."""

    acquisition: Acquisition
    pixels: PixelFile
    bounds: Bounds
    names: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class GroundGrid:
    """`size_px` x `size_px` pixels on the ground.

    `nodes` float64[n, n, 2] holds (longitude, latitude) at n x n evenly spaced places of the grid, row by row, from
    the outer corner of the first pixel to the outer corner of the last.
    """

    nodes: np.ndarray
    size_px: int
    size_m: float


@dataclasses.dataclass(frozen=True, eq=False)
class Patch:
    """Pixels of one scene on one grid: uint8[y, x, rgb], and bool[y, x] where the scene holds data."""

    pixels: np.ndarray
    valid: np.ndarray


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """Why a scene could not be read on one grid: missing file, corrupt block, failed request."""

    detail: str


class Source(Protocol):
    """A place to ask for imagery. Implementations are frozen dataclasses that pickle."""

    @property
    def name(self) -> str:
        """Short name that appears in every chip."""
        ...

    def find(self, areas: Sequence[Bounds]) -> list[list[Scene]]:
        """The scenes whose bounds touch each area, in a fixed order.

        Raises:
          errors.InputError: if the source itself cannot be read: no such folder, a scene without a date.
        """
        ...

    def fingerprint(self) -> str:
        """Digest of every scene that could be found; unfinished work on other imagery is not continued.

        Raises:
          errors.InputError: as `find` does.
        """
        ...

    def read(self, scene: Scene, grids: Sequence[GroundGrid]) -> list[Patch | Unreadable]:
        """The scene's pixels on each grid, in order. A fault on one grid leaves the others as they would be."""
        ...
