"""imagery.toml moved into a frame: relative paths are rewritten, so that they still name the same files."""

from __future__ import annotations

import json
import os
import pathlib
import re
import tomllib
from typing import Any

from builder import errors

PATH_KEYS = ("path", "href", "file")
_PATH_VALUE = re.compile(
    rf"""(?P<key>\b(?:{"|".join(PATH_KEYS)})\s*=\s*)(?:"(?P<basic>[^"\\\n]*)"(?!")|'(?P<literal>[^'\n]*)'(?!'))"""
)
_URL = re.compile(r"[a-z][a-z0-9+.-]+://")


def moved(text: str, start: pathlib.Path, end: pathlib.Path) -> str:
    """The TOML `text` of a file in the folder `start`, as it must read in the folder `end`; comments stay.

    Raises:
      errors.InputError: if a relative path is written in a form that cannot be rewritten.
    """

    def rewrite(match: re.Match[str]) -> str:
        value = match["basic"] if match["basic"] is not None else match["literal"]
        return match["key"] + json.dumps(_moved_path(value, start, end), ensure_ascii=False)

    result = _PATH_VALUE.sub(rewrite, text)
    if tomllib.loads(result) != _moved_tree(tomllib.loads(text), start, end):
        raise errors.InputError(
            f"{start}: the relative paths of this imagery.toml cannot be moved to {end}: write them absolute, each in "
            "one line."
        )
    return result


def _moved_path(value: str, start: pathlib.Path, end: pathlib.Path) -> str:
    if _URL.match(value) or pathlib.Path(value).is_absolute():
        return value
    return pathlib.PurePath(os.path.relpath(start.resolve() / value, end.resolve())).as_posix()


def _moved_tree(tree: Any, start: pathlib.Path, end: pathlib.Path) -> Any:
    if isinstance(tree, dict):
        return {
            key: _moved_path(value, start, end)
            if key in PATH_KEYS and isinstance(value, str)
            else _moved_tree(value, start, end)
            for key, value in tree.items()
        }
    return [_moved_tree(value, start, end) for value in tree] if isinstance(tree, list) else tree
