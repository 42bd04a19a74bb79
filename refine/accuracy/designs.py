"""Samples as their sampling designs weigh them: proportions, variances, and what a sample can have missed."""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol

import numpy as np


class Sample(Protocol):
    """A sample whose design is known: what estimators and intervals ask of it."""

    def proportions(self) -> np.ndarray:
        """float64[map, reference], sum 1."""

    def variance(self, values: np.ndarray) -> float:
        """Design variance of the mean of `values` float64[map, reference], a value for each cell."""

    def effective_size(self, domain: np.ndarray) -> float:
        """How many equally weighted samples the samples in bool[map, reference] are worth."""

    def heaviest_without(self, event: np.ndarray, candidates: np.ndarray) -> float:
        """Largest share of the area that one sample represents where no sample met `event`; 0 if all strata met it.

        Args:
          event: bool[map, reference], cells of which some strata hold no sample.
          candidates: bool[map, reference], cells of the samples that could have met the event.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class StratifiedSample:
    """Samples drawn at random within strata.

    Attributes:
      counts: int64[stratum, map, reference].
      shares: float64[stratum] of the area.
      sampled: share of each stratum's units that were drawn, float64[stratum]; 0 leaves the finite population
        correction out.
    """

    counts: np.ndarray
    shares: np.ndarray
    sampled: np.ndarray | float = 0.0

    @property
    def _sizes(self) -> np.ndarray:
        return np.asarray(self.counts.sum(axis=(1, 2)))

    def proportions(self) -> np.ndarray:
        """Mean of the strata's proportions, by their shares of the area."""
        return np.asarray(np.tensordot(self.shares / self._sizes, self.counts, axes=1))

    def variance(self, values: np.ndarray) -> float:
        """Sum over the strata of the variance of their means, with the finite population correction."""
        mean = (self.counts * values).sum(axis=(1, 2)) / self._sizes
        square = (self.counts * (values - mean[:, None, None]) ** 2).sum(axis=(1, 2)) / (self._sizes - 1)
        return float((self.shares**2 * (1.0 - self.sampled) * square / self._sizes).sum())

    def effective_size(self, domain: np.ndarray) -> float:
        """Kish's size, from the weight of a sample in each stratum."""
        weights, inside = self.shares / self._sizes, self.counts[:, domain].sum(axis=1)
        return _kish((weights * inside).sum(), (weights**2 * (1.0 - self.sampled) * inside).sum())

    def heaviest_without(self, event: np.ndarray, candidates: np.ndarray) -> float:
        """The heaviest sample of the strata that hold candidates and never met the event."""
        without = ~self.counts[:, event].any(axis=1) & self.counts[:, candidates].any(axis=1)
        weights = (
            self.shares * (1.0 - self.sampled) / self._sizes
        )  # in a stratum that was sampled whole nothing was missed
        return float(weights[without].max(initial=0.0))


@dataclasses.dataclass(frozen=True, eq=False)
class SimpleRandomSample:
    """Independent samples, a multinomial: counts int64[map, reference]."""

    counts: np.ndarray

    def proportions(self) -> np.ndarray:
        """Counts over their sum."""
        return np.asarray(self.counts / self.counts.sum())

    def variance(self, values: np.ndarray) -> float:
        """Variance of a mean of independent samples."""
        share = self.proportions()
        return float((share * (values - (share * values).sum()) ** 2).sum() / self.counts.sum())

    def effective_size(self, domain: np.ndarray) -> float:
        """The number of samples."""
        return float(self.counts[domain].sum())

    def heaviest_without(self, event: np.ndarray, candidates: np.ndarray) -> float:
        """One sample's share if no sample met the event."""
        is_without = not self.counts[event].any() and bool(self.counts[candidates].any())
        return float(is_without / self.counts.sum())


@dataclasses.dataclass(frozen=True, eq=False)
class WeightedSample:
    """Samples with known inclusion probabilities, in the ratio (Hajek) form of the estimator.

    Attributes:
      size: number of classes.
      cells: int64[sample], map class index times `size` plus reference class index.
      weights: float64[sample], proportional to 1 / inclusion probability.
      strata: int64[sample].
    """

    size: int
    cells: np.ndarray
    weights: np.ndarray
    strata: np.ndarray

    def proportions(self) -> np.ndarray:
        """Sums of the weights over their total."""
        totals = np.bincount(self.cells, self.weights, minlength=self.size**2)
        return np.asarray((totals / totals.sum()).reshape(self.size, self.size))

    def variance(self, values: np.ndarray) -> float:
        """Of linearized weighted values, as if samples were drawn within strata with replacement."""
        centred = values - (self.proportions() * values).sum()
        scores = self.weights * centred.ravel()[self.cells] / self.weights.sum()
        drawn = np.bincount(self.strata)
        mean = np.bincount(self.strata, scores) / drawn
        square = np.bincount(self.strata, (scores - mean[self.strata]) ** 2)
        return float((drawn / (drawn - 1.0) * square).sum())

    def effective_size(self, domain: np.ndarray) -> float:
        """Kish's size of the weights."""
        weights = self.weights[domain.ravel()[self.cells]]
        return _kish(weights.sum(), (weights**2).sum())

    def heaviest_without(self, event: np.ndarray, candidates: np.ndarray) -> float:
        """The heaviest sample of the groups that hold candidates and never met the event."""
        # Within a stratum, samples whose weights differ less than two-fold are one group: a light sample that met the
        # event says little about the land that a heavy one represents.
        octave = np.floor(np.log2(self.weights / self.weights.max()))
        _, group = np.unique(np.stack([self.strata, octave]), axis=1, return_inverse=True)
        met = np.bincount(group.ravel(), event.ravel()[self.cells]) > 0
        chosen = candidates.ravel()[self.cells] & ~met[group.ravel()]
        return float(self.weights[chosen].max(initial=0.0) / self.weights.sum())


def _kish(total: float, squares: float) -> float:
    """Kish's effective size from the sum of the weights and the sum of their squares; infinite without squares."""
    if not total > 0.0:
        return 0.0
    return float(total**2 / squares) if squares > 0.0 else math.inf
