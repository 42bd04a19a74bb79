"""The doubtful labels of a split, as `refine noise` leaves them and `refine report` reads them."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any, Self

from builder import atomic, output_folders
from refine.accuracy import intervals
from refine.artefacts import csv_rows, json_record

DOUBTFUL, RATES, SUMMARY, SHEET = "doubtful.csv", "noise_rates.csv", "noise.json", "doubtful.png"
FOLDER = output_folders.FolderKind(
    what="a folder that `python -m refine noise` wrote", mark=SUMMARY, files=(DOUBTFUL, RATES, SUMMARY, SHEET)
)
FORMAT = 1
CURE = "Give the folder that `python -m refine noise` wrote, or run that command again."


@dataclasses.dataclass(frozen=True)
class Rate:
    """Share of the labels of one class that are wrong, with a 95 % interval.

    Classes that the features cannot tell apart look like noise too: the rate is an upper estimate.

    Attributes:
      label: the class.
      examples: how many bear the label.
      rate, low, high: 0..1.
      doubtful: how many of the examples are doubtful.
      mostly: the class that most of the wrong labels should name; empty where none is wrong.
    """

    label: str
    examples: int
    rate: float
    low: float
    high: float
    doubtful: int
    mostly: str

    @property
    def estimate(self) -> intervals.Estimate:
        """The rate with its interval; the standard error is not known."""
        return intervals.Estimate(self.rate, math.nan, self.low, self.high)

    @classmethod
    def from_json(cls, record: json_record.JsonRecord) -> Self:
        """The rate that a record describes."""
        return cls(
            label=record.text("label"),
            examples=record.whole("examples"),
            rate=record.number("rate", low=0.0, high=1.0),
            low=record.number("low", low=0.0, high=1.0),
            high=record.number("high", low=0.0, high=1.0),
            doubtful=record.whole("doubtful"),
            mostly=record.text("mostly"),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; null where a number is not known."""
        values = dataclasses.asdict(self)
        return values | {key: values[key] if math.isfinite(values[key]) else None for key in ("rate", "low", "high")}


@dataclasses.dataclass(frozen=True)
class DoubtfulLabel:
    """One row of the table of doubtful labels.

    Attributes:
      key: of the example.
      split: where it is.
      label: the class that it is given.
      suggested: the class that it looks like.
      score: quality of the label, 0 worst.
      probability_of_label, probability_of_suggested: out of fold, 0..1.
      weight: what `refine train --weight-by` takes the example by, 0..1.
      block: the spatial block that it lies in.
      reason: why the label is doubtful, in words.
    """

    key: str
    split: str
    label: str
    suggested: str
    score: float
    probability_of_label: float
    probability_of_suggested: float
    weight: float
    block: str
    reason: str


COLUMNS = tuple(field.name for field in dataclasses.fields(DoubtfulLabel))
RATE_COLUMNS = tuple(field.name for field in dataclasses.fields(Rate))


@dataclasses.dataclass(frozen=True)
class NoiseSummary:
    """What the search for doubtful labels found in a split.

    Attributes:
      dataset: NAME/CONFIG:VERSION, or the path of an image folder.
      split: its name.
      split_sha256: digest of the files that hold it.
      examples: how many it holds.
      doubtful: how many labels are doubtful.
      rates: of each class that occurs.
    """

    dataset: str
    split: str
    split_sha256: str
    examples: int
    doubtful: int
    rates: tuple[Rate, ...]

    @classmethod
    def from_json(cls, record: json_record.JsonRecord) -> Self:
        """The summary that a record describes.

        Raises:
          errors.InputError: naming the key that is missing or holds something else.
        """
        if "format" in record.values:  # the first version wrote none
            json_record.check_format(record, known=FORMAT)
        return cls(
            dataset=record.text("dataset"),
            split=record.text("split"),
            split_sha256=record.text("split_sha256"),
            examples=record.whole("examples"),
            doubtful=record.whole("doubtful"),
            rates=tuple(map(Rate.from_json, record.records("rates"))),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, as noise.json holds them."""
        return {"format": FORMAT, **vars(self), "rates": [rate.to_json() for rate in self.rates]}

    @classmethod
    def open(cls, folder: pathlib.Path) -> Self:
        """The summary in a folder that `refine noise` wrote.

        Raises:
          errors.InputError: if noise.json is missing, damaged or of another format.
        """
        return cls.from_json(
            json_record.read(
                folder / SUMMARY, expected="dataset, split, examples, doubtful and rates of a search", cure=CURE
            )
        )

    def write(self, folder: pathlib.Path, doubtful: Sequence[DoubtfulLabel]) -> None:
        """Writes noise.json, the table of rates and that of `doubtful` (the worst first) into `folder`."""
        csv_rows.write(folder / DOUBTFUL, COLUMNS, map(vars, doubtful))
        csv_rows.write(folder / RATES, RATE_COLUMNS, map(vars, self.rates))
        with atomic.file(folder / SUMMARY) as temporary:
            temporary.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")


def doubtful_labels(folder: pathlib.Path) -> tuple[DoubtfulLabel, ...]:
    """The table of doubtful labels in a folder that `refine noise` wrote, the worst first.

    Raises:
      errors.InputError: if doubtful.csv is missing, damaged, or lacks a column.
    """
    path = folder / DOUBTFUL
    rows = csv_rows.read(path, COLUMNS, expected="the doubtful labels", cure=CURE)
    return tuple(_doubtful_label(path, i, row) for i, row in enumerate(rows, start=1))


def _doubtful_label(path: pathlib.Path, number: int, row: dict[str, str]) -> DoubtfulLabel:
    def share(column: str) -> float:
        return csv_rows.number(path, number, column, row[column], low=0.0, high=1.0, cure=CURE)

    return DoubtfulLabel(
        key=row["key"],
        split=row["split"],
        label=row["label"],
        suggested=row["suggested"],
        score=share("score"),
        probability_of_label=share("probability_of_label"),
        probability_of_suggested=share("probability_of_suggested"),
        weight=share("weight"),
        block=row["block"],
        reason=row["reason"],
    )
