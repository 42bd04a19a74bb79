"""GeoTIFFs of class codes, and whatever else GDAL opens as one band."""

from __future__ import annotations

import pathlib

import numpy as np
import rasterio
import rasterio.errors

from builder import errors
from builder.geometry.lattice import Transform
from builder.geometry.window import Window
from builder.maps import raster_reader


class GeoTiff:
    """One band that GDAL reads; a `RasterReader`."""

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

    def read(self, window: Window) -> np.ndarray:
        """Codes[y, x] of the window, as stored."""
        try:
            codes: np.ndarray = self._dataset.read(1, window=window.in_raster)
        except rasterio.errors.RasterioError as error:
            raise raster_reader.corrupt(self._path, error) from error
        return codes

    def close(self) -> None:
        """Closes the dataset."""
        self._dataset.close()
