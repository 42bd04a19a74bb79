"""Labels that people gave: `reviews.parquet`, one row per point and reviewer, append-only."""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder import errors
from builder.legend import legend as legends

UNUSABLE = "unusable"  # the reviewer cannot tell: cloud, blur, two classes in one chip
TIE = "tie"  # no label has more votes than every other
Z_95 = 1.959963984540054  # standard normal quantile of a two-sided 95 % interval

SCHEMA = pa.schema(
    [("key", pa.string()), ("label", pa.string()), ("reviewer", pa.string()), ("time", pa.timestamp("us", tz="UTC"))]
)


@dataclasses.dataclass(frozen=True)
class Share:
    """`confirmed` of `reviewed`; `low` and `high` bound the share at 95 % (Wilson), nan where nothing was reviewed."""

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
        """(low, high), 0..1."""
        return wilson(self.confirmed, self.reviewed)


def wilson(hits: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """(low, high) of the score interval of a proportion; (nan, nan) without trials.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    if trials == 0:
        return math.nan, math.nan
    share, scale = hits / trials, 1.0 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def read(path: pathlib.Path, legend: legends.Legend) -> pa.Table:
    """The reviews of a frame, as `SCHEMA`; an empty table where the file is missing.

    Raises:
      errors.InputError: if the file is no Parquet file, lacks a column, or holds an unknown label or an empty cell.
    """
    if not path.exists():
        return SCHEMA.empty_table()
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise errors.InputError(
            f"{path}: expected a Parquet file of reviews; received something else ({error})."
        ) from error
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise errors.InputError(
            f"{path}: expected the columns {', '.join(SCHEMA.names)}; missing {', '.join(missing)}."
        )
    table = _cast(path, table.select(SCHEMA.names))
    _check_labels(path, table, legend)
    return table


def _cast(path: pathlib.Path, table: pa.Table) -> pa.Table:
    try:
        table = table.cast(SCHEMA)
    except pa.ArrowException as error:
        raise errors.InputError(
            f"{path}: expected text in key, label and reviewer, and a UTC time; {error}."
        ) from error
    for name in SCHEMA.names:
        if table[name].null_count:
            raise errors.InputError(
                f"{path}: {table[name].null_count} rows have no {name}. Give every review all four values."
            )
    return table


def _check_labels(path: pathlib.Path, table: pa.Table, legend: legends.Legend) -> None:
    allowed = {*legend.names, UNUSABLE}
    unknown = sorted(set(pc.unique(table["label"]).to_pylist()) - allowed)
    if unknown:
        raise errors.InputError(
            f"{path}: expected the labels {', '.join(legend.names)} or {UNUSABLE}; "
            f"received {', '.join(map(repr, unknown))}."
        )


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
    """Per class, how many of the labels that people looked at they confirm; unusable chips and ties do not count.

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
