"""Tables that a user gives: what is recorded of one, and the classes of a dataset's labels."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from builder import errors, hashing
from builder.legend import legend
from refine.artefacts import csv_rows

DROPPED = -1  # class index of labels that are left out
COLUMNS = LABEL, CLASS = "label", "class"


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A table that a user gave: where it lay, the sha256 of its content, and how many rows it holds."""

    path: str
    sha256: str
    rows: int

    @classmethod
    def of(cls, path: pathlib.Path, rows: int) -> SourceFile:
        """What is recorded of a table of so many rows that was read."""
        return cls(str(path), hashing.sha256_of_file(path), rows)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def read_class_indexes(
    path: pathlib.Path, label_names: Sequence[str], *, of: str
) -> tuple[tuple[int, ...], SourceFile]:
    """(class of the legend of each label, or `DROPPED`; what is recorded of the table), as a CSV file says.

    Args:
      path: CSV in UTF-8 with the columns label and class; a label with an empty class is left out.
      label_names: the labels of a dataset; each has one row.
      of: name of the dataset, for messages.

    Raises:
      errors.InputError: if the file cannot be read, a label is missing or unknown, or a class is none of the legend.
    """
    classes = legend.seven().names
    class_of_label = _read(path)
    missing = [name for name in label_names if name not in class_of_label]
    strange = [name for name in class_of_label if name not in label_names]
    if missing or strange:
        raise errors.InputError(
            f"{path}: expected one row for each label of {of}; missing {_listed(missing)}; "
            f"unknown {_listed(strange)}. Leave the class empty to leave a label out."
        )
    wrong = sorted({name for name in class_of_label.values() if name and name not in classes})
    if wrong:
        raise errors.InputError(f"{path}: expected classes among {_listed(classes)}; received {_listed(wrong)}.")
    named = (class_of_label[name] for name in label_names)
    indexes = tuple(classes.index(name) if name else DROPPED for name in named)
    return indexes, SourceFile.of(path, len(class_of_label))


def _read(path: pathlib.Path) -> dict[str, str]:
    """The class of each label, empty where a label is left out."""
    rows = csv_rows.read(
        path,
        COLUMNS,
        expected="a table of classes by label",
        cure=f"Give --labels a CSV in UTF-8 with the columns {LABEL},{CLASS}.",
    )
    return {row[LABEL].strip(): row[CLASS].strip() for row in rows}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
