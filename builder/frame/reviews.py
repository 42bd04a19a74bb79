"""Labels that people gave: `reviews.parquet`, one row per point and reviewer, append-only."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import math
import pathlib
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from builder import errors, parquet_files, proportions
from builder.legend import legend as legends

UNUSABLE = "unusable"  # the reviewer cannot decide: cloud, blur, two classes in one chip
TIE = "tie"  # no label has more votes than every other
Z_95 = 1.959963984540054  # standard normal quantile of a two-sided 95 % interval

_WHAT = "reviews of points"
_CURE = "Restore the file, or write it anew; a frame without it has no reviews."
_UTC_US = pa.timestamp("us", tz="UTC")
_FIRST, _LAST = (
    pa.scalar(datetime.datetime(*day, tzinfo=datetime.UTC), _UTC_US) for day in ((1, 1, 2), (9999, 12, 30))
)
SCHEMA = pa.schema([("key", pa.string()), ("label", pa.string()), ("reviewer", pa.string()), ("time", _UTC_US)])


@dataclasses.dataclass(frozen=True)
class Share:
    """`confirmed` of `reviewed` points, with Wilson's interval at 95 %; NaN where nothing was reviewed."""

    confirmed: int
    reviewed: int

    def __add__(self, other: Share) -> Share:
        return Share(self.confirmed + other.confirmed, self.reviewed + other.reviewed)

    @property
    def share(self) -> float:
        """Point estimate, 0..1."""
        return self.confirmed / self.reviewed if self.reviewed else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high) of Wilson's interval, 0..1."""
        return proportions.wilson(self.share, self.reviewed, Z_95)


def read(path: pathlib.Path, legend: legends.Legend) -> pa.Table:
    """The reviews of a frame, as `SCHEMA`; an empty table where there is no file.

    Raises:
      errors.InputError: naming the file, if it is no Parquet file, is damaged, lacks a column, or holds an unknown
        label or an empty cell.
    """
    if not path.exists() and not path.is_symlink():  # a link to a missing file is an error, not an absence
        return SCHEMA.empty_table()
    table = parquet_files.read(path, SCHEMA.names, expected=_WHAT, cure=_CURE)
    table = _cast(path, table.select(SCHEMA.names))
    parquet_files.check_known(table, "label", (*legend.names, UNUSABLE), path=path, cure=_CURE)
    is_day = pc.and_(pc.greater_equal(table["time"], _FIRST), pc.less_equal(table["time"], _LAST))
    parquet_files.check_values(table, "time", is_day, path=path, expected="a time of the years 1 to 9999", cure=_CURE)
    return table


def _cast(path: pathlib.Path, table: pa.Table) -> pa.Table:
    """`table` as `SCHEMA`, without empty cells; other writers use other types of text and of time."""
    try:
        table = table.cast(SCHEMA)
    except (pa.ArrowException, OverflowError) as error:
        raise errors.InputError(
            f"{path}: expected text in key, label and reviewer, and a UTC time; {error}. {_CURE}"
        ) from error
    for name in SCHEMA.names:
        if table[name].null_count:
            raise errors.InputError(
                f"{path}: {table[name].null_count} rows have no {name}. Give every review all four values."
            )
    return table


def majority(reviews: pa.Table) -> dict[str, str]:
    """Verdict per reviewed key: the label with most votes, `UNUSABLE`, or `TIE`.

    A reviewer has one vote per point; of several, the latest counts.
    """
    latest = {(r["key"], r["reviewer"]): r["label"] for r in reviews.sort_by("time").to_pylist()}
    votes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for (key, _), label in latest.items():
        votes[key][label] += 1
    return {key: _winner(count) for key, count in votes.items()}


def _winner(count: collections.Counter[str]) -> str:
    (label, most), *others = count.most_common(2)
    return TIE if others and others[0][1] == most else label


def confirmed(labels: Iterable[tuple[str, str]], verdicts: Mapping[str, str]) -> dict[str, Share]:
    """Per class, how many of the reviewed labels the verdicts confirm; unusable chips and ties do not count.

    Args:
      labels: (key, label before any review) of points.
      verdicts: see `majority`.
    """
    shares: dict[str, Share] = {}
    for key, label in labels:
        verdict = verdicts.get(key, UNUSABLE)
        if verdict not in (UNUSABLE, TIE):
            shares[label] = shares.get(label, Share(0, 0)) + Share(int(verdict == label), 1)
    return shares
