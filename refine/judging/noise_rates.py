"""The noise rate of each class, from the confident joint, with intervals by blocks that are drawn again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cleanlab.count
import numpy as np

from builder import hashing
from refine.accuracy import intervals
from refine.artefacts import noise_summary

DRAWS = 200
INTERVAL_PERCENT = (2.5, 97.5)  # of the draws: a 95 % interval


def of_classes(
    labels: np.ndarray,
    shares: np.ndarray,
    blocks: np.ndarray,
    *,
    names: Sequence[str],
    doubtful: np.ndarray,
    seed: int = 0,
) -> tuple[noise_summary.Rate, ...]:
    """The noise rate of each class, with a percentile interval of the draws.

    The draws do not vary where no wrong label was found (or nothing else), or where a class lies in one block: there
    the interval is widened to Wilson's, of as many samples as blocks hold the class.

    Args:
      labels: int64[n], class of each example; every class occurs.
      shares: float[n, class], out-of-fold probabilities.
      blocks: str[n], the spatial block of each example.
      names: of the classes.
      doubtful: int64[k], positions of the doubtful examples.
      seed: of the draws.
    """
    rates, mostly = _wrong_shares(labels, shares, len(names)), _most_wrong(labels, shares)
    again = _drawn_again(blocks, hashing.stream(seed, "noise rate"))
    drawn = np.stack([_wrong_shares(labels[chosen], shares[chosen], len(names)) for chosen in again])
    found = np.bincount(labels[doubtful], minlength=len(names))
    described = []
    for i, (name, rate) in enumerate(zip(names, rates.tolist(), strict=True)):
        low, high = _interval(rate, drawn[:, i], blocks=len(np.unique(blocks[labels == i])))
        described.append(
            noise_summary.Rate(
                label=name,
                examples=int((labels == i).sum()),
                rate=rate,
                low=low,
                high=high,
                doubtful=int(found[i]),
                mostly=names[mostly[i]] if rate > 0 else "",
            )
        )
    return tuple(described)


def _most_wrong(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """int64[class]: the class that most of the wrong labels of each class should name."""
    joint = cleanlab.count.compute_confident_joint(labels, shares)
    chosen: np.ndarray = np.where(np.eye(len(joint), dtype=bool), -1, joint).argmax(axis=1)
    return chosen


def _drawn_again(blocks: np.ndarray, stream: int) -> Iterator[np.ndarray]:
    """int64[example]: the examples of as many blocks as there are, drawn with replacement; `DRAWS` times."""
    _, block = np.unique(blocks, return_inverse=True)
    members = np.argsort(block, kind="stable")
    ends = np.cumsum(np.bincount(block))
    starts = ends - np.bincount(block)
    for draw in range(DRAWS):
        keys = np.arange(len(ends), dtype=np.uint64) + np.uint64(draw * len(ends))
        chosen = (hashing.uniform(stream, keys) * len(ends)).astype(np.int64)
        yield np.concatenate([members[starts[b] : ends[b]] for b in chosen])


def _wrong_shares(labels: np.ndarray, shares: np.ndarray, classes: int) -> np.ndarray:
    """float64[class]: off-diagonal share of each row (given label) of the confident joint; NaN for absent classes."""
    present = np.unique(labels)  # cleanlab wants every class to occur
    among = shares[:, present] / shares[:, present].sum(axis=1, keepdims=True)
    joint = cleanlab.count.compute_confident_joint(np.searchsorted(present, labels), among)
    wrong = np.full(classes, np.nan)
    wrong[present] = 1 - np.diag(joint) / joint.sum(axis=1).clip(1)
    return wrong


def _interval(rate: float, drawn: np.ndarray, *, blocks: int) -> tuple[float, float]:
    """(low, high): percentiles of `drawn`; where the draws do not vary, widened to Wilson's of so many blocks."""
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, INTERVAL_PERCENT).tolist() if len(known) else (rate, rate)
    if 0.0 < rate < 1.0 and low < high:
        return min(low, rate), max(high, rate)
    least, most = intervals.wilson(rate, blocks)
    return min(low, least), max(high, most)
