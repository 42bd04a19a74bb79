"""Longitude and latitude in degrees (EPSG:4326), and the one place that knows what happens at 180 degrees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
import shapely.affinity
from shapely.geometry.base import BaseGeometry

# west, south, east, north in degrees. Where a box crosses 180, either west > east, or one of them lies beyond 180.
Bounds = tuple[float, float, float, float]

TURNS = (-360.0, 0.0, 360.0)  # the same longitude, counted one turn lower or higher


def wrapped(degrees: np.ndarray) -> np.ndarray:
    """The same angles in -180 (included) .. 180 (excluded) degrees."""
    return (np.asarray(degrees) + 180.0) % 360.0 - 180.0


def on_the_globe(lon: float) -> float:
    """The same longitude in -180..180, both ends included: 180 stays 180."""
    return lon if -180.0 <= lon <= 180.0 else float(wrapped(np.asarray(lon)))


def bounds_of_ring(lon: np.ndarray, lat: np.ndarray) -> Bounds:
    """(west, south, east, north) of places less than 180 degrees apart; west > east where they straddle 180."""
    offset = wrapped(lon - lon[0])
    west, east = (float(wrapped(lon[0] + o)) for o in (offset.min(), offset.max()))
    return west, float(lat.min()), east, float(lat.max())


def narrowest(lon: np.ndarray) -> tuple[float, float]:
    """(west, east) of the narrowest range of longitudes that holds all of `lon`: outside the widest gap."""
    ordered = np.unique(np.asarray(lon, np.float64))
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(gaps.argmax())
    return float(ordered[(widest + 1) % len(ordered)]), float(ordered[widest])


def overlaps(one: Bounds, two: Bounds) -> bool:
    """Whether two boxes share more than an edge, also where they are counted one turn of the globe apart.

    In both, west is below east: a box across 180 degrees has an east beyond 180 (or a west below -180).
    """
    meets = any(one[0] + turn < two[2] and two[0] < one[2] + turn for turn in TURNS)
    return meets and one[1] < two[3] and two[1] < one[3]


def split_at_180(lon: np.ndarray, lat: np.ndarray) -> BaseGeometry:
    """The area within a ring of float64[n] degrees; two parts, one on either side, where it crosses 180 degrees.

    Neighbours along the ring are less than 180 degrees of longitude apart.
    """
    turned = np.unwrap(lon, period=360.0)
    whole = shapely.Polygon(np.column_stack([turned, lat]))
    if turned.min() >= -180.0 and turned.max() <= 180.0:
        return whole
    inside = shapely.box(-180.0, -90.0, 180.0, 90.0)
    parts = [shapely.intersection(shapely.affinity.translate(whole, xoff=turn), inside) for turn in TURNS]
    return shapely.union_all([part for part in parts if part.area > 0.0])


def joined_at_180(area: shapely.Geometry) -> shapely.Geometry:
    """The area, normalized, with its western half counted on beyond 180 degrees if that makes it narrower."""
    area = shapely.normalize(area)
    beyond_180 = shapely.transform(shapely.intersection(area, _WESTERN), lambda xy: xy + np.array([360.0, 0.0]))
    joined = shapely.normalize(shapely.union_all([shapely.intersection(area, _EASTERN), beyond_180]))
    return joined if _width(joined) < _width(area) - _SAME_WIDTH else area


def boxes(bounds: Sequence[Bounds]) -> tuple[np.ndarray, np.ndarray]:
    """(boxes, number of the bounds that each box belongs to): two boxes where west > east, which crosses 180."""
    table = np.asarray(bounds, np.float64).reshape(-1, 4)
    number = np.arange(len(table))
    crossing = table[:, 0] > table[:, 2]
    west_part, east_part = table.copy(), table[crossing]
    west_part[crossing, 2] = 180.0
    east_part[:, 0] = -180.0
    every = np.concatenate([west_part, east_part])
    return shapely.box(*every.T), np.concatenate([number, number[crossing]])


def _width(area: shapely.Geometry) -> float:
    west, _, east, _ = shapely.bounds(area).tolist()
    return float(east - west)


_SAME_WIDTH = 1e-9  # degrees
_WESTERN = shapely.box(-360.0, -90.0, 0.0, 90.0)
_EASTERN = shapely.box(0.0, -90.0, 360.0, 90.0)
