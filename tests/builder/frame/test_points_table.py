"""points.parquet: keys, geometry, GeoParquet, and files that are not ours."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from builder.frame import points_table
from builder.geometry import grid
from builder.legend import legend
from builder.points import given as given_points

LON, LAT = np.array([108.9, -0.1]), np.array([34.2, -5.0])


@pytest.fixture
def points() -> pa.Table:
    places = [given_points.GivenPoint(x, y, "forest", "train", "") for x, y in zip(LON, LAT, strict=True)]
    return given_points.table_of_given(places, given_points.design_of(places, chip_size_m=90.0, split_block_deg=1.0))


def test_the_key_of_a_cell_is_its_row_and_column():
    assert points_table.cell_keys(np.array([0, 20000 * grid.COLUMNS + 103700])) == ["r00000c000000", "r20000c103700"]


@given(st.integers(-1_800_000_000, 1_800_000_000), st.integers(-900_000_000, 900_000_000))
def test_the_key_of_a_point_is_its_place_to_a_ten_millionth_of_a_degree(x, y):
    (key,) = points_table.point_keys(np.array([x / 1e7]), np.array([y / 1e7]))
    assert (len(key), int(key[1:12]), int(key[12:])) == (23, x, y)


def test_blocks_count_from_the_north_west():
    cells = grid.cell_of(np.array([-180.0, 108.94]), np.array([90.0, 34.26]))
    assert points_table.block_names(cells, 360) == ["b00000x00000", "b00055x00288"]
    assert points_table.block_names(cells, 18) == ["b00000x00000", "b01114x05778"]


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_the_geometry_is_the_place(lon, lat):
    (wkb,) = points_table.wkb_points(np.array([lon]), np.array([lat])).to_pylist()
    assert shapely.from_wkb(wkb).equals(shapely.Point(lon, lat))


def test_geopandas_reads_points_crs_and_box(tmp_path, points):
    points_table.write(tmp_path / "points.parquet", points, {"design": {}})
    read = geopandas.read_parquet(tmp_path / "points.parquet")
    assert read.crs.to_epsg() == 4326
    np.testing.assert_array_equal(read.geometry.x, LON)
    np.testing.assert_array_equal(read.geometry.y, LAT)
    geo = json.loads(pq.read_schema(tmp_path / "points.parquet").metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["columns"]["geometry"]["bbox"] == [-0.1, -5.0, 108.9, 34.2]
    assert geo["columns"]["geometry"]["geometry_types"] == ["Point"]


def test_points_come_back_with_their_metadata(tmp_path, points):
    path = tmp_path / "points.parquet"
    points_table.write(path, points, {"design": {"seed": 7}})
    again = points_table.read(path)
    assert again.equals(points)
    assert again.schema.equals(points_table.SCHEMA)
    assert points_table.metadata_of(again, path) == {"format": 1, "design": {"seed": 7}}
    assert [p.name for p in tmp_path.iterdir()] == ["points.parquet"]


def test_a_table_without_points_is_still_geoparquet(tmp_path):
    points_table.write(tmp_path / "points.parquet", points_table.SCHEMA.empty_table(), {})
    assert len(geopandas.read_parquet(tmp_path / "points.parquet")) == 0


def test_product_labels_name_no_data_and_outside():
    names = {c.code: c.name for c in legend.seven().classes}
    labels = points_table.product_labels(np.array([[20, 0, 255]], np.uint8), ("a", "b", "c"), names)
    assert [pair["label"] for pair in labels[0]] == ["forest", "nodata", "outside"]


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def _another(path):
    pq.write_table(pa.table({"key": ["x"]}), path)


def _text(path):
    path.write_text("lon,lat\n", encoding="utf-8")


def _newer(path):
    read = pq.read_table(path)
    metadata = dict(read.schema.metadata) | {points_table.METADATA_KEY: json.dumps({"format": 9})}
    pq.write_table(read.replace_schema_metadata(metadata), path)


def _garbled(path):
    read = pq.read_table(path)
    pq.write_table(read.replace_schema_metadata(dict(read.schema.metadata) | {points_table.METADATA_KEY: "{"}), path)


def _narrow(path):
    read = pq.read_table(path)
    pq.write_table(read.drop_columns(["split"]), path)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (_truncate, "truncated"),
        (_another, "another Parquet file"),
        (_text, "truncated or something else"),
        (_newer, "expected format 1; received 9"),
        (_garbled, "expected metadata as a JSON object"),
        (_narrow, "missing split"),
        (lambda path: path.unlink(), "no such file"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_with_its_name_and_a_cure(tmp_path, points, damage, text):
    path = tmp_path / "points.parquet"
    points_table.write(path, points, {})
    damage(path)
    with pytest.raises(errors.InputError, match=text) as refused:
        points_table.read(path)
    assert str(path) in str(refused.value)
    assert "builder points" in str(refused.value)
