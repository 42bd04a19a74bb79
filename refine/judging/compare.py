"""Both strategies on both kinds of labels, judged on the one reviewed test split."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from builder import atomic, errors, output_folders
from refine.accuracy import accuracy, estimators, intervals, paired, seasonal, support
from refine.artefacts import comparison as comparisons
from refine.artefacts import csv_rows, model_folder
from refine.judging import comparison_figure, comparison_table
from refine.network import trained_model
from refine.samples import datasets, seasons
from refine.training import learning_set, predictions, resumable_fit, train_model, training_settings

ORIGIN = "label_origin"
KEYS_NAMED = 3  # of those that are in test and in train


@dataclasses.dataclass(frozen=True, eq=False)
class JudgedModel:
    """A model judged on the test split.

    Attributes:
      strategy: its part of the comparison.
      assessment: all estimates of its predictions.
      predicted: int64[n], the class index that it gives each test example.
    """

    strategy: comparisons.Strategy
    assessment: estimators.Assessment
    predicted: np.ndarray


def compare(
    compared: Mapping[str, datasets.Dataset],
    settings: Sequence[training_settings.TrainingSettings],
    out: pathlib.Path,
    *,
    test: datasets.Split,
) -> comparisons.Comparison:
    """Trains every one of `settings` on every one of `compared` (by name), and judges all on `test`.

    A finished training under `out` is not repeated, an unfinished one is resumed. All checks come before the first
    training. Writes compare.csv, compare.md, compare.json and compare.png into `out`.

    Raises:
      errors.InputError: if `out` is refused by `check_out` or holds a model of other settings, the datasets are of
        different versions, or `test` has other classes or shares examples with train.
    """
    check_out(out)
    check_versions(compared)
    for dataset in compared.values():
        datasets.check_fits(test.dataset, classes=dataset.classes, trained_on=dataset.full_name)
    learning_sets = _learning_sets(compared, settings)
    for (chosen, name), learnt in learning_sets.items():
        check_apart(learnt, test)
        train_model.find_trained(learnt, chosen, out / f"{chosen.strategy}-{name}")
    judged, root = [], out / "features"
    for (chosen, name), learnt in learning_sets.items():
        # One expression, so that no variable keeps the judged network alive while the next one trains.
        judged.append(
            judge_model(
                f"{chosen.strategy} / {name}",
                train_model.train_once(learnt, chosen, out / f"{chosen.strategy}-{name}", features_root=root),
                test,
                features_root=root,
            )
        )
    comparison = comparison_of(test, judged)
    write(comparison, out)
    return comparison


def check_out(out: pathlib.Path) -> None:
    """Refuses a place that cannot hold a comparison, or where its tables would replace files of others.

    Raises:
      errors.InputError: naming the place or the file.
    """
    output_folders.check_place(out, option="--out")
    own = [out / name for name in (comparisons.TABLE, comparisons.MARKDOWN, comparisons.FIGURE)]
    existing = [path for path in own if path.exists()]
    if existing and not (out / comparisons.SUMMARY).exists():
        raise errors.InputError(
            f"--out {out}: expected a new folder, or that of a comparison; {existing[0].name} would be replaced, and "
            f"no {comparisons.SUMMARY} says that `compare` wrote it. Name another --out."
        )


def _learning_sets(
    compared: Mapping[str, datasets.Dataset], settings: Sequence[training_settings.TrainingSettings]
) -> dict[tuple[training_settings.TrainingSettings, str], learning_set.LearningSet]:
    """What each training learns from, by settings and name of the dataset; a dataset is read once for all settings."""
    read: dict[Any, learning_set.LearningSet] = {}
    learning_sets = {}
    for chosen in settings:
        for name, dataset in compared.items():
            what = name, chosen.weigh_by, chosen.validation_share, chosen.seed
            if what not in read:
                read[what] = learning_set.learning_set_of(dataset, chosen)
            learning_sets[chosen, name] = read[what]
    return learning_sets


def check_versions(compared: Mapping[str, datasets.Dataset]) -> None:
    """Refuses configs of different versions, which hold different examples.

    Raises:
      errors.InputError: if they differ.
    """
    if len({dataset.version for dataset in compared.values()}) > 1:
        raise errors.InputError(
            f"expected datasets of one version; received {', '.join(d.full_name for d in compared.values())}. Give "
            "--version X.Y.Z, one that all of them have."
        )


def check_apart(learnt: learning_set.LearningSet, test: datasets.Split) -> None:
    """Refuses a test that shares examples with what is learnt from, by their keys or those they were cut again from.

    Names of files tell examples apart within one split only; they are not looked at.

    Raises:
      errors.InputError: if it does.
    """
    trained_on = learnt.dataset
    if not {test.dataset.key_feature, trained_on.key_feature} <= set(datasets.IDENTITIES):
        return
    if test.dataset.name.partition("/")[0] != trained_on.name.partition("/")[0]:
        return
    keys = np.concatenate([datasets.identities(split) for split in (learnt.train, learnt.validation)])
    shared = np.intersect1d(datasets.identities(test), keys)
    if len(shared):
        raise errors.InputError(
            f"{len(shared)} examples of {test.dataset.full_name}, split {test.name}, are also learnt from in "
            f"{trained_on.full_name}: {', '.join(shared[:KEYS_NAMED])}. Give another --split, or build the dataset "
            "again from one frame."
        )


def judge_model(
    name: str, loaded: trained_model.TrainedModel, test: datasets.Split, *, features_root: pathlib.Path
) -> JudgedModel:
    """A trained model on `test`.

    Raises:
      errors.InputError: if the model does not fit the test's dataset.
    """
    loaded.check_fits(test.dataset)
    predicted = predictions.logits_of_model(loaded, test, features_root=features_root).argmax(axis=1)
    assessment = estimators.simple_random(accuracy.Confusion.from_pairs(predicted, test.labels, loaded.folder.labels))
    in_season = seasons.in_every_season(test)
    by_season = None if in_season is None else seasonal.by_season(predicted == test.labels, in_season)
    strategy = strategy_of(name, loaded.folder, assessment, by_season)
    return JudgedModel(strategy, assessment, predicted)


def strategy_of(
    name: str, folder: model_folder.ModelFolder, assessment: estimators.Assessment, by_season: seasonal.BySeason | None
) -> comparisons.Strategy:
    """A model's part of the comparison.

    Args:
      name: strategy and dataset, as "logits / rough".
      folder: of the model.
      assessment: estimates on the test split.
      by_season: overall accuracy in and out of season, where that is known.
    """
    record = folder.record
    return comparisons.Strategy(
        name=name,
        strategy=str(folder.settings["strategy"]),
        dataset=folder.dataset,
        model=folder.path.name,
        model_sha256=folder.digest,
        overall=assessment.overall,
        kappa=assessment.kappa,
        users=assessment.users,
        producers=assessment.producers,
        f1=assessment.f1,
        confusion=tuple(map(tuple, assessment.counts.tolist())),
        by_season=by_season,
        design=assessment.design.value,
        minutes=round(float(record["seconds"]) / 60, 2),
        images_per_s=record["images_per_s"],
        epochs=record["epochs_done"],
        train_examples=record["examples"]["train"],
        stopped=_stopped(record),
        is_broken=train_model.is_broken(record),
        settings=folder.settings,
        sources=record.get("sources", {}),
        versions=record["versions"],
        dataset_sha256=record["dataset_sha256"],
    )


def _stopped(record: Mapping[str, Any]) -> str:
    """Why the training ended, and whether a warm-up before it broke."""
    warm_up = record.get("stages", [])[:-1]
    broken = [f"{s['stage']}: {s['stopped']}" for s in warm_up if s["stopped"] == resumable_fit.NOT_A_NUMBER]
    return "; ".join([str(record["stopped"]), *broken])


def comparison_of(test: datasets.Split, judged: Sequence[JudgedModel]) -> comparisons.Comparison:
    """The comparison of models that were judged on `test`, each pair of them tested once, in order."""
    population = support.population_of(test.dataset.full_name, test.name)
    return comparisons.Comparison(
        test=comparisons.TestSplit(
            dataset=test.dataset.full_name,
            split=test.name,
            examples=len(test),
            sha256=test.digest,
            label_origins=_label_origins(test),
            statement=support.of(judged[0].assessment, population=population).statement,
        ),
        classes=tuple(test.dataset.classes),
        level=intervals.LEVEL,
        strategies=tuple(model.strategy for model in judged),
        pairs=tuple(
            comparisons.Pair(
                first.strategy.name,
                second.strategy.name,
                paired.of_predictions(first.predicted, second.predicted, test.labels),
            )
            for i, first in enumerate(judged)
            for second in judged[i + 1 :]
        ),
    )


def _label_origins(test: datasets.Split) -> dict[str, int]:
    """How many labels come from each origin, as review or consensus; empty where the dataset does not say."""
    origins = test.known_columns(ORIGIN).get(ORIGIN, ())
    return dict(sorted(collections.Counter(map(str, origins)).items()))


def write(comparison: comparisons.Comparison, out: pathlib.Path) -> None:
    """Writes the table (CSV and Markdown), compare.json and the figure into `out`."""
    comparison.write(out)  # first: it marks the other files as ours, if the run is killed between them
    rows = comparison_table.rows_of(comparison)
    csv_rows.write(out / comparisons.TABLE, list(rows[0]), rows)
    with atomic.file(out / comparisons.MARKDOWN) as temporary:
        temporary.write_text(comparison_table.markdown(comparison), encoding="utf-8")
    with atomic.file(out / comparisons.FIGURE) as temporary:
        comparison_figure.draw(comparison, temporary)
