"""Sample size of a survey, and its allocation to the classes of the map."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from builder import errors

FEW_SAMPLES = 50  # per stratum; Olofsson et al. 2014, section 5.1
ERRORS = (1e-6, 0.5)  # 0.5 is the error without samples; an error below the first needs 10^11 samples


@dataclasses.dataclass(frozen=True)
class SurveyPlan:
    """A survey stratified by map class: `needed` samples for the wanted error, and how many to draw in each class.

    More are allotted than needed where the `minimum` per class asks for it. Classes without area get none.
    """

    standard_error: float
    needed: float
    minimum: int
    allocation: dict[str, int]

    @property
    def allotted(self) -> int:
        """Samples of the whole allocation."""
        return sum(self.allocation.values())

    def as_json(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "standard_error": self.standard_error,
            "needed": self.needed,
            "samples": math.ceil(self.needed),
            "minimum": self.minimum,
            "allotted": self.allotted,
            "allocation": self.allocation,
        }


def plan(
    areas: Mapping[str, float], users: Mapping[str, float], standard_error: float, *, minimum: int = FEW_SAMPLES
) -> SurveyPlan:
    """The survey that gives overall accuracy the wanted standard error.

    Args:
      areas: mapped area by class, any unit.
      users: guessed user's accuracy of each of these classes.
      standard_error: wanted, of overall accuracy.
      minimum: samples that every class with area gets.
    """
    names = [name for name, area in areas.items() if area > 0]
    sizes = [areas[name] for name in names]
    needed = sample_size(sizes, [users[name] for name in names], standard_error)
    drawn = max(math.ceil(needed), minimum * len(names))
    allocation = allocate(drawn, sizes, minimum=minimum).tolist()
    return SurveyPlan(standard_error, needed, minimum, dict(zip(names, allocation, strict=True)))


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
    if weights.shape != guess.shape or not is_share or not weights.sum() > 0:
        raise errors.InputError(
            f"expected one area and one user's accuracy (0..1) per class, and some area; "
            f"received {list(shares)} and {list(users)}. Correct them."
        )
    if not ERRORS[0] <= standard_error <= ERRORS[1]:
        raise errors.InputError(
            f"expected a standard error of overall accuracy from {ERRORS[0]:g} to {ERRORS[1]:g}, such as 0.01; "
            f"received {standard_error:g}. Give one in this range."
        )
    spread = (weights / weights.sum() * np.sqrt(guess * (1.0 - guess))).sum()
    return float((spread / standard_error) ** 2)


def allocate(size: int, shares: Sequence[float], *, minimum: int = FEW_SAMPLES) -> np.ndarray:
    """int64[class]: `minimum` samples for every class that proportional sharing would give less, the rest by area.

    Source: Olofsson et al. 2014, section 5.1.
    """
    weights = np.asarray(shares, np.float64)
    rare = np.zeros(len(weights), bool)
    while True:  # it ends, because every round but the last makes one more class rare
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
