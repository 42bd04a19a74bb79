"""The change table of a refined map: from which code to which, how many pixels, how many hectares."""

from __future__ import annotations

import collections
import csv
import dataclasses
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from builder import atomic, errors, input_files

COLUMNS = ("from_code", "from", "to_code", "to", "pixels", "hectares")
_EXPECTED, _CURE = "the change table of a refined map", "Copy it again, or run `python -m refine map` again."


@dataclasses.dataclass(frozen=True)
class Changes:
    """Pixels and hectares (on the ellipsoid) that went from one base code to another code; `+` adds two tables."""

    pixels: Mapping[tuple[int, int], int] = dataclasses.field(default_factory=dict)
    hectares: Mapping[tuple[int, int], float] = dataclasses.field(default_factory=dict)

    def __add__(self, other: Changes) -> Changes:
        pixels = collections.Counter(self.pixels) + collections.Counter(other.pixels)
        hectares = collections.Counter(self.hectares) + collections.Counter(other.hectares)
        return Changes(dict(pixels), dict(hectares))

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[float]]) -> Changes:
        """The table of (from, to, pixels, hectares)."""
        typed = [((int(before), int(after)), int(pixels), float(area)) for before, after, pixels, area in rows]
        return cls({pair: pixels for pair, pixels, _ in typed}, {pair: area for pair, _, area in typed})

    def rows(self) -> list[tuple[int, int, int, float]]:
        """(from, to, pixels, hectares), the largest change first."""
        return sorted(
            ((a, b, n, self.hectares[a, b]) for (a, b), n in self.pixels.items()),
            key=lambda row: (-row[2], row[0], row[1]),
        )


def of_block(before: np.ndarray, after: np.ndarray, pixel_hectares: float) -> Changes:
    """The changes of one block.

    Args:
      before: uint8[y, x], codes of the base map.
      after: uint8[y, x], codes of the refined map.
      pixel_hectares: area of each of its pixels.
    """
    moved = before != after
    codes = before[moved].astype(np.int64) * 256 + after[moved]
    values, counts = np.unique(codes, return_counts=True)
    pixels = {(int(v) // 256, int(v) % 256): int(n) for v, n in zip(values, counts, strict=True)}
    return Changes(pixels, {pair: n * pixel_hectares for pair, n in pixels.items()})


def write_csv(changes: Changes, names: Mapping[int, str], path: pathlib.Path) -> None:
    """Writes `COLUMNS`: codes and names, pixels, hectares with two decimals; the largest change first."""
    with atomic.file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(COLUMNS)
        for before, after, pixels, hectares in changes.rows():
            rows.writerow([before, names[before], after, names[after], pixels, f"{hectares:.2f}"])


def read_csv(path: pathlib.Path) -> Changes:
    """The table that `write_csv` wrote; hectares with two decimals.

    Raises:
      errors.InputError: if the file is missing or damaged: other columns, cells that are no numbers, a cut last line.
    """
    text = input_files.read_text(path, expected=_EXPECTED, cure=_CURE)  # has \n where the file has \r\n
    try:
        header, *rows = csv.reader(text.splitlines(), strict=True)
        if tuple(header) != COLUMNS or not text.endswith("\n"):
            raise ValueError(f"its columns are {', '.join(header)}, or its last line is cut")
        table = Changes.of_rows([_numbers(row) for row in rows])
        if len(table.pixels) != len(rows):
            raise ValueError("a change occurs twice")
    except (ValueError, csv.Error) as error:
        raise errors.InputError(
            f"{path}: expected {_EXPECTED} with the columns {', '.join(COLUMNS)}; it is damaged: {error}. {_CURE}"
        ) from error
    return table


def _numbers(row: Sequence[str]) -> tuple[int, int, int, float]:
    before, _, after, _, pixels, hectares = row
    numbers = int(before), int(after), int(pixels), float(hectares)
    if not (all(0 <= code <= 255 for code in numbers[:2]) and numbers[2] > 0 and 0 <= numbers[3] < math.inf):
        raise ValueError(f"the row {','.join(row)} holds values that no change has")
    return numbers
