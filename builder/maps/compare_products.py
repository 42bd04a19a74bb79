"""Products compared on one window of the grid: each one harmonized, and where they agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import shapely

from builder.geometry import grid
from builder.legend import crosswalk as crosswalks
from builder.maps import agreement, harmonize, products


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedProducts:
    """What the products hold in one window, and where they agree.

    Attributes:
      harmonized: uint8[product, y, x], the strict class of every product; 255 outside the legend, 0 no data.
      agreement: consensus, state and votes of each cell.
      purity: uint8[y, x], percent of the base's valid pixels that hold the class: its strict class in consistent
        cells, its dominant class in others.
      core: uint8[y, x], see `harmonize.core_class`.
    """

    harmonized: np.ndarray
    agreement: agreement.Agreement
    purity: np.ndarray
    core: np.ndarray


def compare(
    compared: Sequence[products.Product],
    window: grid.CellWindow,
    *,
    min_agreement: int | None = None,
    aoi: shapely.Geometry | None = None,
) -> ComparedProducts:
    """Every product on the cells of `window`, and where they agree.

    Args:
      compared: the base first.
      window: the cells to compare.
      min_agreement: products that must hold one class strictly; None asks for all.
      aoi: area of interest in degrees; cells whose centre it does not hold have no data.

    Raises:
      errors.InputError: if a product cannot be read, holds unknown codes, or `min_agreement` is no strict majority.
    """
    inside = holds(aoi, window)
    if not inside.any():
        nothing = np.zeros((len(compared), *window.shape), np.uint8)
        judged = agreement.judge(nothing, nothing, min_agreement=min_agreement)
        return ComparedProducts(nothing, judged, nothing[0], nothing[0])
    counts = [harmonize.count(product, window) for product in compared]
    strict = [_decide(p, c, "strict") for p, c in zip(compared, counts, strict=True)]
    dominant = [_decide(p, c, "dominant") for p, c in zip(compared, counts, strict=True)]
    harmonized = np.stack([h.classes for h in strict]) * inside
    judged = agreement.judge(harmonized, np.stack([h.classes for h in dominant]) * inside, min_agreement=min_agreement)
    consistent = judged.state == agreement.State.CONSISTENT
    purity = np.where(consistent, strict[0].purity, dominant[0].purity)
    return ComparedProducts(
        harmonized,
        judged,
        purity=np.rint(purity * 100).astype(np.uint8) * inside,
        core=harmonize.core_class(compared[0], window) * inside,
    )


def holds(aoi: shapely.Geometry | None, window: grid.CellWindow) -> np.ndarray:
    """uint8[y, x]: 1 where the area holds the cell's centre, whichever turn of the globe its longitudes are in."""
    if aoi is None:
        return np.ones(window.shape, np.uint8)
    lon, lat = np.meshgrid(*harmonize.centres(window))
    shapely.prepare(aoi)
    turns = (shapely.intersects_xy(aoi, lon + turn, lat) for turn in (-360.0, 0.0, 360.0))
    inside: np.ndarray = np.logical_or.reduce(list(turns))
    return inside.astype(np.uint8)


def _decide(product: products.Product, counts: harmonize.PixelCounts, use: crosswalks.Use) -> harmonize.Harmonized:
    return harmonize.decide(counts, use, unanimous=product.sampling == "touching")
