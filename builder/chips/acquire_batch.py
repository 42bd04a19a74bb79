"""One batch of chips: requested from imagery, or copied where the answers are stored, and stored whole."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from builder.chips import answers, chip, imagery_toml, rounds
from builder.chips import store as stores

ACCEPTED = "accepted"  # counted like the reasons of refusals


@dataclasses.dataclass(frozen=True)
class Task:
    """A batch to acquire, and the stored batches that hold the answers to some of its keys already.

    A new quota groups points into other batches; `answered` lets their stored answers be copied instead of requested
    again.
    """

    batch: rounds.Batch
    answered: Mapping[str, str]


def tasks_of(batches: Sequence[rounds.Batch], store: stores.ChipStore) -> list[Task]:
    """A task for each batch, with the answers that the store holds."""
    places = store.answered()
    return [
        Task(batch, {r.key: place for r in batch.requests if (place := places.get((r.key, r.label))) is not None})
        for batch in batches
    ]


def acquire(task: Task, imagery: imagery_toml.Imagery, store: stores.ChipStore) -> dict[str, int]:
    """Acquires and stores a batch unless it is stored; returns its points by reason, or `ACCEPTED`."""
    batch = task.batch
    if store.has(batch.name):
        rows = store.read_index(batch.name)
    else:
        asked = [request for request in batch.requests if request.key not in task.answered]
        if asked:
            store.begin(batch.name)
        outcomes = chip.acquire(asked, imagery) if asked else []
        rows = store.write(batch.name, outcomes, imagery.chip, answers.stored(store, task.answered, imagery.chip))
    counts = collections.Counter(reason or ACCEPTED for reason in rows["reason"].to_pylist())
    return dict(sorted(counts.items()))
