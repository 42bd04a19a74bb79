"""The comparison as a figure: accuracies with their intervals, and the accuracies of each class."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from refine.accuracy import intervals
from refine.artefacts import comparison as comparisons

DOTS_PER_INCH = 150
LIGHT_ABOVE = 0.6  # shares above it are painted in light colours, on which dark figures can be read


def draw(comparison: comparisons.Comparison, path: pathlib.Path) -> None:
    """Writes overall accuracy and kappa with their intervals, and user's and producer's accuracy by class, as PNG."""
    import matplotlib.figure

    strategies = comparison.strategies
    figure = matplotlib.figure.Figure(figsize=(11, 1.6 + 0.55 * len(strategies)), layout="constrained")
    left, middle, right = figure.subplots(1, 3, sharey=True, width_ratios=(1.5, 1.3, 1.3))
    places = np.arange(len(strategies))[::-1]
    _draw_intervals(left, [s.overall for s in strategies], places + 0.12, "overall accuracy")
    _draw_intervals(left, [s.kappa for s in strategies], places - 0.12, "kappa")
    left.set_yticks(places, [s.name for s in strategies])
    left.set_xlabel(f"{100 * comparison.level:g} % interval")
    left.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    left.grid(axis="x", alpha=0.3)
    _draw_classes(middle, [s.users for s in strategies], comparison.classes, "user's accuracy")
    _draw_classes(right, [s.producers for s in strategies], comparison.classes, "producer's accuracy")
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _draw_intervals(axes: Any, estimates: Sequence[intervals.Estimate], places: np.ndarray, title: str) -> None:
    value = np.array([estimate.value for estimate in estimates])
    reach = np.abs(np.array([[estimate.low, estimate.high] for estimate in estimates]).T - value)
    axes.errorbar(value, places, xerr=reach, fmt="o", capsize=3, label=title)


def _draw_classes(
    axes: Any, estimates: Sequence[Sequence[intervals.Estimate]], names: Sequence[str], title: str
) -> None:
    """Paints a table of shares, a row per strategy, the first strategy on top."""
    shares = np.array([[estimate.value for estimate in row] for row in estimates])
    axes.imshow(
        shares[::-1], vmin=0, vmax=1, cmap="viridis", aspect="auto", origin="lower",
        extent=(-0.5, len(names) - 0.5, -0.5, len(shares) - 0.5),
    )  # fmt: skip
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column, len(shares) - 1 - row, f"{share:.2f}", ha="center", va="center", fontsize=7,
            color="black" if share > LIGHT_ABOVE else "white",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axes.set_title(title, fontsize=10)
