"""One table of a TOML file that a user writes: every value is taken by name, with its type and range checked."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from builder import errors, input_files

LARGEST = 1e38  # about the largest number of 32 bits; larger ones are mistakes


@dataclasses.dataclass(frozen=True)
class Table:
    """The values of one table. `where` names it in messages, as "[rules]". Each method names the key it refuses."""

    values: Mapping[str, Any]
    where: str

    @classmethod
    def of(cls, values: object, where: str, known: Iterable[str]) -> Table:
        """The table `values`, whose keys must be among `known`.

        Raises:
          errors.InputError: if it is no table, or holds another key.
        """
        names = tuple(known)
        if not isinstance(values, Mapping):
            raise errors.InputError(
                f"{where}: expected a table with the keys {', '.join(names)}; received {input_files.shown(values)}. "
                "Write it as a table."
            )
        for key in values:
            if key not in names:
                raise errors.InputError(f"{where}: unknown key {key!r}. {errors.did_you_mean(key, names)}")
        return cls(values, where)

    def holds(self, key: str) -> bool:
        """Whether the user wrote the key."""
        return key in self.values

    def refusal(self, key: str, expected: str) -> errors.InputError:
        """The error about the value of `key`."""
        received = input_files.shown(self.values[key]) if key in self.values else "nothing"
        return errors.InputError(f"{self.where}: expected {key} = {expected}; received {received}. Correct {key}.")

    def text(self, key: str, expected: str = "a text") -> str:
        """A text that must be there, with at least one letter."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            raise self.refusal(key, expected)
        return value

    def optional_text(self, key: str, expected: str = "a text") -> str | None:
        """A text, or None where the key is missing; it may be empty."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.refusal(key, expected)
        return value

    def word(self, key: str, known: Sequence[str], default: str | None = None) -> str:
        """One of the `known` words."""
        value = self.values.get(key, default)
        if not isinstance(value, str) or value not in known:
            raise self.refusal(key, " or ".join(map(repr, known)))
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.refusal(key, "true or false")
        return value

    def number(self, key: str, default: float, *, least: float = -LARGEST, most: float = LARGEST) -> float:
        """A finite number of `least`..`most`, both included."""
        value = self.values.get(key, default)
        if not is_number(value) or not least <= value <= most:
            raise self.refusal(key, f"a number{_range(least, most)}")
        return float(value)

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number of `least`..`most`, both included."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.refusal(key, f"a whole number of {least}..{most}")
        return value

    def day(self, key: str, default: datetime.date) -> datetime.date:
        """A day, as a date of TOML or as a text."""
        return self.as_day(key, self.values.get(key, default))

    def as_day(self, key: str, value: object) -> datetime.date:
        """The day that `value`, a part of the value of `key`, names."""
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return value
        try:
            return datetime.date.fromisoformat(value if isinstance(value, str) else "")
        except ValueError as error:
            raise self.refusal(key, "a day as 2010-07-01") from error

    def pair(self, key: str, default: Sequence[Any] = ()) -> tuple[Any, Any]:
        """A list of two values."""
        value = self.values.get(key, default)
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise self.refusal(key, "[first, last]")
        return value[0], value[1]

    def texts(self, key: str, default: Sequence[str], expected: str) -> tuple[str, ...]:
        """A list of texts, none of them empty."""
        value = self.values.get(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
            raise self.refusal(key, expected)
        return tuple(value)


def is_number(value: object) -> bool:
    """Whether `value` is a finite number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def _range(least: float, most: float) -> str:
    """The limits in words."""
    at_least = "" if least <= -LARGEST else f" of at least {least:g}"
    return at_least + ("" if most >= LARGEST else f", at most {most:g}")
