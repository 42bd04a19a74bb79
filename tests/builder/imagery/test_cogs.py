from __future__ import annotations

import os

import imagery_files
import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject

from builder import errors
from builder.chips import footprint
from builder.imagery import cogs, source

LON, LAT = imagery_files.CENTRE


def grid(lon=LON, lat=LAT, rotation_deg=0.0, size_px=299, size_m=90.0):
    return source.GroundGrid(footprint.Footprint(lon, lat, size_m, rotation_deg).nodes(5), size_px, size_m)


def patch(path, *grids, **how):
    answers = cogs.read(source.PixelFile(str(path), **how), list(grids) or [grid()])
    assert all(isinstance(answer, source.Patch) for answer in answers), answers
    return answers[0] if len(answers) == 1 else answers


@pytest.mark.parametrize("lat", [0.0, 34.0, 60.0, 80.0])
@pytest.mark.parametrize("crs", ["EPSG:32649", "EPSG:4326", "EPSG:3857"])
@pytest.mark.parametrize("rotation_deg", [0.0, 30.0])
def test_pixel_centres_fall_within_a_hundredth_of_a_source_pixel(tmp_path, lat, crs, rotation_deg):
    lon = 108.2
    x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    pixel = 0.3 if crs != "EPSG:4326" else 0.3 / 111_320
    transform = Affine(pixel, 0, x - 1500 * pixel, 0, -pixel, y + 1500 * pixel)
    path = imagery_files.write(tmp_path / "a.tif", np.zeros((3, 8, 8), np.uint8), crs=crs, transform=transform)
    centres = footprint.Footprint(lon, lat, 90.0, rotation_deg).pixel_centres(299)
    to_file = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    x, y = to_file.transform(centres[..., 0], centres[..., 1])
    exact = np.stack([(x - transform.c) / transform.a, (y - transform.f) / transform.e], axis=-1)
    fitted = cogs.places_of_pixels(grid(lon, lat, rotation_deg), str(path))
    assert np.abs(fitted - exact).max() < 0.01


def test_a_chip_equals_exact_bilinear_interpolation_to_a_grey_level(tmp_path):
    pixels = imagery_files.texture(500, 500)
    path = imagery_files.write(tmp_path / "a.tif", pixels)
    got = patch(path, grid(rotation_deg=20.0))
    at = cogs.places_of_pixels(grid(rotation_deg=20.0), str(path)) - 0.5
    whole, part = np.floor(at).astype(int), at - np.floor(at)
    expected = np.zeros((299, 299, 3))
    for dy in (0, 1):
        for dx in (0, 1):
            weight = np.abs(1 - dx - part[..., 0]) * np.abs(1 - dy - part[..., 1])
            expected += weight[..., None] * np.moveaxis(pixels[:, whole[..., 1] + dy, whole[..., 0] + dx], 0, 2)
    assert got.valid.all()
    assert np.abs(got.pixels - expected).max() <= 1.0 + 1e-6


def test_a_utm_scene_and_its_reprojected_copy_show_the_same_ground(tmp_path):
    pixels = imagery_files.texture(1000, 1000, grain_px=8)
    path = imagery_files.write(tmp_path / "utm.tif", pixels, pixel_m=0.5)
    for crs in ("EPSG:4326", "EPSG:3857", "EPSG:32648"):
        with rasterio.open(path) as file:
            transform, width, height = calculate_default_transform(file.crs, crs, 1000, 1000, *file.bounds)
            copy = np.zeros((3, height, width), np.uint8)
            reproject(
                pixels, copy, src_transform=file.transform, src_crs=file.crs, dst_transform=transform, dst_crs=crs,
                resampling=Resampling.cubic,
            )  # fmt: skip
        other = imagery_files.write(tmp_path / "copy.tif", copy, crs=crs, transform=transform)
        first, second = patch(path), patch(other)
        cogs.geotiffs.forget(str(other))
        assert second.valid.all()
        assert np.abs(first.pixels.astype(float) - second.pixels).mean() < 3.0
        assert np.hypot(*shift_px(first.pixels, second.pixels)) < 0.5


def test_the_measure_of_shift_sees_a_shift():
    pixels = np.moveaxis(imagery_files.texture(320, 320, grain_px=13), 0, 2)
    dy, dx = shift_px(pixels[10:309, 10:309], pixels[10:309, 11:310])
    assert abs(dy) < 0.2 and abs(dx) == pytest.approx(1.0, abs=0.2)


def shift_px(first, second):
    """Shift of two pictures by phase correlation, to a tenth of a pixel."""
    a, b = (picture.astype(float).mean(axis=2) - picture.mean() for picture in (first, second))
    window = np.outer(np.hanning(a.shape[0]), np.hanning(a.shape[1]))
    cross = np.fft.fft2(a * window) * np.conj(np.fft.fft2(b * window))
    size, fine = a.shape[0], np.arange(-30, 31) / 10.0
    frequency = np.fft.fftfreq(size)
    kernel = np.exp(2j * np.pi * np.outer(fine, frequency))
    surface = np.abs(
        kernel @ (cross / np.maximum(np.abs(cross), 1e-9) * (np.abs(cross) > np.abs(cross).max() * 1e-6)) @ kernel.T
    )
    y, x = np.unravel_index(surface.argmax(), surface.shape)
    return fine[y], fine[x]


def test_many_near_chips_read_together_equal_each_by_itself(tmp_path):
    path = imagery_files.write(tmp_path / "a.tif", imagery_files.texture(900, 900), driver="COG", compress="jpeg")
    near = [grid(LON + dx * 1e-4, LAT + dy * 1e-4, 15.0 * dx) for dx in range(-3, 4) for dy in range(-3, 4)]
    together = patch(path, *near)
    for one, each in zip(near, together, strict=True):
        alone = patch(path, one)
        assert np.abs(alone.pixels.astype(int) - each.pixels).max() <= 1
        np.testing.assert_array_equal(alone.valid, each.valid)


def test_a_much_finer_scene_is_averaged_not_picked(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 2, (3, 2000, 2000), dtype=np.uint8) * 255  # 0.05 m: 36 samples per chip pixel
    path = imagery_files.write(tmp_path / "fine.tif", noise, pixel_m=0.05)
    got = patch(path)
    assert abs(got.pixels.mean() - 127.5) < 3.0
    assert got.pixels.std() < 40.0  # single samples would have 127


def test_a_coarser_scene_keeps_its_place(tmp_path):
    pixels = np.zeros((3, 100, 100), np.uint8)
    pixels[:, 50, 50] = 255  # one bright pixel of 5 m at the middle
    transform = imagery_files.utm_transform(LON, LAT, (100, 100), 5.0)
    path = imagery_files.write(tmp_path / "coarse.tif", pixels, transform=transform)
    x, y = transform.c + 50.5 * transform.a, transform.f + 50.5 * transform.e
    lon, lat = pyproj.Transformer.from_crs(imagery_files.UTM49, 4326, always_xy=True).transform(x, y)
    brightness = patch(path, grid(lon, lat)).pixels[..., 0].astype(float)
    row, column = np.mgrid[0:299, 0:299]
    assert (brightness * row).sum() / brightness.sum() == pytest.approx(149.0, abs=0.3)
    assert (brightness * column).sum() / brightness.sum() == pytest.approx(149.0, abs=0.3)


def test_ground_beside_the_scene_is_black_and_not_valid(tmp_path):
    path = imagery_files.write(tmp_path / "a.tif", np.full((3, 200, 200), 90, np.uint8))  # 60 m: smaller than a chip
    got = patch(path)
    assert got.valid.mean() == pytest.approx((60 / 90) ** 2, abs=0.01)
    assert (got.pixels[got.valid] == 90).all() and (got.pixels[~got.valid] == 0).all()
    far = patch(path, grid(LON + 1.0))
    assert not far.valid.any()


def test_two_scenes_that_meet_leave_no_seam(tmp_path):
    pixels = imagery_files.texture(600, 600)
    transform = imagery_files.utm_transform(LON, LAT, (600, 600), 0.3)
    halves = []
    for i in (0, 1):
        moved = Affine(0.3, 0, transform.c + 90 * i, 0, -0.3, transform.f)
        half = pixels[:, :, 300 * i : 300 * (i + 1)]
        halves.append(imagery_files.write(tmp_path / f"{i}.tif", half, transform=moved))
    for rotation_deg in (0.0, 7.0, 45.0):
        left, right = (patch(half, grid(rotation_deg=rotation_deg)) for half in halves)
        assert (left.valid | right.valid).all()
        assert not left.valid.all() and not right.valid.all()


@pytest.mark.parametrize("how", ["nodata", "mask", "stated"])
def test_holes_are_found_by_nodata_mask_or_statement(tmp_path, how):
    pixels = np.full((3, 500, 500), 90, np.uint8)
    hole = np.zeros((500, 500), bool)
    hole[200:300, 200:300] = True
    pixels[:, hole] = 0
    profile = {"nodata": {"nodata": 0}, "mask": {"mask": (~hole).astype(np.uint8) * 255}, "stated": {}}[how]
    path = imagery_files.write(tmp_path / "a.tif", pixels, **profile)
    got = patch(path, nodata=0.0) if how == "stated" else patch(path)
    assert 1 - got.valid.mean() == pytest.approx(30.0**2 / 90.0**2, rel=0.05)
    assert patch(path, mask=False).valid.all()


def test_a_near_infrared_band_that_calls_itself_alpha_hides_nothing(tmp_path):
    pixels = np.concatenate([imagery_files.texture(400, 400), np.full((1, 400, 400), 37, np.uint8)])
    path = imagery_files.write(tmp_path / "a.tif", pixels, photometric="RGB", alpha="yes")
    assert patch(path).valid.all()


def test_sixteen_bits_need_a_stretch_and_follow_it(tmp_path):
    pixels = np.stack([np.full((400, 400), v, np.uint16) for v in (100, 600, 5000)])
    path = imagery_files.write(tmp_path / "a.tif", pixels)
    with pytest.raises(errors.InputError, match=r"uint16, not uint8.*stretch"):
        cogs.read(source.PixelFile(str(path)), [grid()])
    assert patch(path, stretch=(100.0, 1100.0)).pixels[0, 0].tolist() == [0, 128, 255]


def test_a_single_band_is_refused_unless_it_is_stated(tmp_path):
    path = imagery_files.write(tmp_path / "pan.tif", imagery_files.texture(400, 400)[:1])
    with pytest.raises(errors.InputError, match=r"the file has 1\. State bands"):
        cogs.read(source.PixelFile(str(path)), [grid()])
    got = patch(path, bands=(1, 1, 1)).pixels
    assert (got[..., 0] == got[..., 2]).all()


def test_a_corrupt_block_spoils_only_the_chips_that_need_it(tmp_path):
    path = imagery_files.write(tmp_path / "a.tif", imagery_files.texture(1024, 1024, grain_px=2))
    with rasterio.open(path) as file:
        offset = int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
        size = int(file.get_tag_item("BLOCK_SIZE_0_0", "TIFF", bidx=1))
        at = np.array([160, 860]) * 0.3
        x, y = file.transform.c + at, file.transform.f - at
    content = bytearray(path.read_bytes())
    content[offset + 10 : offset + size] = bytes(size - 10)
    path.write_bytes(content)
    lon, lat = pyproj.Transformer.from_crs(imagery_files.UTM49, 4326, always_xy=True).transform(x, y)
    bad, good = cogs.read(source.PixelFile(str(path)), [grid(lon[0], lat[0]), grid(lon[1], lat[1])])
    assert isinstance(bad, source.Unreadable) and "a.tif" in bad.detail
    assert isinstance(good, source.Patch) and good.valid.all()


def test_a_missing_file_is_unreadable(tmp_path):
    (answer,) = cogs.read(source.PixelFile(str(tmp_path / "gone.tif")), [grid()])
    assert isinstance(answer, source.Unreadable) and "gone.tif" in answer.detail


def test_a_pipe_in_place_of_a_scene_is_refused_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(errors.InputError, match=r"a\.tif: expected a GeoTIFF; found something that is no regular file"):
        cogs.read(source.PixelFile(str(tmp_path / "a.tif")), [grid()])
    with pytest.raises(errors.InputError, match=r"a\.tif: expected a GeoTIFF"):
        cogs.geotiffs.header(str(tmp_path / "a.tif"))


def test_a_chip_across_180_degrees_comes_from_a_scene_in_utm(tmp_path):
    lon, lat = 179.9999, 34.0
    crs = "EPSG:32660"
    transform = imagery_files.utm_transform(lon, lat, (600, 600), 0.3, crs)
    path = imagery_files.write(tmp_path / "a.tif", imagery_files.texture(600, 600), crs=crs, transform=transform)
    assert patch(path, grid(lon, lat)).valid.all()
    west, _, east, _ = cogs.geotiffs.header(str(path)).bounds
    assert west > 179 and east < -179


def test_a_5_m_product_is_5_m_everywhere_in_its_zone(tmp_path):
    path = imagery_files.write(tmp_path / "a.tif", np.zeros((3, 64, 64), np.uint8), pixel_m=5.0)
    assert cogs.geotiffs.header(str(path)).pixel_m == 5.0
    mercator = Affine(1.0, 0, 12_000_000, 0, -1.0, 8_399_737)  # 60 N: a metre of the map is half a metre
    path = imagery_files.write(tmp_path / "b.tif", np.zeros((3, 64, 64), np.uint8), crs="EPSG:3857", transform=mercator)
    assert cogs.geotiffs.header(str(path)).pixel_m == pytest.approx(0.5, abs=0.01)
