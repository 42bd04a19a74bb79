"""Reads the tables that people have: a confusion matrix, class areas, a sample with its strata.

M.csv   header row and first column are class names, rows map, columns reference. A last column or row named `total`,
        a column `users` and a row `producers` are what a publication prints beside the counts; the linter judges them.
A.csv   class,area        T.csv   stratum,size        S.csv   stratum,map,reference[,inclusion_probability][,block]
"""

from __future__ import annotations

import csv
import dataclasses
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from builder import errors
from refine.accuracy import accuracy, lint, seasonal, support

TOTAL_NAMES = ("total", "totals", "sum", "n")
USERS_NAMES = ("users", "user", "user's", "user's accuracy", "users accuracy", "ua")
PRODUCERS_NAMES = ("producers", "producer", "producer's", "producer's accuracy", "producers accuracy", "pa")
_SHAPE = "Give a header row and a first column of class names, rows map, columns reference."
Parsed = TypeVar("Parsed")
STRATUM, MAP, REFERENCE, PROBABILITY, BLOCK = "stratum", "map", "reference", "inclusion_probability", "block"


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Samples of S.csv: strata str[sample], map and reference class indexes int[sample]; None for columns not given.

    `in_season` bool[sample] is known of a dataset's samples: see `accuracy.seasonal`.
    """

    names: tuple[str, ...]
    strata: tuple[str, ...] | None
    mapped: np.ndarray
    reference: np.ndarray
    probability: np.ndarray | None
    blocks: tuple[str, ...] | None
    population: support.Population = support.Population.MAP
    in_season: np.ndarray | None = None

    @property
    def confusion(self) -> accuracy.Confusion:
        """Unweighted counts."""
        return accuracy.Confusion.from_pairs(self.mapped, self.reference, self.names)

    def by_season(self, level: float) -> seasonal.BySeason | None:
        """Overall accuracy in and out of season, where that is known."""
        if self.in_season is None:
            return None
        return seasonal.by_season(self.mapped == self.reference, self.in_season, level)


def read_matrix(path: pathlib.Path) -> tuple[accuracy.Confusion, lint.Printed]:
    """Counts of M.csv, and what it prints beside them.

    Raises:
      errors.InputError: if the matrix is not square, its names differ, or a count is negative or not whole; the
        message names file, row and column.
    """
    header, *rows = _rows(path)
    names = tuple(name for name in header[1:] if _kind(name) == "class")
    body = {row[0]: row for row in rows if _kind(row[0]) == "class"}
    _refuse_twins(path, "column", names)
    _refuse_twins(path, "row", [row[0] for row in rows])
    if len(body) != len(names):
        raise errors.InputError(
            f"{path}: expected a square matrix; received {len(body)} rows and {len(names)} columns of classes. {_SHAPE}"
        )
    if set(body) != set(names):
        only_rows, only_columns = sorted(set(body) - set(names)), sorted(set(names) - set(body))
        raise errors.InputError(
            f"{path}: expected the same class names in rows and columns; received only in rows {only_rows}, "
            f"only in columns {only_columns}. Use one spelling."
        )
    for row in rows:
        if len(row) != len(header):
            raise errors.InputError(
                f"{path}: expected {len(header) - 1} values in row {row[0]!r}, as in the header; "
                f"received {len(row) - 1}. {_SHAPE}"
            )
    column = {name: index for index, name in enumerate(header)}
    counts = [[_whole(path, body[row][column[name]], row, name) for name in names] for row in names]
    matrix = np.array(counts, np.int64).reshape(len(names), len(names))
    return accuracy.Confusion(matrix, names), _printed(path, header, rows, names)


def read_sizes(path: pathlib.Path, kind: str, *, value: str) -> dict[str, float]:
    """Sizes by name from a CSV with the columns `kind` and `value` ("class", "area" or "stratum", "size").

    Raises:
      errors.InputError: if a column is missing, a name comes twice, or a size is not a number of at least 0.
    """
    sizes: dict[str, float] = {}
    for line, record in _records(path, (kind, value)):
        name = record[kind]
        if name in sizes:
            raise errors.InputError(
                f"{path}, line {line}: {kind} {name!r} comes twice. Keep one line, with the whole {value}."
            )
        sizes[name] = _number(path, record[value], f"line {line}, column {value!r}")
    return sizes


def read_areas(path: pathlib.Path, names: Sequence[str]) -> dict[str, float]:
    """Mapped area of each of the classes `names`.

    Raises:
      errors.InputError: if a class is missing or unknown, or an area is wrong.
    """
    areas = read_sizes(path, "class", value="area")
    if missing := [name for name in names if name not in areas]:
        raise errors.InputError(
            f"{path}: no area for {', '.join(missing)}. Add a line `class,area` for each class of the matrix."
        )
    if unknown := [name for name in areas if name not in names]:
        raise errors.InputError(
            f"{path}: {', '.join(unknown)}: not a class of the matrix ({', '.join(names)}). "
            "Use its spelling, or remove the line."
        )
    return areas


def read_sample(path: pathlib.Path) -> Sample:
    """Samples of S.csv; the classes are those that occur, sorted by name.

    Raises:
      errors.InputError: if `map` or `reference` is missing, the file is empty, or a probability is no number.
    """
    records = list(_records(path, (MAP, REFERENCE)))
    if not records:
        raise errors.InputError(f"{path}: expected at least one sample; received only a header. Add a line per sample.")
    names = tuple(sorted({record[kind] for _, record in records for kind in (MAP, REFERENCE)}))
    index = {name: position for position, name in enumerate(names)}
    columns = records[0][1].keys()

    def texts(column: str) -> tuple[str, ...] | None:
        return tuple(record[column] for _, record in records) if column in columns else None

    probability = None
    if PROBABILITY in columns:
        place = f"column {PROBABILITY!r}"
        probability = np.array([_number(path, r[PROBABILITY], f"line {line}, {place}") for line, r in records])
    mapped = np.array([index[record[MAP]] for _, record in records], np.int64)
    reference = np.array([index[record[REFERENCE]] for _, record in records], np.int64)
    return Sample(names, texts(STRATUM), mapped, reference, probability, texts(BLOCK))


def _printed(path: pathlib.Path, header: list[str], rows: list[list[str]], names: tuple[str, ...]) -> lint.Printed:
    columns = {_kind(name): index for index, name in enumerate(header) if index and _kind(name) != "class"}
    extra = {_kind(row[0]): row for row in rows if _kind(row[0]) != "class"}
    body = {row[0]: row for row in rows}

    def down(kind: str, parse: Callable[[str, str], Parsed]) -> tuple[Parsed, ...] | None:
        if kind not in columns:
            return None
        return tuple(parse(body[name][columns[kind]], f"row {name!r}") for name in names)

    def across(kind: str, parse: Callable[[str, str], Parsed]) -> tuple[Parsed, ...] | None:
        if kind not in extra:
            return None
        return tuple(parse(extra[kind][header.index(name)], f"column {name!r}") for name in names)

    def whole(text: str, place: str) -> int:
        return _whole(path, text, "total", place)

    def figure(text: str, place: str) -> lint.Figure:
        return lint.Figure.parse(text, f"{path}, {place}")

    corner = extra["total"][columns["total"]] if "total" in extra and "total" in columns else ""
    return lint.Printed(
        row_totals=down("total", whole),
        column_totals=across("total", whole),
        total=whole(corner, "total") if corner else None,
        users=down("users", figure),
        producers=across("producers", figure),
    )


def _kind(name: str) -> str:
    lowered = name.lower()
    kinds = {"total": TOTAL_NAMES, "users": USERS_NAMES, "producers": PRODUCERS_NAMES}
    return next((kind for kind, spellings in kinds.items() if lowered in spellings), "class")


def _rows(path: pathlib.Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [[value.strip() for value in row] for row in csv.reader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise errors.InputError(f"{path}: cannot be read as a CSV file in UTF-8: {error}.") from error
    rows = [row for row in rows if any(row)]
    if len(rows) < 2:
        raise errors.InputError(f"{path}: expected a header row and at least one more; received {len(rows)} rows.")
    return rows


def _records(path: pathlib.Path, needed: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    header, *rows = _rows(path)
    if missing := [name for name in needed if name not in header]:
        raise errors.InputError(
            f"{path}: expected the columns {', '.join(needed)}; received {', '.join(header)}. "
            f"Add {', '.join(missing)} to the header."
        )
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise errors.InputError(f"{path}, line {line}: expected {len(header)} values; received {len(row)}.")
        yield line, dict(zip(header, row, strict=True))


def _refuse_twins(path: pathlib.Path, what: str, names: Sequence[str]) -> None:
    if twins := sorted({name for name in names if names.count(name) > 1}):
        raise errors.InputError(f"{path}: the {what} {', '.join(twins)} comes twice. Give each class one {what}.")


def _whole(path: pathlib.Path, text: str, row: str, column: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer() or number < 0:
        raise errors.InputError(
            f"{path}, row {row!r}, column {column!r}: expected a whole number of at least 0; received {text!r}. "
            "Give sample counts, not shares or percentages."
        )
    return int(number)


def _number(path: pathlib.Path, text: str, place: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise errors.InputError(f"{path}, {place}: expected a number of at least 0; received {text!r}.")
    return number
