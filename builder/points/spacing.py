"""Cells that keep apart: distances in space, hence exact near the poles and across the antimeridian."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np

from builder.geometry import ellipsoid, grid

ROW_HEIGHT_M = 110_574.0 / grid.CELLS_PER_DEGREE  # of the lowest row: a degree of latitude at the equator, WGS84
LEAST_VOXEL_M = 16.0  # so that voxel numbers along an axis fit 21 bits
VOXELS_PER_AXIS = 1 << 21


def cell_positions(cells: np.ndarray) -> np.ndarray:
    """float64[cell, 3]: earth-centred x, y, z in metres of the centres of cells."""
    return ellipsoid.geocentric(*grid.cell_centre(cells))


@dataclasses.dataclass(frozen=True, eq=False)
class Discs:
    """Cells and the ground nearer than `radius_m` to their centres."""

    cells: np.ndarray  # int64[disc]
    radius_m: float

    def hold(self, cells: np.ndarray) -> np.ndarray:
        """bool[cell]: whether the centre of each cell is nearer than `radius_m` to a disc's centre.

        `cells` must rise, as the cells of a tile do; then rows are slices, and the cost is that of the discs nearby.
        """
        held = np.zeros(len(cells), bool)
        if not len(cells) or not len(self.cells):
            return held
        where, limit = cell_positions(cells), ellipsoid.chord_m(self.radius_m)
        near = self._near(where, limit)
        rows, margin = cells // grid.COLUMNS, row_margin(self.radius_m)
        disc_rows = near // grid.COLUMNS
        starts, ends = np.searchsorted(rows, disc_rows - margin), np.searchsorted(rows, disc_rows + margin + 1)
        for centre, start, end in zip(cell_positions(near), starts, ends, strict=True):
            held[start:end] |= np.square(where[start:end] - centre).sum(axis=1) < limit**2
        return held

    def _near(self, where: np.ndarray, limit: float) -> np.ndarray:
        """The disc centres that can reach any of the positions `where`."""
        middle = where.mean(axis=0)
        reach = math.sqrt(np.square(where - middle).sum(axis=1).max()) + limit
        near: np.ndarray = self.cells[np.square(cell_positions(self.cells) - middle).sum(axis=1) <= reach**2]
        return near


def near_boxes(cells: np.ndarray, boxes: np.ndarray, distance_m: float) -> np.ndarray:
    """bool[cell]: whether the centre of each cell is nearer than `distance_m` to any of the boxes.

    Args:
      cells: rising cell numbers.
      boxes: int64[box, 4]: row0, row1, column0, column1 (ends excluded), columns within the globe.
      distance_m: limit in metres.
    """
    near = np.zeros(len(cells), bool)
    rows, columns = np.divmod(cells, grid.COLUMNS)
    margin, limit = row_margin(distance_m), ellipsoid.chord_m(distance_m)
    for row0, row1, column0, column1 in boxes.tolist():
        start, end = np.searchsorted(rows, row0 - margin), np.searchsorted(rows, row1 + margin)
        across = columns[start:end]
        inside = (across >= column0) & (across < column1)
        aside = np.minimum((column0 - across) % grid.COLUMNS, (across - column1 + 1) % grid.COLUMNS)
        chosen = start + np.flatnonzero(inside | (aside <= column_margin(row0 - margin, row1 + margin, distance_m)))
        near[chosen] |= _chord_to_box(cells[chosen], row0, row1, column0, column1) < limit
    return near


def row_margin(distance_m: float) -> int:
    """Rows that surely cover `distance_m` along a meridian."""
    return math.ceil(distance_m / ROW_HEIGHT_M) + 1


def column_margin(row0: int, row1: int, distance_m: float) -> int:
    """Columns that surely cover `distance_m` along the parallels of the rows row0..row1, at most half the globe."""
    poleward = min(90.0, max(abs(90.0 - row / grid.CELLS_PER_DEGREE) for row in (row0, row1)))
    width_m = 2.0 * math.pi * ellipsoid.SEMI_MAJOR_M / grid.COLUMNS * math.cos(math.radians(poleward))
    half = grid.COLUMNS // 2
    return half if width_m * half <= distance_m else min(half, math.ceil(distance_m / width_m) + 2)


def _chord_to_box(cells: np.ndarray, row0: int, row1: int, column0: int, column1: int) -> np.ndarray:
    """float64[cell]: straight distance in metres of each cell's centre to the nearest place of a box of cells."""
    lon, lat = grid.cell_centre(cells)
    west, south, east, north = grid.CellWindow(row0, row1, column0, column1).bounds
    where = ellipsoid.geocentric(lon, lat)
    distances = []
    for edge in (west, east):
        turn = np.radians(lon - edge)
        foot = np.degrees(np.arctan2(np.sin(np.radians(lat)), np.cos(np.radians(lat)) * np.cos(turn)))
        place = ellipsoid.geocentric(np.full_like(lat, edge), np.clip(foot, south, north))
        distances.append(np.sqrt(np.square(where - place).sum(axis=1)))
    above = ellipsoid.geocentric(lon, np.clip(lat, south, north))
    along = np.sqrt(np.square(where - above).sum(axis=1))
    distances.append(np.where((lon >= west) & (lon <= east), along, np.inf))
    nearest: np.ndarray = np.minimum.reduce(distances)
    return nearest


def thinned(cells: np.ndarray, spacing_m: float, most: int) -> np.ndarray:
    """int64 indexes into `cells` of those kept: greedily from the first on, none nearer than `spacing_m` to one kept.

    A larger `most` keeps the same ones first. Cells are compared with those kept in the 27 voxels around them.
    """
    if spacing_m <= 0:
        return np.arange(min(most, len(cells)), dtype=np.int64)
    where = cell_positions(cells)
    limit = ellipsoid.chord_m(spacing_m) ** 2
    voxels = _voxels(where, max(spacing_m, LEAST_VOXEL_M)).tolist()
    places = where.tolist()
    kept: dict[int, list[list[float]]] = {}
    chosen: list[int] = []
    for index, (voxel, place) in enumerate(zip(voxels, places, strict=True)):
        if len(chosen) == most:
            break
        if all(_far(place, kept[near], limit) for step in _AROUND if (near := voxel + step) in kept):
            chosen.append(index)
            kept.setdefault(voxel, []).append(place)
    return np.array(chosen, np.int64)


def _voxels(where: np.ndarray, side_m: float) -> np.ndarray:
    # Steps count from 1, so that no neighbour has a negative one.
    steps = np.floor((where + ellipsoid.SEMI_MAJOR_M) / side_m).astype(np.int64) + 1
    numbers: np.ndarray = (steps[:, 0] * VOXELS_PER_AXIS + steps[:, 1]) * VOXELS_PER_AXIS + steps[:, 2]
    return numbers


def _far(place: list[float], others: list[list[float]], limit: float) -> bool:
    x, y, z = place
    return all((x - ox) ** 2 + (y - oy) ** 2 + (z - oz) ** 2 >= limit for ox, oy, oz in others)


_AROUND = [(x * VOXELS_PER_AXIS + y) * VOXELS_PER_AXIS + z for x, y, z in itertools.product((0, -1, 1), repeat=3)]
