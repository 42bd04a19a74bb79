"""Points that people give: CSV and GeoJSON, and what is wrong with them."""

from __future__ import annotations

import json

import pytest

from builder import errors
from builder.legend import legend
from builder.points import given

HEAD = "lon,lat,label,split\n"


def read_csv(tmp_path, text: str, name: str = "points.csv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return given.read(tmp_path / name, legend.seven())


def test_a_csv_gives_points_in_its_order(tmp_path):
    points = read_csv(tmp_path, "\ufeff" + HEAD + "108.9,34.2,forest,\n-0.5, 51 ,water,test\n")
    assert [(p.lon, p.lat, p.label, p.split) for p in points] == [
        (108.9, 34.2, "forest", "train"),
        (-0.5, 51.0, "water", "test"),
    ]


def test_rank_is_the_order_within_split_and_class(tmp_path):
    points = read_csv(tmp_path, HEAD + "1,1,forest,\n2,1,water,\n3,1,forest,\n4,1,forest,test\n")
    design = given.design_of(points, chip_size_m=90.0, split_block_deg=1.0)
    rows = given.table_of_given(points, design).to_pylist()
    assert [row["rank"] for row in rows] == [0, 0, 1, 0]
    assert {row["state"] for row in rows} == {"given"}
    assert rows[0]["key"] == "p+0010000000+0010000000"
    assert rows[0]["cell"] is None and rows[0]["votes"] is None
    assert (design.quota("train"), design.quota("test"), design.quota("validation")) == (2, 1, 0)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("181,0,forest,", "line 3: expected lon in degrees, -180..180; received '181'"),
        ("0,91,forest,", "line 3: expected lat"),
        ("x,0,forest,", "line 3: expected lon"),
        ("nan,0,forest,", "line 3: expected lon"),
        ("0,0,wood,", "line 3: expected label to be one of artificial, .*; received 'wood'"),
        ("0,0,forest,dev", "line 3: expected split to be one of train, validation, test; received 'dev'"),
        ("1.00000001,1,water,", "line 3: the same place as .*line 2"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, row, text):
    with pytest.raises(errors.InputError, match=text):
        read_csv(tmp_path, HEAD + "1,1,forest,\n" + row + "\n")


@pytest.mark.parametrize(
    ("content", "text"),
    [("lon,lat\n1,1\n", "missing label"), ("", "missing lon, lat, label"), (HEAD, "at least one point")],
)
def test_a_csv_without_columns_or_points_is_refused(tmp_path, content, text):
    with pytest.raises(errors.InputError, match=text):
        read_csv(tmp_path, content)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(errors.InputError, match="no such file"):
        given.read(tmp_path / "none.csv", legend.seven())


def feature(geometry: dict, **properties) -> dict:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features: dict) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def test_geojson_points_are_read(tmp_path):
    place = {"type": "Point", "coordinates": [108.9, 34.2]}
    (point,) = read_csv(tmp_path, collection(feature(place, label="water", split="test")), "points.geojson")
    assert (point.lon, point.lat, point.label, point.split) == (108.9, 34.2, "water", "test")


def test_geojson_without_points_or_labels_is_refused(tmp_path):
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    with pytest.raises(errors.InputError, match="feature 1: expected a point; received LineString"):
        read_csv(tmp_path, collection(feature(line, label="water")), "points.geojson")
    with pytest.raises(errors.InputError, match="property label"):
        read_csv(tmp_path, collection(feature({"type": "Point", "coordinates": [0, 0]})), "points.geojson")
    with pytest.raises(errors.InputError, match="cannot be read"):
        read_csv(tmp_path, "{", "points.geojson")
