"""Bootstrap intervals of any measure of a confusion matrix.

A draw is a hash of (seed, draw, position), so the same data and seed give the same interval on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from builder import errors, hashing
from refine.accuracy import accuracy, intervals

DRAWS = 2000
Measure = Callable[[np.ndarray], np.ndarray]  # counts[..., map, reference] -> figure[...]


def within_reference_class(
    confusion: accuracy.Confusion,
    measure: Measure,
    *,
    draws: int = DRAWS,
    level: float = intervals.LEVEL,
    seed: int = 0,
) -> intervals.Estimate:
    """`measure` with its percentile interval, samples drawn again within each reference class.

    For sets with a fixed number of samples per reference class, as a balanced test split has.
    """
    mapped, reference = confusion.pairs()
    order = np.argsort(reference, kind="stable")
    cells = (mapped * len(confusion.names) + reference)[order]
    size = confusion.reference_totals[reference[order]]
    first = np.searchsorted(reference[order], reference[order])
    drawn = np.empty((draws, confusion.counts.size), np.int64)
    for draw, uniform in enumerate(_uniforms(seed, "class", draws, len(cells))):
        drawn[draw] = np.bincount(cells[first + (uniform * size).astype(np.int64)], minlength=confusion.counts.size)
    return _percentile(confusion.counts, drawn.reshape(draws, *confusion.counts.shape), measure, level)


def by_block(
    mapped: np.ndarray,
    reference: np.ndarray,
    blocks: Sequence[str] | np.ndarray,
    names: Sequence[str],
    measure: Measure,
    *,
    draws: int = DRAWS,
    level: float = intervals.LEVEL,
    seed: int = 0,
) -> intervals.Estimate:
    """`measure` with its percentile interval, whole spatial blocks drawn again.

    For samples that cluster: those of one block resemble each other.

    Args:
      mapped: int[sample] class indexes, as `reference`.
      reference: int[sample].
      blocks: the block of each sample, any sortable key.
      names: of the classes.
      measure: see `Measure`.
      draws: resamples.
      level: of the interval.
      seed: of the draws.

    Raises:
      errors.InputError: if there are fewer than two blocks.
    """
    counts = block_counts(mapped, reference, blocks, names)
    drawn = np.tensordot(_block_weights(len(counts), draws, seed), counts, axes=1)
    return _percentile(counts.sum(axis=0), drawn, measure, level)


def paired_difference_by_block(
    first: np.ndarray, second: np.ndarray, *, draws: int = DRAWS, level: float = intervals.LEVEL, seed: int = 0
) -> intervals.Estimate:
    """Overall accuracy of `first` less that of `second`, both counts[block, map, reference] of the same samples."""
    weights = _block_weights(len(first), draws, seed)
    total = weights @ first.sum(axis=(1, 2))
    hits = np.trace(first - second, axis1=1, axis2=2)
    observed = float(hits.sum() / first.sum())
    return _estimate(observed, (weights @ hits) / total, level)


def block_counts(
    mapped: np.ndarray, reference: np.ndarray, blocks: Sequence[str] | np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """int64[block, map, reference], blocks in sorted order."""
    _, block = np.unique(np.asarray(blocks), return_inverse=True)
    size = len(names)
    cells = (block * size + np.asarray(mapped)) * size + np.asarray(reference)
    return np.bincount(cells, minlength=(block.max(initial=-1) + 1) * size * size).reshape(-1, size, size)


def _block_weights(blocks: int, draws: int, seed: int) -> np.ndarray:
    """int64[draw, block]: how often each block is drawn."""
    if blocks < 2:
        raise errors.InputError(
            f"a block bootstrap needs samples of at least 2 spatial blocks; received {blocks}. "
            "Use the bootstrap within classes."
        )
    uniforms = _uniforms(seed, "block", draws, blocks)
    return np.stack([np.bincount((uniform * blocks).astype(np.int64), minlength=blocks) for uniform in uniforms])


def _uniforms(seed: int, purpose: str, draws: int, size: int) -> Iterator[np.ndarray]:
    """`draws` times float64[size] in (0, 1)."""
    positions = np.arange(size, dtype=np.int64)
    for draw in range(draws):
        yield hashing.uniform(hashing.stream(seed, f"bootstrap/{purpose}/{draw}"), positions)


def _percentile(observed: np.ndarray, drawn: np.ndarray, measure: Measure, level: float) -> intervals.Estimate:
    return _estimate(float(measure(observed)), measure(drawn), level)


def _estimate(value: float, draws: np.ndarray, level: float) -> intervals.Estimate:
    draws = draws[np.isfinite(draws)]
    if len(draws) < 2:
        return intervals.UNKNOWN
    low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return intervals.Estimate(value, float(draws.std(ddof=1)), float(low), float(high))
