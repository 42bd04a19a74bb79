"""Fills the chip store of a frame, round by round, until every class and split has its chips."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pyarrow as pa

from builder import errors
from builder.chips import answers, imagery_toml, rounds
from builder.chips import store as stores
from builder.frame import frame as frames
from builder.pipeline import chip_rounds, running


def acquire(frame: frames.Frame, *, beam_options: Sequence[str] = ()) -> rounds.Selection:
    """Acquires what the frame's chip store lacks, round by round, and returns the chips that count.

    Killed and called again it requests only the batches that were in flight. The result does not depend on the number
    of workers.

    Raises:
      errors.InputError: if imagery.toml, a source or the store cannot be used; the text says what to do.
    """
    running.check_options(beam_options)
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
            _check_sources(imagery)  # before anything is written
            store.prepare()
            what = f"chips, round {number}"
            chip_rounds.run_round(missing, imagery, store, what=what, beam_options=beam_options)
        of_round = [answers.read(store, batch, imagery.chip) for batch in batches]
        known = pa.concat_tables([known, *of_round]).combine_chunks()
    selection = rounds.selection(points, known, design)
    if number:
        print(summary(selection), file=sys.stderr)
    return selection


def summary(selection: rounds.Selection) -> str:
    """One line per split and class: chips kept and wanted, and the points refused, by reason."""
    lines = []
    for (split, label), tally in selection.counts.items():
        rotated = f" (+ {tally.rotated} rotated)" if tally.rotated else ""
        refused = ", ".join(f"{count} {reason}" for reason, count in tally.refused.items())
        short = f"; {tally.missing} short of {tally.wanted}, {tally.ranked} ranked" if tally.missing else ""
        lines.append(f"{split} {label}: {tally.kept} chips{rotated}{short}{'; refused: ' + refused if refused else ''}")
    return "\n".join(lines)


def _check_sources(imagery: imagery_toml.Imagery) -> None:
    """Raises InputError if a source cannot be read."""
    for source in imagery.sources:
        source.find(())
