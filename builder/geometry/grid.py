"""The target grid: 1/360 degree cells of EPSG:4326, the grid of CCI-LC.

Row 0 is at 90 N, column 0 at 180 W. A cell has one number for the whole globe, so that a choice that is a hash of
(seed, cell) does not depend on the region that was asked for.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from builder import errors
from builder.geometry import ellipsoid
from builder.geometry import lattice as lattices
from builder.geometry.lonlat import Bounds
from builder.geometry.window import Window

CELLS_PER_DEGREE = 360
ROWS = 180 * CELLS_PER_DEGREE
COLUMNS = 360 * CELLS_PER_DEGREE


@dataclasses.dataclass(frozen=True)
class CellWindow(Window):
    """A rectangle of cells of the globe: rows count from 90 N, columns from 180 W.

    `col1` may pass COLUMNS: the window then crosses the antimeridian and columns wrap round.
    """

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north) in degrees; east exceeds 180 where the window crosses the antimeridian."""
        return (
            self.col0 / CELLS_PER_DEGREE - 180.0,
            90.0 - self.row1 / CELLS_PER_DEGREE,
            self.col1 / CELLS_PER_DEGREE - 180.0,
            90.0 - self.row0 / CELLS_PER_DEGREE,
        )

    @property
    def lattice(self) -> lattices.Lattice:
        """The cells as pixels of a raster in EPSG:4326."""
        west, _, _, north = self.bounds
        transform = (1.0 / CELLS_PER_DEGREE, 0.0, west, 0.0, -1.0 / CELLS_PER_DEGREE, north)
        return lattices.Lattice(lattices.LONLAT, transform, self.shape)

    def cells(self) -> np.ndarray:
        """int64[row, column]: the global number of each cell."""
        rows = np.arange(self.row0, self.row1, dtype=np.int64)
        columns = np.arange(self.col0, self.col1, dtype=np.int64) % COLUMNS
        return rows[:, None] * COLUMNS + columns[None, :]


GLOBE = CellWindow(0, ROWS, 0, COLUMNS)


def window_of_bbox(west: float, south: float, east: float, north: float) -> CellWindow:
    """The cells whose centres a box in degrees may hold: the smallest window that covers it.

    West greater than east crosses the antimeridian.

    Raises:
      errors.InputError: as `check_bbox` does.
    """
    check_bbox(west, south, east, north)
    if west > east:
        east += 360.0
    return CellWindow(
        *_cells((90.0 - north) * CELLS_PER_DEGREE, (90.0 - south) * CELLS_PER_DEGREE),
        *_cells((west + 180.0) * CELLS_PER_DEGREE, (east + 180.0) * CELLS_PER_DEGREE),
    )


def check_bbox(west: float, south: float, east: float, north: float) -> None:
    """Refuses what is no box in degrees; west greater than east crosses the antimeridian.

    Raises:
      errors.InputError: if a latitude or longitude is outside the globe, or the box is reversed or empty.
    """
    if not (-90 <= south < north <= 90):
        raise errors.InputError(f"--bbox W,S,E,N: expected -90 <= S < N <= 90 degrees; received S={south}, N={north}.")
    if not (-180 <= west <= 180 and -180 <= east <= 180) or west == east:
        raise errors.InputError(
            f"--bbox W,S,E,N: expected W and E in -180..180 degrees and W != E "
            f"(W > E crosses 180); received W={west}, E={east}."
        )


def _cells(start: float, stop: float) -> tuple[int, int]:
    """First cell, and one past the last, of an interval in cells; at least one cell."""
    tolerance = 1e-4  # of a cell: a box written with seven decimals must not gain a row
    end = max(math.ceil(stop - tolerance), math.floor(start) + 1)
    return min(math.floor(start + tolerance), end - 1), end


def cell_centre(cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(longitude, latitude) in degrees of the centre of each cell number."""
    row, column = np.divmod(cell, COLUMNS)
    return (column + 0.5) / CELLS_PER_DEGREE - 180.0, 90.0 - (row + 0.5) / CELLS_PER_DEGREE


def cell_of(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """int64 number of the cell that holds each point (degrees); 180 E is 180 W, the south pole is in the last row."""
    row = np.clip(np.floor((90.0 - np.asarray(lat)) * CELLS_PER_DEGREE), 0, ROWS - 1).astype(np.int64)
    column = np.floor((np.asarray(lon) + 180.0) * CELLS_PER_DEGREE).astype(np.int64) % COLUMNS
    return row * COLUMNS + column


def cell_area_km2(row: np.ndarray) -> np.ndarray:
    """Area of a cell of each row (0 at the north) on the authalic sphere, in square kilometres."""
    north = np.radians(90.0 - np.asarray(row) / CELLS_PER_DEGREE)
    south = np.radians(90.0 - (np.asarray(row) + 1) / CELLS_PER_DEGREE)
    strip = (ellipsoid.AUTHALIC_RADIUS_M / 1000.0) ** 2 * (np.sin(north) - np.sin(south))
    return strip * math.radians(1.0 / CELLS_PER_DEGREE)
