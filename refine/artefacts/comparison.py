"""The comparison of strategies on one test split, as `refine compare` leaves it and `refine report` reads it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any, Self

from builder import atomic
from refine.accuracy import intervals, paired, seasonal
from refine.artefacts import json_record

TABLE, MARKDOWN, SUMMARY, FIGURE = "compare.csv", "compare.md", "compare.json", "compare.png"
FORMAT = 1
WIDEST = 10.0  # of estimates and their intervals: shares, or kappa, whose interval may reach below -1
CURE = "Give the folder that `python -m refine compare` wrote, or run that command again: it keeps finished models."


@dataclasses.dataclass(frozen=True)
class TestSplit:
    """The split that all strategies are judged on.

    Attributes:
      dataset: NAME/CONFIG:VERSION, or the path of an image folder.
      split: its name.
      examples: how many it holds.
      sha256: digest of the files that hold it.
      label_origins: how many labels come from each origin, as review or consensus; empty where that is not known.
      statement: what the split supports, in words.
    """

    dataset: str
    split: str
    examples: int
    sha256: str
    label_origins: Mapping[str, int]
    statement: str

    @classmethod
    def from_json(cls, record: json_record.JsonRecord) -> Self:
        """The split that a record describes."""
        origins = record.record("label_origins")
        return cls(
            dataset=record.text("dataset"),
            split=record.text("split"),
            examples=record.whole("examples"),
            sha256=record.text("sha256"),
            label_origins={name: origins.whole(name) for name in origins.values},
            statement=record.text("statement"),
        )


@dataclasses.dataclass(frozen=True)
class Strategy:
    """One strategy on one dataset, judged.

    Attributes:
      name: strategy and dataset, as "logits / rough".
      strategy: how it was trained, as "logits".
      dataset: NAME/CONFIG:VERSION that it was trained on.
      model: name of its model folder.
      model_sha256: digest of the model's file.
      overall, kappa: estimates on the test split.
      users, producers, f1: estimates of each class.
      confusion: counts, rows map and columns reference.
      by_season: overall accuracy in and out of season; None where the split does not say.
      design: how the estimates take the sample to have been drawn.
      minutes: training time, features included.
      images_per_s: speed of the training.
      epochs: how many were done.
      train_examples: how many it learnt from.
      stopped: why the training ended, and whether a warm-up before it broke.
      is_broken: whether a stage of the training ended because its loss was no longer a number. False in files that
        do not say.
      settings, sources, versions, dataset_sha256: as the model's own record holds them.
    """

    name: str
    strategy: str
    dataset: str
    model: str
    model_sha256: str
    overall: intervals.Estimate
    kappa: intervals.Estimate
    users: tuple[intervals.Estimate, ...]
    producers: tuple[intervals.Estimate, ...]
    f1: tuple[intervals.Estimate, ...]
    confusion: tuple[tuple[int, ...], ...]
    by_season: seasonal.BySeason | None
    design: str
    minutes: float
    images_per_s: float
    epochs: int
    train_examples: int
    stopped: str
    is_broken: bool
    settings: Mapping[str, Any]
    sources: Mapping[str, Any]
    versions: Mapping[str, Any]
    dataset_sha256: Mapping[str, Any]

    @classmethod
    def from_json(cls, record: json_record.JsonRecord) -> Self:
        """The strategy that a record describes."""
        return cls(
            name=record.text("name"),
            strategy=record.text("strategy"),
            dataset=record.text("dataset"),
            model=record.text("model"),
            model_sha256=record.text("model_sha256"),
            overall=_estimate(record.record("overall")),
            kappa=_estimate(record.record("kappa")),
            users=_estimates(record, "users"),
            producers=_estimates(record, "producers"),
            f1=_estimates(record, "f1"),
            confusion=record.wholes("confusion"),
            by_season=None if record.values.get("by_season") is None else _by_season(record.record("by_season")),
            design=record.text("design"),
            minutes=record.number("minutes"),
            images_per_s=record.number("images_per_s"),
            epochs=record.whole("epochs"),
            train_examples=record.whole("train_examples"),
            stopped=record.text("stopped"),
            is_broken="is_broken" in record.values and record.flag("is_broken"),
            settings=record.record("settings").values,
            sources=record.record("sources").values,
            versions=record.record("versions").values,
            dataset_sha256=record.record("dataset_sha256").values,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; an estimate is {value, standard_error, low, high}."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values |= {key: values[key].as_json() for key in ("overall", "kappa")}
        values |= {key: [estimate.as_json() for estimate in values[key]] for key in ("users", "producers", "f1")}
        values["confusion"] = [list(row) for row in self.confusion]
        values["by_season"] = None if self.by_season is None else self.by_season.as_json()
        return values


@dataclasses.dataclass(frozen=True)
class Pair:
    """McNemar's test of two strategies, by their names, on the same examples."""

    first: str
    second: str
    test: paired.McNemar

    @classmethod
    def from_json(cls, record: json_record.JsonRecord) -> Self:
        """The pair that a record describes."""
        test = paired.McNemar(
            only_first=record.whole("only_first"),
            only_second=record.whole("only_second"),
            chi2=record.number("chi2"),
            p_chi2=record.number("p_chi2"),
            chi2_corrected=record.number("chi2_corrected"),
            p_corrected=record.number("p_corrected"),
            p_exact=record.number("p_exact"),
            p_mid=record.number("p_mid"),
        )
        return cls(record.text("first"), record.text("second"), test)

    def to_json(self) -> dict[str, Any]:
        """Plain values; `p` is the one to quote."""
        return {"first": self.first, "second": self.second, **dataclasses.asdict(self.test), "p": self.test.p}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All strategies on one test split, and McNemar's test of every pair of them.

    Attributes:
      test: the split they are judged on.
      classes: names of the classes, in the order of every list by class.
      level: of the intervals, as 0.95.
      strategies: at least one.
      pairs: every pair of strategies once.
    """

    test: TestSplit
    classes: tuple[str, ...]
    level: float
    strategies: tuple[Strategy, ...]
    pairs: tuple[Pair, ...]

    @property
    def is_broken(self) -> bool:
        """Whether a training ended because its loss was no longer a number."""
        return any(strategy.is_broken for strategy in self.strategies)

    @property
    def best(self) -> Strategy:
        """The strategy of the highest overall accuracy."""
        return max(self.strategies, key=lambda strategy: strategy.overall.value)

    @property
    def names_of_models(self) -> Mapping[str, str]:
        """{digest of a model's file: name of its strategy}."""
        return {strategy.model_sha256: strategy.name for strategy in self.strategies}

    @classmethod
    def from_json(cls, record: json_record.JsonRecord) -> Self:
        """The comparison that a record describes.

        Raises:
          errors.InputError: naming the key that is missing or holds something else.
        """
        json_record.check_format(record, known=FORMAT)
        classes = record.texts("classes")
        entries = record.records("strategies")
        if not entries:
            raise record.wrong("strategies", "at least one")
        for entry in entries:
            _check_classes(entry, len(classes))
        return cls(
            test=TestSplit.from_json(record.record("test")),
            classes=classes,
            level=record.number("level", low=0.0, high=1.0),
            strategies=tuple(map(Strategy.from_json, entries)),
            pairs=tuple(map(Pair.from_json, record.records("mcnemar"))),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, as compare.json holds them."""
        return {
            "format": FORMAT,
            "test": dataclasses.asdict(self.test),
            "classes": list(self.classes),
            "level": self.level,
            "strategies": [strategy.to_json() for strategy in self.strategies],
            "mcnemar": [pair.to_json() for pair in self.pairs],
        }

    @classmethod
    def open(cls, folder: pathlib.Path) -> Self:
        """The comparison in a folder that `refine compare` wrote.

        Raises:
          errors.InputError: if compare.json is missing, damaged or of another format.
        """
        return cls.from_json(json_record.read(folder / SUMMARY, expected="a comparison of strategies", cure=CURE))

    def write(self, folder: pathlib.Path) -> None:
        """Writes compare.json into `folder`, whole or not at all."""
        with atomic.file(folder / SUMMARY) as temporary:
            temporary.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")


def _check_classes(entry: json_record.JsonRecord, classes: int) -> None:
    """Refuses lists by class of another length than the list of classes."""
    lengths = {key: len(entry.records(key)) for key in ("users", "producers", "f1")}
    lengths["confusion"] = len(entry.wholes("confusion"))
    for key, length in lengths.items():
        if length != classes:
            raise entry.wrong(key, f"one for each of the {classes} classes")


def _estimate(record: json_record.JsonRecord) -> intervals.Estimate:
    names = (field.name for field in dataclasses.fields(intervals.Estimate))
    return intervals.Estimate(*(record.number(name, low=-WIDEST, high=WIDEST) for name in names))


def _estimates(record: json_record.JsonRecord, key: str) -> tuple[intervals.Estimate, ...]:
    return tuple(map(_estimate, record.records(key)))


def _by_season(record: json_record.JsonRecord) -> seasonal.BySeason:
    inside, outside = record.record("in_season"), record.record("out_of_season")
    return seasonal.BySeason(inside.whole("samples"), _estimate(inside), outside.whole("samples"), _estimate(outside))
