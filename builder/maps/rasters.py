"""Maps as files: describes a GeoTIFF, an HDF4-EOS tile or a NetCDF, and reads its class codes by window.

A `RasterFile` is plain values, so it travels to workers; open datasets stay in the thread that opened them.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import threading

import numpy as np
import pyproj.exceptions

from builder import errors, hashing, input_files
from builder.geometry import covering
from builder.geometry import lattice as lattices
from builder.geometry import window as windows
from builder.geometry.lattice import Lattice, Transform
from builder.geometry.lonlat import Bounds
from builder.geometry.window import Window
from builder.maps import geotiff, hdf4, netcdf
from builder.maps.raster_reader import RasterReader

OPEN_DATASETS = 32  # per thread; 12 x 6 degrees of GlobeLand30 meet at most four tiles, a tile of the globe a few dozen
METRES_PER_DEGREE = 111_319.490793  # of the WGS84 equator: how products state degrees as metres
HDF4_MAGIC = b"\x0e\x03\x13\x01"
NETCDF_MAGICS = (b"CDF", b"\x89HDF")
GDAL_SUFFIXES = (".tif", ".tiff")


@dataclasses.dataclass(frozen=True)
class RasterFile:
    """One file of class codes, described by plain values. Frozen and picklable.

    Attributes:
      path: the file.
      lattice: its pixels, north up: b = d = 0, a > 0 > e.
      dtype: of the codes that `read` returns, uint8 or uint16.
      nodata: as the file states it, in the same unsigned codes; None if it states none.
      variable: layer of an HDF4 or NetCDF file, None for others.
      sha256: of the whole file, hexadecimal.
      size_bytes: of the file.
    """

    path: pathlib.Path
    lattice: Lattice
    dtype: str
    nodata: int | None
    variable: str | None
    sha256: str
    size_bytes: int

    @property
    def crs(self) -> str:
        """Authority and code, as "EPSG:4326", or WKT."""
        return self.lattice.crs

    @property
    def transform(self) -> Transform:
        """(a, b, c, d, e, f) as `affine.Affine` takes it."""
        return self.lattice.transform

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.lattice.shape

    @property
    def bounds_lonlat(self) -> Bounds:
        """(west, south, east, north) in degrees of a box that surely holds the file; east may exceed 180."""
        return covering.bounds_lonlat(self.lattice)

    @property
    def resolution_m(self) -> float:
        """Pixel height in metres, degrees counted as on the equator."""
        crs = lattices.crs_of(self.crs)
        unit_m = METRES_PER_DEGREE if crs.is_geographic else crs.axis_info[0].unit_conversion_factor
        return self.lattice.pixel_size[1] * unit_m


def describe(path: pathlib.Path, *, crs: str | None = None, variable: str | None = None) -> RasterFile:
    """What the file at `path` states about itself, with its digest (the whole file is read once).

    Args:
      path: a GeoTIFF, an HDF4-EOS file (.hdf) or a NetCDF (.nc).
      crs: overrides the file's CRS, or gives the one it lacks: anything pyproj understands.
      variable: layer of an HDF4 or NetCDF file; None takes the land cover layer.

    Raises:
      errors.NoCrs: if the file has no CRS and none is given.
      errors.InputError: if the file is missing, corrupt or no raster, is rotated, or holds no 8 or 16 bit integers.
      ModuleNotFoundError: if the package that reads HDF4 or NetCDF is not installed.
    """
    reader = _open(path, variable)
    try:
        return RasterFile(
            path=path,
            lattice=Lattice(
                _one_spelling(path, _stated_crs(path, reader.crs if crs is None else crs)),
                _north_up(path, reader.transform),
                reader.shape,
            ),
            dtype=_unsigned(path, reader.dtype),
            nodata=_code_of(reader.nodata, reader.dtype),
            variable=reader.variable,
            sha256=hashing.sha256_of_file(path),
            size_bytes=path.stat().st_size,
        )
    finally:
        reader.close()


def read(file: RasterFile, window: Window) -> np.ndarray:
    """uint8 or uint16[y, x]: native class codes of the pixels of `window`.

    Signed integers come as the unsigned codes of the same bits.

    Raises:
      errors.InputError: if the data of the window are corrupt; names the file.
      ValueError: if the window leaves the file.
    """
    if not windows.of_shape(file.shape).holds(window):
        raise ValueError(
            f"{file.path}: expected a window inside {file.shape[0]} rows x {file.shape[1]} columns; "
            f"received rows {window.row0}..{window.row1}, columns {window.col0}..{window.col1}."
        )
    if not window.size:
        return np.zeros(window.shape, file.dtype)
    codes = _OPEN.reader(file).read(window)
    return np.ascontiguousarray(codes).view(file.dtype)


class _OpenReaders(threading.local):
    """The datasets this thread has open, least recently used first: they are not safe to share between threads."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._readers: collections.OrderedDict[RasterFile, RasterReader] = collections.OrderedDict()

    def reader(self, file: RasterFile) -> RasterReader:
        if self._process != os.getpid():  # a forked child would share file positions with its parent
            self._process = os.getpid()
            self._readers = collections.OrderedDict()
        reader = self._readers.pop(file, None) or _open(file.path, file.variable)
        self._readers[file] = reader
        if len(self._readers) > OPEN_DATASETS:
            self._readers.popitem(last=False)[1].close()
        return reader


_OPEN = _OpenReaders()


def _open(path: pathlib.Path, variable: str | None) -> RasterReader:
    """The reader for the form that the first bytes of the file show."""
    input_files.check_regular(path, expected="a raster file", cure="Correct the path or download the file.")
    with path.open("rb") as stream:
        magic = stream.read(8)
    if magic.startswith(HDF4_MAGIC):
        return hdf4.Hdf4Grid(path, variable)
    if magic.startswith(NETCDF_MAGICS) and path.suffix.lower() not in GDAL_SUFFIXES:
        return netcdf.NetCdf(path, variable)
    return geotiff.GeoTiff(path)


def _stated_crs(path: pathlib.Path, crs: str | None) -> str:
    if crs is None:
        raise errors.NoCrs(
            f"{path}: expected a coordinate reference system; the file has none. "
            'State it in products.toml, e.g. crs = "EPSG:4326".'
        )
    return crs


def _one_spelling(path: pathlib.Path, crs: str) -> str:
    """The same text for the same CRS, whatever the form of the file: authority and code where PROJ knows them."""
    try:
        known = lattices.crs_of(crs)
        lattices.to_lonlat(crs)
    except pyproj.exceptions.ProjError as error:  # unknown, local, or of another body than the earth
        raise errors.InputError(
            f"{path}: expected a CRS of the earth that PROJ knows, e.g. EPSG:4326; received {crs!r}. "
            "State the right one as `crs` in products.toml."
        ) from error
    authority = known.to_authority(min_confidence=100)
    return ":".join(authority) if authority else str(known.to_wkt())


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
