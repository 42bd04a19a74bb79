"""How many samples a survey or a comparison needs, and how to share them out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np

from builder import errors
from refine.accuracy import intervals


def sample_size(shares: Sequence[float], users: Sequence[float], standard_error: float) -> float:
    """Samples that a survey stratified by map class needs for the wanted standard error of overall accuracy.

    Args:
      shares: of the map's area by class; scaled to sum 1.
      users: guessed user's accuracy by class.
      standard_error: wanted, of overall accuracy.

    Source: Olofsson et al. 2014, equation 13 (Cochran 1977, 5.25), without the finite population term.
    """
    weights, guess = np.asarray(shares, np.float64), np.asarray(users, np.float64)
    is_share = ((guess >= 0) & (guess <= 1)).all()
    if weights.shape != guess.shape or not is_share or not weights.sum() > 0 or not standard_error > 0:
        raise errors.InputError(
            f"expected one share and one user's accuracy (0..1) per class and an error above 0; "
            f"received {list(shares)}, {list(users)}, {standard_error}."
        )
    spread = (weights / weights.sum() * np.sqrt(guess * (1.0 - guess))).sum()
    return float((spread / standard_error) ** 2)


def allocate(size: int, shares: Sequence[float], *, minimum: int = 50) -> np.ndarray:
    """int64[class]: `minimum` samples for every class that proportional sharing would give less, the rest by area.

    Source: Olofsson et al. 2014, section 5.1.
    """
    weights = np.asarray(shares, np.float64)
    rare = np.zeros(len(weights), bool)
    while True:  # ends: every round but the last makes one more class rare
        rest = size - minimum * int(rare.sum())
        if rest < 0 or minimum * len(weights) > size:
            raise errors.InputError(
                f"expected at least {minimum * len(weights)} samples for {len(weights)} classes of {minimum}; "
                f"received {size}. Ask for more, or for a smaller minimum."
            )
        wanted = np.where(rare, 0.0, weights) * rest / max(weights[~rare].sum(), np.finfo(float).tiny)
        if not (new := ~rare & (wanted < minimum)).any():
            break
        rare |= new
    given = np.where(rare, minimum, np.floor(wanted)).astype(np.int64)
    leftover = np.argsort(-np.where(rare, -1.0, wanted - np.floor(wanted)), kind="stable")[: size - int(given.sum())]
    given[leftover] += 1
    return given


def samples_per_arm(first: float, second: float, *, power: float = 0.8, level: float = intervals.LEVEL) -> float:
    """Samples that each of two *independent* sets needs to tell accuracy `first` from `second`.

    Paired sets need fewer.
    """
    if first == second:
        return math.inf
    z = intervals.z_value(level) + statistics.NormalDist().inv_cdf(power)
    return z * z * (first * (1.0 - first) + second * (1.0 - second)) / (first - second) ** 2
