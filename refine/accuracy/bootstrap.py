"""Bootstrap intervals of any measure of a confusion matrix.

The same data and seed give the same interval. Within classes, time and memory do not depend on the counts, so that a
matrix may count pixels. By block they grow with the number of blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from builder import errors, hashing
from refine.accuracy import accuracy, intervals

DRAWS = 2000
DRAWS_AT_ONCE = 50  # bounds the memory
Measure = Callable[[np.ndarray], np.ndarray]  # counts[..., map, reference] -> figure[...]


def within_reference_class(
    confusion: accuracy.Confusion,
    measures: Mapping[str, Measure],
    *,
    draws: int = DRAWS,
    level: float = intervals.LEVEL,
    seed: int = 0,
) -> dict[str, intervals.Estimate]:
    """Each measure with its percentile interval; samples are drawn again within each reference class.

    This fits sets with a fixed number of samples per reference class, such as a balanced test split.
    """
    drawn = _drawn_within_class(confusion, draws, seed)
    return _estimates(confusion.counts, drawn, measures, level)


def by_block(
    mapped: np.ndarray,
    reference: np.ndarray,
    blocks: Sequence[str] | np.ndarray,
    names: Sequence[str],
    measures: Mapping[str, Measure],
    *,
    draws: int = DRAWS,
    level: float = intervals.LEVEL,
    seed: int = 0,
) -> dict[str, intervals.Estimate]:
    """Each measure with its percentile interval; whole spatial blocks are drawn again.

    This fits samples that cluster, because samples of one block resemble each other.

    Args:
      mapped: int[sample] class indexes, as `reference`.
      reference: int[sample].
      blocks: the block of each sample, any sortable key.
      names: of the classes.
      measures: see `Measure`, by name.
      draws: resamples.
      level: of the intervals.
      seed: of the draws.

    Raises:
      errors.InputError: if there are fewer than two blocks.
    """
    counts = _block_counts(mapped, reference, blocks, names)
    flat = counts.reshape(len(counts), -1).astype(np.float64)
    drawn = ((weights @ flat).reshape(-1, *counts.shape[1:]) for weights in _block_weights(len(counts), draws, seed))
    return _estimates(counts.sum(axis=0), drawn, measures, level)


def paired_difference(
    first_right: np.ndarray,
    second_right: np.ndarray,
    blocks: Sequence[str] | np.ndarray,
    *,
    draws: int = DRAWS,
    level: float = intervals.LEVEL,
    seed: int = 0,
) -> intervals.Estimate:
    """Overall accuracy of the first map minus that of the second, on the same samples, both bool[sample].

    Whole `blocks` are drawn again. Give each sample its own block where samples do not cluster.
    """
    _, block = np.unique(np.asarray(blocks), return_inverse=True)
    sizes = np.bincount(block).astype(np.float64)
    ahead = np.bincount(block, first_right.astype(np.float64) - second_right)
    differences = [(weights @ ahead) / (weights @ sizes) for weights in _block_weights(len(sizes), draws, seed)]
    return _estimate(float(ahead.sum() / sizes.sum()), np.concatenate(differences), level)


def _block_counts(
    mapped: np.ndarray, reference: np.ndarray, blocks: Sequence[str] | np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """int64[block, map, reference], blocks in sorted order."""
    _, block = np.unique(np.asarray(blocks), return_inverse=True)
    size = len(names)
    cells = (block * size + np.asarray(mapped)) * size + np.asarray(reference)
    return np.bincount(cells, minlength=(block.max(initial=-1) + 1) * size * size).reshape(-1, size, size)


def _drawn_within_class(confusion: accuracy.Confusion, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Yields int64[draw, map, reference]: one multinomial per reference class, with the observed total."""
    generator = np.random.default_rng(hashing.stream(seed, "bootstrap/class"))
    totals = confusion.reference_totals
    shares = confusion.counts.T / totals.clip(1)[:, None]
    for count in _portions(draws):
        columns = [
            generator.multinomial(total, share, size=count) if total else np.zeros((count, len(share)), np.int64)
            for total, share in zip(totals.tolist(), shares, strict=True)
        ]
        yield np.stack(columns, axis=2)


def _block_weights(blocks: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Yields float64[draw, block], how often each block is drawn. A draw is a hash of (seed, draw, position)."""
    if blocks < 2:
        raise errors.InputError(
            f"a block bootstrap needs samples of at least 2 spatial blocks; received {blocks}. "
            "Leave out the column `block`, or name smaller blocks."
        )
    positions = np.arange(blocks, dtype=np.int64)
    draw = 0
    for count in _portions(draws):
        streams = (hashing.stream(seed, f"bootstrap/block/{draw + i}") for i in range(count))
        chosen = ((hashing.uniform(stream, positions) * blocks).astype(np.int64) for stream in streams)
        yield np.stack([np.bincount(each, minlength=blocks).astype(np.float64) for each in chosen])
        draw += count


def _portions(draws: int) -> list[int]:
    whole, rest = divmod(draws, DRAWS_AT_ONCE)
    return [DRAWS_AT_ONCE] * whole + [rest] * bool(rest)


def _estimates(
    observed: np.ndarray, drawn: Iterator[np.ndarray], measures: Mapping[str, Measure], level: float
) -> dict[str, intervals.Estimate]:
    values: dict[str, list[np.ndarray]] = {name: [] for name in measures}
    for counts in drawn:
        for name, measure in measures.items():
            values[name].append(measure(counts))
    return {
        name: _estimate(float(measure(observed)), np.concatenate(values[name]), level)
        for name, measure in measures.items()
    }


def _estimate(value: float, draws: np.ndarray, level: float) -> intervals.Estimate:
    draws = draws[np.isfinite(draws)]
    if len(draws) < 2:
        return intervals.UNKNOWN
    if draws.min() == draws.max():  # all samples right, or all wrong: drawing them again shows no spread
        return intervals.Estimate(value, math.nan, math.nan, math.nan)
    low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return intervals.Estimate(value, float(draws.std(ddof=1)), float(low), float(high))
