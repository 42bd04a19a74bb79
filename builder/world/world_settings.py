"""Every constant of the demo world.

They were chosen on worlds of the seeds 1000 and 1001, so that GlobeLand30 is right in about 70 % of the inconsistent
cells and the errors of two pairs of products are correlated. They have not been changed since the first run of
`python -m benchmarks.demo_truth`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from builder import errors
from builder.geometry import ellipsoid, grid

TRUTH_PER_CELL = 30  # truth pixels along a cell: about 10.3 m north-south, 8.6 m east-west at 33.6 N
METRES_PER_DEGREE = math.radians(1.0) * ellipsoid.AUTHALIC_RADIUS_M
WETLAND = 50  # GlobeLand30's code: the one truth code outside the legend
ARTIFICIAL, BARELAND, CULTIVATED, FOREST, GRASS_SHRUB, SNOW_ICE, WATER = 80, 90, 10, 20, 30, 100, 60
TRUTH_CODES = (ARTIFICIAL, BARELAND, CULTIVATED, FOREST, GRASS_SHRUB, SNOW_ICE, WATER, WETLAND)
_Degrees = TypeVar("_Degrees", float, np.ndarray)


@dataclasses.dataclass(frozen=True)
class Observer:
    """How one product observes: its error rate per class, and how its errors correlate with those of others.

    An error happens where a Gaussian field falls below the quantile `error_rate[class]`. The field is a weighted sum
    of one that all products share, one that the products of a `family` (same sensor) share, and one of its own.
    """

    name: str
    error_rate: Mapping[int, float]
    shared_weight: float  # share of the variance that all products have in common
    family: str
    family_weight: float
    own_scale_m: float  # correlation length of its own errors
    offset_m: tuple[float, float]  # geolocation error, east and north
    speckle: float = 0.0  # share of single pixels that are wrong on top


def _rates(
    artificial: float, bareland: float, cultivated: float, forest: float, grass: float, snow: float, water: float
) -> Mapping[int, float]:
    classes = (ARTIFICIAL, BARELAND, CULTIVATED, FOREST, GRASS_SHRUB, SNOW_ICE, WATER)
    rates = (artificial, bareland, cultivated, forest, grass, snow, water)
    return {**dict(zip(classes, rates, strict=True)), WETLAND: 0.3}


@dataclasses.dataclass(frozen=True)
class World:
    """A world: its place, the arrangement of its ground, the errors of the products, and its imagery."""

    window: grid.CellWindow
    seed: int
    scale: float = 1.0  # of the landscape: 0.5 halves the patches
    gsd_m: float = 1.75  # of the good imagery; the rules ask for 2.0 or finer
    scene_m: float = 6400.0  # side of a scene
    margin_cells: int = 6  # ground beyond the window, so that coarse pixels at its edge are complete
    indistinguishable: tuple[str, str] | None = None  # two classes that share one texture

    # Shares of the area, from the heights down; grass takes the rest.
    snow_share: float = 0.095
    rock_share: float = 0.055  # bareland round the snow
    sand_share: float = 0.095  # bareland of dry plains
    lake_share: float = 0.075
    river_half_width_m: float = 90.0
    city_share: float = 0.12
    village_share: float = 0.006  # of the area, in the cultivated plain
    cultivated_share: float = 0.185
    forest_share: float = 0.18
    terrain_scale_m: float = 2100.0  # correlation length of the heights: massifs some kilometres apart
    cover_scale_m: float = 1500.0  # correlation length of the fields that separate the classes
    edge_scale_m: float = 110.0  # correlation length of the roughness of borders
    edge_weight: float = 0.055

    # Landsat and HJ-1 made GlobeLand30; MODIS made MCD12Q1 and GLCNMO; MERIS made CCI-LC and GlobCover.
    observers: tuple[Observer, ...] = (
        Observer(
            "globeland30", _rates(0.18, 0.29, 0.21, 0.16, 0.31, 0.19, 0.11),
            0.26, "landsat", 0.0, 900.0, (0.0, 0.0), 0.01,
        ),
        Observer(
            "mcd12q1", _rates(0.17, 0.22, 0.14, 0.13, 0.25, 0.14, 0.13),
            0.30, "modis", 0.48, 900.0, (60.0, -40.0),
        ),
        Observer(
            "glcnmo", _rates(0.19, 0.24, 0.15, 0.15, 0.26, 0.15, 0.14),
            0.30, "modis", 0.48, 900.0, (-40.0, 70.0),
        ),
        Observer(
            "cci_lc", _rates(0.15, 0.22, 0.13, 0.13, 0.24, 0.13, 0.11),
            0.30, "meris", 0.48, 900.0, (30.0, 30.0),
        ),
        Observer(
            "globcover", _rates(0.19, 0.25, 0.16, 0.16, 0.28, 0.15, 0.13),
            0.30, "meris", 0.48, 900.0, (-60.0, 20.0),
        ),
    )  # fmt: skip
    error_factor: float = 1.0  # on every error rate of the products
    shared_scale_m: float = 1300.0
    family_scale_m: float = 1100.0
    mosaic_below: float = 0.62  # a coarse pixel whose largest class covers less is a mosaic where a code exists
    open_share: float = 0.06  # pure coarse pixels that get an "open" or "sparse" code all the same

    reviewer_error: Mapping[int, float] = dataclasses.field(
        default_factory=lambda: _rates(0.02, 0.07, 0.05, 0.03, 0.08, 0.03, 0.02)
    )
    reviewer_unusable: float = 0.02

    @property
    def ground(self) -> grid.CellWindow:
        """The window with its margin, for which the truth is drawn."""
        w, m = self.window, self.margin_cells
        return grid.CellWindow(w.row0 - m, w.row1 + m, w.col0 - m, w.col1 + m)

    @property
    def metres_per_degree(self) -> tuple[float, float]:
        """(east, north) metres of one degree at the middle of the window."""
        _, south, _, north = self.window.bounds
        return METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2)), METRES_PER_DEGREE

    def local_metres(self, lon: _Degrees, lat: _Degrees) -> tuple[_Degrees, _Degrees]:
        """Metres east and north of the south-west corner of the ground (equirectangular)."""
        west, south, _, _ = self.ground.bounds
        east_m, north_m = self.metres_per_degree
        return (lon - west) * east_m, (lat - south) * north_m


# Both are centred on 108 E, where UTM zones 48 and 49 meet, and on 33.56 N, where the edge of the MODIS tiles h26v05
# and h27v05 crosses that meridian: every seam that a reader must join is inside. Xi'an is 110 km to the north-east.
_ROW = 20318
_COLUMN = 288 * grid.CELLS_PER_DEGREE
SIZES: Mapping[str, tuple[int, int]] = MappingProxyType({"tiny": (36, 48), "small": (72, 100)})  # rows, columns


def world(size: str = "small", seed: int = 0, indistinguishable: tuple[str, str] | None = None) -> World:
    """The world of a size.

    Raises:
      errors.InputError: if the size is unknown.
    """
    if size not in SIZES:
        raise errors.InputError(f"--size: expected one of {', '.join(SIZES)}; received {size!r}. Give one of them.")
    rows, columns = SIZES[size]
    window = grid.CellWindow(_ROW - rows // 2, _ROW + rows // 2, _COLUMN - columns // 2, _COLUMN + columns // 2)
    if size == "tiny":
        return World(
            window, seed, scale=0.6, error_factor=0.4, gsd_m=2.0, scene_m=6000.0, indistinguishable=indistinguishable
        )
    return World(window, seed, indistinguishable=indistinguishable)
