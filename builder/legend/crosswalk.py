"""Crosswalks: the target of each product's class codes in the legend, one CSV per product, and recoding by lookup.

A code has two targets. `strict` is the class whose definition covers the whole definition of the code; points are
sampled by it. `dominant` is the class of the larger part; disagreement is found by it. A code that fits no class is
`outside`.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import pathlib
from collections.abc import Mapping
from typing import Literal

import numpy as np

from builder import errors, hashing, input_files
from builder.legend import legend as legends

Use = Literal["strict", "dominant"]

FOLDER = pathlib.Path(__file__).with_name("crosswalks")
REQUIRED_COLUMNS = ("code", "name", "strict", "dominant")
OPTIONAL_COLUMNS = ("origin", "note")
ORIGINS = ("facts", "derived", "")  # the target is published in a study, or chosen by this project
MAX_CODE = 65_535


@dataclasses.dataclass(frozen=True)
class Crosswalk:
    """The targets of every class code of one product.

    Attributes:
      product: name, the stem of the file.
      path: the CSV file.
      names: class name by code.
      strict: by code a class code of the legend, `legend.NODATA` or `legend.OUTSIDE`.
      dominant: likewise.
    """

    product: str
    path: pathlib.Path
    names: Mapping[int, str]
    strict: Mapping[int, int]
    dominant: Mapping[int, int]

    def targets(self, use: Use) -> Mapping[int, int]:
        """Code to target for one of the two uses."""
        return self.strict if use == "strict" else self.dominant

    def with_nodata(self, code: int) -> Crosswalk:
        """The same crosswalk where `code` means that nothing was observed."""
        return dataclasses.replace(
            self,
            names={code: "No data", **self.names},
            strict={**self.strict, code: legends.NODATA},
            dominant={**self.dominant, code: legends.NODATA},
        )

    @property
    def sha256(self) -> str:
        """Digest of the CSV file, recorded beside every result of the crosswalk."""
        return hashing.sha256_of_file(self.path)


@dataclasses.dataclass(frozen=True)
class _Row:
    code: int
    name: str
    strict: int
    dominant: int


def shipped_names() -> tuple[str, ...]:
    """Names of the crosswalks that come with the project."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.csv")))


def shipped(name: str) -> Crosswalk:
    """The crosswalk of that name that comes with the project, onto the seven classes.

    Raises:
      errors.InputError: if there is none.
    """
    if name not in shipped_names():
        raise errors.InputError(
            f"expected the name of a crosswalk of the project, or the path of a CSV; received {name!r}. "
            f"{errors.did_you_mean(name, shipped_names())}"
        )
    return read(FOLDER / f"{name}.csv", legends.seven())


def read(path: pathlib.Path, legend: legends.Legend) -> Crosswalk:
    """The crosswalk that a CSV with the columns code, name, strict, dominant (and origin, note) defines.

    Raises:
      errors.InputError: with file and line, if a code is no integer of 0..65535 or is given twice, if a target is no
        class of the legend, `outside` or `nodata`, or if the two targets contradict each other.
    """
    rows: dict[int, _Row] = {}
    lines: dict[int, int] = {}
    for line, record in _records(path):
        row = _parse(f"{path}, line {line}", record, legend)
        if row.code in rows:
            raise errors.InputError(
                f"{path}, line {line}: code {row.code} is given twice, first in line {lines[row.code]}. "
                "Remove one of the two."
            )
        rows[row.code], lines[row.code] = row, line
    if not rows:
        raise errors.InputError(f"{path}: expected one line per class code under the header; found none. Add one.")
    return Crosswalk(
        product=path.stem,
        path=path,
        names={code: row.name for code, row in rows.items()},
        strict={code: row.strict for code, row in rows.items()},
        dominant={code: row.dominant for code, row in rows.items()},
    )


def recode(codes: np.ndarray, crosswalk: Crosswalk, use: Use, *, source: str) -> np.ndarray:
    """Target of every pixel: a class code, `legend.NODATA` or `legend.OUTSIDE`.

    Args:
      codes: integers of 8 or 16 bits, any shape. Signed ones are read as unsigned codes of the same bits, because
        NetCDF files store 210 as -46.
      crosswalk: the product's.
      use: which of its two targets.
      source: the file of the codes, for the error.

    Returns:
      uint8, of the shape of `codes`.

    Raises:
      errors.InputError: if a code is not in the crosswalk; names product, file, and the pixels of every such code.
    """
    if codes.dtype.kind not in "iu" or codes.dtype.itemsize > 2:
        raise errors.InputError(
            f"{source}: expected class codes as 8 or 16 bit integers; received {codes.dtype}. Give a map of classes."
        )
    unsigned = codes.view(f"u{codes.dtype.itemsize}")
    targets = crosswalk.targets(use)
    unknown = next(v for v in range(1, legends.OUTSIDE) if v not in targets.values())
    table = np.full(256**unsigned.dtype.itemsize, unknown, np.uint8)
    for code, target in targets.items():
        if code < len(table):
            table[code] = target
    recoded = _look_up(table, unsigned)
    if (recoded == unknown).any():
        raise errors.InputError(_unknown_codes(unsigned[recoded == unknown], crosswalk, source))
    return recoded


def _look_up(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    if codes.dtype.itemsize == 1:  # translating a byte string needs no array of 8-byte indices
        translated = bytearray(np.ascontiguousarray(codes).data).translate(table.tobytes())
        return np.frombuffer(translated, np.uint8).reshape(codes.shape)
    return np.take(table, codes)


def _unknown_codes(codes: np.ndarray, crosswalk: Crosswalk, source: str) -> str:
    found, pixels = np.unique(codes, return_counts=True)
    listed = ", ".join(f"code {code} ({count} pixels)" for code, count in zip(found, pixels, strict=True))
    return (
        f"{crosswalk.product}: {source} holds class codes that the crosswalk lacks: {listed}. "
        f"Add a line for each to {crosswalk.path}; a code of pixels without data may be the `nodata` of products.toml."
    )


def _records(path: pathlib.Path) -> list[tuple[int, dict[str, str]]]:
    text = input_files.read_text(path, expected="a crosswalk", cure="Name a crosswalk that is saved as CSV in UTF-8.")
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        _check_columns(path, tuple(reader.fieldnames or ()))
        records = [(reader.line_num, record) for record in reader]
    except csv.Error as error:
        raise errors.InputError(f"{path}, line {reader.line_num}: no CSV: {error}. Correct that line.") from error
    for line, record in records:
        if None in record or None in record.values():
            raise errors.InputError(
                f"{path}, line {line}: expected as many values as the header has columns. Quote names that hold commas."
            )
    return records


def _check_columns(path: pathlib.Path, columns: tuple[str, ...]) -> None:
    missing = [c for c in REQUIRED_COLUMNS if c not in columns]
    unknown = [c for c in columns if c not in REQUIRED_COLUMNS + OPTIONAL_COLUMNS]
    if missing or unknown or len(set(columns)) != len(columns):
        raise errors.InputError(
            f"{path}, line 1: expected the columns {','.join(REQUIRED_COLUMNS)} and, if wanted, "
            f"{','.join(OPTIONAL_COLUMNS)}; received {','.join(columns) or 'none'}. Correct the header."
        )


def _parse(where: str, record: Mapping[str, str], legend: legends.Legend) -> _Row:
    text = record["code"].strip()
    if not text.isdecimal() or int(text) > MAX_CODE:
        raise errors.InputError(f"{where}: expected a class code of 0..{MAX_CODE}; received {text!r}. Correct it.")
    if record.get("origin", "").strip() not in ORIGINS:
        raise errors.InputError(
            f"{where}: expected origin facts or derived; received {record['origin']!r}. Correct it."
        )
    strict, dominant = (_target(where, use, record[use].strip(), legend) for use in ("strict", "dominant"))
    if strict != dominant and (strict != legends.OUTSIDE or dominant == legends.NODATA):
        raise errors.InputError(
            f"{where}: expected strict to equal dominant or to be `outside` (a code that fits one class wholly has it "
            f"as its dominant class too); received strict {record['strict']!r}, dominant {record['dominant']!r}. "
            "Correct one of them."
        )
    return _Row(int(text), record["name"].strip(), strict, dominant)


def _target(where: str, column: str, text: str, legend: legends.Legend) -> int:
    known = {"outside": legends.OUTSIDE, "nodata": legends.NODATA} | {c.name: c.code for c in legend.classes}
    if text not in known:
        raise errors.InputError(
            f"{where}: expected {column} to be a class of the legend, `outside` or `nodata`; received {text!r}. "
            f"{errors.did_you_mean(text, known)}"
        )
    return known[text]
