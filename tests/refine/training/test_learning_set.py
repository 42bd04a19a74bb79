"""What is learnt from: weights of examples, tables of doubtful ones, what is held out, and what is recorded of it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib

import keras
import numpy as np
import pytest
import small_release

from builder import errors
from refine.artefacts import noise_summary
from refine.samples import datasets
from refine.training import learning_set, strategies, training_plan, training_settings

SETTINGS = training_settings.TrainingSettings(weights="none", size_px=75, batch_size=28)
PRODUCT = (3 + np.arange(28) % 3) * (0.5 + np.arange(28) % 5 / 10)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> datasets.Dataset:
    root = tmp_path_factory.mktemp("data")
    return datasets.open_dataset(small_release.write(root), data_dir=root)


@pytest.fixture
def table(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / noise_summary.DOUBTFUL
    path.write_text("key,weight\ntrain003,0.25\ntrain010,0\n")
    return path


def _weights(values: list[float]) -> np.ndarray | None:
    """Weights by one feature with these values."""
    columns = {"trust": np.array(values)}
    split = datasets.Split(
        dataset=datasets.Dataset("d", "1.0.0", {}, ("trust",), ("a", "b"), (0, 1), ("a", "b"), None),
        name="train",
        reader=None,  # type: ignore[arg-type]
        rows=np.arange(len(values)),
        keys=np.array([f"k{i}" for i in range(len(values))]),
        labels=np.zeros(len(values), np.int64),
        columns=columns,
    )
    return learning_set._weights(split, ["trust"])


def test_examples_weigh_by_votes_and_purity(dataset: datasets.Dataset) -> None:
    given = learning_set.learning_set_of(dataset, dataclasses.replace(SETTINGS, weigh_by=("votes", "purity")))
    assert given.weights is not None
    assert given.weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(given.weights, PRODUCT / PRODUCT.mean(), rtol=1e-5)


def test_what_is_not_known_weighs_as_the_average() -> None:
    weights = _weights([2.0, 6.0, float("nan"), 0.0])
    assert weights is not None and weights.tolist() == [0.5, 1.5, 1.0, 1.0]


@pytest.mark.parametrize("values", [[1.0, -2.0], [float("nan"), 0.0]])
def test_features_that_are_no_weights_are_refused(values: list[float]) -> None:
    with pytest.raises(errors.InputError, match="--weigh-by trust: expected positive values in d:"):
        _weights(values)


def test_weights_reach_the_loss(dataset: datasets.Dataset) -> None:
    """One batch that holds all of train: what `fit` says is the weighted mean of the losses."""
    given = learning_set.learning_set_of(dataset, dataclasses.replace(SETTINGS, weigh_by=("votes", "purity")))
    feed = strategies.pixel_feed(given, dataclasses.replace(SETTINGS, augment=False))
    ((pixels, labels, weights),) = feed.for_fit(0, 1)
    seen = keras.Input((75, 75, 3))
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(seen))
    trained = keras.Model(seen, keras.layers.Dense(7)(means))
    strategies.compile_network(trained, SETTINGS, steps=1, epochs=1)
    each = keras.ops.convert_to_numpy(SETTINGS.loss(labels, trained(pixels)))
    expected = float((weights * each).sum() / weights.sum())
    assert abs(expected - each.mean()) > 1e-5
    history = trained.fit(feed.for_fit(0, 1), epochs=1, verbose=0).history
    assert history["loss"] == history["mean_loss"] == [pytest.approx(expected, rel=1e-4)]


def test_doubtful_examples_are_left_out_or_weigh_less(dataset: datasets.Dataset, table: pathlib.Path) -> None:
    without = learning_set.learning_set_of(dataset, SETTINGS, without_doubtful=table)
    assert len(without.train) == 26 and "train003" not in without.train.keys
    weighed = learning_set.learning_set_of(dataset, SETTINGS, weight_by=table)
    assert weighed.weights is not None
    assert weighed.weights[[3, 10, 11]].tolist() == [0.25, 0, 1]


def test_a_table_that_had_a_part_is_recorded(dataset: datasets.Dataset, table: pathlib.Path) -> None:
    plan = training_plan.plan_of(learning_set.learning_set_of(dataset, SETTINGS, without_doubtful=table), SETTINGS)
    digest = hashlib.sha256(table.read_bytes()).hexdigest()
    assert plan["sources"] == {"without_doubtful": {"path": str(table), "sha256": digest, "rows": 2}}
    assert plan["examples"]["train"] == 26
    other = table.with_name("other.csv")
    table.rename(other)
    assert training_plan.differences(plan, training_plan.plan_of(_without(dataset, other), SETTINGS)) == ""
    other.write_text("key,weight\ntrain003,0.25\ntrain011,0\n")
    assert "without_doubtful.sha256" in training_plan.differences(
        plan, training_plan.plan_of(_without(dataset, other), SETTINGS)
    )


def _without(dataset: datasets.Dataset, table: pathlib.Path) -> learning_set.LearningSet:
    return learning_set.learning_set_of(dataset, SETTINGS, without_doubtful=table)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("key,weight\nr00001c000001,0.25\n", "1 of its 1 keys are not in small_samples/rough:1.0.0"),
        ("key,weight\ntrain003,0.25\nnowhere,0.1\n", "1 of its 2 keys are not in .*, for example nowhere"),
        ("key,weight\ntrain003,abc\n", "doubtful.csv, line 2: expected a weight of 0 or more; received 'abc'"),
        ("key,weight\ntrain003,1\ntrain004,-5\n", "line 3: expected a weight of 0 or more; received '-5'"),
        ("key,weight\ntrain003,inf\n", "received 'inf'"),
        ("key,weight\ntrain003\n", "row 1: expected 2 values, as in the header; received 1"),
        ("key\ntrain003\n", "expected weight among the columns of a table .* with the columns key and weight"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    dataset: datasets.Dataset, table: pathlib.Path, text: str, words: str
) -> None:
    table.write_text(text)
    with pytest.raises(errors.InputError, match=words):
        learning_set.learning_set_of(dataset, SETTINGS, weight_by=table)


def test_a_table_in_another_encoding_or_a_fifo_is_refused(dataset: datasets.Dataset, table: pathlib.Path) -> None:
    table.write_bytes("key,weight,reason\ntrain003,1,forêt\n".encode("latin-1"))
    for option in ("without_doubtful", "weight_by"):
        with pytest.raises(errors.InputError, match=r"doubtful\.csv: expected a table of doubtful examples.* in UTF-8"):
            learning_set.learning_set_of(dataset, SETTINGS, **{option: table})  # type: ignore[arg-type]
    table.unlink()
    os.mkfifo(table)
    with pytest.raises(errors.InputError, match="found something that is no regular file"):
        learning_set.learning_set_of(dataset, SETTINGS, weight_by=table)


def test_weights_that_leave_nothing_are_refused(dataset: datasets.Dataset, table: pathlib.Path) -> None:
    table.write_text("key,weight\n" + "".join(f"train{i:03d},0\n" for i in range(28)))
    with pytest.raises(errors.InputError, match="every example of train weighs 0"):
        learning_set.learning_set_of(dataset, SETTINGS, weight_by=table)


def test_a_share_is_held_out_only_where_there_is_no_validation_split(
    dataset: datasets.Dataset, tmp_path: pathlib.Path
) -> None:
    settings = dataclasses.replace(SETTINGS, validation_share=0.25)
    with pytest.raises(errors.InputError, match="has a validation split of 14 examples"):
        learning_set.learning_set_of(dataset, settings)
    folder = datasets.open_dataset(str(small_release.write_folder(tmp_path / "images")), data_dir=None)
    given = learning_set.learning_set_of(folder, settings)
    assert np.bincount(given.train.labels).tolist() == [3] * 7
    assert np.bincount(given.validation.labels).tolist() == [1] * 7
