"""Prose for people, in Markdown files beside this module: whole sentences, with the facts filled in."""

from __future__ import annotations

import pathlib
import re
import string
from collections.abc import Iterator, Mapping

_FOLDER = pathlib.Path(__file__).parent
_CONDITION = re.compile(r"\[if (?P<negated>not )?(?P<name>\w+)\]\n")
_EMPTY_LINES = re.compile(r"\n{3,}")


def filled(name: str, facts: Mapping[str, object], conditions: Mapping[str, bool]) -> str:
    """The template `name`, filled in.

    A `$word` becomes the fact of that name. A paragraph that begins with a line `[if word]` or `[if not word]` is kept
    only if that condition holds, or does not. Empty lines that follow each other become one.
    """
    template = (_FOLDER / name).read_text(encoding="utf-8")
    text = string.Template("\n\n".join(_kept(template, conditions))).substitute(facts)
    return _EMPTY_LINES.sub("\n\n", text).strip() + "\n"


def _kept(template: str, conditions: Mapping[str, bool]) -> Iterator[str]:
    """The paragraphs that the conditions leave, without the lines that state them."""
    for paragraph in template.split("\n\n"):
        found = _CONDITION.match(paragraph)
        if found is None:
            yield paragraph
        elif conditions[found["name"]] != bool(found["negated"]):
            yield paragraph[found.end() :]
