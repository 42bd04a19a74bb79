"""A sheet of the most doubtful chips, as a picture."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from refine.artefacts import noise_summary
from refine.judging import noise
from refine.samples import batches

COLUMNS, ROWS = 8, 6
KEY_SHOWN = 24  # the last characters of a key, which tell examples apart
DOTS_PER_INCH = 150


def draw(
    findings: noise.Findings, labels: Sequence[noise_summary.DoubtfulLabel], path: pathlib.Path, *, size_px: int
) -> None:
    """Writes the worst chips with given label, suggested label and its probability, as PNG.

    Args:
      findings: of the search.
      labels: the doubtful labels of the findings, the worst first.
      path: file to write.
      size_px: side of a chip in pixels.
    """
    import matplotlib.figure

    worst = findings.doubtful[: COLUMNS * ROWS]
    ascending = np.sort(worst).tolist()
    chips = dict(zip(ascending, batches.pictures(findings.split, ascending, size_px), strict=True))
    rows = max(1, -(-len(worst) // COLUMNS))
    figure = matplotlib.figure.Figure(figsize=(COLUMNS * 1.7, rows * 2.15 + 0.4), layout="constrained")
    title = f"{len(worst)} of {len(labels)} doubtful labels: given -> suggested (probability)"
    figure.suptitle(title if len(worst) else "no doubtful labels", fontsize=11)
    shown = zip(figure.subplots(rows, COLUMNS, squeeze=False).flat, worst.tolist(), labels, strict=False)
    for axes, position, label in shown:
        axes.imshow(chips[position])
        sure = f"{label.probability_of_suggested:.2f}"
        axes.set_title(f"{label.label}\n-> {label.suggested} ({sure})\n{label.key[-KEY_SHOWN:]}", fontsize=6.5)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.savefig(path, dpi=DOTS_PER_INCH)
