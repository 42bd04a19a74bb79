"""The comparison: every strategy on every dataset once, judged on one test split."""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib

import numpy as np
import pytest
import small_release

from builder import errors
from refine.accuracy import accuracy, estimators
from refine.artefacts import comparison, model_folder
from refine.judging import compare, comparison_table
from refine.network import trained_model
from refine.samples import datasets
from refine.training import features, learning_set, resumable_fit, train_model, training_history, training_settings

pytestmark = pytest.mark.usefixtures("small_network")

SETTINGS = training_settings.TrainingSettings(weights="none", size_px=75, batch_size=7, epochs=3, learning_rate=0.02)


@dataclasses.dataclass(frozen=True)
class Compared:
    out: pathlib.Path
    by_kind: dict[str, datasets.Dataset]
    comparison: comparison.Comparison
    test: datasets.Split


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    root = tmp_path_factory.mktemp("compare")
    by_kind = {
        config: datasets.open_dataset(small_release.write(root / "data", config=config), data_dir=root / "data")
        for config in ("rough", "accurate")
    }
    test = by_kind["accurate"].split("test")
    return Compared(root / "out", by_kind, compare.compare(by_kind, [SETTINGS], root / "out", test=test), test)


def test_every_strategy_meets_every_dataset(compared: Compared) -> None:
    assert [entry.name for entry in compared.comparison.strategies] == ["logits / rough", "logits / accurate"]
    assert {p.name for p in compared.out.iterdir()} == {
        "logits-rough", "logits-accurate", "features", "compare.csv", "compare.md", "compare.json", "compare.png",
    }  # fmt: skip


def test_a_comparison_is_not_written_into_the_folder_one_is_in(
    compared: Compared, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InputError, match="received the folder you are in"):
        compare.compare(compared.by_kind, [SETTINGS], pathlib.Path(), test=compared.test)
    assert not list(tmp_path.iterdir())


def test_a_table_that_is_not_of_a_comparison_is_not_replaced(compared: Compared, tmp_path: pathlib.Path) -> None:
    (tmp_path / comparison.TABLE).write_text("mine")
    with pytest.raises(errors.InputError, match=r"compare\.csv would be replaced, and no compare\.json"):
        compare.compare(compared.by_kind, [SETTINGS], tmp_path, test=compared.test)
    assert [path.name for path in tmp_path.iterdir()] == [comparison.TABLE]


def test_the_table_the_page_and_the_summary_say_the_same(compared: Compared) -> None:
    with (compared.out / comparison.TABLE).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    summary = json.loads((compared.out / comparison.SUMMARY).read_text())
    for row, entry in zip(rows, summary["strategies"], strict=True):
        assert float(row["overall"]) == pytest.approx(entry["overall"]["value"])
        assert entry["overall"]["low"] <= entry["overall"]["value"] <= entry["overall"]["high"]
        assert np.sum(entry["confusion"]) == 14
        assert float(row["minutes"]) >= 0 and float(row["images_per_s"]) > 0
    assert summary["test"] == {
        "dataset": "small_samples/accurate:1.0.0",
        "split": "test",
        "examples": 14,
        "sha256": compared.test.digest,
        "label_origins": {"consensus": 5, "review": 9},
        "statement": compared.comparison.test.statement,
    }
    assert "logits / rough against logits / accurate" in (compared.out / comparison.MARKDOWN).read_text()
    assert (compared.out / comparison.FIGURE).read_bytes().startswith(b"\x89PNG")


def test_the_page_says_what_the_test_is_and_who_labelled_it(compared: Compared) -> None:
    page = (compared.out / comparison.MARKDOWN).read_text()
    assert "split test, 14 chips (labels: 5 by consensus, 9 by review)" in page
    assert "It is not map accuracy" in page


def test_the_summary_says_how_each_model_was_made(compared: Compared) -> None:
    for entry in json.loads((compared.out / comparison.SUMMARY).read_text())["strategies"]:
        record = json.loads((compared.out / entry["model"] / "training.json").read_text())
        assert entry["versions"]["keras"] and set(entry["dataset_sha256"]) == {"train", "validation"}
        assert entry["stopped"] == record["stopped"] == "last epoch"


def test_minutes_hold_the_features_whoever_computed_them(
    compared: Compared, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same training beside features that are already there costs what it cost when they were made."""
    root, given = compared.out / "features", learning_set.learning_set_of(compared.by_kind["rough"], SETTINGS)
    network = trained_model.load(compared.out / compared.comparison.strategies[0].model).network
    monkeypatch.delattr(features, "_compute")
    cost = sum(features.of_split(split, network, root=root).seconds for split in (given.train, given.validation))
    folder = train_model.train(given, SETTINGS, tmp_path / "again", features_root=root).folder.path
    assert training_history.read(folder / "history.csv")[0]["seconds"] >= cost > 0


def test_finished_strategies_are_not_trained_again(compared: Compared) -> None:
    before = [(compared.out / name / "model.keras").stat().st_mtime_ns for name in ("logits-rough", "logits-accurate")]
    compare.compare(compared.by_kind, [SETTINGS], compared.out, test=compared.test)
    after = [(compared.out / name / "model.keras").stat().st_mtime_ns for name in ("logits-rough", "logits-accurate")]
    assert before == after


def test_models_of_other_settings_are_not_taken_for_these(compared: Compared) -> None:
    other = dataclasses.replace(SETTINGS, learning_rate=0.5)
    with pytest.raises(errors.InputError, match=r"learning_rate \(0\.02 then, 0\.5 now\)"):
        compare.compare(compared.by_kind, [other], compared.out, test=compared.test)


@pytest.mark.usefixtures("no_training")
def test_what_cannot_be_compared_is_refused_before_anything_is_trained(
    compared: Compared, tmp_path: pathlib.Path
) -> None:
    rough, test = compared.by_kind["rough"], compared.test
    newer = dataclasses.replace(compared.by_kind["accurate"], version="1.1.0")
    with pytest.raises(errors.InputError, match=r"one version; received .*rough:1\.0\.0, .*accurate:1\.1\.0"):
        compare.compare({"rough": rough, "accurate": newer}, [SETTINGS], tmp_path, test=test)
    with pytest.raises(errors.InputError, match=r"14 examples of .*, split validation, are also learnt from"):
        compare.compare(compared.by_kind, [SETTINGS], tmp_path, test=rough.split("validation"))
    other = dataclasses.replace(rough, classes=(*rough.classes[1:], "lake"))
    with pytest.raises(errors.InputError, match="the model knows the classes"):
        compare.compare({"rough": rough, "accurate": other}, [SETTINGS], tmp_path, test=test)
    cut_again = dataclasses.replace(test, columns={datasets.PARENT: np.array(["train003"] * len(test))})
    with pytest.raises(errors.InputError, match=r"1 examples of .*train003"):
        compare.compare(compared.by_kind, [SETTINGS], tmp_path, test=cut_again)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: object, **__: object) -> None:
        raise AssertionError("was trained")

    monkeypatch.setattr(train_model, "train", train)


@pytest.fixture(scope="module")
def folder(compared: Compared) -> model_folder.ModelFolder:
    return model_folder.ModelFolder.open(compared.out / "logits-rough")


def test_a_training_that_broke_is_shown(compared: Compared, folder: model_folder.ModelFolder) -> None:
    assessment = estimators.simple_random(_all_right(compared.test.labels))
    broken = {"stage": "head", "epochs": 3, "stopped": resumable_fit.NOT_A_NUMBER}
    fine = {"stage": "all layers", "epochs": 3, "stopped": resumable_fit.STABLE}
    ends = (
        ([broken], "loss is not a number"),
        ([fine], "stable"),
        ([broken, fine], "stable; head: loss is not a number"),
    )
    for stages, words in ends:
        record = {**folder.record, "stopped": stages[-1]["stopped"], "stages": stages}
        strategy = compare.strategy_of("logits / rough", dataclasses.replace(folder, record=record), assessment, None)
        shown = dataclasses.replace(compared.comparison, strategies=(strategy,), pairs=())
        assert f" {words} |" in comparison_table.markdown(shown)
        assert shown.to_json()["strategies"][0]["stopped"] == words
        assert shown.is_broken == (broken in stages)


def _all_right(labels: np.ndarray) -> accuracy.Confusion:
    return accuracy.Confusion.from_pairs(labels, labels, small_release.CLASSES)


def test_a_test_split_of_other_classes_is_refused(compared: Compared, tmp_path: pathlib.Path) -> None:
    root = small_release.write_folder(tmp_path / "images", names=("lake", "meadow"))
    test = datasets.open_dataset(str(root), data_dir=None).split("test")
    with pytest.raises(errors.InputError, match="the model knows the classes"):
        compare.judge_model("x", trained_model.load(compared.out / "logits-rough"), test, features_root=tmp_path)


def test_paired_tests_count_who_alone_is_right(compared: Compared, folder: model_folder.ModelFolder) -> None:
    labels = compared.test.labels
    wrong = (labels + 1) % 7
    assessment = estimators.simple_random(_all_right(labels))

    def judged(name: str, predicted: np.ndarray) -> compare.JudgedModel:
        return compare.JudgedModel(compare.strategy_of(name, folder, assessment, None), assessment, predicted)

    first = np.where(np.arange(14) < 4, wrong, labels)
    second = np.where(np.arange(14) >= 13, wrong, labels)
    (pair,) = compare.comparison_of(compared.test, [judged("a", first), judged("b", second)]).pairs
    assert (pair.first, pair.second) == ("a", "b")
    assert (pair.test.only_first, pair.test.only_second) == (1, 4)


def test_what_was_written_is_read_again(compared: Compared) -> None:
    assert comparison.Comparison.open(compared.out).to_json() == compared.comparison.to_json()
