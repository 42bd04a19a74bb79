"""Pictures that look the same: pairs of near 64-bit perceptual hashes, without comparing all with all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from builder.geometry import ellipsoid

BITS = 64

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]  # int64[n] indexes i, int64[n] indexes j > i, int64[n] differing bits


def similar(hashes: np.ndarray, distance: int) -> Iterator[Pairs]:
    """Pairs i < j of 64-bit hashes that differ in at most `distance` bits, in parts, each pair once.

    Cut into `distance` + 1 bands, two such hashes are equal in at least one band; only those are compared. Give unique
    hashes: equal ones would all be compared with each other.
    """
    values = np.asarray(hashes).astype(np.int64).view(np.uint64)
    bands = _bands(values, distance + 1)
    for number, band in enumerate(bands):
        order = np.argsort(band, kind="stable")
        ends = np.searchsorted(band[order], band[order], "right")
        for first, second in ellipsoid.expanded(np.arange(len(order)) + 1, ends):
            i, j = order[first], order[second]
            bits = np.bitwise_count(values[i] ^ values[j])
            new = (bits <= distance) & ~_share_a_band(bands[:number], i, j)
            yield np.minimum(i, j)[new], np.maximum(i, j)[new], bits[new].astype(np.int64)


def _bands(values: np.ndarray, count: int) -> list[np.ndarray]:
    """The bits of uint64[n] values in `count` parts of about equal width."""
    edges = np.linspace(0, BITS, count + 1).astype(int)
    return [
        (values >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        for low, high in itertools.pairwise(edges.tolist())
    ]


def _share_a_band(bands: list[np.ndarray], i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """bool[n]: whether values i and j are equal in any of the bands, where they were compared already."""
    shared = np.zeros(len(i), bool)
    for band in bands:
        shared |= band[i] == band[j]
    return shared
