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
    again = points_table.read(path, legend.seven())
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
        points_table.read(path, legend.seven())
    assert str(path) in str(refused.value)
    assert "builder points" in str(refused.value)


def _drawn() -> pa.Table:
    """Four ranked points as a frame of products holds them."""
    cells = grid.cell_of(np.array([108.9, 108.91, 108.92, 108.93]), np.full(4, 34.2))
    lon, lat = grid.cell_centre(cells)
    is_test = [False, False, True, True]
    state = [points_table.INCONSISTENT if test else points_table.CONSISTENT for test in is_test]
    pairs = [{"product": "a", "label": "forest"}, {"product": "b", "label": "nodata"}]
    columns = {
        "key": points_table.cell_keys(cells),
        "cell": cells,
        "lon": lon,
        "lat": lat,
        "state": state,
        "label": [None if test else "forest" for test in is_test],
        "base_class": ["forest"] * 4,
        "consensus": [None if test else "forest" for test in is_test],
        "votes": [5] * 4,
        "valid": [5] * 4,
        "purity": [1.0, 0.5, 0.25, 0.0],
        "split": ["test_inconsistent" if test else "train" for test in is_test],
        "stratum": [f"forest/{one}" for one in state],
        "block": points_table.block_names(cells, 360),
        "rank": [0, 1, 0, 1],
        "rank_value": [0.1, 0.2, 0.1, 0.2],
        "inclusion_probability": [None, None, 0.5, 1.0],
        "product_labels": [pairs] * 4,
        "geometry": points_table.wkb_points(lon, lat),
    }
    return pa.table([pa.array(columns[f.name], f.type) for f in points_table.SCHEMA], schema=points_table.SCHEMA)


def _with(column: str, value: object) -> pa.Table:
    """The points with one value replaced: in the last row, or the whole column by values of another type."""
    points = _drawn()
    place = points.column_names.index(column)
    if isinstance(value, pa.Array):
        return points.set_column(place, column, value)
    field = points_table.SCHEMA.field(column)
    values = [*points[column].to_pylist()[:-1], value]
    return points.set_column(place, field.with_nullable(True), pa.array(values, field.type))


def test_drawn_points_come_back_with_their_types(tmp_path):
    path = tmp_path / "points.parquet"
    points_table.write(path, _drawn(), {})
    assert points_table.read(path, legend.seven()).equals(_drawn())


def test_no_rows_are_points_too(tmp_path):
    path = tmp_path / "points.parquet"
    points_table.write(path, _drawn().filter(pa.array([False] * 4)), {})
    assert len(points_table.read(path, legend.seven())) == 0


WILD = pa.array(["a", "b", "c", "d"])
HOSTILE = [
    ("key", "", "''"),
    ("key", "../../evil", "evil"),
    ("key", "r00000c000000\n", "r00000c000000"),
    ("key", None, "1 of 4 rows have none"),
    ("key", pa.array(["r20088c103999"] * 4), "repeats, 3 rows too many"),
    ("key", pa.array([1, 2, 3, 4]), "expected string; received int64"),
    ("cell", -1, "received -1 in 1 of 4 rows"),
    ("lon", float("nan"), "received nan in 1 of 4 rows"),
    ("lon", float("inf"), "received inf"),
    ("lon", 1e9, "received 1000000000.0"),
    ("lon", None, "1 of 4 rows have none"),
    ("lon", WILD, "expected double; received string"),
    ("lat", 91.0, "received 91.0 in 1 of 4 rows"),
    ("lat", -90.001, "received -90.001"),
    ("lat", float("nan"), "received nan"),
    ("state", "sure", "expected one of consistent, inconsistent, given; received 'sure'"),
    ("label", "woods", "expected one of .*forest.*; received 'woods' in 1 of 4 rows"),
    ("label", "../../evil", "evil"),
    ("base_class", "woods", "received 'woods'"),
    ("consensus", "outside", "received 'outside'"),
    ("purity", 1.5, "received 1.5"),
    ("purity", float("nan"), "received nan"),
    ("split", "holdout", "expected one of train, validation, test, test_inconsistent; received 'holdout'"),
    ("split", "<script>", "script"),
    ("split", None, "1 of 4 rows have none"),
    ("stratum", "woods/consistent", "received 'woods/consistent'"),
    ("block", "../../evil", "expected a block's name"),
    ("block", "/abs/x", "expected a block's name"),
    ("block", "", "expected a block's name"),
    ("block", None, "1 of 4 rows have none"),
    ("rank", -1, "received -1"),
    ("rank", 0, "'test_inconsistent, forest, 0' repeats, 1 rows too many"),
    ("rank", None, "1 of 4 rows have none"),
    ("rank", pa.array([0.0, 1.0, 0.0, 1.0]), "expected int32; received double"),
    ("rank_value", float("nan"), "expected a finite number"),
    ("inclusion_probability", float("nan"), "expected above 0, at most 1; received nan in 1 of 4 rows"),
    ("inclusion_probability", 0.0, "received 0.0"),
    ("inclusion_probability", -1.0, "received -1.0"),
    ("inclusion_probability", 1.0000001, "received 1.0000001"),
    ("product_labels", [{"product": "a", "label": "woods"}], "received 'woods'"),
    ("product_labels", pa.array([["forest"]] * 4), "received list"),
]


@pytest.mark.parametrize(("column", "value", "text"), HOSTILE, ids=lambda value: f"{value!s:.40}")
def test_a_value_that_no_frame_holds_is_refused_by_name(tmp_path, column, value, text):
    path = tmp_path / "points.parquet"
    points_table.write(path, _drawn(), {})
    metadata = pq.read_schema(path).metadata
    pq.write_table(_with(column, value).replace_schema_metadata(metadata), path)
    with pytest.raises(errors.InputError, match=text) as refused:
        points_table.read(path, legend.seven())
    for word in (str(path), column, "python -m builder points"):
        assert word in str(refused.value) or (word.startswith("python") and column == "block")


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "points.parquet"
    points_table.write(path, _drawn(), {})
    table = pq.read_table(path)
    pq.write_table(table.append_column("split", table["split"]), path)
    with pytest.raises(errors.InputError, match="twice split"):
        points_table.read(path, legend.seven())


WILD_METADATA = ["[" * 100_000, '{"format": ' + "1" * 5000 + "}", '{"format": 1, "a": "\\ud800"}', "[]"]


@pytest.mark.parametrize("text", WILD_METADATA, ids=range(4))
def test_wild_metadata_is_refused(tmp_path, text):
    path = tmp_path / "points.parquet"
    points_table.write(path, _drawn(), {})
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({points_table.METADATA_KEY: text}), path)
    with pytest.raises(errors.InputError, match="expected metadata as a JSON object"):
        points_table.read(path, legend.seven())
