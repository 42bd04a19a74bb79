"""Reading maps: the same codes at the same place from every form, and what broken files get."""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import pickle
import sys

import map_files
import numpy as np
import pyproj
import pytest
import rasterio
import rasterio.errors
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import command_line, errors
from builder.geometry import lonlat
from builder.geometry.lattice import Lattice
from builder.geometry.window import Window
from builder.maps import netcdf, rasters

CODES = np.array([[10, 20, 130, 210], [220, 200, 190, 0], [50, 60, 70, 80]], np.uint8)
XIAN = (108.95, 34.27)


def _xian_tile(path: pathlib.Path, **options) -> pathlib.Path:
    """Forty pixels square of tile h27v05, with Xi'an in it."""
    codes = np.arange(1600, dtype=np.uint16).reshape(40, 40) % 17 + 1
    x, y = pyproj.Proj(map_files.SINUSOIDAL)(*XIAN)
    pixel = map_files.MODIS_PIXEL_M
    return map_files.modis(path, codes.astype(np.uint8), left=x - 20.5 * pixel, top=y + 10.5 * pixel, **options)


def test_a_geotiff_says_where_it_is_and_gives_its_codes_by_window(tmp_path: pathlib.Path) -> None:
    path = map_files.geotiff(tmp_path / "a.tif", CODES, nodata=0)
    file = rasters.describe(path)
    assert (file.shape, file.dtype, file.nodata, file.variable) == ((3, 4), "uint8", 0, None)
    assert file.lattice.bounds == pytest.approx((108.0, 35.0 - 3 / 360, 108.0 + 4 / 360, 35.0))
    assert file.resolution_m == pytest.approx(309.2, abs=0.1)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.size_bytes == path.stat().st_size
    np.testing.assert_array_equal(rasters.read(file, Window(1, 3, 2, 4)), CODES[1:3, 2:4])
    assert rasters.read(file, Window(1, 1, 0, 4)).shape == (0, 4)


def test_a_description_travels_to_other_threads(tmp_path: pathlib.Path) -> None:
    file = pickle.loads(pickle.dumps(rasters.describe(map_files.geotiff(tmp_path / "a.tif", CODES))))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        reads = list(pool.map(lambda _: rasters.read(file, Window(0, 3, 0, 4)), range(40)))
    assert all((codes == CODES).all() for codes in reads)


def test_a_forked_process_opens_its_own_files(tmp_path: pathlib.Path) -> None:
    file = rasters.describe(map_files.geotiff(tmp_path / "a.tif", CODES))
    rasters.read(file, Window(0, 1, 0, 1))
    child = os.fork()
    if child == 0:
        os._exit(0 if (rasters.read(file, Window(0, 3, 0, 4)) == CODES).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(rasters.read(file, Window(0, 3, 0, 4)), CODES)


def test_more_files_than_may_stay_open_are_all_read(tmp_path: pathlib.Path) -> None:
    files = [
        rasters.describe(map_files.geotiff(tmp_path / f"{i}.tif", np.full((2, 2), i, np.uint8)))
        for i in range(rasters.OPEN_DATASETS + 8)
    ]
    for _ in range(2):
        assert [int(rasters.read(file, Window(0, 1, 0, 1))[0, 0]) for file in files] == list(range(len(files)))


@pytest.mark.parametrize(
    ("dtype", "nodata", "expected"), [(np.int8, -46, 210), (np.uint16, 999, 999), (np.int16, -1, 65535)]
)
def test_signed_codes_come_as_the_unsigned_codes_of_the_same_bits(tmp_path, dtype, nodata, expected) -> None:
    file = rasters.describe(map_files.geotiff(tmp_path / "a.tif", np.full((2, 2), nodata, dtype), nodata=nodata))
    codes = rasters.read(file, Window(0, 2, 0, 2))
    assert codes.dtype.kind == "u"
    assert (codes == expected).all()
    assert file.nodata == expected


def test_a_modis_tile_lies_where_its_corners_say(tmp_path: pathlib.Path) -> None:
    file = rasters.describe(_xian_tile(tmp_path / "MCD12Q1.A2010001.h27v05.061.2022.hdf"))
    assert (file.shape, file.dtype, file.nodata, file.variable) == ((40, 40), "uint8", 255, "LC_Type1")
    assert file.resolution_m == pytest.approx(463.3127, abs=1e-3)
    x, y = pyproj.Transformer.from_crs("EPSG:4326", file.crs, always_xy=True).transform(*XIAN)
    column, row = (x - file.transform[2]) / file.transform[0], (y - file.transform[5]) / file.transform[4]
    assert (column, row) == pytest.approx((20.5, 10.5), abs=1e-3)
    codes = np.arange(1600).reshape(40, 40) % 17 + 1
    np.testing.assert_array_equal(rasters.read(file, Window(10, 13, 19, 22)), codes[10:13, 19:22])


def test_collection_5_has_other_names_for_grid_and_layer(tmp_path: pathlib.Path) -> None:
    path = _xian_tile(tmp_path / "a.hdf", grid="MOD12Q1", layer="Land_Cover_Type_1")
    assert rasters.describe(path).variable == "Land_Cover_Type_1"


def test_the_climate_grid_of_modis_has_corners_in_packed_degrees(tmp_path: pathlib.Path) -> None:
    path = map_files.modis(
        tmp_path / "MCD12C1.hdf", np.zeros((2, 4), np.uint8), left=-180e6, top=90e6, pixel=90e6,
        layer="Majority_Land_Cover_Type_1", grid="MOD12C1", projection="GEO",
    )  # fmt: skip
    file = rasters.describe(path)
    assert file.lattice.bounds == (-180.0, -90.0, 180.0, 90.0)
    assert file.lattice.is_geographic


def test_a_layer_that_is_not_there_is_named_with_those_that_are(tmp_path: pathlib.Path) -> None:
    path = _xian_tile(tmp_path / "a.hdf", layer="LC_Prop1")
    with pytest.raises(errors.InputError, match=r"expected the layer LC_Type1 or .*the file holds LC_Prop1"):
        rasters.describe(path)
    assert rasters.describe(path, variable="LC_Prop1").variable == "LC_Prop1"


@pytest.mark.parametrize(
    ("package", "extra", "instead"),
    [("pyhdf", "modis", "GeoTIFF exports of the layer LC_Type1"), ("netCDF4", "build", "GeoTIFF of the same map")],
)
def test_without_its_package_a_command_names_the_extra_and_another_way(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys, package: str, extra: str, instead: str
) -> None:
    path = _xian_tile(tmp_path / "a.hdf") if package == "pyhdf" else map_files.netcdf(tmp_path / "a.nc", CODES)
    monkeypatch.setitem(sys.modules, package, None)
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=lambda args: rasters.describe(path))
    assert command_line.run(parser, []) == command_line.WRONG_INPUT
    text = capsys.readouterr().err
    assert f"pip install 'globeland[{extra}]'" in text
    assert instead in text


@pytest.mark.parametrize("dimensions", [("time", "lat", "lon"), ("lat", "lon"), ("lon", "lat"), ("lon", "time", "lat")])
@pytest.mark.parametrize("flips", [(), ("lat",), ("lon",), ("lat", "lon")])
@pytest.mark.parametrize("kind", ["i1", "u1"])
def test_a_netcdf_reads_the_same_whatever_the_order_of_its_axes(tmp_path, dimensions, flips, kind) -> None:
    file = rasters.describe(map_files.netcdf(tmp_path / "a.nc", CODES, dimensions=dimensions, flips=flips, kind=kind))
    assert (file.shape, file.dtype, file.variable) == ((3, 4), "uint8", "lccs_class")
    assert file.lattice.bounds == pytest.approx((108.0, 35.0 - 3 / 360, 108.0 + 4 / 360, 35.0))
    np.testing.assert_array_equal(rasters.read(file, Window(0, 3, 0, 4)), CODES)
    np.testing.assert_array_equal(rasters.read(file, Window(1, 3, 0, 3)), CODES[1:3, 0:3])


def test_a_netcdf_without_class_codes_is_refused_with_what_it_holds(tmp_path: pathlib.Path) -> None:
    path = map_files.netcdf(tmp_path / "a.nc", CODES)
    with pytest.raises(errors.InputError, match=r"expected the variable classes; .* holds lat, lon, time, lccs_class"):
        rasters.describe(path, variable="classes")
    with pytest.raises(errors.InputError, match=r"expected lat over latitude and longitude"):
        rasters.describe(path, variable="lat")


def test_a_netcdf_of_several_dates_is_refused(tmp_path: pathlib.Path) -> None:
    import netCDF4

    path = map_files.netcdf(tmp_path / "a.nc", CODES)
    with netCDF4.Dataset(path, "a") as file:
        file.createDimension("year", 2)
        file.createVariable("yearly", "u1", ("year", "lat", "lon"))
    with pytest.raises(errors.InputError, match=r"expected yearly over latitude and longitude \(and axes of length"):
        rasters.describe(path, variable="yearly")


def test_uneven_latitudes_are_refused() -> None:
    with pytest.raises(errors.InputError, match="in equal steps"):
        netcdf._axis(pathlib.Path("a.nc"), np.array([1.0, 2.0, 4.0]))


@pytest.mark.parametrize("name", ["a.tif", "a.hdf", "a.nc"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_a_truncated_file_is_refused_by_name(tmp_path: pathlib.Path, name: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(1, 17, (64, 64), np.uint8)
    path = tmp_path / name
    if name == "a.tif":
        map_files.geotiff(path, noise)
    elif name == "a.hdf":
        map_files.modis(path, noise, left=0.0, top=0.0)
    else:
        map_files.netcdf(path, noise)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(errors.InputError, match=str(path)):
        file = rasters.describe(path)
        rasters.read(file, Window(0, 64, 0, 64))


def test_a_corrupt_block_is_refused_when_it_is_read(tmp_path: pathlib.Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (256, 256), np.uint8)
    path = map_files.geotiff(tmp_path / "a.tif", noise)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 2000] = bytes(2000)
    path.write_bytes(whole)
    file = rasters.describe(path)
    with pytest.raises(errors.InputError, match=r"a\.tif: the data are truncated or corrupt .* Download") as caught:
        rasters.read(file, Window(0, 256, 0, 256))
    assert "See previous exception" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"GIF89a is no map", b"\x0e\x03\x13\x01 no HDF either", b"\x89HDF\r\n\x1a\n"])
@pytest.mark.parametrize("suffix", ["tif", "hdf", "nc"])
def test_what_is_no_raster_is_refused(tmp_path: pathlib.Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(errors.InputError, match=str(path)):
        rasters.describe(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="expected a raster file; found no such file"):
        rasters.describe(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.tif", "a.hdf", "a.nc"])
def test_a_pipe_in_place_of_a_map_is_refused_not_waited_for(tmp_path: pathlib.Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(errors.InputError, match=rf"{name}: expected a raster file; found something that is no regular"):
        rasters.describe(tmp_path / name)


def test_a_pipe_that_takes_the_place_of_a_described_map_is_refused(tmp_path: pathlib.Path) -> None:
    file = rasters.describe(map_files.geotiff(tmp_path / "a.tif", CODES))
    file.path.unlink()
    os.mkfifo(file.path)
    with pytest.raises(errors.InputError, match=r"a\.tif: expected a raster file"):
        rasters.read(file, Window(0, 1, 0, 1))


def test_a_crs_may_be_given_but_must_be_known(tmp_path: pathlib.Path) -> None:
    path = map_files.geotiff(tmp_path / "a.tif", CODES, crs=None)
    with pytest.raises(errors.NoCrs, match=r'a\.tif: expected a coordinate .* crs = "EPSG:4326"'):
        rasters.describe(path)
    assert rasters.describe(path, crs="EPSG:4326").lattice.is_geographic
    with pytest.raises(errors.InputError, match="received 'EPSG:99999999'"):
        rasters.describe(path, crs="EPSG:99999999")
    with pytest.raises(errors.InputError, match=r"expected a CRS of the earth .* received 'IAU_2015:30100'"):
        rasters.describe(path, crs="IAU_2015:30100")  # the moon


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_rotated_or_unplaced_grid_is_refused(tmp_path: pathlib.Path) -> None:
    for transform in (rasterio.Affine(1, 0.2, 0, 0.2, -1, 0), rasterio.Affine.identity()):
        path = tmp_path / "a.tif"
        with rasterio.open(
            path, "w", driver="GTiff", height=2, width=2, count=1, dtype="uint8", crs="EPSG:4326", transform=transform
        ) as dataset:
            dataset.write(np.ones((1, 2, 2), np.uint8))
        with pytest.raises(errors.InputError, match="expected a north-up grid"):
            rasters.describe(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_colours_and_measurements_are_no_class_codes(tmp_path: pathlib.Path) -> None:
    with rasterio.open(
        tmp_path / "rgb.tif", "w", driver="GTiff", height=2, width=2, count=3, dtype="uint8", crs="EPSG:4326"
    ) as dataset:
        dataset.write(np.ones((3, 2, 2), np.uint8))
    with pytest.raises(errors.InputError, match=r"received 3 bands.*gdal_translate -b 1"):
        rasters.describe(tmp_path / "rgb.tif")
    with pytest.raises(errors.InputError, match=r"received float32.*gdal_translate -ot UInt16"):
        rasters.describe(map_files.geotiff(tmp_path / "a.tif", CODES.astype(np.float32)))


def test_a_window_outside_the_file_is_a_fault_of_the_caller(tmp_path: pathlib.Path) -> None:
    file = rasters.describe(map_files.geotiff(tmp_path / "a.tif", CODES))
    with pytest.raises(ValueError, match="expected a window inside 3 rows x 4 columns"):
        rasters.read(file, Window(0, 4, 0, 4))


EXTENTS = {
    "EPSG:32601": (1e5, 0.0, 9e5, 9e6),
    "EPSG:32648": (1e5, 0.0, 9e5, 9e6),
    "EPSG:32760": (1e5, 1.5e6, 9e5, 1e7),
    "EPSG:3035": (2e6, 1e6, 7e6, 5.4e6),
    "EPSG:3413": (-3e6, -3e6, 3e6, 3e6),
    "EPSG:3031": (-3e6, -3e6, 3e6, 3e6),
    "EPSG:4807": (0.0, 40.0, 10.0, 60.0),  # grads from Paris
    map_files.SINUSOIDAL: (-2.1e7, -1.05e7, 2.1e7, 1.05e7),
}


def _of(crs: str, origin: tuple[float, float], pixel: float, shape: tuple[int, int]) -> rasters.RasterFile:
    transform = (pixel, 0.0, origin[0], 0.0, -pixel, origin[1])
    return rasters.RasterFile(pathlib.Path("a.tif"), Lattice(crs, transform, shape), "uint8", None, None, "", 0)


@settings(max_examples=60)
@given(
    st.sampled_from(list(EXTENTS)), st.floats(0, 1), st.floats(0, 1), st.data(),
)  # fmt: skip
def test_the_box_in_degrees_holds_every_pixel(crs: str, u: float, v: float, data: st.DataObject) -> None:
    west, south, east, north = EXTENTS[crs]
    pixel, size = (1000.0 if east > 1e3 else 0.01), data.draw(st.integers(2, 400))
    file = _of(crs, (west + u * (east - west), south + v * (north - south)), pixel, (size, size))
    left, bottom, right, top = file.lattice.bounds
    x, y = left + data.draw(st.floats(0, 1)) * (right - left), bottom + data.draw(st.floats(0, 1)) * (top - bottom)
    to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    there_and_back = to_degrees.transform(lon, lat, direction="INVERSE")
    if not np.hypot(*np.subtract(there_and_back, (x, y))) < pixel / 1000:
        return  # off the globe
    assert lonlat.overlaps(file.bounds_lonlat, (lon - 1e-9, lat - 1e-9, lon + 1e-9, lat + 1e-9))


def test_a_utm_tile_across_the_antimeridian_is_found_from_both_sides() -> None:
    file = _of("EPSG:32601", (200_000.0, 7_000_000.0), 30.0, (10_000, 10_000))
    assert lonlat.overlaps(file.bounds_lonlat, (179.5, 62.0, 179.6, 62.1))
    assert lonlat.overlaps(file.bounds_lonlat, (-179.9, 62.0, -179.8, 62.1))
    assert lonlat.overlaps(file.bounds_lonlat, (180.1, 62.0, 180.2, 62.1))
    assert not lonlat.overlaps(file.bounds_lonlat, (100.0, 62.0, 100.1, 62.1))


def test_a_small_utm_tile_keeps_a_small_box() -> None:
    west, south, east, north = _of("EPSG:32649", (300_000.0, 3_800_000.0), 30.0, (1000, 1000)).bounds_lonlat
    assert (west, south, east, north) == pytest.approx((108.83, 34.05, 109.16, 34.33), abs=0.02)


def test_real_modis_in_native_sinusoidal_lands_where_its_bounds_say(shared_data: pathlib.Path) -> None:
    file = rasters.describe(shared_data / "landcover" / "arcachon_MCD12Q1_LC_Type1_2004-01-01.tif")
    west, south, east, north = -1.4158, 44.4875, -0.9345, 44.8250
    left, bottom, right, top = file.lattice.bounds
    to_degrees = pyproj.Transformer.from_crs(file.crs, "EPSG:4326", always_xy=True)
    corners = [to_degrees.transform(x, y) for x, y in ((left, top), (right, bottom))]
    half_lon, half_lat = 0.5 * 463.31 / (111_195 * np.cos(np.radians(44.65))), 0.5 * 463.31 / 111_195
    assert corners[0] == (pytest.approx(west, abs=half_lon), pytest.approx(north, abs=half_lat))
    assert corners[1] == (pytest.approx(east, abs=half_lon), pytest.approx(south, abs=half_lat))
    assert (rasters.read(file, Window(0, 81, 0, 81)) == 17).sum() == 3094  # the Atlantic and the bay
