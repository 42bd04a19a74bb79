"""How a sample was drawn, as far as estimates need to know: what weighs how much, and what could have been missed."""

from __future__ import annotations

import dataclasses
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

    def unmet(self, event: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where `event` was not met: (share of the area per sample, samples) float64[group] of such groups of samples.

        Args:
          event: bool[map, reference] cells that some groups (strata) hold no sample of.
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
        return _kish(self.shares / self._sizes, self.counts[:, domain].sum(axis=1))

    def unmet(self, event: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Sample`."""
        without = self.counts[:, event].sum(axis=1) == 0
        unseen = self.shares * (1.0 - self.sampled) / self._sizes  # a stratum that was sampled whole hides nothing
        return unseen[without], self.counts[:, candidates].sum(axis=1)[without]


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

    def unmet(self, event: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Sample`."""
        if self.counts[event].any():
            return np.zeros(0), np.zeros(0)
        return np.array([1.0 / self.counts.sum()]), np.array([self.counts[candidates].sum()])


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
        return _kish(weights, np.ones(len(weights)))

    def unmet(self, event: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Sample`."""
        # Within a stratum, samples whose weights differ less than two-fold are one group: that a light sample met the
        # event says little about the land that a heavy one stands for.
        octave = np.floor(np.log2(self.weights / self.weights.max()))
        _, group = np.unique(np.stack([self.strata, octave]), axis=1, return_inverse=True)
        met = np.bincount(group.ravel(), event.ravel()[self.cells]) > 0
        chosen = candidates.ravel()[self.cells] & ~met[group.ravel()]
        return self.weights[chosen] / self.weights.sum(), np.ones(chosen.sum())


def _kish(weights: np.ndarray, samples: np.ndarray) -> float:
    """Kish's effective size of `samples` float[group] of `weights` each."""
    squares = float((weights**2 * samples).sum())
    return float((weights * samples).sum()) ** 2 / squares if squares > 0.0 else 0.0
