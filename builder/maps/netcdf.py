"""CCI-LC as the Climate Data Store gives it: a NetCDF variable of class codes over longitude and latitude."""

from __future__ import annotations

import pathlib
import threading
from typing import Any

import numpy as np

from builder import errors
from builder.geometry.lattice import LONLAT, Transform
from builder.geometry.window import Window
from builder.maps import raster_reader

LAYER = "lccs_class"
LATITUDE = {"lat", "latitude", "degrees_north", "degree_north", "y"}
LONGITUDE = {"lon", "longitude", "degrees_east", "degree_east", "x"}
SPACING_TOLERANCE = 1e-2  # of a pixel: coordinates may be stored as float32
_LOCK = threading.RLock()  # the NetCDF and HDF5 libraries keep their state in globals


class NetCdf:
    """One variable over (lat, lon) in any order and direction, maybe with axes of length one; a `RasterReader`."""

    def __init__(self, path: pathlib.Path, variable: str | None) -> None:
        # Comes with the extra `build`, which `command_line` names where the package is missing.
        import netCDF4

        self._path = path
        self.variable: str | None = variable or LAYER
        with _LOCK:
            try:
                self._file = netCDF4.Dataset(str(path))
                self._file.set_auto_maskandscale(False)
                self._layer, axes = _layer_and_axes(path, self._file, self.variable)
                latitudes, longitudes = (np.asarray(axes[axis][:], np.float64) for axis in ("lat", "lon"))
            except (OSError, RuntimeError) as error:
                raise raster_reader.corrupt(path, error) from error
        self._order = [axes[axis].dimensions[0] for axis in ("lat", "lon")]
        self._reversed = (bool(latitudes[0] < latitudes[-1]), bool(longitudes[0] > longitudes[-1]))
        self.shape: tuple[int, int] = (len(latitudes), len(longitudes))
        self.dtype = np.dtype(self._layer.dtype)
        fill = getattr(self._layer, "_FillValue", None)
        self.nodata: float | None = None if fill is None else float(fill)
        self.crs: str | None = LONLAT
        north, height = _axis(path, latitudes[::-1] if self._reversed[0] else latitudes)
        west, width = _axis(path, longitudes[::-1] if self._reversed[1] else longitudes)
        self.transform: Transform = (width, 0.0, west, 0.0, height, north)

    def read(self, window: Window) -> np.ndarray:
        """Codes[y, x] of the window, as stored."""
        rows, row_step = _stored(window.row0, window.row1, self.shape[0], self._reversed[0])
        cols, col_step = _stored(window.col0, window.col1, self.shape[1], self._reversed[1])
        wanted = dict(zip(self._order, (rows, cols), strict=True))
        index = tuple(wanted.get(dimension, 0) for dimension in self._layer.dimensions)
        with _LOCK:
            try:
                codes = np.asarray(self._layer[index])
            except (OSError, RuntimeError) as error:
                raise raster_reader.corrupt(self._path, error) from error
        if [d for d in self._layer.dimensions if d in wanted] != self._order:
            codes = codes.T
        return codes[::row_step, ::col_step]

    def close(self) -> None:
        """Closes the file."""
        with _LOCK:
            self._file.close()


def _layer_and_axes(path: pathlib.Path, file: Any, variable: str) -> tuple[Any, dict[str, Any]]:
    """The variable of class codes, and the coordinate variables that are its latitude and its longitude."""
    layer = file.variables.get(variable)
    if layer is None:
        raise errors.InputError(
            f"{path}: expected the variable {variable}; the file holds {', '.join(file.variables) or 'none'}. "
            "State the right `variable` in products.toml."
        )
    axes = {}
    for dimension, length in zip(layer.dimensions, layer.shape, strict=True):
        coordinate = file.variables.get(dimension)
        words = {dimension.lower(), str(getattr(coordinate, "units", "")).lower()}
        axis = "lat" if words & LATITUDE else "lon" if words & LONGITUDE else dimension if length != 1 else None
        if axis:
            axes[axis if coordinate is not None else "without coordinates"] = coordinate
    if set(axes) != {"lat", "lon"}:
        raise errors.InputError(
            f"{path}: expected {variable} over latitude and longitude (and axes of length one); received axes "
            f"{layer.dimensions}. Convert it with `gdal_translate -b 1 NETCDF:IN:{variable} OUT`."
        )
    return layer, axes


def _axis(path: pathlib.Path, centres: np.ndarray) -> tuple[float, float]:
    """Outer edge of the first pixel, and the step, of regular pixel centres."""
    if len(centres) < 2:
        raise errors.InputError(f"{path}: expected at least two rows and columns; received an axis of one.")
    step = (centres[-1] - centres[0]) / (len(centres) - 1)
    regular = centres[0] + step * np.arange(len(centres))
    if step == 0 or np.abs(centres - regular).max() > SPACING_TOLERANCE * abs(step):
        raise errors.InputError(
            f"{path}: expected latitudes and longitudes in equal steps; they are not. Use gdalwarp to grid them."
        )
    return float(centres[0] - step / 2), float(step)


def _stored(start: int, stop: int, length: int, is_reversed: bool) -> tuple[slice, int]:
    """(slice of the file's rows or columns that hold start..stop of the north-up grid, step that orders them)."""
    return (slice(length - stop, length - start), -1) if is_reversed else (slice(start, stop), 1)
