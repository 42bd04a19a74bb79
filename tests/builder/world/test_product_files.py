from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rasterio

from builder.legend import legend
from builder.maps import harmonize, rasters
from builder.maps import products as readers
from builder.world import hdf4eos, native_codes, perception, product_files, truth, world_settings


@pytest.fixture(scope="module")
def faultless(tmp_path_factory):
    """(world, truth, folder) of products that see only what is there."""
    plain = world_settings.world("tiny", 5)
    observers = tuple(dataclasses.replace(o, offset_m=(0.0, 0.0), speckle=0.0) for o in plain.observers)
    # Large patches, so that many cells are far from every border.
    world = dataclasses.replace(
        plain, scale=3.0, village_share=1e-4, error_factor=0.0, open_share=0.0, observers=observers
    )
    ground = truth.draw(world)
    folder = tmp_path_factory.mktemp("products")
    product_files.write(world, ground, folder)
    return world, ground, folder


def test_the_five_lie_under_the_names_they_are_distributed_with(faultless):
    _, _, folder = faultless
    names = sorted(f"{path.parent.name}/{path.name}" for path in folder.rglob("*") if path.is_file())
    modis = [f"mcd12q1/MCD12Q1.A2010001.{tile}.061.{hdf4eos.PRODUCED}.hdf" for tile in ("h26v05", "h27v05")]
    assert names == sorted(
        [
            "globeland30/n48_30_2010lc030.tif",
            "globeland30/n49_30_2010lc030.tif",
            "glcnmo/gm_lc_v2_1_2.tif",
            "cci_lc/ESACCI-LC-L4-LCCS-Map-300m-P1Y-2010-v2.0.7.tif",
            "globcover/GLOBCOVER_L4_200901_200912_V2.3.tif",
            *modis,
        ]
    )


def test_the_readers_find_every_product_and_know_every_code(faultless):
    world, _, folder = faultless
    found = readers.find(folder)
    assert found.names == ("globeland30", "mcd12q1", "glcnmo", "cci_lc", "globcover")
    for product in found.products:
        assert (harmonize.harmonize(product, world.window, "dominant").classes != legend.NODATA).all(), product.name


def test_products_without_faults_hold_the_truth_where_it_is_pure_for_a_kilometre(faultless):
    world, ground, folder = faultless
    cells, pixels = world.ground.shape, world_settings.TRUTH_PER_CELL
    reach = 2  # cells to each side, so that no coarse pixel sees anything else
    blocks = ground.codes.reshape(cells[0], pixels, cells[1], pixels)
    low, high = blocks.min(axis=(1, 3)), blocks.max(axis=(1, 3))
    inner = slice(world.margin_cells, -world.margin_cells)
    windows = [
        np.lib.stride_tricks.sliding_window_view(np.pad(v, reach, mode="edge"), (5, 5))[inner, inner]
        for v in (low, high)
    ]
    smallest, largest = windows[0].min(axis=(2, 3)), windows[1].max(axis=(2, 3))
    pure = (smallest == largest) & (smallest != world_settings.WETLAND)
    assert pure.sum() > 50
    for product in readers.find(folder).products:
        classes = harmonize.harmonize(product, world.window, "strict").classes
        assert np.array_equal(classes[pure], smallest[pure]), product.name


def test_both_utm_zones_are_real_and_meet_at_108_east(faultless):
    _, _, folder = faultless
    for zone, side in ((48, "west"), (49, "east")):
        path = folder / "globeland30" / f"n{zone}_30_2010lc030.tif"
        with rasterio.open(path) as tile:
            assert tile.crs.to_epsg() == 32600 + zone
            assert tile.transform.a == 30 and tile.transform.c % 30 == 0 and tile.transform.f % 30 == 0
        west, _, east, _ = rasters.describe(path).bounds_lonlat
        assert abs((east if side == "west" else west) - 108) < 0.01


def test_globcover_is_half_a_pixel_off_the_lattice_of_cci(faultless):
    _, _, folder = faultless
    cci, globcover = (rasters.describe(next((folder / name).glob("*.tif"))) for name in ("cci_lc", "globcover"))
    for axis in (2, 5):
        pixels = (cci.transform[axis] - globcover.transform[axis]) * 360
        assert abs(pixels - round(pixels)) == pytest.approx(0.5, abs=1e-6)


def test_modis_tiles_carry_the_corners_of_the_sinusoidal_grid(faultless):
    _, _, folder = faultless
    tile = rasters.describe(next((folder / "mcd12q1").glob("*h27v05*.hdf")))
    assert tile.shape == (2400, 2400)
    assert tile.transform[0] == pytest.approx(463.312716528, abs=1e-6)
    assert (tile.transform[2], tile.transform[5]) == pytest.approx((10007554.677, 4447802.078667), abs=1e-3)


def test_without_pyhdf_the_tiles_are_geotiff_exports(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf4eos.importlib.util, "find_spec", lambda name: None)
    codes = np.full((3, 3), 12, np.uint8)
    (path,) = hdf4eos.write_tiles(tmp_path, codes, 5 * 2400 + 7, 26 * 2400 + 9)
    with rasterio.open(path) as tile:
        assert tile.read(1)[7:10, 9:12].tolist() == codes.tolist()
        assert tile.nodata == 255 and (tile.read(1) == 255).sum() == 2400 * 2400 - 9


def test_errors_have_the_rate_of_their_class_and_hang_together_within_a_family():
    world = world_settings.world("small", 1002)
    ground = truth.draw(world)
    error_fields = perception.ErrorFields(world)
    west, south, east, north = world.window.bounds
    lon, lat = np.meshgrid(np.linspace(west, east, 300), np.linspace(south, north, 240))
    true = ground.at(lon, lat)
    wrong = {}
    for observer in world.observers:
        seen = error_fields.observe(
            dataclasses.replace(observer, offset_m=(0, 0), speckle=0.0), ground, lon[..., None], lat[..., None]
        )
        wrong[observer.name] = (seen.first != true).ravel()
        here = true == world_settings.GRASS_SHRUB
        assert (seen.first != true)[here].mean() == pytest.approx(
            observer.error_rate[world_settings.GRASS_SHRUB], abs=0.1
        )
    same = np.corrcoef(wrong["mcd12q1"], wrong["glcnmo"])[0, 1], np.corrcoef(wrong["cci_lc"], wrong["globcover"])[0, 1]
    assert min(same) > 0.3 > np.corrcoef(wrong["mcd12q1"], wrong["globeland30"])[0, 1]


def test_a_mixed_pixel_takes_a_mosaic_code_where_the_legend_has_one():
    def codes(first: int, second: int, share: float) -> list[int]:
        one, half = np.array([share], np.float32), np.array([0.5], np.float32)
        seen = perception.Observed(np.array([first]), np.array([second]), one, half, half, half, half)
        return [
            int(native_codes.coarse(lg, seen, mosaic_below=0.62, open_share=0.05)[0])
            for lg in native_codes.CODES.values()
        ]

    assert codes(world_settings.CULTIVATED, world_settings.GRASS_SHRUB, 0.5) == [14, 13, 30, 20]
    assert codes(world_settings.FOREST, world_settings.GRASS_SHRUB, 0.5) == [8, 6, 100, 110]
    assert codes(world_settings.WATER, world_settings.GRASS_SHRUB, 0.5) == [17, 20, 210, 210]
    assert codes(world_settings.CULTIVATED, world_settings.GRASS_SHRUB, 0.9) == [12, 11, 11, 14]
