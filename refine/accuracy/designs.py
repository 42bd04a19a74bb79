"""How a sample was drawn, as far as estimates need to know: what weighs how much, and what could have been missed."""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol

import numpy as np


class Sample(Protocol):
    """What the figures ask of a design."""

    def proportions(self) -> np.ndarray:
        """float64[map, reference], sum 1."""

    def variance(self, values: np.ndarray) -> float:
        """Design variance of the mean of `values` float64[map, reference], a value for each cell."""

    def effective_size(self, domain: np.ndarray) -> float:
        """How many equally weighted samples the samples in bool[map, reference] are worth."""

    def heaviest_without(self, event: np.ndarray, candidates: np.ndarray) -> float:
        """The largest share of the area that one sample stands for where `event` was not met; 0 if it was everywhere.

        Args:
          event: bool[map, reference] cells that some strata hold no sample of.
          candidates: bool[map, reference], the samples that might have turned out to be the event.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class Stratified:
    """counts int64[stratum, map, reference]; shares float64[stratum] of the area; sampled share of each stratum."""

    counts: np.ndarray
    shares: np.ndarray
    sampled: np.ndarray | float = 0.0

    @property
    def _sizes(self) -> np.ndarray:
        return np.asarray(self.counts.sum(axis=(1, 2)))

    def proportions(self) -> np.ndarray:
        """See `Sample`."""
        return np.asarray(np.tensordot(self.shares / self._sizes, self.counts, axes=1))

    def variance(self, values: np.ndarray) -> float:
        """See `Sample`."""
        mean = (self.counts * values).sum(axis=(1, 2)) / self._sizes
        square = (self.counts * (values - mean[:, None, None]) ** 2).sum(axis=(1, 2)) / (self._sizes - 1)
        return float((self.shares**2 * (1.0 - self.sampled) * square / self._sizes).sum())

    def effective_size(self, domain: np.ndarray) -> float:
        """See `Sample`."""
        weights, inside = self.shares / self._sizes, self.counts[:, domain].sum(axis=1)
        return _kish((weights * inside).sum(), (weights**2 * (1.0 - self.sampled) * inside).sum())

    def heaviest_without(self, event: np.ndarray, candidates: np.ndarray) -> float:
        """See `Sample`."""
        without = ~self.counts[:, event].any(axis=1) & self.counts[:, candidates].any(axis=1)
        weights = self.shares * (1.0 - self.sampled) / self._sizes  # a stratum that was sampled whole hides nothing
        return float(weights[without].max(initial=0.0))


@dataclasses.dataclass(frozen=True, eq=False)
class Simple:
    """counts int64[map, reference] of independent samples: the multinomial."""

    counts: np.ndarray

    def proportions(self) -> np.ndarray:
        """See `Sample`."""
        return np.asarray(self.counts / self.counts.sum())

    def variance(self, values: np.ndarray) -> float:
        """See `Sample`."""
        share = self.proportions()
        return float((share * (values - (share * values).sum()) ** 2).sum() / self.counts.sum())

    def effective_size(self, domain: np.ndarray) -> float:
        """See `Sample`."""
        return float(self.counts[domain].sum())

    def heaviest_without(self, event: np.ndarray, candidates: np.ndarray) -> float:
        """See `Sample`."""
        is_without = not self.counts[event].any() and bool(self.counts[candidates].any())
        return float(is_without / self.counts.sum())


@dataclasses.dataclass(frozen=True, eq=False)
class Weighted:
    """cells, strata int64[sample]; weights float64[sample] = 1 / inclusion probability; ratio (Hajek) form."""

    size: int
    cells: np.ndarray
    weights: np.ndarray
    strata: np.ndarray

    def proportions(self) -> np.ndarray:
        """See `Sample`."""
        totals = np.bincount(self.cells, self.weights, minlength=self.size**2)
        return np.asarray((totals / totals.sum()).reshape(self.size, self.size))

    def variance(self, values: np.ndarray) -> float:
        """See `Sample`."""
        centred = values - (self.proportions() * values).sum()
        scores = self.weights * centred.ravel()[self.cells] / self.weights.sum()
        drawn = np.bincount(self.strata)
        mean = np.bincount(self.strata, scores) / drawn
        square = np.bincount(self.strata, (scores - mean[self.strata]) ** 2)
        return float((drawn / (drawn - 1.0) * square).sum())

    def effective_size(self, domain: np.ndarray) -> float:
        """See `Sample`."""
        weights = self.weights[domain.ravel()[self.cells]]
        return _kish(weights.sum(), (weights**2).sum())

    def heaviest_without(self, event: np.ndarray, candidates: np.ndarray) -> float:
        """See `Sample`."""
        # Within a stratum, samples whose weights differ less than two-fold are one group: that a light sample met the
        # event says little about the land that a heavy one stands for.
        octave = np.floor(np.log2(self.weights / self.weights.max()))
        _, group = np.unique(np.stack([self.strata, octave]), axis=1, return_inverse=True)
        met = np.bincount(group.ravel(), event.ravel()[self.cells]) > 0
        chosen = candidates.ravel()[self.cells] & ~met[group.ravel()]
        return float(self.weights[chosen].max(initial=0.0) / self.weights.sum())


def _kish(total: float, squares: float) -> float:
    """Kish's effective size from the sum of the weights and that of their squares; no squares: nothing is uncertain."""
    if not total > 0.0:
        return 0.0
    return float(total**2 / squares) if squares > 0.0 else math.inf
