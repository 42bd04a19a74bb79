"""Areas of interest: any CRS, across 180 degrees, and what is refused."""

from __future__ import annotations

import os

import geopandas
import map_files
import numpy as np
import pyproj
import pytest
import shapely

from builder import errors
from builder.geometry import grid
from builder.maps import products
from builder.points import region


@pytest.fixture
def base(tmp_path) -> products.Product:
    for name in ("fine", "coarse"):
        map_files.geotiff(tmp_path / name / "map.tif", np.full((36, 72), 20, np.uint8), origin=(108.0, 35.0))
    entry = '[[product]]\nname = "{}"\nfiles = ["{}/*.tif"]\ncrosswalk = "globeland30"\nyear = 2010\nlicence = "free"\n'
    text = entry.format("fine", "fine") + "base = true\n" + entry.format("coarse", "coarse")
    (tmp_path / "products.toml").write_text(text, encoding="utf-8")
    return products.find(tmp_path).base


def area_file(tmp_path, *areas: shapely.Geometry, crs: str | None = "EPSG:4326", name: str = "aoi.gpkg"):
    geopandas.GeoDataFrame(geometry=list(areas), crs=crs).to_file(tmp_path / name)
    return tmp_path / name


def test_without_box_and_area_it_is_all_that_the_base_covers(base):
    assert region.of(base, bbox=None, aoi=None) == region.Region(grid.window_of_bbox(108.0, 34.9, 108.2, 35.0))


def test_an_area_in_metres_comes_in_degrees(base, tmp_path):
    box = geopandas.GeoSeries([shapely.box(108.05, 34.92, 108.1, 34.98)], crs="EPSG:4326").to_crs("EPSG:32649")
    found = region.of(base, bbox=None, aoi=area_file(tmp_path, box.iloc[0], crs="EPSG:32649"))
    west, south, east, north = shapely.bounds(found.aoi)
    assert (west, south, east, north) == pytest.approx((108.05, 34.92, 108.1, 34.98), abs=1e-4)
    assert found.window.bounds == pytest.approx((108.05, 34.92, 108.1, 34.98), abs=1.1 / 360)
    assert len(found.aoi_sha256) == 64


def test_a_straight_side_in_metres_is_the_curve_it_is_in_degrees(tmp_path):
    # a rectangle 400 km wide: its northern side bulges 3.9 km north of the chord between its corners
    found = region.read_area(area_file(tmp_path, shapely.box(300_000, 5_500_000, 700_000, 5_700_000), crs="EPSG:32649"))
    to_degrees = pyproj.Transformer.from_crs("EPSG:32649", "EPSG:4326", always_xy=True)
    just_inside, just_outside = (shapely.Point(to_degrees.transform(500_000, y)) for y in (5_699_990, 5_700_010))
    assert found.contains(just_inside)
    assert not found.contains(just_outside)


def test_parts_on_both_sides_of_180_make_one_narrow_window():
    fiji = shapely.union(shapely.box(177.0, -19.0, 180.0, -16.0), shapely.box(-180.0, -19.0, -178.0, -16.0))
    found = region.of_area(fiji)
    assert found.window.bounds == (177.0, -19.0, 182.0, -16.0)
    assert shapely.bounds(found.aoi).tolist() == [177.0, -19.0, 182.0, -16.0]


def test_an_area_across_greenwich_is_not_turned():
    assert region.of_area(shapely.box(-1.0, 50.0, 2.0, 51.0)).window.bounds == (-1.0, 50.0, 2.0, 51.0)


def test_the_digest_does_not_depend_on_where_the_ring_starts():
    box = shapely.box(0.0, 0.0, 1.0, 1.0)
    turned = shapely.Polygon([*list(box.exterior.coords)[2:], *list(box.exterior.coords)[1:3]])
    assert region.of_area(box).aoi_sha256 == region.of_area(turned).aoi_sha256
    assert region.Region(grid.GLOBE).aoi_sha256 == ""


def test_a_region_off_the_base_is_refused_with_the_place_of_the_base(base):
    with pytest.raises(errors.InputError, match=r"within 108.000,34.900,108.200,35.000 \(W,S,E,N\)"):
        region.of(base, bbox=(0.0, 0.0, 1.0, 1.0), aoi=None)


def test_a_box_with_west_and_east_swapped_is_refused_with_the_right_order(base):
    with pytest.raises(errors.InputError, match=r"359.9 degrees wide .* Swap them: --bbox=108,34.9,108.1,35\."):
        region.of(base, bbox=(108.1, 34.9, 108.0, 35.0), aoi=None)


def test_an_area_must_have_a_crs_and_polygons(tmp_path):
    with pytest.raises(errors.NoCrs, match="states its CRS"):
        region.read_area(area_file(tmp_path, shapely.box(0, 0, 1, 1), crs=None, name="aoi.shp"))
    with pytest.raises(errors.InputError, match="without area"):
        region.read_area(area_file(tmp_path, shapely.Point(0, 0)))
    (tmp_path / "text.geojson").write_text("hello", encoding="utf-8")
    with pytest.raises(errors.InputError, match="in a format GDAL reads"):
        region.read_area(tmp_path / "text.geojson")


def test_a_pipe_in_place_of_an_area_is_refused_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "aoi.geojson")
    with pytest.raises(errors.InputError, match=r"aoi\.geojson: expected a file of polygons .* no regular file"):
        region.read_area(tmp_path / "aoi.geojson")


def test_a_crossed_ring_is_repaired(tmp_path):
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)])
    assert region.read_area(area_file(tmp_path, bow)).area == pytest.approx(0.5)
