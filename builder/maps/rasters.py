"""Maps as files: what a GeoTIFF, an HDF4-EOS tile or a NetCDF says about itself, and its class codes by window.

A `RasterFile` is plain values, so it travels to workers; open datasets stay in the thread that opened them.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import os
import pathlib
import threading
from typing import Protocol

import numpy as np
import pyproj
import pyproj.exceptions
import rasterio
import rasterio.errors
import rasterio.windows

from builder import errors, hashing

OPEN_DATASETS = 32  # per thread; 12 x 6 degrees of GlobeLand30 meet at most four tiles, a tile of the globe a few dozen
METRES_PER_DEGREE = 111_319.490793  # of the WGS84 equator: how products state degrees as metres
EDGE_STEPS = 64  # of a projected file's sides, when its box in degrees is looked for
HDF4_MAGIC = b"\x0e\x03\x13\x01"
NETCDF_MAGICS = (b"CDF", b"\x89HDF")
GDAL_SUFFIXES = (".tif", ".tiff")
Transform = tuple[float, float, float, float, float, float]
Bounds = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class RasterFile:
    """One file of class codes: grid, form and digest. Frozen and picklable.

    `transform` is (a, b, c, d, e, f) as `affine.Affine` takes it, north up: b = d = 0, a > 0 > e. `dtype` is what
    `read` returns, uint8 or uint16; `nodata`, as the file states it, is in the same unsigned codes. `variable` is the
    layer of an HDF4 or NetCDF file.
    """

    path: pathlib.Path
    crs: str
    transform: Transform
    shape: tuple[int, int]
    dtype: str
    nodata: int | None
    variable: str | None
    sha256: str
    size_bytes: int

    @property
    def bounds(self) -> Bounds:
        """(left, bottom, right, top) in the units of the CRS."""
        a, _, c, _, e, f = self.transform
        return c, f + e * self.shape[0], c + a * self.shape[1], f

    @property
    def pixel_size(self) -> tuple[float, float]:
        """(width, height) in the units of the CRS, both positive."""
        return self.transform[0], -self.transform[4]

    @property
    def is_geographic(self) -> bool:
        """Whether coordinates are degrees of longitude and latitude."""
        return _crs(self.crs).is_geographic

    @property
    def resolution_m(self) -> float:
        """Pixel height in metres, degrees counted as on the equator."""
        crs = _crs(self.crs)
        unit_m = METRES_PER_DEGREE if crs.is_geographic else crs.axis_info[0].unit_conversion_factor
        return self.pixel_size[1] * unit_m


class RasterReader(Protocol):
    """An open file of one form: what it says about itself, and its codes by window."""

    crs: str | None
    transform: Transform
    shape: tuple[int, int]
    dtype: np.dtype
    nodata: float | None
    variable: str | None  # None where files of the form have one layer only

    def read(self, row0: int, row1: int, col0: int, col1: int) -> np.ndarray:
        """Codes[y, x] of the window, as stored."""

    def close(self) -> None:
        """Lets go of the file."""


class GeoTiff:
    """Whatever GDAL opens as one band; a `Source`."""

    def __init__(self, path: pathlib.Path) -> None:
        try:
            self._dataset = rasterio.open(path)
        except rasterio.errors.RasterioError as error:
            raise errors.InputError(
                f"{path}: expected a raster (GeoTIFF, HDF4 or NetCDF); GDAL cannot open it: {str(error).rstrip('.')}. "
                "Download it again."
            ) from error
        self._path = path
        if self._dataset.count != 1:
            raise errors.InputError(
                f"{path}: expected one band of class codes; received {self._dataset.count} bands. "
                "Extract one with `gdal_translate -b 1 IN OUT`."
            )
        self.crs: str | None = self._dataset.crs.to_wkt() if self._dataset.crs else None
        self.transform: Transform = tuple(self._dataset.transform)[:6]
        self.shape: tuple[int, int] = self._dataset.shape
        self.dtype = np.dtype(self._dataset.dtypes[0])
        self.nodata: float | None = self._dataset.nodata
        self.variable: str | None = None

    def read(self, row0: int, row1: int, col0: int, col1: int) -> np.ndarray:
        """Codes[y, x] of the window, as stored."""
        window = rasterio.windows.Window(col0, row0, col1 - col0, row1 - row0)
        try:
            codes: np.ndarray = self._dataset.read(1, window=window)
        except rasterio.errors.RasterioError as error:
            raise corrupt(self._path, error) from error
        return codes

    def close(self) -> None:
        """Lets go of the file."""
        self._dataset.close()


def describe(path: pathlib.Path, *, crs: str | None = None, variable: str | None = None) -> RasterFile:
    """What the file at `path` says about itself, with its digest (the whole file is read once).

    Args:
      path: a GeoTIFF, an HDF4-EOS file (.hdf) or a NetCDF (.nc).
      crs: overrides the file's CRS, or gives the one it lacks: anything pyproj understands.
      variable: layer of an HDF4 or NetCDF file; None takes the land cover layer.

    Raises:
      errors.InputError: if the file is missing, corrupt or no raster, has no CRS, is rotated, or holds no 8 or 16 bit
        integers.
    """
    if not path.is_file():
        raise errors.InputError(f"{path}: expected a raster file; there is none. Mend the path or download the file.")
    source = _open(path, variable)
    try:
        file = RasterFile(
            path=path,
            crs=_stated_crs(path, source.crs if crs is None else crs),
            transform=_north_up(path, source.transform),
            shape=source.shape,
            dtype=_unsigned(path, source.dtype),
            nodata=_code_of(source.nodata, source.dtype),
            variable=source.variable,
            sha256=hashing.sha256_of_file(path),
            size_bytes=path.stat().st_size,
        )
    finally:
        source.close()
    return file


def read(file: RasterFile, row0: int, row1: int, col0: int, col1: int) -> np.ndarray:
    """uint8 or uint16[y, x]: native class codes of the rows row0..row1 and columns col0..col1 (ends excluded).

    Signed integers come as the unsigned codes of the same bits.

    Raises:
      errors.InputError: if the data of the window are corrupt; names the file.
      ValueError: if the window leaves the file.
    """
    if not (0 <= row0 <= row1 <= file.shape[0] and 0 <= col0 <= col1 <= file.shape[1]):
        raise ValueError(
            f"{file.path}: expected a window inside {file.shape[0]} rows x {file.shape[1]} columns; "
            f"received rows {row0}..{row1}, columns {col0}..{col1}."
        )
    if row0 == row1 or col0 == col1:
        return np.zeros((row1 - row0, col1 - col0), file.dtype)
    codes = _OPEN.source(file).read(row0, row1, col0, col1)
    return np.ascontiguousarray(codes).view(file.dtype)


def corrupt(path: pathlib.Path, error: Exception) -> errors.InputError:
    """The error for data that cannot be decoded."""
    # rasterio only says that there is a cause
    return errors.InputError(
        f"{path}: the data are truncated or corrupt ({error.__cause__ or error}). Download the file again."
    )


@functools.lru_cache(maxsize=4096)
def bounds_lonlat(file: RasterFile) -> Bounds:
    """(west, south, east, north) in degrees of EPSG:4326: a box that surely holds the file.

    West is below east always: a file across the antimeridian has an east beyond 180 (or a west below -180).
    """
    if file.crs == "EPSG:4326":
        return file.bounds
    to_degrees = pyproj.Transformer.from_crs(_crs(file.crs), "EPSG:4326", always_xy=True)
    left, bottom, right, top = file.bounds
    x, y = np.meshgrid(np.linspace(left, right, EDGE_STEPS + 1), np.linspace(bottom, top, EDGE_STEPS + 1))
    lon, lat = to_degrees.transform(x, y)
    on_the_globe = np.isfinite(lon) & np.isfinite(lat)
    there_x, there_y = to_degrees.transform(lon, lat, direction="INVERSE")
    on_the_globe &= np.hypot(there_x - x, there_y - y) < max(file.pixel_size)
    if not on_the_globe.any():
        return -180.0, -90.0, 180.0, 90.0
    south, north = _padded(lat[on_the_globe], _largest_step(lat))
    south, north = max(south, -90.0), min(north, 90.0)
    poles = [pole for pole in (-90.0, 90.0) if _holds_pole(file.bounds, to_degrees, pole)]
    if poles or not on_the_globe.all():
        return -180.0, min([south, *poles]), 180.0, max([north, *poles])
    unwrapped = np.unwrap(np.unwrap(lon, axis=0, period=360.0), axis=1, period=360.0)
    west, east = _padded(unwrapped, _largest_step(unwrapped))
    return (west, south, east, north) if east - west < 360.0 else (-180.0, south, 180.0, north)


def overlaps(file: RasterFile, west: float, south: float, east: float, north: float) -> bool:
    """Whether the file may hold pixels of a box in degrees, whatever turn of the globe either is counted in."""
    file_west, file_south, file_east, file_north = bounds_lonlat(file)
    turns = (-360.0, 0.0, 360.0)
    meets = any(file_west + turn < east and west < file_east + turn for turn in turns)
    return meets and file_south < north and south < file_north


class _OpenSources(threading.local):
    """The datasets this thread has open, least recently used first: they are not safe to share between threads."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._sources: collections.OrderedDict[RasterFile, RasterReader] = collections.OrderedDict()

    def source(self, file: RasterFile) -> RasterReader:
        if self._process != os.getpid():  # a forked child would share file positions with its parent
            self._process = os.getpid()
            self._sources = collections.OrderedDict()
        source = self._sources.pop(file, None) or _open(file.path, file.variable)
        self._sources[file] = source
        if len(self._sources) > OPEN_DATASETS:
            self._sources.popitem(last=False)[1].close()
        return source


_OPEN = _OpenSources()


def _open(path: pathlib.Path, variable: str | None) -> RasterReader:
    with path.open("rb") as stream:
        magic = stream.read(8)
    if magic.startswith(HDF4_MAGIC):
        from builder.maps import hdf4

        return hdf4.Hdf4Grid(path, variable)
    if magic.startswith(NETCDF_MAGICS) and path.suffix.lower() not in GDAL_SUFFIXES:
        from builder.maps import netcdf

        return netcdf.NetCdf(path, variable)
    return GeoTiff(path)


def _stated_crs(path: pathlib.Path, crs: str | None) -> str:
    if crs is None:
        raise errors.NoCrs(
            f"{path}: expected a coordinate reference system; the file has none. "
            'State it in products.toml, e.g. crs = "EPSG:4326".'
        )
    try:
        known = _crs(crs)
    except pyproj.exceptions.CRSError as error:
        raise errors.InputError(f"{path}: expected a CRS that PROJ knows, e.g. EPSG:4326; received {crs!r}.") from error
    authority = known.to_authority(min_confidence=100)
    return ":".join(authority) if authority else str(known.to_wkt())  # one spelling whatever the form of the file


def _north_up(path: pathlib.Path, transform: Transform) -> Transform:
    a, b, _, d, e, _ = transform
    if b or d or not a > 0 > e or transform == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0):
        raise errors.InputError(
            f"{path}: expected a north-up grid with a geotransform; received {transform}. "
            "Bring it into one with `gdalwarp -r near IN OUT`."
        )
    return transform


def _unsigned(path: pathlib.Path, dtype: np.dtype) -> str:
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        raise errors.InputError(
            f"{path}: expected class codes as 8 or 16 bit integers; received {dtype}. "
            "Convert it with `gdal_translate -ot UInt16 IN OUT`."
        )
    return f"uint{8 * dtype.itemsize}"


def _code_of(nodata: float | None, dtype: np.dtype) -> int | None:
    """`nodata` as the unsigned code of the same bits; None where no pixel of the type can hold it."""
    if nodata is None or not float(nodata).is_integer():
        return None
    limits = np.iinfo(dtype)
    return int(nodata) % (limits.max - limits.min + 1) if limits.min <= nodata <= limits.max else None


@functools.lru_cache(maxsize=64)
def _crs(text: str) -> pyproj.CRS:
    return pyproj.CRS.from_user_input(text)


def _holds_pole(bounds: Bounds, to_degrees: pyproj.Transformer, pole: float) -> bool:
    x, y = to_degrees.transform(0.0, pole, direction="INVERSE")
    left, bottom, right, top = bounds
    return bool(left <= x <= right and bottom <= y <= top)


def _largest_step(values: np.ndarray) -> float:
    steps = [np.abs(np.diff(values, axis=axis)) for axis in (0, 1)]
    return max(float(s[np.isfinite(s)].max(initial=0.0)) for s in steps)


def _padded(values: np.ndarray, margin: float) -> tuple[float, float]:
    return float(values.min()) - margin, float(values.max()) + margin
