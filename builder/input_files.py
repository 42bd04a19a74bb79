"""Reading what others wrote: regular files only, and names that may become part of a path."""

from __future__ import annotations

import json
import pathlib
import re
import stat
import tomllib
from collections.abc import Iterator
from typing import Any

from builder import errors

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_@+-]|\.(?!\.))*")
LONGEST_NAME = 200  # characters; file systems take 255 bytes, and names get suffixes
DEEPEST = 100  # levels of nesting; a document of ours has ten at most, and recursive code takes about a thousand
_TOO_DEEP = f"it nests deeper than {DEEPEST} levels"
_UNSAFE = re.compile("[\0\ud800-\udfff]")  # NUL and lone surrogates: no path takes the one, no UTF-8 the other
_LARGEST_INTEGER = 2**64 - 1
_SHOWN = 80  # characters of a wrong value in a message


def check_regular(path: pathlib.Path, *, expected: str, cure: str) -> None:
    """Refuses what is no regular file: a missing one, a folder, a device, and a FIFO, which would block its reader.

    Args:
      path: the file to look at; links are followed.
      expected: what should be there, as "the ranked points of a frame".
      cure: a sentence that says what to do.

    Raises:
      errors.InputError: naming the path.
    """
    found = _kind_if_not_regular(path)
    if found:
        raise errors.InputError(f"{path}: expected {expected}; found {found}. {cure}")


def _kind_if_not_regular(path: pathlib.Path) -> str:
    """What lies at `path` in words, or "" for a regular file."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "a link to a file that does not exist" if path.is_symlink() else "no such file"
    except (OSError, ValueError) as error:  # no permission, too many links, too long a name; NUL
        return f"a path that cannot be opened ({error})"
    if stat.S_ISREG(mode):
        return ""
    return "a folder" if stat.S_ISDIR(mode) else "something that is no regular file"


def check_name(name: object, *, where: str, what: str) -> None:
    """Refuses a name read from a file that could leave the folder it is joined to, or that no file system takes.

    Raises:
      errors.InputError: unless the name is made of letters, digits and _ @ + - and single dots, and begins with a
        letter or a digit.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise errors.InputError(
            f"{where}: expected {what} of letters, digits, and . _ @ + - inside, at most {LONGEST_NAME} characters, "
            f"because it becomes part of a file name; received {shown(name)}. Write the file anew with the "
            "command that made it."
        )


def shown(value: object) -> str:
    """A wrong value for a message: its first characters, whatever its size."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits
        return f"a value of type {type(value).__name__} too long to show"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def read_text(path: pathlib.Path, *, expected: str, cure: str) -> str:
    """The text of a file in UTF-8.

    Raises:
      errors.InputError: if it is no regular file, or cannot be read as UTF-8.
    """
    check_regular(path, expected=expected, cure=cure)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.InputError(f"{path}: expected {expected} in UTF-8; {error}. {cure}") from error


def read_json(path: pathlib.Path, *, expected: str, cure: str) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
      errors.InputError: if it is no regular file, or holds anything but one JSON object.
    """
    text = read_text(path, expected=expected, cure=cure)
    try:
        values = parsed_json(text)
    except ValueError as error:
        raise errors.InputError(f"{path}: expected {expected} as JSON; {error}. {cure}") from error
    if not isinstance(values, dict):
        raise errors.InputError(f"{path}: expected {expected}, a JSON object; received {type(values).__name__}. {cure}")
    return values


def parsed_json(text: str | bytes) -> Any:
    """The JSON value in a text; bytes are UTF-8.

    Raises:
      ValueError: if it is no JSON, nests deeper than DEEPEST, or holds NUL or lone surrogates.
    """
    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check_values(values)
    return values


def read_toml(path: pathlib.Path, *, expected: str, cure: str) -> dict[str, Any]:
    """The table in a TOML file.

    Raises:
      errors.InputError: if it is no regular file, no TOML, nests deeper than DEEPEST, or holds NUL.
    """
    text = read_text(path, expected=expected, cure=cure)
    try:
        values = tomllib.loads(text)
        _check_values(values)
    except RecursionError as error:
        raise errors.InputError(f"{path}: expected {expected} as TOML; {_TOO_DEEP}. {cure}") from error
    except ValueError as error:
        raise errors.InputError(f"{path}: expected {expected} as TOML; {error}. {cure}") from error
    return values


def _check_values(values: object) -> None:
    """Refuses values that would end in an exception later, far from the file that holds them.

    Raises:
      ValueError: if they nest deeper than DEEPEST, a text holds NUL or a lone surrogate, or an integer is longer than
        64 bits.
    """
    for value, depth in _walk(values):
        if depth > DEEPEST:
            raise ValueError(_TOO_DEEP)
        if isinstance(value, str) and _UNSAFE.search(value):
            raise ValueError(f"the text {shown(value)} holds NUL or half of a surrogate pair")
        if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
            raise ValueError("it holds an integer of more than 64 bits")


def _walk(values: object) -> Iterator[tuple[object, int]]:
    """Every value, and every key of an object, with its depth; without recursion."""
    waiting = [(values, 0)]
    while waiting:
        value, depth = waiting.pop()
        yield value, depth
        if isinstance(value, dict):
            waiting += [(one, depth + 1) for pair in value.items() for one in pair]
        elif isinstance(value, list):
            waiting += [(one, depth + 1) for one in value]
