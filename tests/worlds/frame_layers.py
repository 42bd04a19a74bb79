"""Small rasters for the tests of the points: patches of classes on any window of the grid."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable

import numpy as np

from builder.frame.layers import Tile
from builder.geometry import grid
from builder.legend import legend as legends
from builder.points import sampling

CODES = np.array(legends.seven().codes, np.uint8)
PRODUCTS = ("base", "second", "third")


def layers(window: grid.CellWindow, *, seed: int = 0, patch: int = 6, codes: np.ndarray = CODES) -> Tile:
    """Layers of `window` that depend on the cell only: patches of one class, one in four cells inconsistent.

    One in eight consistent cells has a mixed core, one in sixteen cells no data.
    """
    rows, columns = np.divmod(window.cells(), grid.COLUMNS)
    mixed = (rows // patch * 7919 + columns // patch * 104729 + seed * 15485863) * 2654435761 % 2**32
    base = codes[mixed // 65536 % len(codes)].astype(np.uint8)
    noise = (window.cells() + seed) * 2654435761 % 2**32 // 65536
    state = np.where(noise % 4 == 0, 2, 1).astype(np.uint8)
    state[noise % 16 == 5] = 0
    consensus = np.where(state == 1, base, 0).astype(np.uint8)
    core = np.where(noise % 8 == 3, 0, consensus).astype(np.uint8)
    third = np.where(state == 2, 255, base).astype(np.uint8)
    plain = np.where(state == 1, 3, 2).astype(np.uint8)
    return Tile(
        window,
        consensus=consensus,
        harmonized=np.stack([base, base, third]),
        state=state,
        votes=plain,
        purity=np.full_like(plain, 80),
        agreeing=np.where(state == 2, 0b011, 0b111).astype(np.uint8),
        base=base,
        core=core,
        valid=np.full_like(plain, 3),
    )


def by_loop(
    tiles: Iterable[Tile],
) -> Callable[[Callable[[Tile], sampling.Draw]], sampling.Draw]:
    """`drawing.OverTiles` as a for-loop."""
    kept = list(tiles)
    return lambda work: functools.reduce(operator.add, map(work, kept), sampling.Draw())
