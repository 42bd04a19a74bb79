"""The WGS84 ellipsoid: positions in space, distances, areas, and pairs of near places."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pyproj

GEOD = pyproj.Geod(ellps="WGS84")
SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY_2 = 6.694_379_990_141_3e-3  # first eccentricity squared
MEAN_RADIUS_M = 6_371_008.8
AUTHALIC_RADIUS_M = 6_371_007.181  # sphere of the same area, as MODIS uses: exact enough for areas of strata
SQUARE_METRES_PER_HECTARE = 10_000.0

_QUERIES_AT_ONCE = 5_000
_PAIRS_AT_ONCE = 200_000  # 5 MB of coordinates
_CUBE_OFFSETS = np.array(list(itertools.product((-1, 0, 1), repeat=3)), np.int64)

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]  # int64[n] indexes into a, int64[n] indexes into b, [n] distance


def geocentric(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """float64[n, 3]: earth-centred x, y, z in metres of points (degrees) on the ellipsoid."""
    lam, phi = np.radians(lon), np.radians(lat)
    normal = SEMI_MAJOR_M / np.sqrt(1.0 - ECCENTRICITY_2 * np.sin(phi) ** 2)
    x, y = normal * np.cos(phi) * np.cos(lam), normal * np.cos(phi) * np.sin(lam)
    return np.stack([x, y, normal * (1.0 - ECCENTRICITY_2) * np.sin(phi)], axis=-1)


def chord_m(distance_m: float) -> float:
    """Length of the straight line between two points of the surface that are `distance_m` apart along it.

    The chord of the ellipsoid differs from its geodesic by d^3 / 24 R^2: a micrometre at 1 km, a millimetre at 10 km.
    It is computed on a sphere, which leaves less than a millimetre at 100 km.
    """
    return 2.0 * MEAN_RADIUS_M * math.sin(min(distance_m / (2.0 * MEAN_RADIUS_M), math.pi / 2.0))


def moved(
    lon: np.ndarray, lat: np.ndarray, east_m: float | np.ndarray, north_m: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(longitude, latitude) of points moved by metres along the radii of curvature of the ellipsoid."""
    bend = 1.0 - ECCENTRICITY_2 * np.sin(np.radians(lat)) ** 2
    prime_vertical_m = SEMI_MAJOR_M / np.sqrt(bend)
    meridian_m = prime_vertical_m * (1.0 - ECCENTRICITY_2) / bend
    moved_lon = lon + np.degrees(east_m / (prime_vertical_m * np.cos(np.radians(lat))))
    return moved_lon, lat + np.degrees(north_m / meridian_m)


def area_hectares(lon: np.ndarray, lat: np.ndarray) -> float:
    """Area of a ring of longitudes and latitudes (degrees) in hectares, never negative."""
    area_m2, _ = GEOD.polygon_area_perimeter(lon, lat)
    return abs(float(area_m2)) / SQUARE_METRES_PER_HECTARE


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
        for offset in _CUBE_OFFSETS:
            wanted = _cube_numbers(cubes + offset)
            first, last = np.searchsorted(numbers, wanted, "left"), np.searchsorted(numbers, wanted, "right")
            for i, place in expanded(first, last):
                j = order[place]
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


def expanded(first: np.ndarray, last: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(i, j) for every j in first[i]..last[i] (end excluded), at most about 200,000 of them at a time."""
    counts = np.maximum(last - first, 0)
    parts = np.cumsum(counts) // _PAIRS_AT_ONCE
    for part in np.unique(parts[counts > 0]):
        rows = np.flatnonzero((parts == part) & (counts > 0))
        repeated = np.repeat(rows, counts[rows])
        starts = np.repeat(np.cumsum(counts[rows]) - counts[rows], counts[rows])
        yield repeated, np.arange(len(repeated)) - starts + first[repeated]


def _cube_numbers(cubes: np.ndarray) -> np.ndarray:
    """int64[n]: one number per cube int64[n, 3]; 21 bits an axis hold the earth in cubes of 7 m and more."""
    x, y, z = (cubes + (1 << 20)).T
    numbers: np.ndarray = (x << 42) + (y << 21) + z
    return numbers
