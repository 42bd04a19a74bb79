"""The paper's Table 2 as printed, with its contradictions, and its reconstruction.

Known are the diagonal, the sums of rows and columns, the printed margins and total, the printed overall accuracy and
kappa, that (forest | snow) is 2 and (grass | snow) is 0, and that three 3-cell repairs exist. The other cells off the
diagonal are chosen here to agree with all of that; they are not the paper's.
"""

from __future__ import annotations

import numpy as np

from refine.accuracy import accuracy, lint

NAMES = ("artificial", "bareland", "cultivated", "forest", "grass_shrub", "snow_ice", "water")
CELLS = np.array(
    [
        [100, 1, 0, 0, 0, 0, 0],
        [0, 92, 1, 0, 7, 5, 0],
        [0, 2, 92, 3, 9, 1, 4],
        [0, 1, 1, 91, 3, 2, 0],
        [1, 8, 6, 6, 81, 0, 0],
        [0, 1, 0, 0, 0, 91, 4],
        [0, 1, 0, 0, 0, 1, 92],
    ]
)
ROW_TOTALS = (101, 99, 111, 96, 104, 96, 94)
COLUMN_TOTALS = (101, 100, 100, 100, 100, 100, 0)
TOTAL = 701


def confusion() -> accuracy.Confusion:
    """The cells as printed."""
    return accuracy.Confusion(CELLS, NAMES)


def printed() -> lint.Printed:
    """The totals and accuracies printed beside the cells."""
    return lint.Printed(ROW_TOTALS, COLUMN_TOTALS, TOTAL, lint.Figure.parse("90.3%"), lint.Figure.parse("0.887"))


def repaired() -> accuracy.Confusion:
    """The reconstruction: bareland diagonal 86, (forest | snow) 0, (grass | snow) 2."""
    cells = CELLS.copy()
    cells[1, 1], cells[3, 5], cells[4, 5] = 86, 0, 2
    return accuracy.Confusion(cells, NAMES)


def as_csv() -> str:
    """The printed table as M.csv."""
    lines = [",".join(["map", *NAMES, "total"])]
    lines += [
        ",".join(map(str, [name, *row, total]))
        for name, row, total in zip(NAMES, CELLS.tolist(), ROW_TOTALS, strict=True)
    ]
    return "\n".join([*lines, ",".join(map(str, ["total", *COLUMN_TOTALS, TOTAL]))]) + "\n"
