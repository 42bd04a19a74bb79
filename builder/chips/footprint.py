"""The square of ground that a chip shows: exact in metres at any latitude."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from shapely.geometry.base import BaseGeometry

from builder.geometry import ellipsoid, lonlat
from builder.geometry.lattice import Transform
from builder.geometry.lonlat import Bounds


@dataclasses.dataclass(frozen=True)
class Footprint:
    """A square of `size_m` metres centred at (lon, lat) degrees; its top faces the azimuth `rotation_deg` (clockwise).

    It is square in the azimuthal equidistant plane through its centre (WGS84), where distances from the centre are
    geodesics: over 90 m the geodesic length of every side equals `size_m` to well under a micrometre.
    """

    lon: float
    lat: float
    size_m: float = 90.0
    rotation_deg: float = 0.0

    @property
    def crs(self) -> str:
        """PROJ text of the local plane (metres, x east, y north, origin at the centre)."""
        return f"+proj=aeqd +lat_0={self.lat!r} +lon_0={self.lon!r} +datum=WGS84 +units=m +no_defs +type=crs"

    def affine(self, size_px: int) -> Transform:
        """(a, b, c, d, e, f): x = a column + b row + c, y = d column + e row + f, in metres of `crs`.

        Column and row count from the outer corner of the first pixel, so (0.5, 0.5) is its centre.
        """
        pixel_m, half_m = self.size_m / size_px, self.size_m / 2.0
        sin, cos = math.sin(math.radians(self.rotation_deg)), math.cos(math.radians(self.rotation_deg))
        left, top = half_m * (sin - cos), half_m * (sin + cos)
        return (pixel_m * cos, -pixel_m * sin, left, -pixel_m * sin, -pixel_m * cos, top)

    def nodes(self, count: int) -> np.ndarray:
        """float64[count, count, 2] (longitude, latitude) of evenly spaced places, outer corner to outer corner."""
        centre = np.array([[self.lon, self.lat, self.rotation_deg]])
        return nodes(centre, self.size_m, count).reshape(count, count, 2)

    def corners(self) -> np.ndarray:
        """float64[4, 2] (longitude, latitude) of the corners: top left, top right, bottom right, bottom left."""
        return self.nodes(2).reshape(4, 2)[[0, 1, 3, 2]]

    def pixel_centres(self, size_px: int) -> np.ndarray:
        """float64[size_px, size_px, 2] (longitude, latitude) of the pixel centres."""
        inner = dataclasses.replace(self, size_m=self.size_m * (size_px - 1) / size_px)
        return inner.nodes(size_px)

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north) in degrees; west > east where the footprint crosses 180 degrees."""
        corners = self.corners()
        return lonlat.bounds_of_ring(corners[:, 0], corners[:, 1])

    @functools.cached_property
    def polygon(self) -> BaseGeometry:
        """The footprint in degrees; two parts, one on either side, where it crosses 180 degrees."""
        corners = self.corners()
        return lonlat.split_at_180(corners[:, 0], corners[:, 1])


def nodes(centres: np.ndarray, size_m: float, count: int) -> np.ndarray:
    """float64[footprint, count, count, 2]: `Footprint.nodes` of many footprints at once.

    Args:
      centres: float64[footprint, 3]: longitude, latitude, rotation (degrees).
      size_m: length of a side in metres.
      count: nodes along a side.
    """
    offsets = np.linspace(-size_m / 2.0, size_m / 2.0, count)
    right, down = np.broadcast_to(offsets, (count, count)), np.broadcast_to(offsets[:, None], (count, count))
    azimuth = np.degrees(np.arctan2(right, -down))[None] + centres[:, 2, None, None]
    distance = np.broadcast_to(np.hypot(right, down), azimuth.shape)
    start_lon, start_lat = (np.broadcast_to(centres[:, i, None, None], azimuth.shape).ravel() for i in (0, 1))
    lon, lat, _ = ellipsoid.GEOD.fwd(start_lon, start_lat, azimuth.ravel(), distance.ravel())
    return np.stack([lonlat.wrapped(np.asarray(lon)), np.asarray(lat)], axis=-1).reshape(*azimuth.shape, 2)
