"""A model on a split: what the examples were drawn from, whether the model knows them, and which of them cluster."""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import small_release
from checkout import ROOT

from refine.accuracy import accuracy_options, command, support
from refine.judging import model_sample
from refine.samples import datasets
from refine.training import learning_set, train_model, training_settings

pytestmark = pytest.mark.usefixtures("small_network")

CELLS = ["forest/consistent", "forest/consistent", "water/consistent", "water/consistent"]


def _split(tmp_path: pathlib.Path, name: str, *, dataset: str = "", **columns: list[str]) -> datasets.Split:
    opened = datasets.open_dataset(str(small_release.write_folder(tmp_path / "images", per_class=1)), data_dir=None)
    split = opened.split("test")
    chosen = split.where(np.arange(len(split)) < 4)
    if dataset:
        opened = dataclasses.replace(opened, name=dataset, version="1.0.0")
    given = {key: np.array(values, object) for key, values in columns.items()}
    return dataclasses.replace(chosen, dataset=opened, name=name, columns=given)


@pytest.mark.parametrize(
    ("states", "population"),
    [
        (["consistent"] * 4, support.Population.CONSISTENT),
        (["inconsistent"] * 4, support.Population.INCONSISTENT),
        (["consistent", "consistent", "inconsistent", "inconsistent"], support.Population.PICTURES),
    ],
)
def test_the_states_of_the_cells_say_what_was_sampled_whatever_the_split_is_called(tmp_path, states, population):
    split = _split(tmp_path, "test", dataset="elsewhere/rough", state=states, stratum=CELLS)
    assert model_sample.population_of(split) is population


def test_without_states_only_the_own_dataset_has_test_splits_of_cells(tmp_path):
    assert model_sample.population_of(_split(tmp_path, "test")) is support.Population.PICTURES
    merced = _split(tmp_path / "b", "test", dataset="uc_merced")
    assert model_sample.population_of(merced) is support.Population.PICTURES
    own = _split(tmp_path / "c", "test", dataset="globeland_samples/rough")
    assert model_sample.population_of(own) is support.Population.CONSISTENT
    states_of_a_union = _split(tmp_path / "d", "test", dataset="farms", state=["Ohio"] * 4, stratum=CELLS)
    assert model_sample.population_of(states_of_a_union) is support.Population.PICTURES


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with a release and a model that was trained on it."""
    root = tmp_path_factory.mktemp("judging")
    dataset = datasets.open_dataset(small_release.write(root / "data"), data_dir=root / "data")
    settings = training_settings.TrainingSettings(
        weights="none", size_px=75, batch_size=7, epochs=3, learning_rate=0.02
    )
    train_model.train(learning_set.learning_set_of(dataset, settings), settings, root / "model")
    return root


@pytest.mark.slow
def test_a_sample_has_blocks_and_is_labelled_pictures_of_another_dataset(home: pathlib.Path) -> None:
    sample = model_sample.sample_of_model(home / "model", dataset=None, data_dir=home / "data", split="test")
    assert sample.population is support.Population.PICTURES
    assert sample.notes == ()
    assert len(np.unique(np.asarray(sample.blocks))) == 14  # a tenth of a degree apart
    out = io.StringIO()
    command.run(accuracy_options.AccuracyOptions(draws=100), judged_sample=sample, as_json=True, out=out)
    printed = json.loads(out.getvalue())
    assert "overall accuracy by block" in printed["bootstrap"]
    assert "labelled pictures" in printed["statement"]


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_split_that_the_model_has_learnt_from_is_warned_about(home: pathlib.Path, split: str) -> None:
    sample = model_sample.sample_of_model(home / "model", dataset=None, data_dir=home / "data", split=split)
    assert sample.notes == (model_sample.LEARNT_FROM[split],)


@pytest.mark.slow
def test_labels_of_another_dataset_are_mapped_to_the_models_classes(home: pathlib.Path) -> None:
    folder = small_release.write_folder(home / "images", names=("lake", "meadow", "road"), per_class=2)
    labels = home / "labels.csv"
    labels.write_text("label,class\nlake,water\nmeadow,grass_shrub\nroad,\n", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable, "-m", "refine", "accuracy", "--model", home / "model", "--dataset", folder,
            "--split", "train", "--labels", labels, "--draws", "0", "--json",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["samples"] == 4
    assert [c["class"] for c in printed["classes"] if c["reference_samples"]] == ["grass_shrub", "water"]
    assert not any("learnt" in warning for warning in printed["warnings"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--matrix", "M.csv", "--split", "test"], "--split: expected with --model MODEL"),
        (["--matrix", "M.csv", "--dataset", "x", "--labels", "l.csv"], "--dataset, --labels: expected with --model"),
        (["--model", "M", "--areas", "A.csv"], "--areas is for tables"),
        (["--model", "M", "--printed-kappa", "0.9"], "--printed-kappa is for tables"),
        (["--sample", "S.csv", "--printed-kappa", "0.9"], "--printed-kappa needs --matrix"),
        (["--matrix", "M.csv", "--level", "95"], "expected a confidence level between 0 and 1"),
    ],
)
def test_options_that_do_nothing_together_end_with_2(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "refine", "accuracy", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
