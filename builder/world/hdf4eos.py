"""MODIS tiles on the sinusoidal grid, as HDF4-EOS files, or as GeoTIFF exports where `pyhdf` is not installed."""

from __future__ import annotations

import importlib.util
import math
import pathlib

import numpy as np
import rasterio
from affine import Affine

from builder import atomic
from builder.geometry import ellipsoid

PIXELS = 2400  # along a side of a tile
TILE_M = 2 * math.pi * ellipsoid.AUTHALIC_RADIUS_M / 36
PIXEL_M = TILE_M / PIXELS
LEFT_M, TOP_M = -18 * TILE_M, 9 * TILE_M
FILL = 255
CRS = f"+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R={ellipsoid.AUTHALIC_RADIUS_M} +units=m +no_defs"
PRODUCED = "2022165225623"  # year, day and time of processing, as the file names of collection 6.1 carry them

_STRUCTURE = """GROUP=SwathStructure
END_GROUP=SwathStructure
GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="MCD12Q1"
\t\tXDim=2400
\t\tYDim=2400
\t\tUpperLeftPointMtrs=({left:.6f},{top:.6f})
\t\tLowerRightMtrs=({right:.6f},{bottom:.6f})
\t\tProjection=GCTP_SNSOID
\t\tProjParams=(6371007.181000,0,0,0,0,0,0,0,0,0,0,0,0)
\t\tSphereCode=-1
\t\tGridOrigin=HDFE_GD_UL
\t\tGROUP=Dimension
\t\tEND_GROUP=Dimension
\t\tGROUP=DataField
\t\t\tOBJECT=DataField_1
\t\t\t\tDataFieldName="LC_Type1"
\t\t\t\tDataType=DFNT_UINT8
\t\t\t\tDimList=("YDim","XDim")
\t\t\t\tCompressionType=HDFE_COMP_DEFLATE
\t\t\t\tDeflateLevel=9
\t\t\tEND_OBJECT=DataField_1
\t\tEND_GROUP=DataField
\t\tGROUP=MergedFields
\t\tEND_GROUP=MergedFields
\tEND_GROUP=GRID_1
END_GROUP=GridStructure
GROUP=PointStructure
END_GROUP=PointStructure
END
"""


def to_sinusoidal(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) in metres of points in degrees."""
    radius_m = ellipsoid.AUTHALIC_RADIUS_M
    return radius_m * np.radians(lon) * np.cos(np.radians(lat)), radius_m * np.radians(lat)


def to_lonlat(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lon, lat) in degrees of points in metres."""
    lat = y / ellipsoid.AUTHALIC_RADIUS_M
    return np.degrees(x / (ellipsoid.AUTHALIC_RADIUS_M * np.cos(lat))), np.degrees(lat)


def write_tiles(folder: pathlib.Path, codes: np.ndarray, row0: int, column0: int) -> list[pathlib.Path]:
    """Writes every tile that `codes` overlaps: uint8[y, x], its corner at row0, column0 of the global grid.

    Tiles are HDF4-EOS where `pyhdf` is installed, else GeoTIFF as export services write the same layer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for v in range(row0 // PIXELS, (row0 + codes.shape[0] - 1) // PIXELS + 1):
        for h in range(column0 // PIXELS, (column0 + codes.shape[1] - 1) // PIXELS + 1):
            tile = np.full((PIXELS, PIXELS), FILL, np.uint8)
            top, left = row0 - v * PIXELS, column0 - h * PIXELS
            rows = slice(max(top, 0), min(top + codes.shape[0], PIXELS))
            columns = slice(max(left, 0), min(left + codes.shape[1], PIXELS))
            tile[rows, columns] = codes[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
            if (tile != FILL).any():
                written.append(_write_tile(folder, tile, h, v))
    return written


def _write_tile(folder: pathlib.Path, tile: np.ndarray, h: int, v: int) -> pathlib.Path:
    stem = f"MCD12Q1.A2010001.h{h:02d}v{v:02d}.061.{PRODUCED}"
    left, top = LEFT_M + h * TILE_M, TOP_M - v * TILE_M
    if importlib.util.find_spec("pyhdf") is None:
        path = folder / f"{stem}_LC_Type1.tif"
        profile = {
            "driver": "GTiff", "height": PIXELS, "width": PIXELS, "count": 1, "dtype": "uint8", "crs": CRS,
            "transform": Affine(PIXEL_M, 0, left, 0, -PIXEL_M, top), "nodata": FILL, "compress": "deflate",
        }  # fmt: skip
        with atomic.file(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
            target.write(tile, 1)
        return path
    path = folder / f"{stem}.hdf"
    with atomic.file(path) as temporary:
        _write_hdf(temporary, tile, _STRUCTURE.format(left=left, top=top, right=left + TILE_M, bottom=top - TILE_M))
    return path


def _write_hdf(path: pathlib.Path, tile: np.ndarray, structure: str) -> None:
    from pyhdf import SD

    path.unlink(missing_ok=True)  # the library creates files, and refuses to write into empty ones
    file = SD.SD(str(path), SD.SDC.WRITE | SD.SDC.CREATE | SD.SDC.TRUNC)
    try:
        file.attr("StructMetadata.0").set(SD.SDC.CHAR8, structure)
        layer = file.create("LC_Type1", SD.SDC.UINT8, tile.shape)
        layer.setcompress(SD.SDC.COMP_DEFLATE, 9)
        layer.dim(0).setname("YDim:MCD12Q1")
        layer.dim(1).setname("XDim:MCD12Q1")
        layer.setfillvalue(FILL)
        layer.attr("long_name").set(SD.SDC.CHAR8, "Land_Cover_Type_1")
        layer.attr("valid_range").set(SD.SDC.UINT8, [1, 17])
        layer[:] = tile
        layer.endaccess()
    finally:
        file.end()
