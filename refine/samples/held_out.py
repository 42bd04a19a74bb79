"""Examples held out of train where a dataset has no validation split: whole blocks of land, each class its share."""

from __future__ import annotations

import numpy as np

from builder import errors, hashing
from refine.samples import datasets

PLACE = ("lon_e7", "lat_e7")
BLOCKS_DEG = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)
BLOCKS_HELD = 10  # fewer blocks than these say little about other places


def columns(dataset: datasets.Dataset) -> tuple[str, ...]:
    """The features that say which examples belong together, as far as the dataset has them."""
    return dataset.has(datasets.PARENT, *PLACE)


def held_out(split: datasets.Split, *, share: float, seed: int) -> tuple[datasets.Split, datasets.Split]:
    """(rest, held out): about `share` of the examples of every class, in whole groups (see `groups_of`).

    Groups come in the order of their hashes; one is taken if that brings the shares of the classes closer to `share`.
    Every class keeps an example in the rest, and gets one held out where it has two groups.

    Raises:
      errors.InputError: if `share` is no share.
    """
    if not 0 < share < 1:
        raise errors.InputError(f"--validation-share: expected a share between 0 and 1; received {share}.")
    names, group = np.unique(groups_of(split, share), return_inverse=True)
    counts = np.zeros((len(names), split.labels.max(initial=-1) + 1), np.int64)
    np.add.at(counts, (group, split.labels), 1)
    stream = hashing.stream(seed, "validation")
    ranks = np.array([hashing.text_bits(stream, str(name)) for name in names], np.uint64)
    order = np.argsort(ranks, kind="stable")
    chosen = chosen_groups(counts[order], share)
    held = np.isin(group, order[chosen])
    return split.where(~held), split.where(held)


def groups_of(split: datasets.Split, share: float) -> np.ndarray:
    """str[n]: what is held out as one. Blocks of land, the largest of which ten would be held out (smaller ones where
    there are too few); without places, or where all lie together, a chip and those that were cut again from it."""
    if not set(PLACE) <= set(split.columns):
        return datasets.identities(split)
    for side_deg in BLOCKS_DEG:
        blocks = squares(split, side_deg)
        held = len(np.unique(blocks)) * share
        if held >= BLOCKS_HELD:
            break
    return blocks if held >= 1 else datasets.identities(split)


def squares(split: datasets.Split, side_deg: float) -> np.ndarray:
    """str[n]: the square of `side_deg` degrees, row/column, in which each example lies."""
    side_e7 = round(side_deg * 1e7)
    column, row = ((split.columns[name].astype(np.int64) // side_e7).astype(str) for name in PLACE)
    return np.char.add(np.char.add(row, "/"), column)


def chosen_groups(counts: np.ndarray, share: float) -> np.ndarray:
    """bool[group]: which groups are held out, given their examples int[group, class], in this order of preference."""
    totals = counts.sum(axis=0)
    target = np.clip(share * totals, np.minimum(1, totals - 1), totals - 1)
    scale = totals.clip(1)
    held = np.zeros(counts.shape[1])
    chosen = np.zeros(len(counts), bool)
    for i, more in enumerate(counts):
        now, then = (held - target) / scale, (held + more - target) / scale
        if _leaves_some(held + more, more, totals) and (then**2).sum() < (now**2).sum():
            chosen[i], held = True, held + more
    for label in np.flatnonzero((held == 0) & (totals > 1)):
        # Its blocks are larger than its share; the smallest is still better than a class that is never watched.
        fitting = [i for i in np.flatnonzero(counts[:, label]) if _leaves_some(held + counts[i], counts[i], totals)]
        if fitting and held[label] == 0:
            smallest = min(fitting, key=lambda i: counts[i].sum())
            chosen[smallest], held = True, held + counts[smallest]
    return chosen


def _leaves_some(held: np.ndarray, more: np.ndarray, totals: np.ndarray) -> bool:
    """True when no class of `more` would be gone from the rest."""
    return bool((held < totals)[more > 0].all())
