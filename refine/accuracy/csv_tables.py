"""Reads CSV tables of text and numbers. Every error names the file, the line and the cure."""

from __future__ import annotations

import csv
import io
import math
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from builder import errors, input_files

BYTE_ORDER_MARK = "\ufeff"  # spreadsheets put it before UTF-8
MOST_COUNTED = 10**12  # a larger cell is no count: the land has 1.7e11 pixels of 30 m
LARGEST_SIZE = 1e30  # of an area in any unit; sums of larger ones overflow
_WHOLE = re.compile(r"[0-9]+(\.0*)?")
_DECIMAL = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def rows(path: pathlib.Path, what: str) -> list[tuple[int, list[str]]]:
    """(line, values) of every row that is not blank, the header first.

    Args:
      path: the file.
      what: what a row describes ("class", "sample"), for the error about a file without rows.

    Raises:
      errors.InputError: if it is no regular file, not UTF-8, not separated by commas, or has no row below the header.
    """
    found = [(line, [value.strip() for value in row]) for line, row in _read(path)]
    found = [(line, row) for line, row in found if any(row)]
    if not found:
        raise errors.InputError(f"{path} is empty. Write a header row, then a row for each {what}.")
    header = found[0][1]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            raise errors.InputError(
                f"{path}: expected values that are separated by commas; received {name}. Separate them by commas, with "
                "a point in decimal numbers."
            )
    if len(found) == 1:
        raise errors.InputError(f"{path} holds a header only. Add a row for each {what}.")
    for line, row in found:
        if len(row) != len(header):
            raise errors.InputError(
                f"{path}, line {line}: expected {len(header)} values, as in the header; received {len(row)}."
                " Give each column its value, and quote a name that holds a comma."
            )
    return found


def records(
    path: pathlib.Path, what: str, *, needed: Sequence[str], named: Sequence[str]
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line, {column: value}) of every row below the header.

    Args:
      path: the file.
      what: what a row describes, see `rows`.
      needed: columns that the file must have.
      named: columns whose values are names, so that none may be empty; the file need not have them.

    Raises:
      errors.InputError: as `rows`; or if a column is missing or given twice, or a name is empty.
    """
    (_, header), *body = rows(path, what)
    check_unique(path, "column", header)
    if missing := [name for name in needed if name not in header]:
        raise errors.InputError(
            f"{path}: expected the columns {', '.join(needed)}; received {', '.join(header)}. "
            f"Add {', '.join(missing)} to the header."
        )
    for line, row in body:
        record = dict(zip(header, row, strict=True))
        if empty := [name for name in named if record.get(name) == ""]:
            raise errors.InputError(
                f"{path}, line {line}: column {empty[0]!r} is empty. Give a name, or remove the row."
            )
        yield line, record


def check_unique(path: pathlib.Path, what: str, names: Sequence[str], *, first: int = 1) -> None:
    """Refuses an empty name, or one that is given twice; the first is in row or column number `first`.

    Raises:
      errors.InputError: names the file and the name.
    """
    if "" in names:
        raise errors.InputError(
            f"{path}: {what} {names.index('') + first} has no name. Name it, or remove it with its separator."
        )
    if twins := sorted({name for name in names if names.count(name) > 1}):
        raise errors.InputError(f"{path}: the {what} {', '.join(twins)} comes twice. Keep one {what} of each name.")


def check_spellings(paths: str, names: Iterable[str]) -> None:
    """Refuses two names that differ only in upper and lower case.

    Raises:
      errors.InputError: names both.
    """
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.casefold(), name)) != name:
            raise errors.InputError(
                f"{paths}: expected one spelling for each name; received {other!r} and {name!r}. Use one of them."
            )


def whole(path: pathlib.Path, text: str, place: str) -> int:
    """A count: digits, at most `MOST_COUNTED`.

    Raises:
      errors.InputError: if the text is anything else; names the file and `place`.
    """
    if not _WHOLE.fullmatch(text):
        raise errors.InputError(
            f"{path}, {place}: expected a whole number of at least 0; received {text!r}. "
            "Give sample counts in digits alone, not shares or percentages."
        )
    number = int(text.partition(".")[0])
    if number > MOST_COUNTED:
        raise errors.InputError(
            f"{path}, {place}: expected a count of at most {MOST_COUNTED:,}; received {text}. Correct it."
        )
    return number


def number(path: pathlib.Path, text: str, place: str) -> float:
    """A number from 0 to `LARGEST_SIZE`.

    Raises:
      errors.InputError: if the text is anything else; names the file and `place`.
    """
    found = float(text) if _DECIMAL.fullmatch(text) else math.nan
    if not found <= LARGEST_SIZE:
        raise errors.InputError(
            f"{path}, {place}: expected a number of at least 0 and at most {LARGEST_SIZE:g}; received {text!r}. "
            "Write it with a point and without separators."
        )
    return found


def _read(path: pathlib.Path) -> list[tuple[int, list[str]]]:
    text = input_files.read_text(path, expected="a table", cure="Name a table that is saved as CSV in UTF-8.")
    reader = csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline=""))
    try:
        found = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise errors.InputError(f"{path}, line {reader.line_num}: no CSV: {error}. Correct that line.") from error
    if any("\0" in value for _, row in found for value in row):
        raise errors.InputError(f"{path} holds NUL bytes, so it is no text. Save it as CSV in UTF-8.")
    return found
