"""The history of a training: one row per epoch, what is best in it, and whether it is stable."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Sequence
from typing import Any

from builder import atomic

COLUMNS = (
    "stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds", "images_per_s",
)  # fmt: skip
# Smaller changes than these are not progress.
LOSS_FALL, LOSS_FALL_SHARE, ACCURACY_RISE = 0.001, 0.01, 0.002

Row = dict[str, Any]


def best_epoch(rows: Sequence[Row]) -> int:
    """Position of the highest validation accuracy; among equals the lowest validation loss."""
    return max(range(len(rows)), key=lambda i: (rows[i]["val_accuracy"], -rows[i]["val_loss"]))


def is_stable(rows: Sequence[Row], patience: int) -> bool:
    """True when in the last `patience` epochs neither the training loss fell nor the validation accuracy rose."""
    if len(rows) <= patience:
        return False
    before, after = rows[:-patience], rows[-patience:]
    lowest = min(r["loss"] for r in before)
    highest = max(r["val_accuracy"] for r in before)
    fell = min(r["loss"] for r in after) < lowest * (1 - LOSS_FALL_SHARE) - LOSS_FALL
    rose = max(r["val_accuracy"] for r in after) > highest + ACCURACY_RISE
    return not fell and not rose


def write(path: pathlib.Path, rows: Sequence[Row]) -> None:
    """Writes the table, one row per epoch."""
    with atomic.file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, COLUMNS)
        table.writeheader()
        table.writerows(rows)


def read(path: pathlib.Path) -> list[Row]:
    """The rows that `write` wrote."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [{k: v if k == "stage" else int(v) if k == "epoch" else float(v) for k, v in row.items()} for row in rows]
