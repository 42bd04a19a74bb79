"""One round of batches through Beam: each batch is read from imagery once and stored as it arrives."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import apache_beam as beam
from apache_beam import metrics
from typing_extensions import override

from builder import errors
from builder.chips import acquire_batch, imagery_toml, rounds
from builder.chips import store as stores
from builder.pipeline import running


@dataclasses.dataclass
class AcquireBatches(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """acquire_batch.Task -> points of its batch by reason. What is stored is read, not requested."""

    imagery: imagery_toml.Imagery
    store: stores.ChipStore

    @override
    def expand(self, tasks: beam.PCollection) -> beam.PCollection:
        return tasks | "Acquire" >> running.Each("AcquireBatch", acquire_and_count, self.imagery, self.store)


def acquire_and_count(
    task: acquire_batch.Task, imagery: imagery_toml.Imagery, store: stores.ChipStore
) -> dict[str, int]:
    """`acquire_batch.acquire`; Beam counts the points by reason too."""
    counts = acquire_batch.acquire(task, imagery, store)
    for reason, count in counts.items():
        metrics.Metrics.counter("chips", reason).inc(count)
    return counts


def run_round(
    missing: Sequence[rounds.Batch],
    imagery: imagery_toml.Imagery,
    store: stores.ChipStore,
    *,
    what: str,
    beam_options: Sequence[str] = (),
) -> None:
    """Acquires the `missing` batches of one round into the prepared `store`; `what` is the round in words.

    Raises:
      errors.InputError: if a source or the store cannot be used, or the workers write to another store.
    """
    tasks = acquire_batch.tasks_of(missing, store)
    points = {batch.name: len(batch.requests) for batch in missing}

    def finished() -> int:
        return sum(points.get(name, 0) for name in store.batches())

    watched = running.watched(what, sum(points.values()), finished, unit="points")
    with watched, running.run(beam_options) as pipeline:
        _ = pipeline | "Batches" >> beam.Create(tasks, reshuffle=False) | AcquireBatches(imagery, store)
    lost = [name for name in points if not store.has(name)]
    if lost:
        raise errors.InputError(
            f"{store.folder}: {len(lost)} batches are not there after the round, such as {lost[0]}. The workers must "
            "write to the same folder as this process: put the frame on a disk that all of them share."
        )
