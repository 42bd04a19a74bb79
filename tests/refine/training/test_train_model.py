"""Training end to end on a small release: both strategies, weights of examples, ends of a training, and its folder."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import small_release
from checkout import ROOT

from builder import errors
from refine.artefacts import model_folder
from refine.network import losses, model, trained_model
from refine.samples import datasets
from refine.training import (
    initial_network,
    learning_set,
    predictions,
    resumable_fit,
    train_model,
    training_history,
    training_plan,
    training_settings,
)

SIDE_PX = 75
TOO_FAST = 1e38  # a learning rate after whose first step nothing is a number

pytestmark = pytest.mark.usefixtures("small_network")


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
def dataset(home: pathlib.Path) -> datasets.Dataset:
    return datasets.open_dataset("small_samples/rough:1.0.0", data_dir=home / "data")


def _settings(home: pathlib.Path, **changes: object) -> training_settings.TrainingSettings:
    plain = training_settings.TrainingSettings(
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
def trained(home: pathlib.Path, dataset: datasets.Dataset) -> pathlib.Path:
    settings = _settings(home)
    return train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / "model").folder.path


def test_the_head_learns_colours_from_features(trained: pathlib.Path, dataset: datasets.Dataset) -> None:
    loaded = trained_model.load(trained)
    test = dataset.split("test")
    logits = predictions.logits_of(loaded.network, test)
    assert (logits.argmax(axis=1) == test.labels).mean() > 0.8


def test_epochs_of_the_head_do_not_run_the_base(
    trained: pathlib.Path, home: pathlib.Path, dataset: datasets.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(network: model.Network) -> keras.Model:
        raise AssertionError("the features were kept by an earlier training")

    monkeypatch.setattr(model.Network, "features", property(unwanted))
    settings = _settings(home, epochs=3, learning_rate=0.01)
    history = training_history.read(
        train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / "kept").folder.path
        / model_folder.HISTORY
    )
    assert [(row["stage"], row["epoch"]) for row in history] == [("head", 1), ("head", 2), ("head", 3)]


def test_the_folder_says_what_was_trained_on_what(trained: pathlib.Path) -> None:
    record = json.loads((trained / model_folder.TRAINING).read_text())
    assert record["dataset"] == "small_samples/rough:1.0.0"
    assert record["examples"] == {"train": 28, "validation": 14}
    assert record["settings"]["strategy"] == "logits" and record["settings"]["seed"] == 0
    assert record["settings"]["batch_norm"] == "frozen"
    assert record["versions"]["keras"] and len(record["dataset_sha256"]["train"]) == 64
    assert set(record["files"]) == {"model.keras", "history.csv", "labels.json", "calibration.json"}
    assert not trained.with_name("model.unfinished").exists()


def test_a_model_is_not_replaced_silently(trained: pathlib.Path, home: pathlib.Path, dataset: datasets.Dataset) -> None:
    settings = _settings(home)
    with pytest.raises(errors.RefusedOverwrite):
        train_model.train(learning_set.learning_set_of(dataset, settings), settings, trained)


def test_overwrite_never_deletes_what_the_project_did_not_write(
    trained: pathlib.Path, home: pathlib.Path, dataset: datasets.Dataset, tmp_path: pathlib.Path
) -> None:
    settings = _settings(home)
    given = learning_set.learning_set_of(dataset, settings)
    (tmp_path / "holidays").mkdir()
    (tmp_path / "holidays" / "photo.jpg").write_text("mine")
    shutil.copytree(trained, tmp_path / "model")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    for name, words in (("holidays", "it holds other files"), ("model", "--overwrite would delete notes.txt")):
        with pytest.raises(errors.InputError, match=words):
            train_model.train(given, settings, tmp_path / name, overwrite=True)
    assert (tmp_path / "holidays" / "photo.jpg").is_file() and (tmp_path / "model" / "notes.txt").is_file()


def test_the_folder_one_is_in_is_no_model_folder(
    home: pathlib.Path, dataset: datasets.Dataset, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(home)
    given = learning_set.learning_set_of(dataset, settings)
    monkeypatch.chdir(tmp_path)
    for out in (".", "..", str(tmp_path)):
        with pytest.raises(errors.InputError, match="received the folder you are in"):
            train_model.train(given, settings, pathlib.Path(out), overwrite=True)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_unfinished_work_that_holds_other_files_is_refused(
    home: pathlib.Path, dataset: datasets.Dataset, tmp_path: pathlib.Path
) -> None:
    settings = _settings(home)
    given = learning_set.learning_set_of(dataset, settings)
    work = tmp_path / "model.unfinished"
    work.mkdir()
    (work / "draft.txt").write_text("mine")
    with pytest.raises(errors.InputError, match="it holds other files"):
        train_model.train(given, settings, tmp_path / "model")
    (work / "draft.txt").rename(tmp_path / "draft.txt")
    training_plan.claim(work, training_plan.plan_of(given, settings))
    (tmp_path / "draft.txt").rename(work / "draft.txt")
    with pytest.raises(errors.InputError, match=r"would delete draft\.txt"):
        train_model.train(given, settings, tmp_path / "model")
    training_plan.remove(work)
    assert (work / "draft.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["plan.json", "head/state.json"])
@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000])
def test_unfinished_work_that_is_damaged_is_refused_with_its_cure(
    home: pathlib.Path, dataset: datasets.Dataset, tmp_path: pathlib.Path, name: str, text: str
) -> None:
    given = learning_set.learning_set_of(dataset, _settings(home))
    work = tmp_path / "model.unfinished"
    _kept(work, training_plan.plan_of(given, _settings(home)), training_plan.HEAD)
    (work / name).write_text(text)
    with pytest.raises(errors.InputError, match=rf"{name}: expected .*Remove .*model\.unfinished to start anew"):
        train_model.train(given, _settings(home, learning_rate=0.5), tmp_path / "model")


def test_a_model_folder_is_not_the_folder_of_its_features(
    home: pathlib.Path, dataset: datasets.Dataset, tmp_path: pathlib.Path
) -> None:
    settings = _settings(home)
    with pytest.raises(errors.InputError, match="received the one where features are kept"):
        train_model.train(learning_set.learning_set_of(dataset, settings), settings, tmp_path / "features")


def test_kept_features_are_read_again(trained: pathlib.Path, home: pathlib.Path, dataset: datasets.Dataset) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "features").rglob("*.npy")}
    settings = _settings(home, loss=losses.Loss("generalized"), epochs=2)
    train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / "generalized")
    assert {path: path.stat().st_mtime_ns for path in (home / "features").rglob("*.npy")} == before


def test_eight_views_keep_the_plain_ones_and_add_seven(
    trained: pathlib.Path, home: pathlib.Path, dataset: datasets.Dataset
) -> None:
    settings = _settings(home, views=8, epochs=2)
    train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / "views")
    views = {path.parent.name for path in (home / "features").rglob("*.npy")}
    assert views == {f"view-{v}" for v in range(8)}


@pytest.mark.slow
@pytest.mark.parametrize("config", ["rough", "streamed"])
def test_every_layer_learns_after_the_head_has_warmed_up(home: pathlib.Path, config: str) -> None:
    dataset = datasets.open_dataset(f"small_samples/{config}", data_dir=home / "data")
    settings = _settings(home, strategy="first-layer", warmup_epochs=3, epochs=2)
    folder = train_model.train(
        learning_set.learning_set_of(dataset, settings), settings, home / f"first-layer-{config}"
    ).folder.path
    history = training_history.read(folder / model_folder.HISTORY)
    assert [row["stage"] for row in history] == ["head"] * 3 + ["all layers"] * 2
    start = model.build(classes=7, size_px=SIDE_PX, dropout=0.0)
    model.load_weights(start.base, settings.weights)
    learnt = trained_model.load(folder).network.base
    for before, after in zip(start.base.layers, learnt.layers, strict=True):
        for name, old, new in zip(
            (v.path for v in before.weights), before.get_weights(), after.get_weights(), strict=True
        ):
            changed = not np.array_equal(old, new)
            assert changed != ("batch_normalization" in name), name


@pytest.mark.slow
def test_a_short_training_from_random_weights_forgets_statistics_within_an_epoch(
    home: pathlib.Path, dataset: datasets.Dataset
) -> None:
    settings = _settings(home, strategy="first-layer", weights="none", epochs=1)
    loaded = train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / "from-random")
    steps = -(-len(dataset.split("train")) // settings.batch_size)
    wanted = model.momentum_of(steps)
    assert wanted < 0.9
    assert {layer.momentum for layer in model.batch_norms(loaded.network.base)} == {wanted}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "both"}, "--strategy"),
        ({"size_px": 74}, "75 pixels a side or more; received 74"),
        ({"weights": "none", "batch_norm": "frozen"}, "a random network with frozen statistics does not learn"),
        ({"views": 4}, "--views: expected one of 1, 8"),
        ({"precision": "float8"}, "--precision"),
        ({"batch_size": 0}, "--batch-size: expected 1 or more; received 0"),
        ({"epochs": 0}, "--epochs: expected 1 or more; received 0"),
        ({"epochs": -3}, "--epochs"),
        ({"warmup_epochs": -1}, "--warmup-epochs: expected 0 or more"),
        ({"patience": 0}, "--patience: expected 1 or more"),
        ({"learning_rate": 0.0}, "--learning-rate: expected a number above 0"),
        ({"learning_rate": float("nan")}, "--learning-rate"),
        ({"base_share": -5.0}, "--base-share: expected 0 or more"),
        ({"devices": 0}, "--devices: expected 1 or more"),
        ({"dropout": 1.0}, "dropout: expected a share"),
        ({"weight_decay": -0.1}, "weight decay"),
        ({"validation_share": 1.0}, "--validation-share"),
        ({"seed": -1}, "--seed"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(errors.InputError, match=message):
        training_settings.TrainingSettings(**changes)  # type: ignore[arg-type]


def test_a_loss_that_is_not_a_number_stops_the_training_and_says_what_to_try(
    home: pathlib.Path, dataset: datasets.Dataset
) -> None:
    settings = _settings(home, learning_rate=TOO_FAST)
    with pytest.raises(errors.InputError, match=r"not a number in the first epoch.*--learning-rate"):
        train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / "broken")
    assert not (home / "broken").exists()


def test_the_cure_that_a_broken_training_names_works_at_once(home: pathlib.Path, dataset: datasets.Dataset) -> None:
    for rate in (TOO_FAST, 0.01):
        settings = _settings(home, learning_rate=rate, epochs=2)
        with contextlib.suppress(errors.InputError):
            train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / "cured")
    assert len(training_history.read(home / "cured" / model_folder.HISTORY)) == 2


def _kept(work: pathlib.Path, plan: dict[str, object], stage: str) -> None:
    """Unfinished work of `plan` whose `stage` has kept an epoch."""
    training_plan.claim(work, plan)
    (work / stage).mkdir()
    (work / stage / "state.json").write_text(json.dumps({"history": [{"epoch": 1}], "stopped": None}))


def test_unfinished_work_of_other_settings_is_not_mixed_in(
    home: pathlib.Path, dataset: datasets.Dataset, tmp_path: pathlib.Path
) -> None:
    settings = _settings(home)
    given = learning_set.learning_set_of(dataset, settings)
    _kept(tmp_path / "m.unfinished", training_plan.plan_of(given, settings), training_plan.HEAD)
    other = _settings(home, learning_rate=0.5)
    with pytest.raises(errors.InputError, match=r"settings.learning_rate \(0\.02 then, 0\.5 now\)"):
        train_model.train(given, other, tmp_path / "m")


def test_a_warm_up_alone_is_not_worth_keeping(
    home: pathlib.Path, dataset: datasets.Dataset, tmp_path: pathlib.Path
) -> None:
    settings = _settings(home, strategy="first-layer")
    given = learning_set.learning_set_of(dataset, settings)
    _kept(tmp_path, training_plan.plan_of(given, settings), training_plan.HEAD)
    training_plan.claim(tmp_path, training_plan.plan_of(given, dataclasses.replace(settings, batch_size=3)))
    assert not (tmp_path / training_plan.HEAD).exists()


def test_a_weights_file_is_known_by_what_it_holds(home: pathlib.Path, dataset: datasets.Dataset) -> None:
    one, two = home / "one.h5", home / "two.h5"
    one.write_bytes(b"a")
    two.write_bytes(b"a")
    given = learning_set.learning_set_of(dataset, _settings(home))
    before, moved = (training_plan.plan_of(given, _settings(home, weights=str(file))) for file in (one, two))
    one.write_bytes(b"b")
    changed = training_plan.plan_of(given, _settings(home, weights=str(one)))
    assert training_plan.differences(before, moved) == ""
    assert training_plan.differences(before, changed).startswith("weights_sha256 (")
    assert "settings.weights" in training_plan.differences(
        before, training_plan.plan_of(given, _settings(home, weights="imagenet"))
    )


@pytest.mark.slow
@pytest.mark.parametrize("precision", [training_settings.BRAIN_HALF, training_settings.HALF])
def test_half_precision_trains_and_loads(
    home: pathlib.Path, dataset: datasets.Dataset, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    run = resumable_fit.run

    def spied(trained: keras.Model, *args: object, **more: object) -> resumable_fit.StageOutcome:
        used.append(type(trained.optimizer))
        return run(trained, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(resumable_fit, "run", spied)
    settings = _settings(
        home, strategy="first-layer", precision=precision, epochs=1, warmup_epochs=0, learning_rate=1e-3
    )
    folder = train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / precision).folder.path
    scaled = keras.optimizers.LossScaleOptimizer if precision == training_settings.HALF else model.LayeredAdam
    assert used == [scaled]
    logits = predictions.logits_of_model(
        trained_model.load(folder), dataset.split("validation"), features_root=home / "features"
    )
    assert logits.shape == (14, 7) and np.isfinite(logits).all()


def test_too_few_devices_are_refused_before_the_network_is_built(
    home: pathlib.Path, dataset: datasets.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: object) -> model.Network:
        raise AssertionError("the start was computed")

    monkeypatch.setattr(initial_network, "start_network", unwanted)
    settings = _settings(home, devices=99)
    with pytest.raises(errors.InputError, match="--devices 99: there are"):
        train_model.train(learning_set.learning_set_of(dataset, settings), settings, home / "devices")


KILLED = """
import pathlib, sys
import keras
sys.path.insert(0, "tests/worlds")
import small_network
keras.applications.InceptionV3 = small_network.inception_v3
from refine.samples import datasets
from refine.training import learning_set, train_model, training_settings
home, out, changes = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), eval(sys.argv[3])
settings = training_settings.TrainingSettings(**changes)
dataset = datasets.open_dataset("small_samples/rough:1.0.0", data_dir=home / "data")
train_model.train(learning_set.learning_set_of(dataset, settings), settings, out, features_root=home / "features")
"""


def _killed_and_resumed(
    home: pathlib.Path, tmp_path: pathlib.Path, stage: str, *, after: int, **changes: object
) -> list[list[training_history.Row]]:
    """Histories of a training that was killed when `stage` had kept `after` epochs, and of one that was not."""
    settings = {"weights": str(home / "base.weights.h5"), "size_px": SIDE_PX, "batch_size": 14, **changes}
    state = tmp_path / "killed.unfinished" / stage / "state.json"

    def command(out: str) -> list[str]:
        return [sys.executable, "-c", KILLED, str(home), str(tmp_path / out), repr(settings)]

    run = subprocess.Popen(command("killed"), cwd=ROOT, start_new_session=True)
    _wait_for(lambda: state.is_file() and len(json.loads(state.read_text())["history"]) >= after)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert after <= len(json.loads(state.read_text())["history"]) < settings["epochs"]  # type: ignore[operator]
    for out in ("killed", "straight"):
        subprocess.run(command(out), cwd=ROOT, check=True)
    return [training_history.read(tmp_path / out / model_folder.HISTORY) for out in ("killed", "straight")]


@pytest.mark.slow
def test_a_killed_training_goes_on_at_its_last_epoch(
    home: pathlib.Path, trained: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    resumed, straight = _killed_and_resumed(
        home, tmp_path, training_plan.HEAD, after=5, epochs=60, patience=60, learning_rate=0.02, dropout=0.2
    )
    assert [row["epoch"] for row in resumed] == [row["epoch"] for row in straight] == list(range(1, 61))
    for name in ("loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose([r[name] for r in resumed], [r[name] for r in straight], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_killed_training_of_every_layer_goes_on_at_its_last_epoch(
    home: pathlib.Path, trained: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    changes = {"strategy": "first-layer", "warmup_epochs": 1, "epochs": 3, "learning_rate": 1e-3, "dropout": 0.2}
    resumed, straight = _killed_and_resumed(home, tmp_path, training_plan.ALL_LAYERS, after=1, **changes)
    assert [row["stage"] for row in resumed] == ["head"] + ["all layers"] * 3
    for name in ("loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose([r[name] for r in resumed], [r[name] for r in straight], rtol=1e-3, atol=1e-5)


def _wait_for(condition: object, limit_s: float = 900) -> None:
    ends = time.monotonic() + limit_s
    while time.monotonic() < ends:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")
