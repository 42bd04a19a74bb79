"""Reads a confusion matrix, class areas, sizes of strata and a reference sample from CSV.

M.csv   header row and first column are class names, rows map, columns reference. A last column or row named `total`,
        a column `users` and a row `producers` are figures that a publication prints, which the linter checks.
A.csv   class,area[,users]        `users` are guessed user's accuracies, to plan a survey with
T.csv   stratum,size
S.csv   map,reference[,stratum][,inclusion_probability][,block][,map2]        `map2` is the class in a second map
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from builder import errors
from refine.accuracy import accuracy, csv_tables, lint, reference_sample

TOTAL_NAMES = ("total", "totals", "sum", "n")
USERS_NAMES = ("users", "user", "user's", "user's accuracy", "users accuracy", "ua")
PRODUCERS_NAMES = ("producers", "producer", "producer's", "producer's accuracy", "producers accuracy", "pa")
FEWEST_CLASSES = 2
_SHAPE = "Give a header row and a first column of class names, rows map, columns reference."
Parsed = TypeVar("Parsed")
STRATUM, MAP, REFERENCE, PROBABILITY, BLOCK = "stratum", "map", "reference", "inclusion_probability", "block"
SECOND_MAP = "map2"


@dataclasses.dataclass(frozen=True)
class Areas:
    """A.csv: mapped area by class, and guessed user's accuracy by class if the file gives it."""

    path: pathlib.Path
    sizes: dict[str, float]
    users: dict[str, float] | None

    def of(self, names: Sequence[str]) -> dict[str, float]:
        """The area of each of the classes `names` of the samples.

        Raises:
          errors.InputError: if one has none, or another class has area.
        """
        csv_tables.check_spellings(str(self.path), dict.fromkeys([*names, *self.sizes]))
        if missing := [name for name in names if name not in self.sizes]:
            raise errors.InputError(
                f"{self.path}: no area for {', '.join(missing)}. Add a line `class,area` for each class of the samples."
            )
        if unmet := [name for name, size in self.sizes.items() if size > 0 and name not in names]:
            raise errors.InputError(
                f"{self.path}: no sample was drawn in {', '.join(unmet)}, which has area: draw there. Or use the "
                f"spelling of the samples, whose classes are {', '.join(names)}."
            )
        return {name: self.sizes[name] for name in names}


def read_matrix(path: pathlib.Path) -> tuple[accuracy.Confusion, lint.Printed]:
    """Counts of M.csv, and what it prints beside them.

    Raises:
      errors.InputError: if the matrix is not square, its names differ, or a count is negative or not whole; the
        message names file, row and column.
    """
    (_, header), *rows = csv_tables.rows(path, "class")
    body = {row[0]: row for _, row in rows}
    for what, given in (("column", header[1:]), ("row", [row[0] for _, row in rows])):
        csv_tables.check_unique(path, what, given, first=2)
        csv_tables.check_unique(path, what, [kind for kind in map(_kind, given) if kind != "class"])
    names = tuple(name for name in header[1:] if _kind(name) == "class")
    if len(names) < FEWEST_CLASSES:
        raise errors.InputError(
            f"{path}: expected a header row with the names of {FEWEST_CLASSES} classes or more; received "
            f"{', '.join(names) or 'none'}. Write the names into the first row and the first column."
        )
    _check_same_names(path, names, [name for name in body if _kind(name) == "class"])
    place = {name: index for index, name in enumerate(header) if index}
    counts = [
        [csv_tables.whole(path, body[row][place[name]], f"row {row!r}, column {name!r}") for name in names]
        for row in names
    ]
    matrix = np.array(counts, np.int64).reshape(len(names), len(names))
    return accuracy.Confusion(matrix, names), _printed(path, place, body, names)


def read_areas(path: pathlib.Path) -> Areas:
    """Mapped areas of A.csv.

    Raises:
      errors.InputError: if a column is missing, a class comes twice, or a number is wrong.
    """
    sizes, users = _sizes(path, "class", "area", guesses="users")
    return Areas(path, sizes, users or None)


def read_strata(path: pathlib.Path) -> dict[str, float]:
    """Sizes by stratum of T.csv.

    Raises:
      errors.InputError: if a column is missing, a stratum comes twice, or a size is no number of at least 0.
    """
    sizes, _ = _sizes(path, "stratum", "size")
    return sizes


def read_sample(path: pathlib.Path) -> reference_sample.ReferenceSample:
    """Samples of S.csv. The classes are those of map and reference, sorted by name.

    Raises:
      errors.InputError: if `map` or `reference` is missing, the file is empty, or a probability is no number.
    """
    named = (MAP, REFERENCE, STRATUM, BLOCK, SECOND_MAP)
    lines, records = zip(*csv_tables.records(path, "sample", needed=(MAP, REFERENCE), named=named), strict=True)
    columns = {name: tuple(record[name] for record in records) for name in records[0]}
    mapped, reference, second, strata = (columns.get(name, ()) for name in (MAP, REFERENCE, SECOND_MAP, STRATUM))
    csv_tables.check_spellings(str(path), sorted({*mapped, *reference, *second}))
    csv_tables.check_spellings(str(path), sorted(set(strata)))
    names = tuple(sorted({*mapped, *reference}))
    return reference_sample.ReferenceSample(
        names=names,
        strata=strata or None,
        mapped=_class_indexes(mapped, names),
        reference=_class_indexes(reference, names),
        probability=_probabilities(path, lines, columns[PROBABILITY]) if PROBABILITY in columns else None,
        blocks=columns.get(BLOCK),
        second=_class_indexes(second, names) if second else None,
    )


def _class_indexes(labels: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """int64[sample]: the position of each label among the classes, `OTHER_CLASS` where it is none of them."""
    index = {name: position for position, name in enumerate(names)}
    return np.array([index.get(label, reference_sample.OTHER_CLASS) for label in labels], np.int64)


def _probabilities(path: pathlib.Path, lines: Sequence[int], texts: Sequence[str]) -> np.ndarray:
    numbered = zip(lines, texts, strict=True)
    return np.array([csv_tables.number(path, text, f"line {line}, column {PROBABILITY!r}") for line, text in numbered])


def _sizes(
    path: pathlib.Path, kind: str, value: str, *, guesses: str = ""
) -> tuple[dict[str, float], dict[str, float]]:
    """({name: size}, {name: guess}) of a table with the columns `kind`, `value` and, optionally, `guesses`."""
    sizes: dict[str, float] = {}
    printed: dict[str, tuple[str, str]] = {}
    for line, record in csv_tables.records(path, kind, needed=(kind, value), named=(kind,)):
        name = record[kind]
        if name in sizes:
            raise errors.InputError(
                f"{path}, line {line}: {kind} {name!r} comes twice. Keep one line, with the whole {value}."
            )
        sizes[name] = csv_tables.number(path, record[value], f"line {line}, column {value!r}")
        if guesses in record:
            printed[name] = record[guesses], f"{path}, line {line}, column {guesses!r}"
    csv_tables.check_spellings(str(path), sizes)
    return sizes, _shares(printed)


def _shares(printed: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    """Each (text, place) as a share. A column has one unit: if one number is above 1, all are percentages."""
    figures = {name: lint.Figure.parse(text, place) for name, (text, place) in printed.items()}
    bare = {name: text for name, (text, _) in printed.items() if not text.strip().endswith("%")}
    if all(float(text) <= 1 for text in bare.values()):
        return {name: figure.value for name, figure in figures.items()}
    return {
        name: lint.Figure.parse(f"{bare[name]}%", printed[name][1]).value if name in bare else figure.value
        for name, figure in figures.items()
    }


def _check_same_names(path: pathlib.Path, columns: Sequence[str], rows: Sequence[str]) -> None:
    if len(rows) != len(columns):
        raise errors.InputError(
            f"{path}: expected a square matrix; received {len(rows)} rows and {len(columns)} columns of classes. "
            f"{_SHAPE}"
        )
    csv_tables.check_spellings(str(path), dict.fromkeys([*columns, *rows]))
    only_rows, only_columns = sorted(set(rows) - set(columns)), sorted(set(columns) - set(rows))
    if only_rows or only_columns:
        raise errors.InputError(
            f"{path}: expected the same class names in rows and columns; received only in rows {only_rows}, "
            f"only in columns {only_columns}. Use one spelling."
        )


def _printed(
    path: pathlib.Path, place: dict[str, int], body: dict[str, list[str]], names: tuple[str, ...]
) -> lint.Printed:
    columns = {_kind(name): index for name, index in place.items() if _kind(name) != "class"}
    extra = {_kind(name): row for name, row in body.items() if _kind(name) != "class"}

    def down(kind: str, parse: Callable[[str, str], Parsed]) -> tuple[Parsed, ...] | None:
        if kind not in columns:
            return None
        return tuple(parse(body[name][columns[kind]], f"row {name!r}, column of {kind}") for name in names)

    def across(kind: str, parse: Callable[[str, str], Parsed]) -> tuple[Parsed, ...] | None:
        if kind not in extra:
            return None
        return tuple(parse(extra[kind][place[name]], f"row of {kind}, column {name!r}") for name in names)

    def whole(text: str, where: str) -> int:
        return csv_tables.whole(path, text, where)

    def figure(text: str, where: str) -> lint.Figure:
        return lint.Figure.parse(text, f"{path}, {where}")

    corner = extra["total"][columns["total"]] if "total" in extra and "total" in columns else ""
    return lint.Printed(
        row_totals=down("total", whole),
        column_totals=across("total", whole),
        total=whole(corner, "grand total") if corner else None,
        users=down("users", figure),
        producers=across("producers", figure),
    )


def _kind(name: str) -> str:
    lowered = name.lower()
    kinds = {"total": TOTAL_NAMES, "users": USERS_NAMES, "producers": PRODUCERS_NAMES}
    return next((kind for kind, spellings in kinds.items() if lowered in spellings), "class")
