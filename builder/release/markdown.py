"""Tables of Markdown, and the text of others in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

UNESCAPED_BAR = re.compile(r"(?<!\\)\|")  # divides the cells of a row
_MARK_UP = r"[\\`*<|]|\](?=[(\[])"  # "](" is what makes a link or a picture
_MEANINGFUL = re.compile(_MARK_UP)
_CODE_OR_MEANINGFUL = re.compile(rf"(?P<code>`[^`]*`)|{_MARK_UP}")


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing if there are no rows.

    Args:
      titles: of the columns, in Markdown.
      rows: cells in Markdown; see `escaped` for the text of others.
    """
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(_row(line) for line in lines) if len(lines) > 2 else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(UNESCAPED_BAR.sub(r"\|", cell.replace("\n", " ")) for cell in cells) + " |"


def escaped(text: object) -> str:
    """A text that others wrote, on one line, such that Markdown finds no mark-up in it: no link, no tag, no cell."""
    return _MEANINGFUL.sub(r"\\\g<0>", " ".join(str(text).split()))


def prose(text: str) -> str:
    """A text whose only mark-up is `code`, on one line; Markdown finds no other in it."""
    return _CODE_OR_MEANINGFUL.sub(lambda found: found["code"] or f"\\{found[0]}", " ".join(text.split()))


def code(text: object) -> str:
    """A text as code, on one line."""
    return f"`{' '.join(str(text).replace('`', ' ').split())}`"
