"""Holds examples out of train where a dataset has no validation split: whole blocks of land, a share of each class."""

from __future__ import annotations

import numpy as np

from builder import errors, hashing
from refine.samples import datasets, places

BLOCKS_HELD = 10  # fewer blocks than these say little about other places


def hold_out(split: datasets.Split, *, share: float, seed: int) -> tuple[datasets.Split, datasets.Split]:
    """(rest, held out): about `share` of the examples of every class, in whole groups (see `groups_of`).

    Groups are looked at in the order of their hashes; one is held out if that brings the shares of the classes closer
    to `share`. Every class keeps an example in the rest, and gets one held out where it has two groups.

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
    """str[n]: the name of the group of each example; a group is held out as a whole.

    Groups are blocks of land, the largest of which ten would be held out (smaller ones where there are too few).
    Without places, or where all examples lie together, a group is a chip with those that were cut again from it.
    """
    if not places.are_known(split):
        return datasets.identities(split)
    blocks = places.largest_blocks(split, lambda count: count * share >= BLOCKS_HELD)
    return blocks.names if blocks.count * share >= 1 else datasets.identities(split)


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
        # Its groups are larger than its share; the smallest is better than a class without validation.
        fitting = [i for i in np.flatnonzero(counts[:, label]) if _leaves_some(held + counts[i], counts[i], totals)]
        if fitting and held[label] == 0:
            smallest = min(fitting, key=lambda i: counts[i].sum())
            chosen[smallest], held = True, held + counts[smallest]
    return chosen


def _leaves_some(held: np.ndarray, more: np.ndarray, totals: np.ndarray) -> bool:
    """Whether every class of `more` keeps an example in the rest."""
    return bool((held < totals)[more > 0].all())
