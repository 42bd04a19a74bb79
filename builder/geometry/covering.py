"""The box of longitudes and latitudes that surely holds a raster, whatever its projection."""

from __future__ import annotations

import functools

import numpy as np
import pyproj

from builder.geometry import lattice as lattices
from builder.geometry.lattice import Lattice
from builder.geometry.lonlat import Bounds

STEPS = 64  # along each side of the raster, from one projected place to the next


@functools.lru_cache(maxsize=4096)
def bounds_lonlat(lattice: Lattice) -> Bounds:
    """(west, south, east, north) in degrees of EPSG:4326 of a box that surely holds a north-up raster.

    West is always below east: a raster across the antimeridian has an east beyond 180 (or a west below -180).
    """
    if lattice.crs == lattices.LONLAT:
        return lattice.bounds
    to_lonlat = lattices.to_lonlat(lattice.crs)
    left, bottom, right, top = lattice.bounds
    x, y = np.meshgrid(np.linspace(left, right, STEPS + 1), np.linspace(bottom, top, STEPS + 1))
    lon, lat = to_lonlat.transform(x, y)
    on_the_globe = np.isfinite(lon) & np.isfinite(lat)
    there_x, there_y = to_lonlat.transform(lon, lat, direction="INVERSE")
    on_the_globe &= np.hypot(there_x - x, there_y - y) < max(lattice.pixel_size)
    if not on_the_globe.any():
        return -180.0, -90.0, 180.0, 90.0
    south, north = _padded(lat[on_the_globe], _largest_step(lat))
    south, north = max(south, -90.0), min(north, 90.0)
    poles = [pole for pole in (-90.0, 90.0) if _holds_pole(lattice.bounds, to_lonlat, pole)]
    if poles or not on_the_globe.all():
        return -180.0, min([south, *poles]), 180.0, max([north, *poles])
    unwrapped = np.unwrap(np.unwrap(lon, axis=0, period=360.0), axis=1, period=360.0)
    west, east = _padded(unwrapped, _largest_step(unwrapped))
    return (west, south, east, north) if east - west < 360.0 else (-180.0, south, 180.0, north)


def _holds_pole(bounds: Bounds, to_lonlat: pyproj.Transformer, pole: float) -> bool:
    x, y = to_lonlat.transform(0.0, pole, direction="INVERSE")
    left, bottom, right, top = bounds
    return bool(left <= x <= right and bottom <= y <= top)


def _largest_step(values: np.ndarray) -> float:
    steps = [np.abs(np.diff(values, axis=axis)) for axis in (0, 1)]
    return max(float(s[np.isfinite(s)].max(initial=0.0)) for s in steps)


def _padded(values: np.ndarray, margin: float) -> tuple[float, float]:
    return float(values.min()) - margin, float(values.max()) + margin
