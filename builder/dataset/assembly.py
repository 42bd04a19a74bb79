"""Which examples a dataset holds, under which label and in which shard: tables alone, no pictures."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder import errors, hashing
from builder.chips import store
from builder.frame import design as designs
from builder.frame import points_table, reviews

EPOCH = datetime.date(1970, 1, 1)
EXAMPLES_PER_SHARD = 1_500  # about 64 MB of JPEGs: a shard is what the writer holds in memory
NOT_REVIEWED, OVER_QUOTA = "not reviewed", "over the quota"

# What an example takes from its point; the rest comes from its chip.
OF_POINT = (
    "split",
    "stratum",
    "state",
    "base_class",
    "consensus",
    "votes",
    "valid",
    "purity",
    "rank",
    "product_labels",
    "inclusion_probability",
)
OF_CHIP = tuple(field.name for field in store.INDEX if field.name not in ("reason", "detail"))


@dataclasses.dataclass(frozen=True)
class Contents:
    """What train and validation of a config hold; the test splits are the same in every config.

    The metadata of a version calls it `config_rules`.

    Attributes:
      reviewed_only: only reviewed points, under the label of the reviewers, and no rotated chips.
      per_class: the most examples of one class in train and validation together; None for all that were kept.
    """

    reviewed_only: bool = False
    per_class: int | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Assembly:
    """The examples of a dataset, and the accepted chips that are none.

    Attributes:
      rows: one per example, with the columns `OF_CHIP`, `OF_POINT`, batch, unit, label, label_origin and shard.
      left_out: one per accepted chip that is no example, with the label of its point and the reason.
    """

    rows: pa.Table
    left_out: pa.Table

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that are not empty, in order."""
        present = set(pc.unique(self.rows["split"]).to_pylist())
        return tuple(split for split in designs.SPLITS if split in present)

    def shards(self, split: str) -> list[pa.Table]:
        """The rows of each shard of a split, in order."""
        of_split = self.rows.filter(pc.equal(self.rows["split"], split))
        numbers = sorted(pc.unique(of_split["shard"]).to_pylist())
        return [of_split.filter(pc.equal(of_split["shard"], number)) for number in numbers]


@dataclasses.dataclass(frozen=True)
class Decision:
    """The label of one accepted chip and who gave it, or why the chip is no example."""

    label: str | None
    origin: str = ""
    left_out: str | None = None


def assemble(
    points: pa.Table, kept: pa.Table, verdicts: Mapping[str, str], contents: Contents, validation_share: float
) -> Assembly:
    """The examples of a dataset, from the points, the chips that were kept, and what reviewers say.

    Args:
      points: `points.parquet`, with the inclusion probability of the part of the sample that was attempted.
      kept: rows of the chip store's index that the selection keeps, with their `batch`.
      verdicts: label, "unusable" or "tie" per reviewed key; see `reviews.majority`.
      contents: what train and validation of the config hold.
      validation_share: share of `per_class` that validation holds.

    Raises:
      errors.InputError: if a chip has no point, or two chips share a key.
    """
    of_points = points_of(points, kept)
    rows = _joined(of_points, kept)
    asked = of_points.select(["key", "split", "label", "state"]).append_column("parent", kept["parent"])
    decisions = [_decide(row, verdicts, contents) for row in asked.to_pylist()]
    decisions = _limited(rows, decisions, contents, validation_share)
    reason = pa.array([d.left_out for d in decisions], pa.string())
    left_out = rows.append_column("label", of_points["label"]).append_column("reason", reason)
    rows = rows.append_column("label", pa.array([d.label for d in decisions], pa.string()))
    rows = rows.append_column("label_origin", pa.array([d.origin for d in decisions], pa.string()))
    rows = rows.filter(pc.is_null(reason))
    return Assembly(rows.append_column("shard", _shards(rows)), left_out.filter(pc.is_valid(reason)))


def points_of(points: pa.Table, chips: pa.Table) -> pa.Table:
    """The point of each chip or refusal; a rotated chip has its parent's.

    Raises:
      errors.InputError: if one has no point.
    """
    owner = pc.coalesce(chips["parent"], chips["key"])
    where = pc.index_in(owner, points["key"])
    if where.null_count:
        lost = owner.filter(pc.is_null(where))[0].as_py()
        raise errors.InputError(
            f"chips: expected chips of the points in points.parquet; received one of {lost}, which is none of them. "
            "The chips are of another frame: remove the folder chips of this frame and acquire again."
        )
    return points.take(where)


def _joined(of_points: pa.Table, kept: pa.Table) -> pa.Table:
    """Chips with what their point says of them."""
    if len(pc.unique(kept["key"])) != len(kept):
        raise errors.InputError(
            "chips: expected one chip for each key; received two chips with one key. Remove the folder chips of the "
            "frame and acquire again."
        )
    rows = kept.select([*OF_CHIP, "batch"])
    for name in OF_POINT:
        rows = rows.append_column(name, of_points[name])
    # A rotated chip goes where its parent goes, so that a slice of the split rarely parts them.
    owner = pc.index_in(of_points["key"], kept["key"])
    unit = kept["batch"].take(pc.coalesce(owner, pc.index_in(kept["key"], kept["key"])))
    return rows.append_column("unit", unit)


def _decide(row: Mapping[str, str | None], verdicts: Mapping[str, str], contents: Contents) -> Decision:
    """A point of test takes its reviewed label if it has one; train and validation do if they hold only such points."""
    in_test, verdict = row["split"] in designs.TEST_SPLITS, verdicts.get(row["key"] or "")
    is_rotated = row["parent"] is not None
    if contents.reviewed_only and not in_test and (is_rotated or verdict is None):
        return Decision(None, left_out=NOT_REVIEWED)
    if verdict is not None and (in_test or contents.reviewed_only):
        is_label = verdict not in (reviews.UNUSABLE, reviews.TIE)
        return Decision(verdict, "review") if is_label else Decision(None, left_out=verdict)
    if row["label"] is None:
        return Decision(None, left_out=NOT_REVIEWED)
    return Decision(row["label"], "given" if row["state"] == points_table.GIVEN else "consensus")


def _limited(rows: pa.Table, decisions: list[Decision], contents: Contents, validation_share: float) -> list[Decision]:
    """The decisions with the quota of each class and split applied: the lowest ranks stay."""
    if contents.per_class is None:
        return decisions
    of_validation = round(contents.per_class * validation_share)
    quota = {designs.TRAIN: contents.per_class - of_validation, designs.VALIDATION: of_validation}
    splits, ranks, keys = (rows[name].to_pylist() for name in ("split", "rank", "key"))
    taken: collections.Counter[tuple[str, str]] = collections.Counter()
    limited = list(decisions)
    for i in sorted(range(len(rows)), key=lambda i: (ranks[i], keys[i])):
        group = splits[i], decisions[i].label or ""
        if decisions[i].left_out is None and splits[i] in quota:
            taken[group] += 1
            if taken[group] > quota[splits[i]]:
                limited[i] = Decision(None, left_out=OVER_QUOTA)
    return limited


def _shards(rows: pa.Table) -> pa.Array:
    """Shard number of each row within its split."""
    numbers = np.zeros(len(rows), np.int32)
    splits, units = np.array(rows["split"].to_pylist()), np.array(rows["unit"].to_pylist())
    for split in np.unique(splits):
        of_split = splits == split
        numbers[of_split] = partition(units[of_split].tolist())
    return pa.array(numbers)


def partition(units: Sequence[str], per_shard: int = EXAMPLES_PER_SHARD) -> np.ndarray:
    """int32[example]: the shard of each example. Examples of one unit stay together.

    The units are put into the order of their hashes, so that every shard mixes classes and places, and cut into equal
    parts; a shard exceeds `per_shard` by less than one unit.
    """
    names, of_example, sizes = np.unique(np.asarray(units), return_inverse=True, return_counts=True)
    order = np.argsort([order_of(str(name)) for name in names], kind="stable")
    before = np.cumsum(sizes[order]) - sizes[order]
    shards = math.ceil(len(units) / per_shard)
    number = np.empty(len(names), np.int32)
    number[order] = before * shards // max(len(units), 1)
    return np.unique(number[of_example], return_inverse=True)[1].astype(np.int32)


def order_of(text: str) -> int:
    """64-bit hash that orders the examples of a shard, and the units of a split."""
    return hashing.text_bits(0, text)
