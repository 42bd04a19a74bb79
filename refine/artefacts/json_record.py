"""A JSON object that another command wrote, read key by key: every error names the file, the key and the cure."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Any, NoReturn

from builder import errors, input_files

LONGEST_SHOWN = 60  # characters of a wrong value in a message
MOST_COUNTED = 10**15  # of examples or pixels; sums of more would not fit int64
LARGEST = 1e15  # of any other number


@dataclasses.dataclass(frozen=True)
class JsonRecord:
    """A JSON object.

    Attributes:
      values: its content.
      place: file and the keys that lead to the object, as "out/compare.json: test".
      cure: a sentence that ends every error about it.
    """

    values: Mapping[str, Any]
    place: str
    cure: str

    def text(self, key: str) -> str:
        """The text under `key`."""
        value = self._value(key)
        return value if isinstance(value, str) else self._refuse(key, "a text", value)

    def plain(self, key: str) -> str:
        """The text, number or null under `key`, as text."""
        value = self._value(key)
        return self._refuse(key, "a text or a number", value) if isinstance(value, dict | list) else str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts under `key`."""
        value = self._value(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._refuse(key, "a list of texts", value)
        return tuple(value)

    def whole(self, key: str) -> int:
        """The count under `key`, at least 0."""
        value = self._value(key)
        return int(value) if _is_count(value) else self._refuse(key, "a whole number of at least 0", value)

    def wholes(self, key: str) -> tuple[tuple[int, ...], ...]:
        """The table of counts under `key`: rows of one length."""
        value = self._value(key)
        rows = [row if isinstance(row, list) else None for row in value] if isinstance(value, list) else [None]
        if not all(row is not None and len(row) == len(value) and all(map(_is_count, row)) for row in rows):
            self._refuse(key, "a square table of counts", value)
        return tuple(map(tuple, value))

    def number(self, key: str, *, low: float = -LARGEST, high: float = LARGEST) -> float:
        """The number from `low` to `high` under `key`; NaN where it is null, because JSON has no NaN."""
        value = self._value(key)
        if value is None:
            return math.nan
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            self._refuse(key, f"a number from {low:g} to {high:g}, or null", value)
        return float(value)

    def flag(self, key: str) -> bool:
        """The truth under `key`."""
        value = self._value(key)
        return value if isinstance(value, bool) else self._refuse(key, "true or false", value)

    def record(self, key: str) -> JsonRecord:
        """The object under `key`."""
        return self._record(f"{self.place}{self._joint}{key}", key, self._value(key))

    def records(self, key: str) -> tuple[JsonRecord, ...]:
        """The list of objects under `key`."""
        value = self._value(key)
        if not isinstance(value, list):
            self._refuse(key, "a list of objects", value)
        return tuple(self._record(f"{self.place}{self._joint}{key}[{i}]", key, item) for i, item in enumerate(value))

    def wrong(self, key: str, expected: str) -> errors.InputError:
        """The error that says what was expected under `key`."""
        return errors.InputError(
            f"{self.place}: expected {key}, {expected}; received {str(self.values.get(key))[:LONGEST_SHOWN]!r}. "
            f"{self.cure}"
        )

    @property
    def _joint(self) -> str:
        return "." if ": " in self.place else ": "

    def _value(self, key: str) -> Any:
        if key not in self.values:
            raise errors.InputError(f"{self.place}: expected the key {key!r}; it is missing. {self.cure}")
        return self.values[key]

    def _record(self, place: str, key: str, value: object) -> JsonRecord:
        if not isinstance(value, dict):
            self._refuse(key, "an object", value)
        return JsonRecord(value, place, self.cure)

    def _refuse(self, key: str, expected: str, value: object) -> NoReturn:
        raise errors.InputError(
            f"{self.place}: expected {key}, {expected}; received {str(value)[:LONGEST_SHOWN]!r}. {self.cure}"
        )


def read(path: pathlib.Path, *, expected: str, cure: str) -> JsonRecord:
    """The JSON object in a file.

    Raises:
      errors.InputError: if it is no regular file, no UTF-8, or holds anything but one JSON object.
    """
    return JsonRecord(input_files.read_json(path, expected=expected, cure=cure), f"{path}", cure)


def check_format(record: JsonRecord, *, known: int) -> None:
    """Refuses a file of another format than this version of the project writes.

    Raises:
      errors.InputError: if `format` is missing or not `known`.
    """
    received = record.values.get("format")
    if received != known:
        raise errors.InputError(
            f"{record.place}: expected format {known}; received {str(received)[:LONGEST_SHOWN]}. {record.cure}"
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNTED
