"""Doubtful labels: folds by block, labels that were flipped are found, and what is written can be used."""

from __future__ import annotations

import csv
import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import small_release
from checkout import ROOT
from hypothesis import given
from hypothesis import strategies as st

from builder import errors, output_folders
from refine.accuracy import intervals
from refine.artefacts import noise_summary
from refine.judging import noise, noise_files
from refine.samples import datasets, places
from refine.training import strategies, training_settings


def _split(labels: np.ndarray, tmp_path: pathlib.Path) -> datasets.Split:
    """A split of `labels` whose pictures nobody looks at."""
    dataset = datasets.open_dataset(str(small_release.write_folder(tmp_path / "images", per_class=1)), data_dir=None)
    count = len(labels)
    return datasets.Split(
        dataset=dataset,
        name="train",
        reader=dataset.split("train").reader,
        rows=np.zeros(count, np.int64),
        keys=np.array([f"k{i}" for i in range(count)]),
        labels=labels,
        columns={"lon_e7": 10_000_000 * (np.arange(count) % 60), "lat_e7": np.full(count, 500_000_000)},
    )


def _shares(truth: np.ndarray, sure: float = 0.9) -> np.ndarray:
    """What a good model says: `sure` of the true class, some grain."""
    grain = np.random.default_rng(0).random((len(truth), 7)) * 0.05
    shares = grain + (1 - sure) / 6
    shares[np.arange(len(truth)), truth] = sure
    return shares / shares.sum(axis=1, keepdims=True)


@given(st.lists(st.integers(0, 30), min_size=5, max_size=200), st.integers(0, 100))
def test_a_block_lies_in_one_fold(blocks: list[int], seed: int) -> None:
    names = np.array(blocks)
    fold = noise.folds_of(names, names % 3, folds=5, seed=seed)
    for block in np.unique(names):
        assert len(np.unique(fold[names == block])) == 1


def test_every_class_is_spread_over_the_folds() -> None:
    labels = np.repeat(np.arange(7), 100)
    fold = noise.folds_of(np.arange(700), labels, folds=5, seed=0)
    for label in range(7):
        assert np.bincount(fold[labels == label], minlength=5).tolist() == [20] * 5


def test_blocks_are_squares_of_degrees_as_large_as_the_folds_allow(tmp_path: pathlib.Path) -> None:
    split = _split(np.arange(600) % 7, tmp_path)
    assert len(np.unique(noise.blocks_of(split, folds=5))) == 60
    assert len(np.unique(noise.blocks_of(split, folds=5, block_deg=2.0))) == 30


def test_fewer_blocks_than_folds_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match=r"1 blocks of 90.*5 folds"):
        noise.blocks_of(_split(np.arange(60) % 7, tmp_path), folds=5, block_deg=90.0)


@pytest.mark.parametrize(
    ("folds", "block_deg", "message"),
    [
        (1, None, "--folds: expected 2 to 60, the number of examples; received 1"),
        (61, None, "received 61"),
        (5, 0.0, "--block: expected the side of a block in degrees"),
        (5, 1e-9, "received 1e-09"),
        (5, float("nan"), "received nan"),
    ],
)
def test_folds_and_blocks_that_are_none_are_refused(tmp_path, folds, block_deg, message) -> None:
    with pytest.raises(errors.InputError, match=message):
        noise.blocks_of(_split(np.arange(60) % 7, tmp_path), folds=folds, block_deg=block_deg)


def test_without_places_each_example_is_a_block_and_a_size_of_blocks_is_refused(tmp_path: pathlib.Path) -> None:
    split = dataclasses.replace(_split(np.arange(60) % 7, tmp_path), columns={})
    assert len(np.unique(noise.blocks_of(split, folds=5))) == 60
    assert places.blocks_for_bootstrap(split) is None
    with pytest.raises(errors.InputError, match="does not say where its examples lie"):
        noise.blocks_of(split, folds=5, block_deg=1.0)


def test_blocks_for_the_bootstrap_are_those_of_the_usual_folds(tmp_path: pathlib.Path) -> None:
    split = _split(np.arange(600) % 7, tmp_path)
    assert np.array_equal(places.blocks_for_bootstrap(split), noise.blocks_of(split, folds=noise.FOLDS))
    one_place = dataclasses.replace(split, columns={name: 0 * values for name, values in split.columns.items()})
    assert places.blocks_for_bootstrap(one_place) is None


def test_flipped_labels_are_found_and_explained(tmp_path: pathlib.Path) -> None:
    truth = np.arange(700) % 7
    given_labels = np.where(np.arange(700) % 10 == 0, (truth + 1) % 7, truth)
    findings = noise.findings_of(_split(given_labels, tmp_path), _shares(truth), np.arange(700) // 10)
    assert sorted(findings.doubtful.tolist()) == list(range(0, 700, 10))
    assert (np.diff(findings.scores[findings.doubtful]) >= 0).all()
    label = noise_files.doubtful_labels(findings)[0]
    assert label.label != label.suggested
    assert label.reason.startswith(f"looks like {label.suggested} (") and label.weight < 0.1
    for rate in findings.rates:
        assert rate.low <= 0.1 <= rate.high and rate.rate == pytest.approx(0.1, abs=0.02)
        assert rate.doubtful == 10 and rate.examples == 100
    assert findings.rates[1].mostly == small_release.CLASSES[0]


def test_clean_labels_have_no_doubtful_ones(tmp_path: pathlib.Path) -> None:
    truth = np.arange(140) % 7
    findings = noise.findings_of(_split(truth, tmp_path), _shares(truth), np.arange(140))
    assert len(findings.doubtful) == 0
    assert all(rate.rate == 0 and rate.mostly == "" for rate in findings.rates)
    for rate in findings.rates:  # none of 20 is not none at all
        assert (rate.low, rate.high) == pytest.approx(intervals.wilson(0.0, 20))


def test_a_class_in_one_block_has_a_wide_interval_and_spoils_no_other(tmp_path: pathlib.Path) -> None:
    truth = np.repeat(np.arange(7), 40)
    wrong = np.arange(280) % 10 == 0
    blocks = np.where(truth == 6, "one", (np.arange(280) % 40).astype(str))
    findings = noise.findings_of(_split(np.where(wrong, (truth + 1) % 7, truth), tmp_path), _shares(truth), blocks)
    first, last = findings.rates[1], findings.rates[6]
    assert first.low < 0.1 < first.high and first.high - first.low < 0.3
    assert np.isfinite([last.low, last.high]).all()


def test_classes_that_lie_in_one_block_each_are_known_as_well_as_one_sample(tmp_path: pathlib.Path) -> None:
    truth = np.repeat(np.arange(7), 20)
    findings = noise.findings_of(_split(truth, tmp_path), _shares(truth), truth)
    for rate in findings.rates:
        assert (rate.low, rate.high) == pytest.approx(intervals.wilson(0.0, 1))


@pytest.mark.slow
def test_a_folder_that_exists_is_refused_before_the_work(tmp_path: pathlib.Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "doubtful.csv").touch()
    (tmp_path / "full" / "noise.json").touch()
    (tmp_path / "empty").mkdir()
    output_folders.check(tmp_path / "new", noise_summary.FOLDER, overwrite=False)
    output_folders.check(tmp_path / "empty", noise_summary.FOLDER, overwrite=False)
    output_folders.check(tmp_path / "full", noise_summary.FOLDER, overwrite=True)
    done = subprocess.run(
        [sys.executable, "-m", "refine", "noise", "--dataset", "no_such_dataset", "--out", tmp_path / "full"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "exists already" in done.stderr) == (2, True)


@pytest.mark.slow
def test_overwrite_deletes_neither_another_folder_nor_a_users_file_in_ours(tmp_path: pathlib.Path) -> None:
    other, ours = tmp_path / "photos", tmp_path / "noise"
    for folder, names in ((other, ["holiday.jpg"]), (ours, [*noise_summary.FOLDER.files, "notes.txt"])):
        folder.mkdir()
        for name in names:
            (folder / name).write_text("kept")
    for folder, words in ((other, "it holds other files"), (ours, "--overwrite would delete notes.txt")):
        done = subprocess.run(
            [sys.executable, "-m", "refine", "noise", "--dataset", "no_such_dataset", "--out", folder, "--overwrite"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, words in done.stderr) == (2, True)
        assert {path.read_text() for path in folder.iterdir()} == {"kept"}


def test_options_that_do_nothing_are_not_offered() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "refine", "noise", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--folds N" in done.stdout and "--block DEG" in done.stdout and "--learning-rate" in done.stdout
    for option in ("--epochs", "--views", "--loss", "--patience", "--batch-norm", "--weigh-by", "--validation-share"):
        assert option not in done.stdout


def test_a_class_that_does_not_occur_is_no_obstacle(tmp_path: pathlib.Path) -> None:
    truth = np.arange(120) % 6
    wrong = np.isin(np.arange(120), [5, 11, 17])
    shares = np.where(wrong[:, None], _shares(truth, 0.97), _shares(truth))
    findings = noise.findings_of(_split(np.where(wrong, 0, truth), tmp_path), shares, np.arange(120))
    assert sorted(findings.doubtful.tolist()) == [5, 11, 17]
    assert [rate.label for rate in findings.rates] == list(small_release.CLASSES[:6])


@pytest.mark.slow
def test_a_release_is_searched_and_the_findings_written(tmp_path: pathlib.Path) -> None:
    reference = small_release.write(tmp_path / "data")
    dataset = datasets.open_dataset(reference, data_dir=tmp_path / "data")
    split = dataset.split("train")
    labels = split.labels.copy()
    labels[3] = 5
    settings = training_settings.TrainingSettings(weights="none", size_px=75, batch_size=7, learning_rate=0.02)
    findings = noise.find(
        split.relabelled(labels), settings, features_root=tmp_path / "features", folds=4, block_deg=0.1
    )
    assert findings.shares.shape == (28, 7)
    out = noise_files.write(findings, tmp_path / "noise", size_px=75)
    assert {p.name for p in out.iterdir()} == {
        noise_summary.DOUBTFUL, noise_summary.RATES, noise_summary.SUMMARY, noise_summary.SHEET,
    }  # fmt: skip
    with (out / noise_summary.DOUBTFUL).open(newline="") as stream:
        keys = [row["key"] for row in csv.DictReader(stream)]
    assert keys == [split.keys[i] for i in findings.doubtful]
    assert (out / noise_summary.SHEET).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(errors.RefusedOverwrite):
        noise_files.write(findings, out, size_px=75)


def test_a_head_is_fitted_the_same_for_the_same_seed() -> None:
    inputs = np.random.default_rng(0).normal(size=(40, 2048)).astype(np.float32)
    settings = training_settings.TrainingSettings(weights="none", size_px=75)
    heads = [strategies.fit_head(inputs, np.arange(40) % 3, classes=3, epochs=2, settings=settings) for _ in range(2)]
    first, second = (np.asarray(head.predict(inputs, verbose=0)) for head in heads)
    np.testing.assert_allclose(first, second, atol=1e-5)
