"""Training end to end on a small release: both strategies, weights of examples, ends of a training, and its folder."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import small_release

from builder import errors
from refine.dataset import data
from refine.models import examples, export, losses, model, noise, stages, strategies, training

SIDE_PX = 75
ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with a release, a weights file (random, its statistics settled on the release), and what tests train."""
    root = tmp_path_factory.mktemp("refine")
    small_release.write(root / "data")
    small_release.write(root / "data", config="streamed", file_format="tfrecord")
    network = model.build(classes=7, size_px=SIDE_PX, dropout=0.0, seed=4)
    random = np.random.default_rng(0).integers(0, 256, (8, SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    model.settle_statistics(network, [(random,)] * 10, steps=10)
    network.base.save_weights(root / "base.weights.h5")
    return root


@pytest.fixture(scope="module")
def dataset(home: pathlib.Path) -> data.Dataset:
    return data.open_dataset("small_samples/rough:1.0.0", data_dir=home / "data")


def _settings(home: pathlib.Path, **changes: object) -> strategies.Settings:
    plain = strategies.Settings(
        weights=str(home / "base.weights.h5"),
        size_px=SIDE_PX,
        batch_size=7,
        epochs=40,
        patience=40,
        learning_rate=0.02,
        dropout=0.0,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(home: pathlib.Path, dataset: data.Dataset) -> pathlib.Path:
    settings = _settings(home)
    return training.train(examples.examples_of(dataset, settings), settings, home / "model")


def test_the_head_learns_colours_from_features(trained: pathlib.Path, dataset: data.Dataset) -> None:
    loaded = export.load_model(trained)
    test = dataset.split("test")
    logits = training.logits_of(loaded.network, test)
    assert (logits.argmax(axis=1) == test.labels).mean() > 0.8


def test_later_epochs_of_the_head_do_not_run_the_base(trained: pathlib.Path) -> None:
    history = stages.read_history(trained / export.HISTORY)
    features_s = history[0]["seconds"]
    assert features_s > 3 * max(row["seconds"] for row in history[2:])
    assert {row["stage"] for row in history} == {"head"}


def test_the_folder_says_what_was_trained_on_what(trained: pathlib.Path) -> None:
    record = json.loads((trained / export.TRAINING).read_text())
    assert record["dataset"] == "small_samples/rough:1.0.0"
    assert record["examples"] == {"train": 28, "validation": 14}
    assert record["settings"]["strategy"] == "logits" and record["settings"]["seed"] == 0
    assert record["settings"]["batch_norm"] == "frozen"
    assert record["versions"]["keras"] and len(record["dataset_sha256"]["train"]) == 64
    assert set(record["files"]) == {"model.keras", "history.csv", "labels.json", "calibration.json"}
    assert not trained.with_name("model.unfinished").exists()


def test_a_model_is_not_replaced_silently(trained: pathlib.Path, home: pathlib.Path, dataset: data.Dataset) -> None:
    settings = _settings(home)
    with pytest.raises(errors.RefusedOverwrite):
        training.train(examples.examples_of(dataset, settings), settings, trained)


def test_kept_features_are_read_again(trained: pathlib.Path, home: pathlib.Path, dataset: data.Dataset) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "features").rglob("*.npy")}
    settings = _settings(home, loss=losses.Loss("generalized"), epochs=2)
    training.train(examples.examples_of(dataset, settings), settings, home / "generalized")
    assert {path: path.stat().st_mtime_ns for path in (home / "features").rglob("*.npy")} == before


def test_eight_views_keep_the_plain_ones_and_add_seven(
    trained: pathlib.Path, home: pathlib.Path, dataset: data.Dataset
) -> None:
    settings = _settings(home, views=8, epochs=2)
    training.train(examples.examples_of(dataset, settings), settings, home / "views")
    views = {path.parent.name for path in (home / "features").rglob("*.npy")}
    assert views == {f"view-{v}" for v in range(8)}


@pytest.mark.slow
@pytest.mark.parametrize("config", ["rough", "streamed"])
def test_every_layer_learns_after_the_head_has_warmed_up(home: pathlib.Path, config: str) -> None:
    dataset = data.open_dataset(f"small_samples/{config}", data_dir=home / "data")
    settings = _settings(home, strategy="first-layer", warmup_epochs=3, epochs=2)
    folder = training.train(examples.examples_of(dataset, settings), settings, home / f"first-layer-{config}")
    history = stages.read_history(folder / export.HISTORY)
    assert [row["stage"] for row in history] == ["head"] * 3 + ["all layers"] * 2
    start = model.build(classes=7, size_px=SIDE_PX, dropout=0.0)
    model.start(start.base, settings.weights)
    learnt = export.load_model(folder).network.base
    for before, after in zip(start.base.layers, learnt.layers, strict=True):
        for name, old, new in zip(
            (v.path for v in before.weights), before.get_weights(), after.get_weights(), strict=True
        ):
            changed = not np.array_equal(old, new)
            assert changed != ("batch_normalization" in name), name


def test_examples_weigh_by_votes_and_purity(dataset: data.Dataset, home: pathlib.Path) -> None:
    given = examples.examples_of(dataset, _settings(home, weigh_by=("votes", "purity")))
    assert given.weights is not None
    assert given.weights.mean() == pytest.approx(1)
    product = (3 + np.arange(28) % 3) * (0.5 + np.arange(28) % 5 / 10)
    np.testing.assert_allclose(given.weights, product / product.mean(), rtol=1e-5)


def test_doubtful_examples_are_left_out_or_weigh_less(
    dataset: data.Dataset, home: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    table = tmp_path / noise.DOUBTFUL
    table.write_text("key,weight\ntrain003,0.25\ntrain010,0\n")
    without = examples.examples_of(dataset, _settings(home), without_doubtful=table)
    assert len(without.train) == 26 and "train003" not in without.train.keys
    weighed = examples.examples_of(dataset, _settings(home), weight_by=table)
    assert weighed.weights is not None
    assert weighed.weights[[3, 10, 11]].tolist() == [0.25, 0, 1]


def test_a_table_of_another_dataset_is_refused(
    dataset: data.Dataset, home: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    table = tmp_path / noise.DOUBTFUL
    table.write_text("key,weight\nr00001c000001,0.25\n")
    with pytest.raises(errors.InputError, match="none of its keys"):
        examples.examples_of(dataset, _settings(home), without_doubtful=table)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "both"}, "--strategy"),
        ({"size_px": 74}, "75 pixels a side or more; received 74"),
        ({"weights": "none", "batch_norm": "frozen"}, "a random network with frozen statistics does not learn"),
        ({"views": 4}, "--views: expected one of 1, 8"),
        ({"precision": "float8"}, "--precision"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(errors.InputError, match=message):
        strategies.Settings(**changes)  # type: ignore[arg-type]


def test_a_loss_that_is_not_a_number_stops_the_training_and_says_what_to_try(
    home: pathlib.Path, dataset: data.Dataset
) -> None:
    settings = _settings(home, learning_rate=float("nan"))
    with pytest.raises(errors.InputError, match=r"not a number in the first epoch.*--learning-rate"):
        training.train(examples.examples_of(dataset, settings), settings, home / "broken")
    assert not (home / "broken").exists()


def test_unfinished_work_of_other_settings_is_not_mixed_in(home: pathlib.Path, dataset: data.Dataset) -> None:
    settings = _settings(home, learning_rate=float("nan"), seed=1)
    with pytest.raises(errors.InputError):
        training.train(examples.examples_of(dataset, settings), settings, home / "mixed")
    other = _settings(home, learning_rate=0.5, seed=1)
    with pytest.raises(errors.InputError, match=r"settings.learning_rate \(.* then, 0\.5 now\)"):
        training.train(examples.examples_of(dataset, other), other, home / "mixed")


@pytest.mark.slow
def test_a_killed_training_goes_on_at_its_last_epoch(
    home: pathlib.Path, trained: pathlib.Path, dataset: data.Dataset, tmp_path: pathlib.Path
) -> None:
    settings = _settings(home, epochs=60, patience=60)
    code = (
        "import pathlib, sys; sys.path.insert(0, 'tests')\n"
        "from refine.dataset import data\nfrom refine.models import examples, strategies, training\n"
        f"home, out = pathlib.Path({str(home)!r}), pathlib.Path({str(tmp_path / 'killed')!r})\n"
        f"settings = strategies.Settings(weights={settings.weights!r}, size_px=75, batch_size=7, epochs=60,"
        " patience=60, learning_rate=0.02, dropout=0.0)\n"
        "dataset = data.open_dataset('small_samples/rough:1.0.0', data_dir=home / 'data')\n"
        "training.train(examples.examples_of(dataset, settings), settings, out, features_root=home / 'features')\n"
    )
    state = tmp_path / "killed.unfinished" / "head" / "state.json"
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True)
    _wait_for(lambda: state.is_file() and len(json.loads(state.read_text())["history"]) >= 5)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    done = len(json.loads(state.read_text())["history"])
    assert 5 <= done < 60
    given = examples.examples_of(dataset, settings)
    resumed = training.train(given, settings, tmp_path / "killed", features_root=home / "features")
    straight = training.train(given, settings, tmp_path / "straight", features_root=home / "features")
    histories = [stages.read_history(folder / export.HISTORY) for folder in (resumed, straight)]
    assert [len(h) for h in histories] == [60, 60]
    assert [row["epoch"] for row in histories[0]] == list(range(1, 61))
    for name in ("loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(
            [r[name] for r in histories[0]], [r[name] for r in histories[1]], rtol=1e-3, atol=1e-5
        )


def _wait_for(condition: object, limit_s: float = 240) -> None:
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")
