"""Small pieces of HTML. Everything that is not marked as HTML is escaped where it is put into a page."""

from __future__ import annotations

import html
import math
import string
from collections.abc import Iterable, Sequence

from refine.accuracy import intervals

DASH = "\u2013"  # en dash


class Html(str):
    """Text that is HTML already. Plain text becomes HTML by `text` alone, which escapes it."""

    __slots__ = ()


def text(value: object) -> Html:
    """`value` as HTML: unchanged if it is marked as HTML, else escaped."""
    return value if isinstance(value, Html) else Html(html.escape(str(value), quote=True))


def joined(parts: Iterable[object]) -> Html:
    """The parts one after the other, each as `text`."""
    return Html("".join(map(text, parts)))


def filled(template: str, **values: object) -> Html:
    """A template of HTML with `$names`, filled with values, each as `text`.

    Raises:
      KeyError: if a name has no value.
    """
    return Html(string.Template(template).substitute({name: text(value) for name, value in values.items()}))


def swatch(colour: str) -> Html:
    """A square of a class's colour; its name must follow."""
    return filled('<span class="swatch" style="background:$colour"></span>', colour=colour)


def named(title: str, colour: str) -> Html:
    """A class: its colour and its name."""
    return filled('<span class="named">$swatch<span>$title</span></span>', swatch=swatch(colour), title=title)


def percent(value: float, digits: int = 1) -> Html:
    """A share as percent, with the space that does not break."""
    return Html(f"{100.0 * value:.{digits}f}&nbsp;%")


def table(
    caption: str, head: Sequence[object], rows: Iterable[Sequence[object]], *, numbers_from: int = 1, kind: str = ""
) -> Html:
    """A table whose first column heads its rows. Cells are plain text, which is escaped, or `Html`.

    Where it is wider than the page, the script makes it a region that the keyboard can scroll.

    Args:
      caption: what the table shows.
      head: a cell for each column.
      rows: cells of each row.
      numbers_from: columns from this one on are set as numbers.
      kind: class of the table in the style sheet.
    """
    return filled(
        '<div class="wide" data-scrolls="$caption"><table$kind>'
        "<caption>$caption</caption><thead><tr>$head</tr></thead><tbody>$rows</tbody></table></div>",
        caption=caption,
        kind=Html(f' class="{text(kind)}"' if kind else ""),
        head=joined(
            filled('<th scope="col"$kind>$cell</th>', kind=_right(i, numbers_from), cell=cell)
            for i, cell in enumerate(head)
        ),
        rows=joined(_row(row, numbers_from) for row in rows),
    )


def interval(estimate: intervals.Estimate, digits: int = 3) -> Html:
    """`0.903 (0.879–0.923)`."""
    if math.isnan(estimate.value):
        return Html(DASH)
    value = f"{estimate.value:.{digits}f}"
    if math.isnan(estimate.low):
        return Html(value)
    return Html(f'{value} <span class="quiet">({estimate.low:.{digits}f}{DASH}{estimate.high:.{digits}f})</span>')


def share(value: float, digits: int = 2) -> str:
    """A share, or a dash where there is none."""
    return DASH if math.isnan(value) else f"{value:.{digits}f}"


def paragraphs(sentences: Iterable[str], kind: str) -> Html:
    """Each sentence as a paragraph of the given class."""
    return joined(filled('<p class="$kind">$sentence</p>', kind=kind, sentence=sentence) for sentence in sentences)


def _row(cells: Sequence[object], numbers_from: int) -> Html:
    first, *others = cells
    found = [filled('<th scope="row">$cell</th>', cell=first)]
    for i, cell in enumerate(others, start=1):
        found.append(filled("<td$kind>$cell</td>", kind=_right(i, numbers_from), cell=cell))
    return filled("<tr>$cells</tr>", cells=joined(found))


def _right(column: int, numbers_from: int) -> Html:
    return Html(' class="number"' if column >= numbers_from else "")
