"""The smallest edits that make a published confusion matrix add up.

Printed margins are believed where they add up among themselves. Otherwise as few margins as possible are corrected
first, then as few cells as possible. The edits of a smallest repair form a forest over rows and columns, because a
cycle of edits can be shortened. So some edit always settles a whole row or column: the search tries only those.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

MAX_CELL_EDITS = 6
MAX_STATES = 100_000  # bounds the time for large matrices with many contradictions
Changes = frozenset[tuple[tuple[int, int], int]]  # {((row, column), change), ...}


@dataclasses.dataclass(frozen=True)
class Edit:
    """One printed number that is changed. `place` is "cell", "row total", "column total" or "total"."""

    place: str
    row: int | None
    column: int | None
    old: int
    new: int


@dataclasses.dataclass(frozen=True, eq=False)
class Repair:
    """A set of edits, and the counts int64[map, reference] after them."""

    edits: tuple[Edit, ...]
    counts: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """(numbers changed, sum of absolute changes)."""
        return len(self.edits), sum(abs(edit.new - edit.old) for edit in self.edits)


@dataclasses.dataclass(frozen=True)
class Margins:
    """Row totals, column totals and grand total as printed."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    total: int


def smallest(counts: np.ndarray, margins: Margins, *, max_cell_edits: int = MAX_CELL_EDITS) -> list[Repair]:
    """All repairs of the fewest edits under which cells, margins and total agree; empty where none is within bounds.

    Args:
      counts: int64[map, reference] as printed.
      margins: as printed.
      max_cell_edits: how many cells a repair may change.
    """
    best: list[Repair] = []
    search = _Search(counts)
    candidates = sorted(_consistent_margins(margins), key=lambda c: _at_least(*_short(counts, c[0])))
    limit = max_cell_edits
    for corrected, margin_edits in candidates:
        found = search.smallest(*_short(counts, corrected), limit)
        if found and len(found[0]) < limit:
            limit, best = len(found[0]), []
        best += [_repair(counts, margin_edits, dict(edits)) for edits in found]
    return sorted(best, key=lambda repair: repair.size)


def _short(counts: np.ndarray, margins: Margins) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How much each row and each column lacks to reach its total."""
    rows = np.array(margins.rows) - counts.sum(axis=1)
    columns = np.array(margins.columns) - counts.sum(axis=0)
    return tuple(rows.tolist()), tuple(columns.tolist())


def believing_cells(counts: np.ndarray, margins: Margins) -> Repair:
    """The repair that believes every cell and replaces the margins by their sums."""
    rows, columns = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    edits = [
        *(Edit("row total", i, None, old, rows[i]) for i, old in enumerate(margins.rows) if old != rows[i]),
        *(Edit("column total", None, j, old, columns[j]) for j, old in enumerate(margins.columns) if old != columns[j]),
    ]
    if margins.total != sum(rows):
        edits.append(Edit("total", None, None, margins.total, sum(rows)))
    return Repair(tuple(edits), counts)


def _consistent_margins(margins: Margins) -> Iterator[tuple[Margins, tuple[Edit, ...]]]:
    """Every way to make rows and columns sum to the total by changing as few margins as possible."""
    totals = {margins.total, sum(margins.rows), sum(margins.columns)}
    for count, wanted in sorted((_disagreeing(margins, total), total) for total in totals):
        if count > min(_disagreeing(margins, total) for total in totals):
            return
        for rows, row_edits in _corrected(margins.rows, wanted, is_row=True):
            for columns, column_edits in _corrected(margins.columns, wanted, is_row=False):
                total_edit = () if margins.total == wanted else (Edit("total", None, None, margins.total, wanted),)
                yield Margins(rows, columns, wanted), (*row_edits, *column_edits, *total_edit)


def _disagreeing(margins: Margins, total: int) -> int:
    return (margins.total != total) + (sum(margins.rows) != total) + (sum(margins.columns) != total)


def _corrected(
    values: tuple[int, ...], total: int, *, is_row: bool
) -> Iterator[tuple[tuple[int, ...], tuple[Edit, ...]]]:
    """(totals that sum to `total`, the edit that was needed) for each single total that can be changed."""
    short = total - sum(values)
    if short == 0:
        yield values, ()
        return
    for i, value in enumerate(values):
        if (new := value + short) >= 0:
            edit = Edit("row total", i, None, value, new) if is_row else Edit("column total", None, i, value, new)
            yield (*values[:i], new, *values[i + 1 :]), (edit,)


def _at_least(rows: Sequence[int], columns: Sequence[int]) -> int:
    """Lower bound on the number of edits: one edit touches one row and one column."""
    return max(sum(map(bool, rows)), sum(map(bool, columns)))


class _Search:
    """Depth-first over cell edits that settle one unsettled row or column each; `MAX_STATES` bounds all searches."""

    def __init__(self, counts: np.ndarray) -> None:
        self._counts: list[list[int]] = counts.tolist()
        self._states_left = MAX_STATES
        self._seen: set[Changes] = set()
        self._found: set[Changes] = set()

    def smallest(self, rows: tuple[int, ...], columns: tuple[int, ...], limit: int) -> list[Changes]:
        """Every smallest set of changes, of at most `limit` cells, that completes rows and columns."""
        for size in range(_at_least(rows, columns), limit + 1):
            self._seen, self._found = set(), set()
            self._go(rows, columns, frozenset(), size)
            if self._found:
                return sorted(self._found, key=sorted)
        return []

    def _go(self, rows: tuple[int, ...], columns: tuple[int, ...], done: Changes, left: int) -> None:
        if not any(rows) and not any(columns):
            self._found.add(done)
            return
        if _at_least(rows, columns) > left or done in self._seen or self._states_left <= 0:
            return
        self._seen.add(done)
        self._states_left -= 1
        taken = {cell for cell, _ in done}
        for row, column in itertools.product(range(len(rows)), range(len(columns))):
            if (row, column) in taken:
                continue
            for change in {rows[row], columns[column]} - {0}:
                if self._counts[row][column] + change >= 0:
                    step = done | {((row, column), change)}
                    self._go(_less(rows, row, change), _less(columns, column, change), step, left - 1)


def _less(values: tuple[int, ...], position: int, change: int) -> tuple[int, ...]:
    return (*values[:position], values[position] - change, *values[position + 1 :])


def _repair(counts: np.ndarray, margin_edits: tuple[Edit, ...], cells: dict[tuple[int, int], int]) -> Repair:
    repaired = counts.copy()
    edits = []
    for (row, column), change in sorted(cells.items()):
        repaired[row, column] += change
        edits.append(Edit("cell", row, column, int(counts[row, column]), int(repaired[row, column])))
    return Repair((*edits, *margin_edits), repaired)
