"""GeoTIFFs of imagery: open files, kept for the next read, and what their headers state."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import math
import pathlib
import threading

import numpy as np
import pyproj.exceptions
import rasterio
import rasterio.errors

from builder import errors, input_files
from builder.geometry import ellipsoid, lonlat
from builder.geometry import lattice as lattices
from builder.geometry.lattice import Lattice
from builder.geometry.lonlat import Bounds

OPEN_FILES = 64  # per thread
TRUE_TO_SCALE = 0.01  # largest departure of a map projection's scale from 1 at which its metres count as metres


@dataclasses.dataclass(frozen=True, eq=False)
class OpenFile:
    """An open raster and its pixels on the ground."""

    reader: rasterio.DatasetReader
    lattice: Lattice

    def places(self, lon_lat: np.ndarray) -> np.ndarray:
        """float64[n, 2] (column, row) of float64[n, 2] (longitude, latitude); not finite where the CRS has no place."""
        lon, lat = lon_lat[:, 0], lon_lat[:, 1]
        if self.lattice.is_geographic:  # the file decides in which turn of the globe it counts its degrees
            middle = (self.reader.bounds.left + self.reader.bounds.right) / 2.0
            lon = lon + 360.0 * np.round((middle - lon) / 360.0)
        x, y = lattices.from_lonlat(self.lattice.crs).transform(lon, lat)
        return np.stack(self.lattice.column_row(np.asarray(x), np.asarray(y)), axis=1)

    def lon_lat(self, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(longitude, latitude) in degrees of places in the file, by the inverse of what `places` projects with.

        `Lattice.lonlat` projects the other way, which differs in the last bit; a store of chips knows its scenes by
        these bits.
        """
        to_crs = lattices.from_lonlat(self.lattice.crs)
        lon, lat = to_crs.transform(*self.lattice.xy(columns, rows), direction="INVERSE")
        return np.asarray(lon), np.asarray(lat)


@dataclasses.dataclass(frozen=True)
class Header:
    """Facts of a file for the folder source: bounds in degrees, pixel size on the ground, the date tag."""

    bounds: Bounds
    pixel_m: float
    datetime_tag: str | None


def header(path: str) -> Header:
    """The header of a GeoTIFF.

    Raises:
      errors.NoCrs: if it has no CRS.
      errors.InputError: if it is not a raster, or does not say where on Earth its pixels lie.
    """
    try:
        file = _open(path)
    except rasterio.errors.RasterioError as error:
        raise errors.InputError(
            f"{path}: expected a GeoTIFF; it cannot be opened: {error}. Replace or remove it."
        ) from error
    with file.reader:
        bounds = _bounds(file)
        if not all(map(math.isfinite, bounds)):
            raise errors.InputError(
                f"{path}: its corners have no longitude and latitude; expected a transform that fits its CRS. Correct "
                "the file, or leave it out."
            )
        return Header(bounds, _pixel_m(file), file.reader.tags().get("TIFFTAG_DATETIME"))


_LOCAL = threading.local()  # GDAL datasets must not be shared by threads


def open_file(path: str) -> OpenFile:
    """The file, opened once per thread.

    Raises:
      rasterio.errors.RasterioIOError: if it cannot be opened.
      errors.NoCrs: if it has no CRS.
      errors.InputError: if it is no regular file, or does not say where on Earth its pixels lie.
    """
    files = _files()
    if path in files:
        files.move_to_end(path)
        return files[path]
    file = files[path] = _open(path)
    if len(files) > OPEN_FILES:
        files.popitem(last=False)[1].reader.close()
    return file


def forget(path: str) -> None:
    """Closes the file if it is open, so that the next read opens it anew."""
    file = _files().pop(path, None)
    if file is not None:
        with contextlib.suppress(rasterio.errors.RasterioError):
            file.reader.close()


def _open(path: str) -> OpenFile:
    if (local := pathlib.Path(path)).exists():  # a missing or a remote file is left to GDAL
        input_files.check_regular(local, expected="a GeoTIFF", cure="Replace or remove it.")
    reader = rasterio.open(path)
    try:
        _check_place(reader, path)
    except errors.InputError:
        reader.close()
        raise
    return OpenFile(reader, Lattice.of(reader))


def _check_place(reader: rasterio.DatasetReader, path: str) -> None:
    """Refuses a file that does not say where on Earth its pixels lie.

    Raises:
      errors.NoCrs: if it has no CRS.
      errors.InputError: if it has no transform, or a CRS of another body.
    """
    if reader.crs is None:
        raise errors.NoCrs(f"{path}: has no CRS. Give it one, as `rio edit-info --crs EPSG:32649 {path}`.")
    determinant = reader.transform.determinant
    if determinant == 0.0 or not math.isfinite(determinant) or reader.transform.is_identity:
        raise errors.InputError(
            f"{path}: expected an affine transform from pixels to coordinates; received {tuple(reader.transform)[:6]}. "
            "Give the file one, or leave it out of the source."
        )
    try:
        lattices.from_lonlat(reader.crs.to_wkt())
    except pyproj.exceptions.ProjError as error:  # such as a CRS of the Moon
        raise errors.InputError(
            f"{path}: expected a CRS of the Earth; received {reader.crs.to_string():.100} ({error}). Correct it."
        ) from error


def _files() -> collections.OrderedDict[str, OpenFile]:
    if not hasattr(_LOCAL, "files"):
        _LOCAL.files = collections.OrderedDict()
    files: collections.OrderedDict[str, OpenFile] = _LOCAL.files
    return files


def _bounds(file: OpenFile) -> Bounds:
    """Bounds in degrees of points along all edges; west > east where the file crosses 180 degrees."""
    along = np.linspace(0.0, 1.0, 21)
    zero, one = np.zeros_like(along), np.ones_like(along)
    u, v = np.concatenate([along, one, along, zero]), np.concatenate([zero, along, one, along])
    lon, lat = file.lon_lat(u * file.reader.width, v * file.reader.height)
    with np.errstate(invalid="ignore"):  # `header` refuses corners that lie nowhere
        return lonlat.bounds_of_ring(lon, lat)


def _pixel_m(file: OpenFile) -> float:
    """Mean side of the middle pixel on the ground, in metres, to the millimetre.

    Where the file's CRS is true to scale within a hundredth, the nominal side: a 5 m product is 5 m in all of its zone.
    """
    column, row = file.reader.width / 2.0, file.reader.height / 2.0
    lon, lat = file.lon_lat(np.array([column, column + 1, column]), np.array([row, row, row + 1]))
    _, _, sides = ellipsoid.GEOD.inv(lon[[0, 0]], lat[[0, 0]], lon[[1, 2]], lat[[1, 2]])
    ground_m = float(np.mean(sides))
    if file.reader.crs.is_projected:
        to_metres = float(file.reader.crs.linear_units_factor[1])
        nominal_m = sum(file.reader.res) / 2.0 * to_metres
        if abs(nominal_m / ground_m - 1.0) < TRUE_TO_SCALE:
            ground_m = nominal_m
    return round(ground_m, 3)
