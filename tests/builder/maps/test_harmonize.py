from __future__ import annotations

import collections
import pathlib
import re
from collections.abc import Callable, Sequence

import affine
import numpy as np
import pyproj
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import errors
from builder.geometry import grid
from builder.legend import crosswalk as crosswalks
from builder.legend import legend as legends
from builder.maps import harmonize, placement, products, rasters

XIAN = grid.window_of_bbox(107.98, 34.0, 108.02, 34.03)  # two UTM zones meet at 108 E
SINUSOIDAL = "+proj=sinu +R=6371007.181 +units=m +no_defs"
CELL = 1 / 360
CODES = np.array([0, 10, 20, 30, 50, 60, 80, 90, 100], np.uint8)  # GlobeLand30: 0 no data, 50 wetland outside


def raster(path: pathlib.Path, codes: np.ndarray, crs: str, transform: Sequence[float]) -> rasters.RasterFile:
    profile = {"driver": "GTiff", "count": 1, "dtype": codes.dtype, "height": codes.shape[0], "width": codes.shape[1]}
    with rasterio.open(path, "w", crs=crs, transform=affine.Affine(*transform), **profile) as dataset:
        dataset.write(codes, 1)
    return rasters.describe(path)


def product(
    files: Sequence[rasters.RasterFile], sampling: products.Sampling, crosswalk: str = "globeland30"
) -> products.Product:
    return products.Product(
        name=crosswalk, title="", year=2010, version="", resolution_m=files[0].resolution_m, licence="", citation="",
        access="", published_accuracy="", crosswalk=crosswalks.shipped(crosswalk), nodata=None, files=tuple(files),
        is_base=True, sampling=sampling,
    )  # fmt: skip


def utm(
    path: pathlib.Path, zone: int, window: grid.CellWindow, codes: Callable[[tuple[int, int]], np.ndarray]
) -> rasters.RasterFile:
    """30 m pixels over the window and a little more."""
    west, south, east, north = window.bounds
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:326{zone}", always_xy=True)
    left, bottom, right, top = to_utm.transform_bounds(west, south, east, north)
    shape = (int((top - bottom) / 30) + 8, int((right - left) / 30) + 8)
    return raster(path, codes(shape), f"EPSG:326{zone}", (30, 0, left - 101.3, 0, -30, top + 97.7))


def noise(seed: int) -> Callable[[tuple[int, int]], np.ndarray]:
    """Every code alike, and no gaps."""
    return lambda shape: np.random.default_rng(seed).choice(CODES[1:], shape)


def lonlat_of_pixels(file: rasters.RasterFile) -> tuple[np.ndarray, np.ndarray]:
    a, _, c, _, e, f = file.transform
    rows, columns = np.mgrid[: file.shape[0], : file.shape[1]]
    to_lonlat = pyproj.Transformer.from_crs(file.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_lonlat.transform(c + a * (columns + 0.5), f + e * (rows + 0.5))
    return lon, lat


def votes_by_cell(file: rasters.RasterFile) -> dict[int, collections.Counter[int]]:
    """Targets of the valid pixels of every cell, pixel by pixel."""
    votes: dict[int, collections.Counter[int]] = collections.defaultdict(collections.Counter)
    targets = {**crosswalks.shipped("globeland30").strict}
    codes = rasters.read(file, file.lattice.whole)
    for cell, code in zip(grid.cell_of(*lonlat_of_pixels(file)).ravel().tolist(), codes.ravel().tolist(), strict=True):
        if targets[code] != legends.NODATA:
            votes[cell][targets[code]] += 1
    return votes


def expected(votes: collections.Counter[int], pixels_per_cell: float) -> tuple[int, float]:
    """Class and purity of one cell by the rules, from a tally."""
    valid = sum(votes.values())
    if valid < pixels_per_cell / 2 or not valid:
        return 0, 0.0
    (winner, most), *rest = votes.most_common()
    return (255 if rest and rest[0][1] == most else winner), most / valid


@pytest.mark.parametrize(
    ("crs", "lon", "lat"), [("EPSG:32648", 107.9, 34.0), ("EPSG:32633", 20.9, 78.5), ("EPSG:3035", 6.1, 50.6)]
)
def test_the_mode_equals_counting_every_projected_pixel(
    tmp_path: pathlib.Path, crs: str, lon: float, lat: float
) -> None:
    window = grid.window_of_bbox(lon, lat, lon + 0.1, lat + 0.04)
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    codes = noise(1)((260, 420))
    codes[60:130, 40:300] = 0
    file = raster(tmp_path / "a.tif", codes, crs, (30, 0, x - 300.4, 0, -30, y + 4600.2))
    got = harmonize.harmonize(product([file], "mode"), window, "strict")
    votes, area = votes_by_cell(file), np.broadcast_to(placement.pixels_per_cell(file, window), window.shape)
    for cell, classes, purity, pixels in zip(
        window.cells().ravel(), got.classes.ravel(), got.purity.ravel(), area.ravel(), strict=True
    ):
        assert (classes, pytest.approx(purity, abs=1e-6)) == expected(votes[int(cell)], pixels)
    assert set(np.unique(got.classes)) >= {0, 10, 20, 255}


def test_cells_of_pixels_are_those_of_exact_projection_even_near_borders(tmp_path: pathlib.Path) -> None:
    window = grid.window_of_bbox(110.2, 34.0, 110.5, 34.2)
    file = utm(tmp_path / "a.tif", 49, window, lambda shape: np.full(shape, 10, np.uint8))
    inside = grid.cell_of(*lonlat_of_pixels(file))
    row, column = np.divmod(inside, grid.COLUMNS)
    for chunk in placement.chunks(file, window):
        rim_row, rim_column = np.divmod(placement.cells(file, chunk, window), window.shape[1] + 2)
        part = np.s_[chunk.row0 : chunk.row1, chunk.col0 : chunk.col1]
        np.testing.assert_array_equal(rim_row, np.clip(row[part] - window.row0, -1, window.shape[0]) + 1)
        np.testing.assert_array_equal(rim_column, np.clip(column[part] - window.col0, -1, window.shape[1]) + 1)


def test_a_cell_at_xian_holds_about_88_pixels_of_30_m(tmp_path: pathlib.Path) -> None:
    file = utm(tmp_path / "a.tif", 48, XIAN, lambda shape: np.full(shape, 10, np.uint8))
    cell_m2 = grid.cell_area_km2(np.array([XIAN.row0])).item() * 1e6
    assert placement.pixels_per_cell(file, XIAN)[0, 0] == pytest.approx(cell_m2 / 900, rel=0.005)


def test_a_seam_between_zones_leaves_no_gap_and_counts_both_sides(tmp_path: pathlib.Path) -> None:
    def west_of_108(file: rasters.RasterFile, west: bool) -> rasters.RasterFile:
        lon, _ = lonlat_of_pixels(file)
        codes = rasters.read(file, file.lattice.whole)
        codes[(lon < 108) != west] = 0
        return raster(file.path.with_name(f"half_{file.path.name}"), codes, file.crs, file.transform)

    west = west_of_108(utm(tmp_path / "48.tif", 48, XIAN, noise(2)), True)
    east = west_of_108(utm(tmp_path / "49.tif", 49, XIAN, noise(3)), False)
    got = harmonize.count(product([west, east], "mode"), XIAN)
    assert (got.share > 0.85).all()
    votes = [votes_by_cell(file) for file in (west, east)]
    tally = [sum((v[int(cell)] for v in votes), collections.Counter()).total() for cell in XIAN.cells().ravel()]
    np.testing.assert_array_equal(got.pixels.sum(axis=-1).ravel(), tally)


def test_ground_that_two_zones_show_counts_once(tmp_path: pathlib.Path) -> None:
    west = utm(tmp_path / "48.tif", 48, XIAN, lambda shape: np.full(shape, 10, np.uint8))
    east = utm(tmp_path / "49.tif", 49, XIAN, lambda shape: np.full(shape, 20, np.uint8))
    got = harmonize.count(product([west, east], "mode"), XIAN)
    alone = harmonize.count(product([west], "mode"), XIAN)
    np.testing.assert_array_equal(got.pixels, alone.pixels)
    assert got.share.max() < 1.15  # 88 pixels, a few more or fewer by the lie of the grid


def lonlat_file(path: pathlib.Path, codes: np.ndarray, window: grid.CellWindow, per_cell: int) -> rasters.RasterFile:
    west, _, _, north = window.bounds
    return raster(path, codes, "EPSG:4326", (CELL / per_cell, 0, west, 0, -CELL / per_cell, north))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), classes=st.integers(1, 9), per_cell=st.sampled_from([2, 3, 10]))
def test_aligned_pixels_are_counted_exactly(
    tmp_path_factory: pytest.TempPathFactory, seed: int, classes: int, per_cell: int
) -> None:
    window = grid.CellWindow(20000, 20004, 100000, 100005)
    codes = np.random.default_rng(seed).choice(CODES[:classes], (4 * per_cell, 5 * per_cell))
    file = lonlat_file(tmp_path_factory.mktemp("a") / "a.tif", codes, window, per_cell)
    got = harmonize.harmonize(product([file], "mode"), window, "strict")
    strict = crosswalks.shipped("globeland30").strict
    for row in range(4):
        for column in range(5):
            pixels = codes[row * per_cell : (row + 1) * per_cell, column * per_cell : (column + 1) * per_cell]
            votes = collections.Counter(strict[c] for c in pixels.ravel().tolist() if strict[c])
            assert (got.classes[row, column], pytest.approx(got.purity[row, column])) == expected(votes, per_cell**2)


def test_two_classes_that_share_a_cell_equally_are_a_tie(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(100, 101, 100, 101)
    file = lonlat_file(tmp_path / "a.tif", np.array([[10, 20], [20, 10]], np.uint8), window, 2)
    got = harmonize.harmonize(product([file], "mode"), window, "strict")
    assert (got.classes.item(), got.purity.item()) == (255, 0.5)


def test_pixels_are_recoded_before_they_are_counted(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(100, 101, 100, 101)
    codes = np.array([[30, 30, 30], [40, 40, 10], [10, 10, 10]], np.uint8)  # grassland 3, shrubland 2, cultivated 4
    file = lonlat_file(tmp_path / "a.tif", codes, window, 3)
    assert harmonize.harmonize(product([file], "mode"), window, "strict").classes.item() == 30


def test_wetland_takes_part_in_the_mode_and_can_win(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(100, 101, 100, 101)
    codes = np.array([[50, 50, 50], [50, 10, 10], [10, 20, 20]], np.uint8)
    file = lonlat_file(tmp_path / "a.tif", codes, window, 3)
    got = harmonize.harmonize(product([file], "mode"), window, "strict")
    assert (got.classes.item(), got.purity.item()) == (255, pytest.approx(4 / 9))


@pytest.mark.parametrize(("valid", "wanted"), [(4, 0), (5, 10)])
def test_less_than_half_a_cell_of_data_is_no_data(tmp_path: pathlib.Path, valid: int, wanted: int) -> None:
    window = grid.CellWindow(100, 101, 100, 101)
    codes = np.where(np.arange(9) < valid, 10, 0).astype(np.uint8).reshape(3, 3)
    file = lonlat_file(tmp_path / "a.tif", codes, window, 3)
    assert harmonize.harmonize(product([file], "mode"), window, "strict").classes.item() == wanted


def test_both_uses_come_from_one_count(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(100, 101, 100, 101)
    crosswalk = crosswalks.shipped("cci_lc")
    contested = next(c for c in crosswalk.strict if crosswalk.strict[c] == 255 and crosswalk.dominant[c] == 20)
    sure = next(c for c in crosswalk.strict if crosswalk.strict[c] == 20)
    file = lonlat_file(tmp_path / "a.tif", np.array([[contested, contested], [contested, sure]], np.uint8), window, 2)
    assert harmonize.harmonize(product([file], "mode", "cci_lc"), window, "strict").classes.item() == 255
    assert harmonize.harmonize(product([file], "mode", "cci_lc"), window, "dominant").classes.item() == 20


def test_a_window_across_the_antimeridian_is_read_from_both_ends_of_a_global_file(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(32000, 32002, grid.COLUMNS - 2, grid.COLUMNS + 2)
    codes = np.full((4, 720), 10, np.uint8)  # half a degree each
    codes[:, 0], codes[:, -1] = 20, 60
    _, south, _, _ = window.bounds
    file = raster(tmp_path / "a.tif", codes, "EPSG:4326", (0.5, 0, -180, 0, -0.5, south + 1.2))
    for sampling in ("centre", "touching"):
        got = harmonize.harmonize(product([file], sampling), window, "strict")
        np.testing.assert_array_equal(got.classes[0], [60, 60, 20, 20])


def test_fine_pixels_across_the_antimeridian_wrap(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(100, 101, grid.COLUMNS - 1, grid.COLUMNS + 1)
    west = lonlat_file(tmp_path / "w.tif", np.full((2, 4), 10, np.uint8), grid.CellWindow(100, 101, 0, 2), 2)
    east = lonlat_file(
        tmp_path / "e.tif", np.full((2, 4), 20, np.uint8), grid.CellWindow(100, 101, grid.COLUMNS - 2, grid.COLUMNS), 2
    )
    got = harmonize.harmonize(product([west, east], "mode"), window, "strict")
    np.testing.assert_array_equal(got.classes, [[20, 10]])


def test_utm_pixels_beyond_180_degrees_fall_in_cells_of_the_other_side(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(25000, 25008, grid.COLUMNS - 4, grid.COLUMNS + 4)
    west, south, _, _ = window.bounds
    left, bottom = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32601", always_xy=True).transform(west, south)
    codes = noise(4)((130, 140))
    file = raster(tmp_path / "a.tif", codes, "EPSG:32601", (30, 0, left - 600, 0, -30, bottom + 3500))
    got = harmonize.count(product([file], "mode"), window)
    votes = votes_by_cell(file)
    np.testing.assert_array_equal(
        got.pixels.sum(axis=-1).ravel(), [votes[int(c)].total() for c in window.cells().ravel()]
    )
    assert (got.share > 0.8).all()


def test_a_coarse_sinusoidal_pixel_is_the_one_that_holds_the_centre(tmp_path: pathlib.Path) -> None:
    size = 463.312716528
    x, y = pyproj.Transformer.from_crs("EPSG:4326", SINUSOIDAL, always_xy=True).transform(108.0, 34.1)
    codes = noise(5)((40, 60))
    file = raster(tmp_path / "a.tif", codes, SINUSOIDAL, (size, 0, x - 20 * size, 0, -size, y + 10 * size))
    got = harmonize.harmonize(product([file], "centre"), XIAN, "strict")
    radius = 6371007.181
    lon, lat = grid.cell_centre(XIAN.cells())
    column = np.floor((radius * np.radians(lon) * np.cos(np.radians(lat)) - (x - 20 * size)) / size).astype(int)
    row = np.floor(((y + 10 * size) - radius * np.radians(lat)) / size).astype(int)
    targets = np.vectorize(crosswalks.shipped("globeland30").strict.__getitem__)(codes[row, column])
    np.testing.assert_array_equal(got.classes, targets)


def test_a_map_on_the_grid_itself_keeps_every_pixel(tmp_path: pathlib.Path) -> None:
    codes = noise(6)((8, 9))
    file = lonlat_file(tmp_path / "a.tif", codes, grid.CellWindow(500, 508, 700, 709), 1)
    got = harmonize.harmonize(product([file], "centre"), grid.CellWindow(502, 506, 703, 708), "strict")
    targets = np.vectorize(crosswalks.shipped("globeland30").strict.__getitem__)(codes)
    np.testing.assert_array_equal(got.classes, targets[2:6, 3:8])


@pytest.mark.parametrize(
    ("pixels", "wanted"),
    [([10, 10, 10, 10], 10), ([10, 10, 10, 20], 255), ([10, 10, 0, 0], 10), ([10, 0, 0, 0], 0), ([50] * 4, 255)],
)
def test_the_four_pixels_that_touch_the_centre_must_agree(
    tmp_path: pathlib.Path, pixels: list[int], wanted: int
) -> None:
    window = grid.CellWindow(9000, 9001, 100000, 100001)
    west, _, _, north = window.bounds
    shifted = (CELL, 0, round(west - CELL / 2, 8), 0, -CELL, round(north + CELL / 2, 8))  # origins are written rounded
    file = raster(tmp_path / "a.tif", np.array(pixels, np.uint8).reshape(2, 2), "EPSG:4326", shifted)
    assert harmonize.harmonize(product([file], "touching"), window, "strict").classes.item() == wanted


def test_core_is_the_class_of_all_nine_pixels_under_a_chip(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(21000, 21001, 100000, 100001)
    lon, lat = (float(v.item()) for v in grid.cell_centre(window.cells()))
    crs = f"+proj=aeqd +lon_0={lon} +lat_0={lat} +datum=WGS84"
    codes = np.full((15, 15), 20, np.uint8)
    transform = (30, 0, -7.5 * 30, 0, -30, 7.5 * 30)
    for row, column in [(7, 7), (6, 6), (8, 8), (6, 8), (7, 8), (5, 7), (7, 9)]:
        marred = codes.copy()
        marred[row, column] = 10
        file = raster(tmp_path / f"{row}_{column}.tif", marred, crs, transform)
        inside = 6 <= row <= 8 and 6 <= column <= 8
        assert harmonize.core_class(product([file], "mode"), window).item() == (0 if inside else 20)


def test_core_of_wetland_or_of_no_data_is_none(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(9000, 9001, 100000, 100002)
    codes = np.repeat(np.array([[50, 0]], np.uint8), 10, axis=1).repeat(10, axis=0)
    file = lonlat_file(tmp_path / "a.tif", codes, window, 10)
    np.testing.assert_array_equal(harmonize.core_class(product([file], "mode"), window), [[0, 0]])


def test_an_unknown_code_names_product_file_and_code(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(100, 101, 100, 101)
    file = lonlat_file(tmp_path / "odd.tif", np.array([[10, 77]], np.uint8).repeat(2, axis=0), window, 2)
    with pytest.raises(errors.InputError, match=re.escape("code 77 (2 pixels)")):
        harmonize.harmonize(product([file], "mode"), window, "strict")


def test_where_no_file_lies_there_is_no_data(tmp_path: pathlib.Path) -> None:
    file = lonlat_file(tmp_path / "a.tif", np.full((2, 2), 10, np.uint8), grid.CellWindow(100, 101, 100, 101), 2)
    for sampling in ("mode", "centre", "touching"):
        got = harmonize.harmonize(product([file], sampling), grid.CellWindow(40000, 40002, 7, 9), "strict")
        assert not got.classes.any() and not got.purity.any()


def test_polar_rows_are_counted_from_a_polar_projection(tmp_path: pathlib.Path) -> None:
    window = grid.CellWindow(0, 6, 1000, 1040)
    codes = np.full((80, 80), 100, np.uint8)
    file = raster(tmp_path / "a.tif", codes, "EPSG:3413", (100, 0, -4000, 0, -100, 4000))
    votes = votes_by_cell(file)
    got = harmonize.count(product([file], "mode"), window)
    np.testing.assert_array_equal(
        got.pixels.sum(axis=-1).ravel(), [votes[int(c)].total() for c in window.cells().ravel()]
    )


def test_modis_tile_lands_where_its_bounds_say(shared_data: pathlib.Path) -> None:
    file = rasters.describe(shared_data / "landcover" / "arcachon_MCD12Q1_LC_Type1_2004-01-01.tif")
    window = grid.window_of_bbox(-1.4158, 44.4875, -0.9345, 44.8250)
    got = harmonize.harmonize(product([file], "centre", "mcd12q1"), window, "dominant")
    lon, lat = grid.cell_centre(window.cells())
    x, y = 6371007.181 * np.radians(lon) * np.cos(np.radians(lat)), 6371007.181 * np.radians(lat)
    with rasterio.open(file.path) as dataset:
        wanted = np.array([v[0] for v in dataset.sample(zip(x.ravel(), y.ravel(), strict=True))]).reshape(window.shape)
    targets = np.vectorize({**crosswalks.shipped("mcd12q1").dominant, 255: 0}.get)(wanted)
    inside = wanted != 0
    np.testing.assert_array_equal(got.classes[inside], targets[inside])
    assert (got.classes == 60).mean() > 0.1 and (got.classes == 20).mean() > 0.1  # the Atlantic, and pines
