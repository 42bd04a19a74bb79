"""Land cover of MODIS as distributed: HDF4-EOS grids, read through pyhdf (the rasterio wheels have no HDF4)."""

from __future__ import annotations

import math
import pathlib
import re
import threading
from typing import Any

import numpy as np

from builder import errors
from builder.geometry.lattice import LONLAT, Transform
from builder.geometry.window import Window
from builder.maps import raster_reader

LAYERS = ("LC_Type1", "Land_Cover_Type_1", "Majority_Land_Cover_Type_1")  # IGBP in C6/6.1, in C5, on the climate grid
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R={radius} +units=m +no_defs"
_LOCK = threading.RLock()  # the HDF4 library keeps its state in globals


class Hdf4Grid:
    """One layer of one grid of an HDF4-EOS file; a `RasterReader`."""

    def __init__(self, path: pathlib.Path, variable: str | None) -> None:
        # Comes with the extra `modis`, which `command_line` names where the package is missing.
        from pyhdf import SD

        self._path = path
        with _LOCK:
            try:
                self._file = SD.SD(str(path), SD.SDC.READ)
                structure = _structure(self._file.attributes())
                self.variable: str | None = _layer(path, variable, list(self._file.datasets()))
                self._layer = self._file.select(self.variable)
                _, _, (rows, columns), _, _ = self._layer.info()
                fill = self._layer.attributes().get("_FillValue")
                probe = self._layer.get(start=(0, 0), count=(1, 1))
            except errors.InputError:
                raise
            except Exception as error:  # pyhdf raises HDF4Error, ValueError and TypeError on broken files
                raise raster_reader.corrupt(path, error) from error
        self.shape: tuple[int, int] = (rows, columns)
        self.dtype = np.dtype(probe.dtype)
        self.nodata: float | None = None if fill is None else float(fill)
        self.crs: str | None
        self.transform: Transform
        self.crs, self.transform = _grid(path, structure, str(self.variable), self.shape)

    def read(self, window: Window) -> np.ndarray:
        """Codes[y, x] of the window, as stored."""
        with _LOCK:
            try:
                return np.asarray(self._layer.get(start=(window.row0, window.col0), count=window.shape))
            except Exception as error:  # as above
                raise raster_reader.corrupt(self._path, error) from error

    def close(self) -> None:
        """Closes the layer and the file."""
        with _LOCK:
            self._layer.endaccess()
            self._file.end()


def _structure(attributes: dict[str, Any]) -> str:
    """The text that describes the grids, which long files split over StructMetadata.0, .1, ..."""
    names = [name for name in attributes if name.startswith("StructMetadata.")]
    return "".join(attributes[name] for name in sorted(names, key=lambda name: int(name.rsplit(".", 1)[1])))


def _layer(path: pathlib.Path, wanted: str | None, present: list[str]) -> str:
    for name in LAYERS if wanted is None else (wanted,):
        if name in present:
            return name
    raise errors.InputError(
        f"{path}: expected the layer {wanted or ' or '.join(LAYERS)}; the file holds {', '.join(present) or 'none'}. "
        "Use the land cover type product MCD12Q1, or name the layer as `variable` in products.toml."
    )


def _grid(path: pathlib.Path, structure: str, layer: str, shape: tuple[int, int]) -> tuple[str, Transform]:
    """CRS and transform of the grid that holds `layer`."""
    grids = re.findall(r"GROUP=GRID_\d+\s(.*?)END_GROUP=GRID_\d+", structure, re.DOTALL)
    grid = next((g for g in grids if f'DataFieldName="{layer}"' in g), grids[0] if len(grids) == 1 else None)
    if grid is None:
        raise errors.InputError(
            f"{path}: expected StructMetadata.0 to describe the grid of {layer}; it does not. "
            "Use the file as LP DAAC distributes it, or a GeoTIFF export."
        )
    upper_left, lower_right = (_numbers(path, grid, key) for key in ("UpperLeftPointMtrs", "LowerRightMtrs"))
    crs = _projection(path, grid)
    if crs == LONLAT:
        upper_left, lower_right = ([_degrees(v) for v in corner] for corner in (upper_left, lower_right))
    width, height = (lower_right[0] - upper_left[0]) / shape[1], (lower_right[1] - upper_left[1]) / shape[0]
    return crs, (width, 0.0, upper_left[0], 0.0, height, upper_left[1])


def _projection(path: pathlib.Path, grid: str) -> str:
    found = re.search(r"Projection=(?:HE5_)?GCTP_(\w+)", grid)
    name = found.group(1) if found else "none"
    if name == "SNSOID":
        return SINUSOIDAL.format(radius=_numbers(path, grid, "ProjParams")[0])
    if name == "GEO":
        return LONLAT
    raise errors.InputError(
        f"{path}: expected a sinusoidal or a geographic grid (GCTP_SNSOID, GCTP_GEO); received GCTP_{name}. "
        "Export the layer to GeoTIFF and use that."
    )


def _numbers(path: pathlib.Path, grid: str, key: str) -> list[float]:
    found = re.search(rf"{key}=\(([^)]*)\)", grid)
    if not found:
        raise errors.InputError(f"{path}: expected {key} in StructMetadata.0; it is missing. Download the file again.")
    return [float(text) for text in found.group(1).split(",")]


def _degrees(packed: float) -> float:
    """Degrees from GCTP's packed DDDMMMSSS.SS."""
    rest, seconds = divmod(abs(packed), 1000.0)
    degrees, minutes = divmod(rest, 1000.0)
    return math.copysign(degrees + minutes / 60.0 + seconds / 3600.0, packed)
