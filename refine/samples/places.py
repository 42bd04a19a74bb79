"""Where examples lie: squares of land that keep neighbours together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from refine.samples import datasets

PLACE = ("lon_e7", "lat_e7")  # features, in 1e-7 degree
SIDES_DEG = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
BOOTSTRAP_BLOCKS = 50  # fewer blocks, drawn again, say little about the spread


@dataclasses.dataclass(frozen=True, eq=False)
class Blocks:
    """The square of land in which each example lies: `names` str[n], row/column of squares of `side_deg` degrees."""

    side_deg: float
    names: np.ndarray

    @property
    def count(self) -> int:
        """How many squares hold an example."""
        return len(np.unique(self.names))


def are_known(split: datasets.Split) -> bool:
    """Whether the split says where its examples lie."""
    return split.has(*PLACE)


def blocks_of(split: datasets.Split, side_deg: float) -> Blocks:
    """The squares of `side_deg` degrees of a split that says where its examples lie."""
    side_e7 = round(side_deg * 1e7)
    column, row = ((split.column(name).astype(np.int64) // side_e7).astype(str) for name in PLACE)
    return Blocks(side_deg, np.char.add(np.char.add(row, "/"), column))


def largest_blocks(split: datasets.Split, is_enough: Callable[[int], bool]) -> Blocks:
    """The largest of the usual squares of which there are enough; the smallest where none gives enough.

    Args:
      split: examples that say where they lie.
      is_enough: whether so many squares are enough.
    """
    for side_deg in SIDES_DEG:
        blocks = blocks_of(split, side_deg)
        if is_enough(blocks.count):
            break
    return blocks


def blocks_for_bootstrap(split: datasets.Split) -> np.ndarray | None:
    """str[n]: the block of each example, to draw blocks again; None without places, or where all share one block."""
    if not are_known(split):
        return None
    blocks = largest_blocks(split, lambda count: count >= BOOTSTRAP_BLOCKS)
    return blocks.names if blocks.count > 1 else None
