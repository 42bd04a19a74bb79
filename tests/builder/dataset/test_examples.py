"""What an example holds, and that each value is as exact as its point's."""

from __future__ import annotations

import datetime
import math
import pathlib

import crafted_shards
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from builder.dataset import examples, index, shard_files

ROW = {
    "image": b"jpeg",
    "label": "forest",
    "key": "r00001c000001",
    "lon": 108.0069444444,
    "lat": -33.9999999999,
    "corners": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    "affine": [0.3, 0.0, -45.0, 0.0, -0.3, 45.0],
    "crs": "+proj=aeqd",
    "rotation_deg": 345.0,
    "parent": None,
    "acquired_from": datetime.date(2010, 7, 1),
    "acquired_to": datetime.date(2010, 7, 2),
    "source": "demo",
    "sensor": None,
    "scene_ids": ["a", "b"],
    "url": None,
    "gsd_m": 0.5,
    "licence": "CC0-1.0",
    "attribution": "nobody",
    "redistribution": "yes",
    "state": "consistent",
    "stratum": "forest/consistent",
    "base_class": "forest",
    "consensus": None,
    "votes": 5,
    "valid": 5,
    "purity": 1.0,
    "product_labels": [{"product": "globcover", "label": "forest"}],
    "label_origin": "consensus",
    "inclusion_probability": None,
    "pixels_sha256": "00",
    "phash": -1,
}


def test_an_example_has_every_feature_once_and_each_feature_a_meaning() -> None:
    names = [feature.name for feature in examples.FEATURES]
    assert len(set(names)) == len(names)
    assert set(examples.of_row(ROW)) == set(names)
    assert all(feature.doc.endswith(".") for feature in examples.FEATURES)


def test_missing_values_have_the_value_of_their_kind() -> None:
    example = examples.of_row(ROW)
    assert example["sensor"] == example["parent"] == example["consensus"] == ""
    assert math.isnan(example["inclusion_probability"])
    given_point = examples.of_row({**ROW, "votes": None, "purity": None, "product_labels": None})
    assert given_point["votes"] == 0 and math.isnan(given_point["purity"]) and given_point["product_labels"] == []


def test_a_day_is_the_same_as_text_and_as_number() -> None:
    example = examples.of_row(ROW)
    assert example["acquired_from"] == "2010-07-01"
    assert datetime.date(1970, 1, 1) + datetime.timedelta(days=example["acquired_to_days"]) == datetime.date(2010, 7, 2)


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_places_are_kept_to_half_a_1e7th_degree(lon: float, lat: float) -> None:
    example = examples.of_row({**ROW, "lon": lon, "lat": lat})
    assert example["lon_e7"] / 1e7 == pytest.approx(lon, abs=5.1e-8)
    assert example["lat_e7"] / 1e7 == pytest.approx(lat, abs=5.1e-8)


def stored(**changes: object) -> dict[str, list[object]]:
    """Features of one example, as a shard holds them."""
    example = examples.of_row(ROW) | {"label": 3, "corners_e7": [1, 2, 3, 4, 5, 6, 7, 8]} | changes
    values = {name: value if isinstance(value, list) else [value] for name, value in example.items()}
    return {
        name: [one.encode() if isinstance(one, str) else one for one in value]
        for name, value in values.items()
        if name != "product_labels"
    }


def shard_of(folder: pathlib.Path, *features: dict[str, list[object]]) -> shard_files.Shard:
    path = folder / "samples-train.tfrecord-00000-of-00001"
    path.write_bytes(crafted_shards.tfrecord([crafted_shards.encoded(values) for values in features]))
    return shard_files.shards(folder)[0]


def test_a_stored_example_says_what_its_row_said(tmp_path: pathlib.Path) -> None:
    ((example, one),) = examples.read(shard_of(tmp_path, stored()))
    assert (one.key, one.label, one.rotation_deg, one.phash) == ("r00001c000001", 3, 345, -1)
    assert one.lonlat == (108.0069444, -34.0) and one.corners == tuple(number / 1e7 for number in range(1, 9))
    assert (one.gsd_m, one.acquired, one.pixels_sha256) == (0.5, ("2010-07-01", "2010-07-02"), "00")
    assert examples.picture_of(example) == b"jpeg"
    assert examples.shared_of_row(ROW) == one.shared(["a", "b", "c", "forest"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", []),
        ("key", [b"\xff"]),
        ("label", [b"forest"]),
        ("corners_e7", [1, 2]),
        ("image", []),
        ("gsd_m", [b"x"]),
        ("phash", [b"x"]),
    ],
)
def test_an_example_of_another_kind_is_named_with_its_shard(
    tmp_path: pathlib.Path, name: str, value: list[object]
) -> None:
    shard = shard_of(tmp_path, stored(), stored() | {name: value})
    with pytest.raises(errors.InputError, match=r"samples-train.*expected the features of this dataset.*number 1"):
        list(examples.read(shard))


def test_every_column_of_the_index_has_a_meaning_that_is_said_once() -> None:
    assert index.DOCS.keys() == set(index.SCHEMA.names)
    assert all(doc.endswith(".") for doc in index.DOCS.values())
    own = [doc for name, doc in index.DOCS.items() if doc != examples.DOCS.get(name)]
    sentences = [*own, *examples.DOCS.values()]
    assert len(sentences) == len(set(sentences))
