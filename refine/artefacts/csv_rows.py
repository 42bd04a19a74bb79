"""Tables that one command writes and another reads: CSV in UTF-8 with a header; a table may have no rows."""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from builder import atomic, errors, input_files

BYTE_ORDER_MARK = "\ufeff"  # spreadsheets begin a file of UTF-8 with it
LONGEST_SHOWN = 80  # characters of a wrong header in a message


def write(path: pathlib.Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a header and `rows`, whole or not at all."""
    with atomic.file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(columns))
        table.writeheader()
        table.writerows(rows)


def read(path: pathlib.Path, columns: Sequence[str], *, expected: str, cure: str) -> list[dict[str, str]]:
    """{column: value} of every row that is not blank; more columns than `columns` may be there.

    Args:
      path: the file to read.
      columns: those that must be there.
      expected: what the table is, for messages, as "the doubtful labels".
      cure: a sentence that ends every message.

    Raises:
      errors.InputError: if it is no regular file, no CSV in UTF-8, lacks a column, or a row is cut or too long.
    """
    text = input_files.read_text(path, expected=expected, cure=cure).removeprefix(BYTE_ORDER_MARK)
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row] or [[]]
    except csv.Error as error:
        raise errors.InputError(f"{path}: expected {expected} as CSV; {error}. {cure}") from error
    if missing := [name for name in columns if name not in header]:
        raise errors.InputError(
            f"{path}: expected {', '.join(missing)} among the columns of {expected}; received "
            f"{', '.join(header)[:LONGEST_SHOWN]!r}. {cure}"
        )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise errors.InputError(
                f"{path}, row {number}: expected {len(header)} values, as in the header; received {len(row)}. {cure}"
            )
    return [dict(zip(header, row, strict=True)) for row in rows]


def number(path: pathlib.Path, row: int, column: str, text: str, *, low: float, high: float, cure: str) -> float:
    """The number in a cell.

    Raises:
      errors.InputError: if it is none, or not between `low` and `high`.
    """
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not low <= found <= high:
        raise errors.InputError(
            f"{path}, row {row}: expected {column}, a number from {low:g} to {high:g}; received "
            f"{text[:LONGEST_SHOWN]!r}. {cure}"
        )
    return found
