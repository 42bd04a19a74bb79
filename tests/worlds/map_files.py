"""Writes small maps in real formats: GeoTIFF, HDF4-EOS tiles, NetCDF."""

from __future__ import annotations

import pathlib

import numpy as np
import rasterio

SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m +no_defs"
MODIS_PIXEL_M = 463.312716528
STRUCTURE = """GROUP=SwathStructure
END_GROUP=SwathStructure
GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="{grid}"
\t\tXDim={columns}
\t\tYDim={rows}
\t\tUpperLeftPointMtrs=({left:.6f},{top:.6f})
\t\tLowerRightMtrs=({right:.6f},{bottom:.6f})
\t\tProjection=GCTP_{projection}
\t\tProjParams=({radius},0,0,0,0,0,0,0,0,0,0,0,0)
\t\tSphereCode=-1
\t\tGROUP=DataField
\t\t\tOBJECT=DataField_1
\t\t\t\tDataFieldName="{layer}"
\t\t\t\tDataType=DFNT_UINT8
\t\t\t\tDimList=("YDim","XDim")
\t\t\tEND_OBJECT=DataField_1
\t\tEND_GROUP=DataField
\tEND_GROUP=GRID_1
END_GROUP=GridStructure
GROUP=PointStructure
END_GROUP=PointStructure
END
"""


def geotiff(path, codes, *, crs="EPSG:4326", origin=(108.0, 35.0), pixel=1 / 360, nodata=None):
    """Writes codes[y, x] with its upper left corner at `origin`."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    codes = np.asarray(codes)
    profile = {"driver": "GTiff", "count": 1, "height": codes.shape[0], "width": codes.shape[1], "dtype": codes.dtype}
    transform = rasterio.Affine(pixel, 0, origin[0], 0, -pixel, origin[1])
    profile |= {"crs": crs, "transform": transform, "nodata": nodata, "compress": "deflate"}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(codes, 1)
    return path


def modis(path, codes, *, left, top, pixel=MODIS_PIXEL_M, layer="LC_Type1", grid="MCD12Q1", projection="SNSOID"):
    """Writes codes[y, x] as an HDF4-EOS tile with a fill value of 255."""
    from pyhdf import SD

    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = codes.shape
    right, bottom = left + columns * pixel, top - rows * pixel
    file = SD.SD(str(path), SD.SDC.WRITE | SD.SDC.CREATE | SD.SDC.TRUNC)
    sds = file.create(layer, SD.SDC.UINT8, codes.shape)
    sds.setfillvalue(255)
    sds[:] = codes
    sds.endaccess()
    text = STRUCTURE.format(
        grid=grid, rows=rows, columns=columns, left=left, right=right, top=top, bottom=bottom,
        layer=layer, projection=projection, radius=6371007.181 if projection == "SNSOID" else 0,
    )  # fmt: skip
    half = len(text) // 2
    file.attr("StructMetadata.0").set(SD.SDC.CHAR, text[:half])
    file.attr("StructMetadata.1").set(SD.SDC.CHAR, text[half:])
    file.end()
    return path


def netcdf(path, codes, *, west=108.0, north=35.0, dimensions=("time", "lat", "lon"), flips=(), kind="i1"):
    """Writes codes[y, x], north up; `flips` names the axes to store in reverse."""
    import netCDF4

    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixel = 1 / 360
    lat = north - pixel * (np.arange(codes.shape[0]) + 0.5)
    lon = west + pixel * (np.arange(codes.shape[1]) + 0.5)
    values = codes.astype(np.uint8).view(kind)
    if "lat" in flips:
        lat, values = lat[::-1], values[::-1]
    if "lon" in flips:
        lon, values = lon[::-1], values[:, ::-1]
    order = [d for d in dimensions if d != "time"]
    values = values if order == ["lat", "lon"] else values.T
    with netCDF4.Dataset(path, "w") as file:
        axes = (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east"), ("time", [0], "days since 1970-01-01"))
        for name, centres, units in axes:
            if name in dimensions:
                file.createDimension(name, len(centres))
                axis = file.createVariable(name, "f8", (name,))
                axis.units = units
                axis[:] = centres
        variable = file.createVariable("lccs_class", kind, dimensions, zlib=True)
        variable._Unsigned = "true"
        variable.set_auto_maskandscale(False)
        variable[:] = values[None] if "time" in dimensions else values
    return path
