"""Fills the chip store of a frame: rounds of batches, each batch read from imagery once and kept as it arrives."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

from builder import errors, progress
from builder.chips import answers, chip, imagery_toml, rounds
from builder.chips import store as stores
from builder.frame import frame as frames
from builder.pipeline import running

WATCH_EVERY_S = 0.5
ACCEPTED = "accepted"


@dataclasses.dataclass(frozen=True)
class Task:
    """A batch to acquire, and the stored batches that hold the answers to some of its keys already.

    Another quota cuts other batches, so that points that were asked for under the old one need not be asked again.
    """

    batch: rounds.Batch
    answered: Mapping[str, str]


@dataclasses.dataclass
class AcquireBatches(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """Task -> (reason or "accepted", number of points). What is stored is read, not asked for."""

    imagery: imagery_toml.Imagery
    store: stores.ChipStore

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """See the class."""
        return (
            batches
            | "SpreadOverWorkers" >> beam.Reshuffle()
            | "AcquireBatch" >> beam.FlatMap(acquire_batch, self.imagery, self.store)
        )


def acquire_batch(task: Task, imagery: imagery_toml.Imagery, store: stores.ChipStore) -> list[tuple[str, int]]:
    """Acquires and stores a batch unless it is stored; counts its points by reason."""
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
    for reason, count in counts.items():
        Metrics.counter("chips", reason).inc(count)
    return sorted(counts.items())


def acquire(frame: frames.Frame, *, beam_options: Sequence[str] = ()) -> rounds.Selection:
    """Acquires what the frame's chip store lacks, round by round, and returns what counts.

    Killed and called again it asks only for the batches that were in flight. The result does not depend on the number
    of workers.

    Raises:
      errors.InputError: if imagery.toml, a source or the store cannot be used; the text says how to mend it.
    """
    running.runner_options(beam_options)
    imagery = imagery_toml.read(frame.imagery_file)
    design, points = frame.design, frame.points()
    if imagery.chip.size_m != design.chip_size_m:
        raise errors.InputError(
            f"{frame.imagery_file}: expected [chip] size_m = {design.chip_size_m:g}, the size that the points were "
            f"spaced for; received {imagery.chip.size_m:g}. Change it, or draw the points anew."
        )
    store = stores.ChipStore(frame.chips_folder, imagery.digest)
    known = rounds.ANSWERS.empty_table()
    number = 0
    while batches := rounds.next_round(points, known, design):
        number += 1
        missing = [batch for batch in batches if not store.has(batch.name)]
        if missing:
            _run(missing, imagery, store, f"chips, round {number}", beam_options)
        of_round = [answers.read(store, batch, imagery.chip) for batch in batches]
        known = pa.concat_tables([known, *of_round]).combine_chunks()
    selection = rounds.selection(points, known, design)
    if number:
        print(summary(selection), file=sys.stderr)
    return selection


def summary(selection: rounds.Selection) -> str:
    """One line per split and class: kept, wanted, and what was refused why."""
    lines = []
    for (split, label), tally in selection.counts.items():
        rotated = f" (+ {tally.rotated} rotated)" if tally.rotated else ""
        refused = ", ".join(f"{count} {reason}" for reason, count in tally.refused.items())
        short = f"; {tally.missing} short of {tally.wanted}, {tally.ranked} ranked" if tally.missing else ""
        lines.append(f"{split} {label}: {tally.kept} chips{rotated}{short}{'; refused: ' + refused if refused else ''}")
    return "\n".join(lines)


def _run(
    missing: Sequence[rounds.Batch],
    imagery: imagery_toml.Imagery,
    store: stores.ChipStore,
    what: str,
    beam_options: Sequence[str],
) -> None:
    """Runs one round."""
    for source in imagery.sources:
        source.find(())  # a source that cannot be read is told before anything is written
    store.prepare()
    answered = store.answered()
    tasks = [
        Task(batch, {r.key: place for r in batch.requests if (place := answered.get((r.key, r.label))) is not None})
        for batch in missing
    ]
    with _watched(missing, store, what), running.run(beam_options) as pipeline:
        _ = pipeline | "Batches" >> beam.Create(tasks, reshuffle=False) | AcquireBatches(imagery, store)
    lost = [batch.name for batch in missing if not store.has(batch.name)]
    if lost:
        raise errors.InputError(
            f"{store.folder}: {len(lost)} batches are not there after the round, such as {lost[0]}. The workers must "
            "write to the same folder as this process: put the frame on a disk that all of them share."
        )


@contextlib.contextmanager
def _watched(missing: Sequence[rounds.Batch], store: stores.ChipStore, what: str) -> Iterator[None]:
    """Shows progress, counted by the batches that appear in the store, whichever process writes them."""
    sizes = {batch.name: len(batch.requests) for batch in missing}
    done = threading.Event()

    def watch(shown: progress.Progress) -> None:
        while True:
            last = done.wait(WATCH_EVERY_S)
            shown.reach(sum(sizes.get(name, 0) for name in store.batches()))
            if last:
                return

    with progress.Progress(what, sum(sizes.values()), unit="points") as shown:
        watcher = threading.Thread(target=watch, args=(shown,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
