"""Rotated footprints: further candidates at the places of chips, for classes that are short of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from builder import hashing

STEP_DEG = 15
ANGLES = 360 // STEP_DEG - 1  # at most 23 rotated chips of one parent
_ANGLE_STRIDE = 7  # has no factor in common with ANGLES: all angles come up, neighbours in time are far in angle


def candidates(parents: pa.Table, seed: int) -> pa.Table:
    """Candidates at every angle of every parent: each parent once, then each parent again, ...

    Args:
      parents: candidates with the columns key, parent, rotation_deg, rank, and others that are kept.
      seed: of the order of angles.
    """
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


def _turns(parents: Sequence[str], seed: int) -> Iterator[tuple[int, int]]:
    """(place of the parent, angle in degrees), evenly over the parents; parents start at different angles."""
    stream = hashing.stream(seed, "rotation")
    starts = [hashing.text_bits(stream, key) % ANGLES for key in parents]
    for turn in range(ANGLES):
        for place, start in enumerate(starts):
            yield place, STEP_DEG * (1 + (start + turn * _ANGLE_STRIDE) % ANGLES)
