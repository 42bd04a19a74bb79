"""Which points to ask for next, and which answers count: pure functions of the points, the answers and the design.

The words of the chips:
  request: one point, and the class whose season its picture must satisfy.
  answer: a chip or a refusal.
  batch: up to BATCH_POINTS requests of one block; the unit of work, and one file of the chip store.
  round: the batches that are asked for together.
  group: the points of one split and class; it has a quota of chips.
  task: a batch, and the places of those of its answers that are stored already (see `builder.pipeline.chip_rounds`).

Points of a group are attempted in the order of their ranks until the group has its quota. A round is a function of the
answers to earlier rounds, so a run that was killed computes the same rounds again and finds its batches finished.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.chips import chip, imagery_rules, rotations, store
from builder.frame import design as designs
from builder.frame import points_table
from builder.legend import legend

BATCH_POINTS = 64
RESERVE_FACTOR = 1.1  # later rounds ask a little more than the observed rate of acceptance calls for
LARGEST_GROWTH = 4.0  # but no more than so many times what was attempted before
SMALLEST_ASK = 16

# Splits in the order in which they keep one of several equal pictures.
SPLITS = (*designs.TEST_SPLITS, designs.VALIDATION, designs.TRAIN)

ANSWERS = pa.schema([*store.INDEX, pa.field("batch", pa.string())])
REFUSED = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("parent", pa.string()),
        pa.field("split", pa.string()),
        pa.field("stratum", pa.string()),
        pa.field("label", pa.string()),  # of the point; the base class where it has none
        pa.field("rank", pa.int32()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
    ]
)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Up to BATCH_POINTS requests of one block; the name is a hash of them."""

    name: str
    requests: tuple[chip.Request, ...]


@dataclasses.dataclass(frozen=True)
class Tally:
    """Counts of one group: `refused` by reason; rotated chips are counted apart."""

    wanted: int
    ranked: int
    attempted: int
    kept: int
    rotated: int
    refused: Mapping[str, int]

    @property
    def missing(self) -> int:
        """Chips still missing from the quota."""
        return max(0, self.wanted - self.kept - self.rotated)


@dataclasses.dataclass(frozen=True, eq=False)
class Selection:
    """`kept`: rows of ANSWERS; `refused`: rows of REFUSED, down to the last rank that was needed.

    `counts`: per (split, class), the class being the label, or the base class where there is none; also where a
    class has a quota but no ranked point.
    """

    kept: pa.Table
    refused: pa.Table
    counts: Mapping[tuple[str, str], Tally]


@dataclasses.dataclass(frozen=True, eq=False)
class _Group:
    """The candidates of one split and class in the order of attempts, and the number of chips wanted of them."""

    split: str
    label: str
    quota: int
    candidates: pa.Table


@dataclasses.dataclass(frozen=True, eq=False)
class _Settled:
    """A group and its answers so far.

    `attempted` counts the first candidates that have an answer; `needed` those up to the last chip that is kept, or
    all attempted ones while the quota is not reached. `kept` and `duplicates` are places in the candidates.
    """

    group: _Group
    answers: np.ndarray  # int64 per candidate: row of the answers, -1 where there is none yet
    attempted: int
    needed: int
    kept: tuple[int, ...]
    duplicates: frozenset[int]

    @property
    def deficit(self) -> int:
        """Chips missing from the quota."""
        return self.group.quota - len(self.kept)

    @property
    def kept_candidates(self) -> pa.Table:
        """The candidates whose chips are kept."""
        return self.group.candidates.take(pa.array(self.kept, pa.int64()))

    @property
    def ask(self) -> pa.Table:
        """The candidates to ask for next; empty if the quota is reached or the ranks are exhausted."""
        if self.deficit <= 0:
            return self.group.candidates.slice(0, 0)
        return self.group.candidates.slice(self.attempted, _to_ask(self.deficit, len(self.kept), self.attempted))


@dataclasses.dataclass(frozen=True, eq=False)
class _Ledger:
    """The answers, and the pictures that earlier groups keep: an equal picture is kept once."""

    answers: pa.Table  # rows of ANSWERS
    pictures: np.ndarray  # int64 per answer: equal numbers for equal pixels, -1 for refusals
    taken: frozenset[int]  # pictures that are kept
    settled: tuple[_Settled, ...] = ()

    @classmethod
    def of(cls, answers: pa.Table) -> _Ledger:
        """The ledger before any group."""
        codes = answers["pixels_sha256"].combine_chunks().dictionary_encode().indices
        pictures = np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), np.int64)
        return cls(answers, pictures, frozenset())

    def with_groups(self, groups: Iterable[_Group]) -> _Ledger:
        """The ledger after `groups`, in their order; `settled` holds these groups only."""
        return functools.reduce(_Ledger._with_group, groups, dataclasses.replace(self, settled=()))

    def _with_group(self, group: _Group) -> _Ledger:
        settled = _settled(group, self)
        kept = frozenset(self.pictures[settled.answers[list(settled.kept)]].tolist())
        return dataclasses.replace(self, taken=self.taken | kept, settled=(*self.settled, settled))


def _to_ask(deficit: int, kept: int, attempted: int) -> int:
    if attempted == 0:
        return deficit
    rate = (kept + 1) / (attempted + 1)
    wanted = math.ceil(deficit / rate * RESERVE_FACTOR)
    return max(SMALLEST_ASK, min(wanted, math.ceil(attempted * LARGEST_GROWTH)))


def next_round(points: pa.Table, answers: pa.Table, design: designs.SamplingDesign) -> list[Batch]:
    """The batches to acquire next, or none if every quota is reached or all that is ranked was attempted.

    Rotated footprints of train come when all unrotated points are settled.

    Args:
      points: `points.parquet`.
      answers: rows of ANSWERS of all batches of the rounds before.
      design: quotas and seed.
    """
    plain = _Ledger.of(answers).with_groups(_groups(points, design))
    return _asked(plain) or _asked(_with_rotations(plain, design))


def _asked(ledger: _Ledger) -> list[Batch]:
    """The batches that the ledger's groups ask for."""
    tables = [settled.ask for settled in ledger.settled]
    return batches(pa.concat_tables(tables)) if tables else []


def selection(points: pa.Table, answers: pa.Table, design: designs.SamplingDesign) -> Selection:
    """The answers that count: per group the lowest accepted ranks, whatever the order in which they came.

    A chip whose pixels equal those of a chip that is kept already is refused as a duplicate; splits keep theirs in the
    order of SPLITS, classes in the order of their names, ranks from 0.
    """
    plain = _Ledger.of(answers).with_groups(_groups(points, design))
    rotated = _with_rotations(plain, design)
    every = [*plain.settled, *rotated.settled]
    kept = [np.empty(0, np.int64), *(one.answers[list(one.kept)] for one in every)]
    refused = [_refused(one, answers) for one in every]
    extra = {(one.group.split, one.group.label): len(one.kept) for one in rotated.settled}
    counts = {
        (one.group.split, one.group.label): _tally(one, table, extra.get((one.group.split, one.group.label), 0))
        for one, table in zip(plain.settled, refused, strict=False)  # the refusals of rotations have no tally
    }
    return Selection(
        answers.take(pa.array(np.concatenate(kept))),
        pa.concat_tables([REFUSED.empty_table(), *refused]),
        _with_unranked(counts, design),
    )


def _with_unranked(
    counts: Mapping[tuple[str, str], Tally], design: designs.SamplingDesign
) -> dict[tuple[str, str], Tally]:
    """The counts, split by split, with an empty tally for each group that has a quota but no ranked point."""
    classes = () if design.is_given else legend.seven().names
    every = {*counts, *((split, name) for split in SPLITS for name in classes if design.quota(split))}
    order = sorted(every, key=lambda group: (SPLITS.index(group[0]), group[1]))
    return {group: counts.get(group) or Tally(design.quota(group[0]), 0, 0, 0, 0, {}) for group in order}


def batches(candidates: pa.Table) -> list[Batch]:
    """The candidates in batches of one block each, by rank."""
    order = candidates.sort_by([("block", "ascending"), ("rank", "ascending"), ("key", "ascending")])
    blocks = order["block"].to_pylist()
    cuts = []
    first = 0
    for _, group in itertools.groupby(blocks):
        end = first + sum(1 for _ in group)
        cuts += [(start, min(start + BATCH_POINTS, end)) for start in range(first, end, BATCH_POINTS)]
        first = end
    return [_batch(blocks[first], order.slice(first, end - first)) for first, end in cuts]


def _batch(block: str, rows: pa.Table) -> Batch:
    columns = ("key", "lon", "lat", "label", "rotation_deg", "parent")
    values = list(zip(*(rows[name].to_pylist() for name in columns), strict=True))
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
    return Batch(f"{block}-{digest[:20]}", tuple(chip.Request(*row) for row in values))


# --- Groups -----------------------------------------------------------------------------------------------------

_OF_POINT = ("key", "lon", "lat", "label", "block", "rank", "split", "stratum")


def _groups(points: pa.Table, design: designs.SamplingDesign) -> Iterator[_Group]:
    """All groups, in the order in which they keep one of several equal pictures."""
    table = points.select(_OF_POINT).append_column("class", points_table.group_class(points))
    table = table.append_column("rotation_deg", pa.array(np.zeros(len(table))))
    table = table.append_column("parent", pa.nulls(len(table), pa.string()))
    table = table.sort_by([("class", "ascending"), ("rank", "ascending"), ("key", "ascending")])
    for split in SPLITS:
        of_split = table.filter(pc.equal(table["split"], split))
        for label in sorted(pc.unique(of_split["class"]).to_pylist()):
            candidates = of_split.filter(pc.equal(of_split["class"], label))
            quota = len(candidates) if design.is_given else design.quota(split)
            yield _Group(split, label, quota, candidates)


def _settled(group: _Group, ledger: _Ledger) -> _Settled:
    """The group with its answers; a picture that the ledger has taken counts as a duplicate."""
    rows = pc.fill_null(pc.index_in(group.candidates["key"], ledger.answers["key"].combine_chunks()), -1)
    rows_of = np.asarray(rows.to_numpy(), np.int64)
    waiting = np.flatnonzero(rows_of < 0)
    attempted = int(waiting[0]) if len(waiting) else len(rows_of)
    kept, duplicates = _first_of_each(ledger.pictures[rows_of[:attempted]].tolist(), ledger.taken, group.quota)
    is_full = len(kept) == group.quota
    needed = (kept[-1] + 1 if kept else 0) if is_full else attempted
    return _Settled(group, rows_of, attempted, needed, kept, duplicates)


def _first_of_each(
    pictures: Sequence[int], taken: frozenset[int], quota: int
) -> tuple[tuple[int, ...], frozenset[int]]:
    """(places of the first `quota` pictures that are new, places of the duplicates before the last of them)."""
    kept: list[int] = []
    duplicates: set[int] = set()
    seen = set(taken)
    for place, picture in enumerate(pictures):
        if len(kept) == quota:
            break
        if picture >= 0 and picture in seen:
            duplicates.add(place)
        elif picture >= 0:
            seen.add(picture)
            kept.append(place)
    return tuple(kept), frozenset(duplicates)


def _refused(settled: _Settled, answers: pa.Table) -> pa.Table:
    """Rows of REFUSED: the needed candidates of a group that are not kept, with their reasons."""
    kept = set(settled.kept)
    places = [place for place in range(settled.needed) if place not in kept]
    chosen = settled.group.candidates.take(pa.array(places, pa.int64()))
    stored = answers.select(["reason", "detail"]).take(pa.array(settled.answers[places]))
    is_duplicate = pa.array([place in settled.duplicates for place in places], pa.bool_())
    reason = pc.if_else(is_duplicate, str(imagery_rules.Reason.DUPLICATE), stored["reason"].combine_chunks())
    detail = pc.if_else(
        is_duplicate, "the pixels equal those of a chip that is kept", stored["detail"].combine_chunks()
    )
    columns = [chosen["key"], chosen["parent"], chosen["split"], chosen["stratum"], chosen["class"], chosen["rank"]]
    return pa.Table.from_arrays([*columns, reason, detail], names=REFUSED.names).cast(REFUSED)


def _tally(settled: _Settled, refused: pa.Table, rotated: int) -> Tally:
    """The counts of one group, `refused` being its rows of REFUSED."""
    reasons = collections.Counter(refused["reason"].to_pylist())
    group = settled.group
    return Tally(
        wanted=group.quota,
        ranked=len(group.candidates),
        attempted=settled.needed,
        kept=len(settled.kept),
        rotated=rotated,
        refused=dict(sorted(reasons.items())),
    )


# --- Rotations --------------------------------------------------------------------------------------------------


def _with_rotations(plain: _Ledger, design: designs.SamplingDesign) -> _Ledger:
    """The ledger after rotated footprints for the classes of train that are short of their quota."""
    return plain.with_groups(
        _Group(one.group.split, one.group.label, one.deficit, rotations.candidates(one.kept_candidates, design.seed))
        for one in plain.settled
        if one.group.split == designs.TRAIN and one.kept and one.deficit > 0 and not design.is_given
    )
