"""The form that a JSON document must have, and the first place where one has another.

A form is one of
- a `Value`,
- a list of one form, for a list of any length,
- a dict of names and forms, for an object that holds at least these,
- a dict of `...` and a form, for an object of any names,
- a form in `Optional`, for what may be absent or null.
"""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from builder import errors

LARGEST = 1e300  # whole numbers of JSON may be larger than any float
Json = dict[str, Any]
Form = Any  # recursive, as the module's first lines say


@dataclasses.dataclass(frozen=True)
class Value:
    """A single value: `what` it is, for messages, and whether a value of a document is one."""

    what: str
    holds: Callable[[Any], bool]


@dataclasses.dataclass(frozen=True)
class Optional:
    """A value that may be absent or null."""

    form: Form


def check(path: pathlib.Path, document: object, form: Form, *, cure: str) -> None:
    """Refuses a document of another form.

    Raises:
      errors.InputError: naming the file, the place in it, and what was expected there.
    """
    for where, what, received in _differences(document, form, ""):
        shown = "nothing" if received is _ABSENT else repr(received)[:60]
        raise errors.InputError(f"{path}: {where or 'the document'}: expected {what}; received {shown}. {cure}")


_ABSENT = object()


def _differences(value: object, form: Form, where: str) -> Iterator[tuple[str, str, object]]:
    """(place, what is expected, what is there) of everything that has another form."""
    if isinstance(form, Optional):
        if value is not _ABSENT and value is not None:
            yield from _differences(value, form.form, where)
    elif isinstance(form, Value):
        if value is _ABSENT or not form.holds(value):
            yield where, form.what, value
    elif not isinstance(value, type(form)):
        yield where, "a list" if isinstance(form, list) else "an object", value
    elif isinstance(form, list):
        for number, one in enumerate(value):
            yield from _differences(one, form[0], f"{where}[{number}]")
    else:
        for name in value if ... in form else form:
            expected = form[...] if ... in form else form[name]
            yield from _differences(value.get(name, _ABSENT), expected, f"{where}.{name}" if where else name)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST  # NaN is not


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def matching(what: str, pattern: str) -> Value:
    """A text that a regular expression matches as a whole."""
    return Value(what, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def one_of(*names: str) -> Value:
    """One of some texts."""
    return Value(f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names)


TEXT = Value("a text", lambda value: isinstance(value, str))
COUNT = Value("a count", lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15)
NUMBER = Value("a finite number", _is_number)
POSITIVE = Value("a positive number", lambda value: _is_number(value) and value > 0)
DAY = Value("a day, as 2010-07-01", _is_day)
OBJECT = Value("an object", lambda value: isinstance(value, dict))
SHA256 = matching("a SHA-256 of 64 hexadecimal digits", "[0-9a-f]{64}")
VERSION = matching("a version, as 1.0.0", r"(0|[1-9]\d{0,5})(\.(0|[1-9]\d{0,5})){2}")
