"""Small pieces of HTML: escaped text, tables, estimates."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from refine.accuracy import intervals

DASH = "\u2013"  # en dash


def text(value: object) -> str:
    """`value` as text that HTML shows as it is."""
    return html.escape(str(value), quote=True)


def swatch(colour: str) -> str:
    """A square of a class's colour; its name must stand beside it."""
    return f'<span class="swatch" style="background:{text(colour)}"></span>'


def named(title: str, colour: str) -> str:
    """A class: its colour and its name."""
    return f'<span class="named">{swatch(colour)}<span>{text(title)}</span></span>'


def percent(value: float, digits: int = 1) -> str:
    """A share as percent, with the space that does not break."""
    return f"{100.0 * value:.{digits}f}&nbsp;%"


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int = 1, kind: str = ""
) -> str:
    """A table whose first column heads its rows. Cells are HTML; columns from `numbers_from` are set as numbers.

    Where it is wider than the page, the script makes it a region that the keyboard can scroll.
    """
    columns = "".join(f'<th scope="col"{_right(i, numbers_from)}>{cell}</th>' for i, cell in enumerate(head))
    body = "".join(f"<tr>{_row(row, numbers_from)}</tr>" for row in rows)
    named = f' class="{kind}"' if kind else ""
    return (
        f'<div class="wide" data-scrolls="{text(caption)}"><table{named}>'
        f"<caption>{text(caption)}</caption><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def interval(estimate: intervals.Estimate, digits: int = 3) -> str:
    """`0.903 (0.879–0.923)`."""
    if math.isnan(estimate.value):
        return DASH
    value = f"{estimate.value:.{digits}f}"
    if math.isnan(estimate.low):
        return value
    return f'{value} <span class="quiet">({estimate.low:.{digits}f}{DASH}{estimate.high:.{digits}f})</span>'


def share(value: float, digits: int = 2) -> str:
    """A share, or a dash where there is none."""
    return DASH if math.isnan(value) else f"{value:.{digits}f}"


def paragraphs(sentences: Iterable[str], kind: str) -> str:
    """Each sentence as a paragraph of the given class."""
    return "".join(f'<p class="{kind}">{text(sentence)}</p>' for sentence in sentences)


def _row(cells: Sequence[str], numbers_from: int) -> str:
    first, *others = cells
    return f'<th scope="row">{first}</th>' + "".join(
        f"<td{_right(i, numbers_from)}>{cell}</td>" for i, cell in enumerate(others, start=1)
    )


def _right(column: int, numbers_from: int) -> str:
    return ' class="number"' if column >= numbers_from else ""
