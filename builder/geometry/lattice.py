"""The pixels of a raster on the ground: CRS, transform and shape in one value."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import affine
import numpy as np
import pyproj

from builder.geometry import ellipsoid
from builder.geometry import window as windows
from builder.geometry.window import Window

if TYPE_CHECKING:
    import rasterio.io

LONLAT = "EPSG:4326"
EDGE_STEPS = 16  # along each side, where an outline is followed
Transform = tuple[float, float, float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Lattice:
    """Pixels in a coordinate reference system.

    Attributes:
      crs: anything pyproj understands.
      transform: (a, b, c, d, e, f) as `affine.Affine` takes it: x = a column + b row + c, y = d column + e row + f.
        Column and row count from the outer corner of the first pixel, so (0.5, 0.5) is its centre.
      shape: (rows, columns).
    """

    crs: str
    transform: Transform
    shape: tuple[int, int]

    @classmethod
    def of(cls, dataset: rasterio.io.DatasetReader) -> Lattice:
        """The lattice of a raster that is open."""
        return cls(dataset.crs.to_wkt(), tuple(dataset.transform)[:6], dataset.shape)

    @property
    def whole(self) -> Window:
        """The window of all pixels."""
        return windows.of_shape(self.shape)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) of a north-up lattice, in the units of the CRS."""
        a, _, c, _, e, f = self.transform
        return c, f + e * self.shape[0], c + a * self.shape[1], f

    @property
    def pixel_size(self) -> tuple[float, float]:
        """(width, height) of a pixel of a north-up lattice, in the units of the CRS, both positive."""
        return self.transform[0], -self.transform[4]

    @property
    def is_geographic(self) -> bool:
        """Whether coordinates are degrees of longitude and latitude."""
        return crs_of(self.crs).is_geographic

    def window(self, part: Window) -> Lattice:
        """The lattice of some of the pixels."""
        a, b, c, d, e, f = self.transform
        corner = c + a * part.col0 + b * part.row0, f + d * part.col0 + e * part.row0
        return Lattice(self.crs, (a, b, corner[0], d, e, corner[1]), part.shape)

    def resampled(self, rows: int, columns: int) -> Lattice:
        """The same ground in other pixels."""
        a, b, c, d, e, f = self.transform
        down, across = self.shape[0] / rows, self.shape[1] / columns
        return Lattice(self.crs, (a * across, b * down, c, d * across, e * down, f), (rows, columns))

    def centres(self, part: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(x, y), each float64[row, column], of pixel centres in the CRS; of all pixels without `part`."""
        part = part or self.whole
        column, row = np.meshgrid(np.arange(part.col0, part.col1) + 0.5, np.arange(part.row0, part.row1) + 0.5)
        return self.xy(column, row)

    def lonlat(self, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(longitude, latitude) in degrees of positions, counted in pixels from the outer corner of the first."""
        lon, lat = to_lonlat(self.crs).transform(*self.xy(column, row))
        return np.asarray(lon), np.asarray(lat)

    def centres_lonlat(self, part: Window | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(longitude, latitude), each float64[row, column] in degrees, of pixel centres."""
        lon, lat = to_lonlat(self.crs).transform(*self.centres(part))
        return np.asarray(lon), np.asarray(lat)

    def corners_lonlat(self, part: Window | None = None) -> np.ndarray:
        """float64[4, 2] degrees: top left, top right, bottom right, bottom left."""
        w = part or self.whole
        return np.column_stack(
            self.lonlat(np.array([w.col0, w.col1, w.col1, w.col0]), np.array([w.row0, w.row0, w.row1, w.row1]))
        )

    def outline_lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """(longitude, latitude) float64[n] along the edge in degrees; longitudes run on across 180, without a jump."""
        rows, columns = self.shape
        way = np.linspace(0.0, 1.0, EDGE_STEPS, endpoint=False)
        across = np.concatenate([way, np.ones_like(way), 1.0 - way, np.zeros_like(way)])
        down = np.roll(across, EDGE_STEPS)
        lon, lat = self.lonlat(columns * across, rows * down)
        return np.unwrap(lon, period=360.0), lat

    def positions(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(column, row) float64[n] of places in degrees, counted in pixels from the outer corner of the first."""
        a, b, c, d, e, f = self.transform
        if self.is_geographic:  # a lattice across 180 degrees counts on: its places must, too
            lon = c + (lon - c) % 360.0
        x, y = to_lonlat(self.crs).transform(lon, lat, direction="INVERSE")
        determinant = a * e - b * d
        return (e * (x - c) - b * (y - f)) / determinant, (a * (y - f) - d * (x - c)) / determinant

    def column_row(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(column, row) of coordinates in the CRS, counted in pixels from the outer corner of the first."""
        a, b, c, d, e, f = tuple(~affine.Affine(*self.transform))[:6]
        return a * x + b * y + c, d * x + e * y + f

    def size_m(self) -> tuple[float, float]:
        """(height, width) through the middle, in metres on the ellipsoid."""
        rows, columns = self.shape
        lon, lat = self.lonlat(
            np.array([0, columns, columns / 2, columns / 2]), np.array([rows / 2, rows / 2, 0, rows])
        )
        _, _, metres = ellipsoid.GEOD.inv(lon[[2, 0]], lat[[2, 0]], lon[[3, 1]], lat[[3, 1]])
        return float(metres[0]), float(metres[1])

    def pixel_hectares(self, part: Window | None = None) -> float:
        """Mean area of a pixel on the ellipsoid, in hectares."""
        part = part or self.whole
        corners = self.corners_lonlat(part)
        return ellipsoid.area_hectares(corners[:, 0], corners[:, 1]) / (part.shape[0] * part.shape[1])

    def xy(self, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(x, y) in the CRS of positions, counted in pixels from the outer corner of the first."""
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f


@functools.lru_cache(maxsize=256)
def crs_of(text: str) -> pyproj.CRS:
    """The coordinate reference system that `text` names.

    Raises:
      pyproj.exceptions.CRSError: if PROJ does not know it.
    """
    return pyproj.CRS.from_user_input(text)


@functools.lru_cache(maxsize=256)
def is_lonlat(crs: str) -> bool:
    """Whether coordinates of `crs` are longitude and latitude on WGS84, whatever the CRS is called."""
    if not crs_of(crs).is_geographic:
        return False
    lon, lat = np.array([-179.0, -45.0, 0.0, 100.0, 179.0]), np.array([-80.0, 30.0, 0.0, -60.0, 85.0])
    x, y = to_lonlat(crs).transform(lon, lat)
    return bool(np.allclose(x, lon, rtol=0, atol=1e-9) and np.allclose(y, lat, rtol=0, atol=1e-9))


@functools.lru_cache(maxsize=256)
def to_lonlat(crs: str) -> pyproj.Transformer:
    """From coordinates of `crs` to longitude and latitude in degrees."""
    return pyproj.Transformer.from_crs(crs_of(crs), LONLAT, always_xy=True)


@functools.lru_cache(maxsize=256)
def from_lonlat(crs: str) -> pyproj.Transformer:
    """From longitude and latitude in degrees to coordinates of `crs`."""
    return pyproj.Transformer.from_crs(LONLAT, crs_of(crs), always_xy=True)
