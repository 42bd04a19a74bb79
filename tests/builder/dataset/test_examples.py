"""What an example holds, and that each value is as exact as its point's."""

from __future__ import annotations

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.dataset import examples

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


def test_dates_are_told_twice_alike() -> None:
    example = examples.of_row(ROW)
    assert example["acquired_from"] == "2010-07-01"
    assert datetime.date(1970, 1, 1) + datetime.timedelta(days=example["acquired_to_days"]) == datetime.date(2010, 7, 2)


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_places_are_kept_to_half_a_1e7th_degree(lon: float, lat: float) -> None:
    example = examples.of_row({**ROW, "lon": lon, "lat": lat})
    assert example["lon_e7"] / 1e7 == pytest.approx(lon, abs=5.1e-8)
    assert example["lat_e7"] / 1e7 == pytest.approx(lat, abs=5.1e-8)
