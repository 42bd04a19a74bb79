"""Paired tests of two classifiers on the same samples."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from builder import errors
from refine.accuracy import intervals

EXACT_BELOW = 25  # discordant pairs; with fewer the chi-square approximation is not valid


@dataclasses.dataclass(frozen=True)
class McNemar:
    """McNemar's test of "both err equally often", with four p values.

    `only_first` and `only_second` count the samples that only the first or only the second classifier gets right.
    """

    only_first: int
    only_second: int
    chi2: float
    p_chi2: float
    chi2_corrected: float
    p_corrected: float
    p_exact: float
    p_mid: float

    @property
    def p(self) -> float:
        """The p value to quote: mid-p, which keeps its level at any number of pairs."""
        return self.p_mid

    @property
    def needs_exact(self) -> bool:
        """Whether there are too few discordant pairs for chi-square."""
        return self.only_first + self.only_second < EXACT_BELOW


@dataclasses.dataclass(frozen=True)
class PairedMaps:
    """Two maps on the same samples: McNemar's test, and overall accuracy of the first minus that of the second.

    `difference` has a bootstrap interval, by block where blocks are known; it is None without bootstrap.
    """

    samples: int
    test: McNemar
    difference: intervals.Estimate | None
    level: float

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        difference = None if self.difference is None else self.difference.as_json()
        return {"samples": self.samples, **dataclasses.asdict(self.test), "p": self.test.p, "difference": difference}


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """McNemar's test of the discordant counts: exact, mid-p, chi-square with and without continuity correction.

    Source: McNemar 1947; mid-p: Fagerland, Lydersen & Laake 2013, 10.1186/1471-2288-13-91.
    """
    if only_first < 0 or only_second < 0:
        raise errors.InputError(
            f"expected counts of discordant samples; received {only_first} and {only_second}. "
            "Give how many samples only one of the two gets right."
        )
    pairs, apart = only_first + only_second, abs(only_first - only_second)
    chi2 = apart**2 / pairs if pairs else 0.0
    corrected = max(0, apart - 1) ** 2 / pairs if pairs else 0.0
    tail, point = _lower_tail(min(only_first, only_second), pairs)
    return McNemar(
        only_first,
        only_second,
        chi2,
        _chi2_tail(chi2),
        corrected,
        _chi2_tail(corrected),
        p_exact=min(1.0, 2.0 * tail),
        p_mid=min(1.0, 2.0 * tail - point),
    )


def of_predictions(first: np.ndarray, second: np.ndarray, reference: np.ndarray) -> McNemar:
    """`mcnemar` of two predictions int[sample] of the same reference."""
    if not first.shape == second.shape == reference.shape:
        raise errors.InputError(
            f"a paired test needs both predictions for every sample; "
            f"received {first.shape}, {second.shape} and {reference.shape}. Predict the same samples with both."
        )
    right_first, right_second = first == reference, second == reference
    return mcnemar(int((right_first & ~right_second).sum()), int((right_second & ~right_first).sum()))


def _lower_tail(count: int, size: int) -> tuple[float, float]:
    """P(X <= count) and P(X = count) of `size` fair coins."""
    whole = math.lgamma(size + 1) - size * math.log(2.0)
    points = [math.exp(whole - math.lgamma(k + 1) - math.lgamma(size - k + 1)) for k in range(count + 1)]
    return math.fsum(points), points[-1]


def _chi2_tail(value: float) -> float:
    return math.erfc(math.sqrt(value / 2.0))  # one degree of freedom
