"""Both strategies on both kinds of labels, judged on the one reviewed test split."""

from __future__ import annotations

import collections
import csv
import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from builder import atomic, errors
from refine.accuracy import accuracy, estimators, intervals, paired, seasonal, support
from refine.artefacts import model_folder
from refine.network import trained_model
from refine.samples import datasets, seasons
from refine.training import learning_set, resumable_fit, train_model, training_plan, training_settings

ORIGIN = "label_origin"
KEYS_NAMED = 3  # of those that are in test and in train
TABLE, MARKDOWN, SUMMARY, FIGURE = "compare.csv", "compare.md", "compare.json", "compare.png"
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Entry:
    """One strategy on one dataset, judged. `predicted` int64[n] are class indexes of the test examples."""

    name: str
    strategy: str
    dataset: str
    folder: pathlib.Path
    record: Mapping[str, Any]
    predicted: np.ndarray
    assessment: estimators.Assessment
    by_season: seasonal.BySeason | None = None

    @property
    def minutes(self) -> float:
        """Training time, features included."""
        return float(self.record["seconds"]) / 60

    @property
    def stopped(self) -> str:
        """Why the training ended, and whether a warm-up before it broke."""
        warm_up = self.record.get("stages", [])[:-1]
        broken = [f"{s['stage']}: {s['stopped']}" for s in warm_up if s["stopped"] == resumable_fit.NOT_A_NUMBER]
        return "; ".join([str(self.record["stopped"]), *broken])


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All entries on one test split, and McNemar's test of every pair of them."""

    test: datasets.Split
    entries: tuple[Entry, ...]

    @property
    def is_broken(self) -> bool:
        """Whether a training ended because its loss was no longer a number."""
        return any(train_model.is_broken(entry.record) for entry in self.entries)

    @property
    def origins(self) -> dict[str, int]:
        """How many labels of the test come from review, how many from consensus; empty where that is not known."""
        return dict(sorted(collections.Counter(map(str, self.test.columns.get(ORIGIN, ()))).items()))

    @property
    def statement(self) -> str:
        """What the test split supports."""
        population = support.population_of(self.test.dataset.full_name, self.test.name)
        return support.of(self.entries[0].assessment, population=population).statement

    @property
    def pairs(self) -> list[tuple[Entry, Entry, paired.McNemar]]:
        """Every pair once, in order."""
        return [
            (first, second, paired.of_predictions(first.predicted, second.predicted, self.test.labels))
            for i, first in enumerate(self.entries)
            for second in self.entries[i + 1 :]
        ]


def compare(
    compared: Mapping[str, datasets.Dataset],
    settings: Sequence[training_settings.TrainingSettings],
    out: pathlib.Path,
    *,
    test: datasets.Split,
) -> Comparison:
    """Trains every one of `settings` on every one of `compared` (by name), and judges all on `test`.

    A training that is finished under `out` is not repeated, an unfinished one is taken up again. Whatever can be
    refused is refused before the first training. Writes compare.csv, compare.md, compare.json and compare.png into
    `out`.

    Raises:
      errors.InputError: if `out` holds a model of other settings, the datasets are of different versions, or `test`
        has other classes or shares examples with train.
    """
    check_versions(compared)
    for dataset in compared.values():
        datasets.check_fits(test.dataset, classes=dataset.classes, trained_on=dataset.full_name)
    given = _given(compared, settings)
    for (chosen, name), learnt in given.items():
        check_apart(learnt, test)
        _is_trained(learnt, chosen, out / f"{chosen.strategy}-{name}")
    entries = []
    for (chosen, name), learnt in given.items():
        # In one expression: a network that was judged is let go before the next one learns.
        entries.append(
            judge(
                f"{chosen.strategy} / {name}",
                train_once(learnt, chosen, out / f"{chosen.strategy}-{name}", features_root=out / "features"),
                test,
                features_root=out / "features",
            )
        )
    comparison = Comparison(test, tuple(entries))
    write(comparison, out)
    return comparison


def _given(
    compared: Mapping[str, datasets.Dataset], settings: Sequence[training_settings.TrainingSettings]
) -> dict[tuple[training_settings.TrainingSettings, str], learning_set.LearningSet]:
    """What each training learns from; a dataset is read once for all strategies."""
    known: dict[Any, learning_set.LearningSet] = {}
    given = {}
    for chosen in settings:
        for name, dataset in compared.items():
            what = name, chosen.weigh_by, chosen.validation_share, chosen.seed
            if what not in known:
                known[what] = learning_set.learning_set_of(dataset, chosen)
            given[chosen, name] = known[what]
    return given


def test_columns(dataset: datasets.Dataset) -> tuple[str, ...]:
    """The features of a test split that the comparison tells about, as far as the dataset has them."""
    return (*seasons.columns(dataset), *dataset.has(ORIGIN))


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


def check_apart(given: learning_set.LearningSet, test: datasets.Split) -> None:
    """Refuses a test that shares examples with what is learnt from, by their keys or those they were cut again from.

    Names of files tell examples apart within one split only; they are not looked at.

    Raises:
      errors.InputError: if it does.
    """
    if test.dataset.key_feature not in datasets.IDENTITIES or given.dataset.key_feature not in datasets.IDENTITIES:
        return
    if test.dataset.name.partition("/")[0] != given.dataset.name.partition("/")[0]:
        return
    learnt = np.concatenate([datasets.identities(split) for split in (given.train, given.validation)])
    shared = np.intersect1d(datasets.identities(test), learnt)
    if len(shared):
        raise errors.InputError(
            f"{len(shared)} examples of {test.dataset.full_name}, split {test.name}, are also learnt from in "
            f"{given.dataset.full_name}: {', '.join(shared[:KEYS_NAMED])}. Give another --split, or build the dataset "
            "again from one frame."
        )


def train_once(
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    folder: pathlib.Path,
    *,
    features_root: pathlib.Path,
) -> trained_model.TrainedModel:
    """The model of `folder`, trained unless the folder already holds what this training would make.

    Raises:
      errors.InputError: if it holds something else.
    """
    if _is_trained(given, settings, folder):
        return trained_model.load(folder)
    return train_model.train(given, settings, folder, features_root=features_root)


def _is_trained(
    given: learning_set.LearningSet, settings: training_settings.TrainingSettings, folder: pathlib.Path
) -> bool:
    if not folder.exists():
        return False
    record = model_folder.ModelFolder.open(folder).record
    wanted = training_plan.plan_of(given, settings)
    differing = training_plan.differences({key: record.get(key) for key in wanted}, wanted)
    if differing:
        raise errors.InputError(
            f"{folder} holds a model that differs in {differing}. Give another --out, or remove the folder to train "
            "anew."
        )
    return True


def judge(name: str, loaded: trained_model.TrainedModel, test: datasets.Split, *, features_root: pathlib.Path) -> Entry:
    """A trained model on `test`.

    Raises:
      errors.InputError: if the model does not fit the test's dataset.
    """
    loaded.check_fits(test.dataset)
    predicted = train_model.logits_of_model(loaded, test, features_root=features_root).argmax(axis=1)
    confusion = accuracy.Confusion.from_pairs(predicted, test.labels, loaded.folder.labels)
    in_season = seasons.in_every_season(test)
    return Entry(
        name=name,
        strategy=str(loaded.folder.settings["strategy"]),
        dataset=loaded.folder.dataset,
        folder=loaded.folder.path,
        record=loaded.folder.record,
        predicted=predicted,
        assessment=estimators.simple_random(confusion),
        by_season=None if in_season is None else seasonal.by_season(predicted == test.labels, in_season),
    )


def write(comparison: Comparison, out: pathlib.Path) -> None:
    """Writes the table (CSV and Markdown), compare.json and the figure into `out`."""
    rows = rows_of(comparison)
    with atomic.file(out / TABLE) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    with atomic.file(out / MARKDOWN) as temporary:
        temporary.write_text(markdown(comparison), encoding="utf-8")
    with atomic.file(out / SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary(comparison), indent=1) + "\n", encoding="utf-8")
    with atomic.file(out / FIGURE) as temporary:
        draw(comparison, temporary)


def rows_of(comparison: Comparison) -> list[dict[str, Any]]:
    """One row per entry: overall accuracy and kappa with intervals, user's and producer's per class, cost."""
    rows = []
    for entry in comparison.entries:
        judged = entry.assessment
        row: dict[str, Any] = {"name": entry.name, "strategy": entry.strategy, "dataset": entry.dataset}
        for measure in ("overall", "kappa"):
            estimate = getattr(judged, measure)
            row |= {measure: estimate.value, f"{measure}_low": estimate.low, f"{measure}_high": estimate.high}
        for i, label in enumerate(judged.names):
            row |= {f"users_{label}": judged.users[i].value, f"producers_{label}": judged.producers[i].value}
        rows.append(row | _cost(entry))
    return rows


def _cost(entry: Entry) -> dict[str, Any]:
    return {
        "minutes": round(entry.minutes, 2),
        "images_per_s": entry.record["images_per_s"],
        "epochs": entry.record["epochs_done"],
        "train_examples": entry.record["examples"]["train"],
        "stopped": entry.stopped,
    }


def markdown(comparison: Comparison) -> str:
    """The table and the tests as Markdown."""
    test = comparison.test
    origins = ", ".join(f"{count} by {origin}" for origin, count in comparison.origins.items())
    lines = [
        f"Test: {test.dataset.full_name}, split {test.name}, {len(test)} chips"
        f"{f' (labels: {origins})' * bool(origins)}. 95 % intervals.",
        "",
        comparison.statement,
        "",
        "| strategy / labels | overall accuracy | kappa | minutes | images/s | epochs | ended |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in comparison.entries:
        judged, cost = entry.assessment, _cost(entry)
        lines.append(
            f"| {entry.name} | {_shown(judged.overall)} | {_shown(judged.kappa)} | {cost['minutes']:.1f} | "
            f"{cost['images_per_s']:.0f} | {cost['epochs']} | {cost['stopped']} |"
        )
    lines += _season_lines(comparison.entries)
    names = comparison.entries[0].assessment.names
    lines += ["", f"| user's / producer's | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for entry in comparison.entries:
        both = zip(entry.assessment.users, entry.assessment.producers, strict=True)
        lines.append(f"| {entry.name} | {' | '.join(f'{u.value:.2f} / {p.value:.2f}' for u, p in both)} |")
    lines += ["", "| McNemar, paired | only the first right | only the second right | mid-p |", "|---|---|---|---|"]
    for first, second, test_of in comparison.pairs:
        lines.append(
            f"| {first.name} against {second.name} | {test_of.only_first} | {test_of.only_second} | {test_of.p:.2g} |"
        )
    return "\n".join(lines) + "\n"


def _season_lines(entries: Sequence[Entry]) -> list[str]:
    known = [(entry.name, entry.by_season.rows()) for entry in entries if entry.by_season is not None]
    if not known:
        return []
    heads = [f"{name} ({samples} chips)" for name, samples, _ in known[0][1]]
    rows = [
        f"| {name} | {' | '.join(_shown(estimate) if samples else 'none' for _, samples, estimate in parts)} |"
        for name, parts in known
    ]
    return ["", f"| overall accuracy | {' | '.join(heads)} |", "|---|---|---|", *rows]


def summary(comparison: Comparison) -> dict[str, Any]:
    """Everything about the comparison as plain values; estimates are {value, standard_error, low, high}."""
    test = comparison.test
    return {
        "format": FORMAT,
        "test": {
            "dataset": test.dataset.full_name,
            "split": test.name,
            "examples": len(test),
            "sha256": test.digest,
            "label_origins": comparison.origins,
            "statement": comparison.statement,
        },
        "classes": list(test.dataset.classes),
        "level": intervals.LEVEL,
        "strategies": [_entry_json(entry) for entry in comparison.entries],
        "mcnemar": [
            {"first": first.name, "second": second.name, **dataclasses.asdict(result), "p": result.p}
            for first, second, result in comparison.pairs
        ],
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    judged = entry.assessment
    classes = {
        measure: [estimate.as_json() for estimate in getattr(judged, measure)]
        for measure in ("users", "producers", "f1")
    }
    return {
        "name": entry.name,
        "strategy": entry.strategy,
        "dataset": entry.dataset,
        "model": entry.folder.name,
        "model_sha256": entry.record["files"][model_folder.MODEL],
        "overall": judged.overall.as_json(),
        "kappa": judged.kappa.as_json(),
        **classes,
        "confusion": judged.counts.tolist(),
        "by_season": entry.by_season.as_json() if entry.by_season is not None else None,
        "design": judged.design.value,
        **_cost(entry),
        "settings": entry.record["settings"],
        "sources": entry.record.get("sources", {}),
        "versions": entry.record["versions"],
        "dataset_sha256": entry.record["dataset_sha256"],
    }


def _shown(estimate: intervals.Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


def draw(comparison: Comparison, path: pathlib.Path) -> None:
    """Overall accuracy and kappa with their intervals, and user's and producer's accuracy by class."""
    import matplotlib.figure

    entries = comparison.entries
    names = entries[0].assessment.names
    figure = matplotlib.figure.Figure(figsize=(11, 1.6 + 0.55 * len(entries)), layout="constrained")
    left, middle, right = figure.subplots(1, 3, sharey=True, width_ratios=(1.5, 1.3, 1.3))
    places = np.arange(len(entries))[::-1]
    for shift, measure, title in ((0.12, "overall", "overall accuracy"), (-0.12, "kappa", "kappa")):
        shown = [getattr(entry.assessment, measure) for entry in entries]
        value = np.array([s.value for s in shown])
        reach = np.abs(np.array([[s.low, s.high] for s in shown]).T - value)
        left.errorbar(value, places + shift, xerr=reach, fmt="o", capsize=3, label=title)
    left.set_yticks(places, [entry.name for entry in entries])
    left.set_xlabel("95 % interval")
    left.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    left.grid(axis="x", alpha=0.3)
    for axes, measure, title in ((middle, "users", "user's accuracy"), (right, "producers", "producer's accuracy")):
        table = np.array([[e.value for e in getattr(entry.assessment, measure)] for entry in entries])
        axes.imshow(
            table[::-1], vmin=0, vmax=1, cmap="viridis", aspect="auto", origin="lower",
            extent=(-0.5, len(names) - 0.5, -0.5, len(entries) - 0.5),
        )  # fmt: skip
        for (row, column), share in np.ndenumerate(table):
            axes.text(
                column, places[row], f"{share:.2f}", ha="center", va="center", fontsize=7,
                color="white" if not share > 0.6 else "black",
            )  # fmt: skip
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
        axes.set_title(title, fontsize=10)
    figure.savefig(path, dpi=150)
