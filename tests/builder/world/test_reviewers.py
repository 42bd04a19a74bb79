from __future__ import annotations

import collections

import numpy as np
import pyarrow as pa
import pytest

from builder.frame import design
from builder.frame import reviews as tables
from builder.legend import legend
from builder.world import reviewers, truth, world_settings


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """(truth in the chip, reviews) of 600 points: 300 of the test split, 300 of train."""
    world = world_settings.world("tiny")
    ground = truth.draw(world)
    west, south, east, north = world.window.bounds
    generator = np.random.default_rng(0)
    lon, lat = generator.uniform(west, east, 600), generator.uniform(south, north, 600)
    points = pa.table(
        {
            "key": [f"k{i}" for i in range(600)],
            "lon": lon,
            "lat": lat,
            "split": ["test"] * 300 + ["train"] * 300,
            "rank": [*range(300), *range(300)],
        }
    )
    path = tmp_path_factory.mktemp("reviews") / "reviews.parquet"
    sampling = design.SamplingDesign(per_class=100, buffer_m=130.0)
    reviewers.write(world, ground, points, sampling, path)
    return dict(zip(points["key"].to_pylist(), ground.at(lon, lat), strict=True)), path


def test_three_people_label_every_test_point_and_the_first_training_points(judged):
    _, path = judged
    rows = tables.read(path, legend.seven()).to_pylist()
    by_reviewer = collections.Counter(row["reviewer"] for row in rows)
    assert set(by_reviewer.values()) == {300 + 54}  # 60 % of a training quota of 90
    assert len(by_reviewer) == 3


def test_their_majority_is_mostly_the_truth_and_better_than_the_careless_one(judged):
    true, path = judged
    table = tables.read(path, legend.seven())
    names = {c.code: c.name for c in legend.seven().classes}
    pairs = [(names.get(int(true[key])), label) for key, label in tables.majority(table).items()]
    usable = [(t, label) for t, label in pairs if label not in (tables.UNUSABLE, tables.TIE)]
    right = np.mean([t == label for t, label in usable])
    careless = [r for r in table.to_pylist() if r["reviewer"] == "chidi" and r["label"] != tables.UNUSABLE]
    assert 0.85 < right < 1.0
    assert right > np.mean([names.get(int(true[r["key"]])) == r["label"] for r in careless])


def test_some_chips_are_unusable(judged):
    _, path = judged
    labels = tables.read(path, legend.seven())["label"].to_pylist()
    assert 0.01 < labels.count(tables.UNUSABLE) / len(labels) < 0.12
