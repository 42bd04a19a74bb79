"""The figure of a refined map's change table: a matrix of hectares, rows from, columns to."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from builder import atomic
from refine.artefacts import changes

DARK = 0.6  # share of the largest change from which its cell is so dark that its number is white
NO_COLOUR = "#ffffff"  # of a class that has none


def draw(table: changes.Changes, names: Mapping[int, str], colours: Mapping[int, str], path: pathlib.Path) -> None:
    """Writes the figure of a change table as a PNG.

    Args:
      table: the changes; an empty table gives a figure that says so.
      names: title of each code.
      colours: #rrggbb of each code.
      path: the PNG to write.
    """
    figure = _matrix(table, names, colours) if table.pixels else _nothing()
    with atomic.file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _matrix(table: changes.Changes, names: Mapping[int, str], colours: Mapping[int, str]) -> Any:
    import matplotlib.figure

    before, after = sorted({a for a, _ in table.pixels}), sorted({b for _, b in table.pixels})
    hectares = np.array([[table.hectares.get((a, b), 0.0) for b in after] for a in before])
    figure = matplotlib.figure.Figure(figsize=(1.8 + 1.15 * len(after), 1.6 + 0.6 * len(before)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(hectares, cmap="Purples", aspect="auto")
    _write_numbers(axes, hectares)
    axes.set_xticks(range(len(after)), [names[c] for c in after], rotation=30, ha="right")
    axes.set_yticks(range(len(before)), [names[c] for c in before])
    _colour(axes.get_xticklabels(), after, colours)
    _colour(axes.get_yticklabels(), before, colours)
    axes.set(xlabel="to (refined map)", ylabel="from (base map)", title="Changed area, hectares on the ellipsoid")
    return figure


def _write_numbers(axes: Any, hectares: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(hectares):
        if value > 0:
            colour = "white" if value > DARK * hectares.max() else "black"
            axes.text(column, row, f"{value:,.1f}", ha="center", va="center", color=colour, fontsize=9)


def _colour(labels: Sequence[Any], codes: Sequence[int], colours: Mapping[int, str]) -> None:
    for label, code in zip(labels, codes, strict=True):
        label.set_bbox({"facecolor": colours.get(code, NO_COLOUR), "edgecolor": "none", "alpha": 0.45, "pad": 2})


def _nothing() -> Any:
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(4, 1), layout="constrained")
    figure.text(0.5, 0.5, "No pixel changed its class.", ha="center", va="center")
    return figure
