from __future__ import annotations

import dataclasses
import datetime
import hashlib

import numpy as np
import pyproj
import pystac
import pytest
import rasterio
import shapely
from rio_cogeo import cogeo

from builder.geometry import grid
from builder.imagery import stac as reader
from builder.world import grains, photographs, shots, truth, world_settings


@pytest.fixture(scope="module")
def hamlet():
    """A world of 12 x 10 cells on 108 E with its truth: every kind of scene, painted in a second or two."""
    row, column = 20318, 288 * 360
    world = world_settings.World(
        grid.CellWindow(row - 5, row + 5, column - 6, column + 6), 7, scale=0.3, gsd_m=4.0, scene_m=2000.0
    )
    return world, truth.draw(world)


@pytest.fixture(scope="module")
def catalogue(hamlet, tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    photographs.write(*hamlet, folder, workers=1)
    return folder


def digests(folder):
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


def test_one_worker_and_two_write_the_same_files(hamlet, catalogue, tmp_path):
    photographs.write(*hamlet, tmp_path / "again", workers=2)
    assert digests(tmp_path / "again") == digests(catalogue)


def test_every_scene_is_a_cloud_optimized_jpeg_in_its_own_zone(catalogue):
    paths = sorted(catalogue.rglob("*.tif"))
    zones = set()
    for path in paths:
        valid, errors, _ = cogeo.cog_validate(path)
        assert valid, (path, errors)
        with rasterio.open(path) as scene:
            zones.add(scene.crs.to_epsg())
            assert scene.compression.name == "jpeg" and scene.count == 3
            assert scene.overviews(1) or max(scene.shape) <= photographs.BLOCK
    assert zones == {32648, 32649}


def test_the_catalogue_is_stac_with_date_gsd_licence_and_providers(catalogue):
    root = pystac.Catalog.from_file(str(catalogue / "catalog.json"))
    items = list(root.get_items(recursive=True))
    assert len(items) == len(list(catalogue.rglob("*.tif")))
    for item in items:
        collection = item.get_collection()
        assert item.datetime.date() >= datetime.date(2005, 1, 1) and item.properties["gsd"] > 0
        assert collection.license == "CC0-1.0" and collection.providers
        assert shapely.geometry.shape(item.geometry).is_valid
        with rasterio.open(item.assets["visual"].get_absolute_href()) as scene:
            assert list(scene.shape) == item.properties["proj:shape"]
            assert list(scene.transform)[:6] == item.properties["proj:transform"]
            assert item.properties["proj:code"] == f"EPSG:{scene.crs.to_epsg()}"


def test_the_reader_of_real_catalogues_reads_this_one(hamlet, catalogue):
    world, _ = hamlet
    (found,) = reader.Catalogue("demo", str(catalogue)).find([world.window.bounds])
    names = {word for scene in found for word in scene.names}
    assert any("Landsat" in name for name in names)
    assert {scene.acquisition.acquired_from.year for scene in found} == {2005, 2010, 2011, 2015}
    assert {scene.acquisition.redistribution for scene in found} == {"yes"}


def test_what_the_rules_must_refuse_is_there():
    plan = shots.plan(world_settings.world("small"))
    assert any(not 2007 <= shot.date.year <= 2013 and shot.gsd_m < 2 for shot in plan), "sharp, but outside the dates"
    assert any(shot.gsd_m > 2 and shot.collection != shots.LANDSAT for shot in plan), "in the dates, but too coarse"
    assert any(shot.collection == shots.LANDSAT for shot in plan), "denied"
    assert any(shot.winter and shot.gsd_m < 2 for shot in plan), "sharp and in the dates, but in winter"
    assert any(shot.wedge for shot in plan), "half empty"


def test_three_to_six_percent_of_the_window_have_no_acceptable_picture(hamlet, catalogue):
    world, _ = hamlet
    west, south, east, north = world.window.bounds
    lon, lat = (v.ravel() for v in np.meshgrid(np.linspace(west, east, 120), np.linspace(south, north, 100)))
    seen = np.zeros(lon.size, bool)
    for scene in shots.scene_files(world):
        if not scene.shot.winter and scene.shot.gsd_m == world.gsd_m and 2007 <= scene.shot.date.year <= 2013:
            with rasterio.open(catalogue / scene.shot.collection / f"{scene.name}.tif") as picture:
                x, y = pyproj.Transformer.from_crs(4326, picture.crs, always_xy=True).transform(lon, lat)
                row, column = (np.array(v) for v in rasterio.transform.rowcol(picture.transform, x, y))
                inside = (row >= 0) & (column >= 0) & (row < picture.height) & (column < picture.width)
                seen[inside] |= picture.dataset_mask()[row[inside], column[inside]] > 0
    assert 0.03 < 1 - seen.mean() < 0.06


def test_the_pictures_lie_where_the_truth_says(hamlet):
    world, ground = hamlet
    west, south, east, north = world.window.bounds
    lon, lat = (v.ravel() for v in np.meshgrid(np.linspace(west, east, 200), np.linspace(south, north, 200)))
    x, y = world.local_metres(lon, lat)
    shown = photographs.Studio(world, ground, grains.make(0)).covers(np.float32(x), np.float32(y))
    assert (shown == ground.at(lon, lat)).mean() > 0.9  # borders wander by some metres


def test_seasons_change_grass_and_water_but_not_sand(hamlet):
    world, _ = hamlet
    x, y = (np.float32(v.ravel()) for v in np.meshgrid(np.arange(900, 1900, 9), np.arange(900, 1900, 9)))
    summer, winter = (next(s for s in shots.plan(world) if s.winter is is_winter) for is_winter in (False, True))

    def colour(code: int, shot: shots.Shot) -> np.ndarray:
        ground = truth.Truth(np.full((20, 20), code, np.uint8), 0.0, 0.0)
        return photographs.Studio(world, ground, grains.make(0)).paint(shot, x, y).mean(axis=0)

    assert np.ptp(colour(world_settings.GRASS_SHRUB, winter) - colour(world_settings.BARELAND, winter)) < 40
    assert colour(world_settings.WATER, winter).mean() > colour(world_settings.WATER, summer).mean() + 60
    assert np.array_equal(colour(world_settings.BARELAND, winter), colour(world_settings.BARELAND, summer))


def test_two_indistinguishable_classes_wear_one_texture(hamlet):
    world, _ = hamlet
    shot = shots.plan(world)[0]
    x, y = (np.float32(v.ravel()) for v in np.meshgrid(np.arange(900, 1300, 7), np.arange(900, 1300, 7)))

    def painted(code: int, pair: tuple[str, str] | None) -> np.ndarray:
        ground = truth.Truth(np.full((20, 20), code, np.uint8), 0.0, 0.0)
        paired = dataclasses.replace(world, indistinguishable=pair)
        return photographs.Studio(paired, ground, grains.make(0)).paint(shot, x, y)

    pair = ("grass_shrub", "bareland")
    assert not np.array_equal(painted(world_settings.BARELAND, None), painted(world_settings.GRASS_SHRUB, None))
    assert np.array_equal(painted(world_settings.BARELAND, pair), painted(world_settings.GRASS_SHRUB, None))
    assert np.array_equal(painted(world_settings.WATER, pair), painted(world_settings.WATER, None))
