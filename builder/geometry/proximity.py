"""Pairs of near things, without comparing all with all: places on the ellipsoid, and 64-bit picture hashes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pyproj

_TO_GEOCENTRIC = pyproj.Transformer.from_pipeline(
    "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=WGS84"
)
_QUERIES_AT_ONCE = 5_000
_PAIRS_AT_ONCE = 200_000  # 5 MB of coordinates
_CELL_OFFSETS = np.array(list(itertools.product((-1, 0, 1), repeat=3)), np.int64)
_BITS = 64

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]  # int64[n] indexes into a, int64[n] indexes into b, [n] distance


def geocentric(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """float64[n, 3]: earth-centred x, y, z in metres of points (degrees) on the WGS84 ellipsoid."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    return np.stack(_TO_GEOCENTRIC.transform(lon, lat, np.zeros_like(lon)), axis=-1)


def within(a: np.ndarray, b: np.ndarray, radius_m: float) -> Iterator[Pairs]:
    """Pairs of a place of `a` and a place of `b` at most `radius_m` apart (straight line), in parts.

    Args:
      a: float64[n, 3], see `geocentric`.
      b: float64[m, 3].
      radius_m: at least 7: space is cut into cubes of this size, and a place is compared with 27 of them.
    """
    numbers = _cube_numbers(np.floor(b / radius_m).astype(np.int64))
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    for start in range(0, len(a), _QUERIES_AT_ONCE):
        part = a[start : start + _QUERIES_AT_ONCE]
        cubes = np.floor(part / radius_m).astype(np.int64)
        for offset in _CELL_OFFSETS:
            wanted = _cube_numbers(cubes + offset)
            first, last = np.searchsorted(numbers, wanted, "left"), np.searchsorted(numbers, wanted, "right")
            for i, j in _expand(first, last):
                j = order[j]  # noqa: PLW2901 - from the sorted order back to the caller's
                distance = np.linalg.norm(part[i] - b[j], axis=1)
                near = distance <= radius_m
                yield i[near] + start, j[near], distance[near]


def closest(a: np.ndarray, b: np.ndarray, first_radius_m: float = 1_000.0) -> tuple[int, int, float] | None:
    """(index in a, index in b, straight distance in metres) of the closest pair; None if either is empty."""
    radius_m = first_radius_m
    while len(a) and len(b):
        best = min(
            ((d.min(), i[d.argmin()], j[d.argmin()]) for i, j, d in within(a, b, radius_m) if len(d)), default=None
        )
        if best is not None:
            return int(best[1]), int(best[2]), float(best[0])
        radius_m *= 2.0
    return None


def similar(hashes: np.ndarray, distance: int) -> Iterator[Pairs]:
    """Pairs i < j of 64-bit hashes that differ in at most `distance` bits, in parts, each pair once.

    Cut into `distance` + 1 bands, two such hashes are equal in at least one band; only those are compared. Give unique
    hashes: equal ones would all be compared with each other.
    """
    edges = np.linspace(0, _BITS, distance + 2).astype(int)
    values = np.asarray(hashes).astype(np.int64).view(np.uint64)
    bands = [
        (values >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        for low, high in itertools.pairwise(edges.tolist())
    ]
    for number, band in enumerate(bands):
        order = np.argsort(band, kind="stable")
        ends = np.searchsorted(band[order], band[order], "right")
        for i, j in _expand(np.arange(len(order)) + 1, ends):
            i, j = order[i], order[j]  # noqa: PLW2901 - from the sorted order back to the caller's
            bits = np.bitwise_count(values[i] ^ values[j])
            new = (bits <= distance) & ~np.any(
                [earlier[i] == earlier[j] for earlier in bands[:number]] or [np.zeros(len(i), bool)], axis=0
            )
            yield np.minimum(i, j)[new], np.maximum(i, j)[new], bits[new].astype(np.int64)


def _cube_numbers(cubes: np.ndarray) -> np.ndarray:
    """int64[n]: one number per cube int64[n, 3]; 21 bits an axis hold the earth in cubes of 7 m and more."""
    x, y, z = (cubes + (1 << 20)).T
    numbers: np.ndarray = (x << 42) + (y << 21) + z
    return numbers


def _expand(first: np.ndarray, last: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(i, j) for every j in first[i]..last[i] (end excluded), at most about `_PAIRS_AT_ONCE` of them at a time."""
    counts = np.maximum(last - first, 0)
    parts = np.cumsum(counts) // _PAIRS_AT_ONCE
    for part in np.unique(parts[counts > 0]):
        rows = np.flatnonzero((parts == part) & (counts > 0))
        repeated = np.repeat(rows, counts[rows])
        starts = np.repeat(np.cumsum(counts[rows]) - counts[rows], counts[rows])
        yield repeated, np.arange(len(repeated)) - starts + first[repeated]
