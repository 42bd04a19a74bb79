"""What each product's class codes mean in our legend: one CSV per product, and exact recoding by lookup.

A code has two targets. `strict`: the class whose definition holds the whole of the code's (for sampling what is sure);
`dominant`: the class of its larger part (for finding disagreement). A code that fits no class is `outside`.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Literal

import numpy as np

from builder import errors
from builder.legend import legend as legends

Use = Literal["strict", "dominant"]

FOLDER = pathlib.Path(__file__).with_name("crosswalks")
REQUIRED_COLUMNS = ("code", "name", "strict", "dominant")
OPTIONAL_COLUMNS = ("origin", "note")
ORIGINS = ("facts", "derived", "")  # the target as studies give it, or our own choice
MAX_CODE = 65_535


@dataclasses.dataclass(frozen=True)
class Crosswalk:
    """The targets of every class code of one product.

    `strict` and `dominant` give for each code a class code of the legend, `legend.NODATA` or `legend.OUTSIDE`.
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
        """Digest of the CSV file, for the metadata of what is made from it."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


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
    path = FOLDER / f"{name}.csv"
    if name not in shipped_names():
        raise errors.InputError(
            f"expected the name of a crosswalk, one of {', '.join(shipped_names())}, or the path of a CSV; "
            f"received {name!r}.{_near(name, shipped_names())}"
        )
    return read(path, legends.seven())


def read(path: pathlib.Path, legend: legends.Legend) -> Crosswalk:
    """The crosswalk that a CSV with the columns code, name, strict, dominant (and origin, note) defines.

    Raises:
      errors.InputError: with file and line, if a code is no integer of 0..65535 or comes twice, if a target is no class
        of the legend, `outside` or `nodata`, or if the two targets contradict each other.
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
        raise errors.InputError(f"{path}: expected one line per class code under the header; found none.")
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
      codes: integers of 8 or 16 bits, any shape; signed ones are taken as the unsigned codes of the same bits, as in
        NetCDF files that store 210 as -46.
      crosswalk: the product's.
      use: which of its two targets.
      source: the file the codes come from, for the error.

    Returns:
      uint8, of the shape of `codes`.

    Raises:
      errors.InputError: if a code is not in the crosswalk; names product, file, and every such code with its pixels.
    """
    if codes.dtype.kind not in "iu" or codes.dtype.itemsize > 2:
        raise errors.InputError(f"{source}: expected class codes as 8 or 16 bit integers; received {codes.dtype}.")
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
    if codes.dtype.itemsize == 1:  # a translated byte string needs no array of 8-byte indices
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
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_columns(path, tuple(reader.fieldnames or ()))
            records = [(reader.line_num, record) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise errors.InputError(f"{path}: expected a crosswalk, a CSV file in UTF-8; received: {error}.") from error
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
            f"{','.join(OPTIONAL_COLUMNS)}; received {','.join(columns) or 'none'}."
        )


def _parse(where: str, record: Mapping[str, str], legend: legends.Legend) -> _Row:
    text = record["code"].strip()
    if not text.isdecimal() or int(text) > MAX_CODE:
        raise errors.InputError(f"{where}: expected a class code of 0..{MAX_CODE}; received {text!r}.")
    if record.get("origin", "").strip() not in ORIGINS:
        raise errors.InputError(f"{where}: expected origin facts or derived; received {record['origin']!r}.")
    strict, dominant = (_target(where, use, record[use].strip(), legend) for use in ("strict", "dominant"))
    if strict != dominant and (strict != legends.OUTSIDE or dominant == legends.NODATA):
        raise errors.InputError(
            f"{where}: expected strict to equal dominant or to be `outside` (a code that fits one class wholly has it "
            f"as its dominant class too); received strict {record['strict']!r}, dominant {record['dominant']!r}."
        )
    return _Row(int(text), record["name"].strip(), strict, dominant)


def _target(where: str, column: str, text: str, legend: legends.Legend) -> int:
    known = {"outside": legends.OUTSIDE, "nodata": legends.NODATA} | {c.name: c.code for c in legend.classes}
    if text not in known:
        raise errors.InputError(
            f"{where}: expected {column} to be one of {', '.join(known)}; received {text!r}.{_near(text, tuple(known))}"
        )
    return known[text]


def _near(text: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(text, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""
