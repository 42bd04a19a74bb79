"""Reading what others wrote: regular files only, and names that may become part of a path."""

from __future__ import annotations

import json
import pathlib
import re
import tomllib
from typing import Any

from builder import errors

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_@+-]|\.(?!\.))*")
LONGEST_NAME = 200  # characters; file systems take 255 bytes, and names get suffixes


def check_regular(path: pathlib.Path, *, expected: str, cure: str) -> None:
    """Refuses what is no regular file: a missing one, a folder, a device, and a FIFO, which would block its reader.

    Args:
      path: the file to look at; links are followed.
      expected: what should be there, as "the ranked points of a frame".
      cure: a sentence that says what to do.

    Raises:
      errors.InputError: naming the path.
    """
    if path.is_file():
        return
    found = "a folder" if path.is_dir() else "something that is no regular file" if path.exists() else "no such file"
    raise errors.InputError(f"{path}: expected {expected}; found {found}. {cure}")


def check_name(name: object, *, where: str, what: str) -> None:
    """Refuses a name read from a file that could leave the folder it is joined to, or that no file system takes.

    Raises:
      errors.InputError: unless the name is made of letters, digits and _ @ + - and single dots, and begins with one of
        the first two.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise errors.InputError(
            f"{where}: expected {what} of letters, digits, and . _ @ + - inside, which becomes part of a file name; "
            f"received {str(name)[:80]!r}. Write the file anew with the command that made it."
        )


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
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise errors.InputError(f"{path}: expected {expected} as JSON; {error}. {cure}") from error
    if not isinstance(values, dict):
        raise errors.InputError(f"{path}: expected {expected}, a JSON object; received {type(values).__name__}. {cure}")
    return values


def read_toml(path: pathlib.Path, *, expected: str, cure: str) -> dict[str, Any]:
    """The table in a TOML file.

    Raises:
      errors.InputError: if it is no regular file, or no TOML.
    """
    text = read_text(path, expected=expected, cure=cure)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise errors.InputError(f"{path}: expected {expected} as TOML; {error}. {cure}") from error
