"""Which points to ask for next, and which answers count: pure functions of the points, the answers and the design.

Points are attempted in the order of their ranks within a group (split, class) until the group has its quota of accepted
chips. The rounds are a function of the answers to the rounds before, so a run that was killed goes through the same
rounds again and finds its batches finished.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder import hashing
from builder.chips import chip, imagery_rules, store
from builder.frame import design as designs
from builder.legend import legend

BATCH_POINTS = 64
ROTATION_STEP_DEG = 15
ROTATIONS = 360 // ROTATION_STEP_DEG - 1  # at most 23 rotated chips of one parent
_ANGLE_STRIDE = 7  # has no factor in common with ROTATIONS: all angles come up, neighbours in time are far in angle
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
    """What became of one group: `refused` counts by reason; rotated chips are counted apart."""

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
    """Candidates of one group in the order of attempts, and what is known of them.

    `attempted` counts the first candidates that have an answer; `needed` those up to the last chip that is kept, or
    all attempted ones while the quota is not reached. `kept` and `refused` are places in the candidates.
    """

    split: str
    label: str
    quota: int
    candidates: pa.Table
    answers: np.ndarray  # int64: row of the answers, -1 where there is none yet
    attempted: int
    needed: int
    kept: np.ndarray
    duplicates: frozenset[int]

    @property
    def ask(self) -> pa.Table:
        """The candidates to ask for next; empty if the quota is reached or the ranks are exhausted."""
        deficit = self.quota - len(self.kept)
        if deficit <= 0:
            return self.candidates.slice(0, 0)
        return self.candidates.slice(self.attempted, _to_ask(deficit, len(self.kept), self.attempted))


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
    groups = _groups(points, answers, design)
    asked = [group.ask for group in groups]
    if not any(len(table) for table in asked):
        asked = [group.ask for group in _rotated_groups(groups, answers, design)]
    return batches(pa.concat_tables(asked)) if asked else []


def selection(points: pa.Table, answers: pa.Table, design: designs.SamplingDesign) -> Selection:
    """What counts among the answers: per group the lowest accepted ranks, in whatever order they came.

    A chip whose pixels equal those of a chip that is kept already is refused as a duplicate; splits keep theirs in the
    order of SPLITS, classes in the order of their names, ranks from 0.
    """
    groups = _groups(points, answers, design)
    rotated = _rotated_groups(groups, answers, design)
    every = [*groups, *rotated]
    kept_rows = np.concatenate([np.empty(0, np.int64), *(g.answers[g.kept] for g in every)])
    refused = pa.concat_tables([REFUSED.empty_table(), *(_refused(g, answers) for g in every)])
    extra = {(g.split, g.label): len(g.kept) for g in rotated}
    counts = {(g.split, g.label): _tally(g, answers, extra.get((g.split, g.label), 0)) for g in groups}
    return Selection(answers.take(pa.array(kept_rows)), refused, _with_unranked(counts, design))


def _with_unranked(
    counts: Mapping[tuple[str, str], Tally], design: designs.SamplingDesign
) -> dict[tuple[str, str], Tally]:
    """The counts and, short of their whole quota, the wanted groups of which no point was ranked; split by split."""
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


def _groups(points: pa.Table, answers: pa.Table, design: designs.SamplingDesign) -> list[_Group]:
    """All groups, in the order in which they keep one of several equal pictures."""
    group_class = pc.fill_null(pc.coalesce(points["label"], points["base_class"]), "")
    table = points.select(_OF_POINT).append_column("class", group_class)
    table = table.append_column("rotation_deg", pa.array(np.zeros(len(table))))
    table = table.append_column("parent", pa.nulls(len(table), pa.string()))
    table = table.sort_by([("class", "ascending"), ("rank", "ascending"), ("key", "ascending")])
    seen: set[int] = set()
    pictures = _pictures(answers)
    groups = []
    for split in SPLITS:
        of_split = table.filter(pc.equal(table["split"], split))
        for label in sorted(pc.unique(of_split["class"]).to_pylist()):
            candidates = of_split.filter(pc.equal(of_split["class"], label))
            quota = len(candidates) if design.is_given else design.quota(split)
            groups.append(_group(split, label, quota, candidates, answers, pictures, seen))
    return groups


def _pictures(answers: pa.Table) -> np.ndarray:
    """int64 per answer: equal numbers for equal pixels, -1 for refusals."""
    codes = answers["pixels_sha256"].combine_chunks().dictionary_encode().indices
    return np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), np.int64)


def _group(
    split: str,
    label: str,
    quota: int,
    candidates: pa.Table,
    answers: pa.Table,
    pictures: np.ndarray,
    seen: set[int],
) -> _Group:
    """The state of one group; adds the pictures that it keeps to `seen`."""
    rows = pc.fill_null(pc.index_in(candidates["key"], answers["key"].combine_chunks()), -1)
    rows_of = np.asarray(rows.to_numpy(), np.int64)
    waiting = np.flatnonzero(rows_of < 0)
    attempted = int(waiting[0]) if len(waiting) else len(rows_of)
    kept: list[int] = []
    duplicates: set[int] = set()
    for place in range(attempted):
        if len(kept) == quota:
            break
        picture = int(pictures[rows_of[place]])
        if picture >= 0 and picture in seen:
            duplicates.add(place)
        elif picture >= 0:
            seen.add(picture)
            kept.append(place)
    needed = kept[-1] + 1 if len(kept) == quota and kept else (0 if quota == 0 else attempted)
    return _Group(
        split, label, quota, candidates, rows_of, attempted, needed, np.array(kept, np.int64), frozenset(duplicates)
    )


def _refused(group: _Group, answers: pa.Table) -> pa.Table:
    kept = set(group.kept.tolist())
    places = [place for place in range(group.needed) if place not in kept]
    chosen = group.candidates.take(pa.array(places, pa.int64()))
    told = answers.select(["reason", "detail"]).take(pa.array(group.answers[places]))
    is_duplicate = pa.array([place in group.duplicates for place in places], pa.bool_())
    reason = pc.if_else(is_duplicate, str(imagery_rules.Reason.DUPLICATE), told["reason"].combine_chunks())
    detail = pc.if_else(is_duplicate, "the pixels equal those of a chip that is kept", told["detail"].combine_chunks())
    columns = [chosen["key"], chosen["parent"], chosen["split"], chosen["stratum"], chosen["class"], chosen["rank"]]
    return pa.Table.from_arrays([*columns, reason, detail], names=REFUSED.names).cast(REFUSED)


def _tally(group: _Group, answers: pa.Table, rotated: int) -> Tally:
    reasons = collections.Counter(_refused(group, answers)["reason"].to_pylist())
    ranked = len(group.candidates)
    return Tally(group.quota, ranked, group.needed, len(group.kept), rotated, dict(sorted(reasons.items())))


# --- Rotations --------------------------------------------------------------------------------------------------


def _rotated_groups(groups: list[_Group], answers: pa.Table, design: designs.SamplingDesign) -> list[_Group]:
    """Rotated footprints for the classes of train that are short of their quota."""
    pictures = _pictures(answers)
    seen = {int(pictures[group.answers[place]]) for group in groups for place in group.kept.tolist()}
    short = [] if design.is_given else [g for g in groups if g.split == designs.TRAIN and 0 < len(g.kept) < g.quota]
    return [
        _group(g.split, g.label, g.quota - len(g.kept), _rotated(g, design.seed), answers, pictures, seen)
        for g in short
    ]


def _rotated(group: _Group, seed: int) -> pa.Table:
    """Candidates at every angle of every kept chip of the group: each parent once, then each parent again, ..."""
    parents = group.candidates.take(pa.array(group.kept))
    rows = list(_turns(parents["key"].to_pylist(), seed))
    table = parents.take(pa.array([parent for parent, _ in rows], pa.int64()))
    key = [f"{name}@{angle:03d}" for name, (_, angle) in zip(table["key"].to_pylist(), rows, strict=True)]
    changed = {
        "key": pa.array(key, pa.string()),
        "parent": table["key"],
        "rotation_deg": pa.array([float(angle) for _, angle in rows], pa.float64()),
        "rank": pa.array(range(len(rows)), pa.int32()),
    }
    return pa.table({name: changed.get(name, table[name]) for name in table.column_names})


def _turns(parents: list[str], seed: int) -> Iterator[tuple[int, int]]:
    """(place of the parent, angle in degrees), evenly over the parents; parents start at different angles."""
    stream = hashing.stream(seed, "rotation")
    starts = [hashing.text_bits(stream, key) % ROTATIONS for key in parents]
    for turn in range(ROTATIONS):
        for place, start in enumerate(starts):
            yield place, ROTATION_STEP_DEG * (1 + (start + turn * _ANGLE_STRIDE) % ROTATIONS)
