"""An estimate with its standard error and interval, and Wilson's interval of a share."""

from __future__ import annotations

import dataclasses
import math
import statistics

from builder import errors, proportions

LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure with its standard error and interval; NaN where the sample does not determine them."""

    value: float
    standard_error: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        """Plain values; None for NaN, which JSON lacks."""
        return {key: float(v) if math.isfinite(v) else None for key, v in dataclasses.asdict(self).items()}


UNKNOWN = Estimate(math.nan, math.nan, math.nan, math.nan)


def check_level(level: float) -> None:
    """Refuses a number that is no confidence level.

    Raises:
      errors.InputError: unless it is between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise errors.InputError(
            f"expected a confidence level between 0 and 1, such as 0.95; received {level}. Give that share."
        )


def z_value(level: float) -> float:
    """The normal quantile of a two-sided interval: 1.96 for 0.95.

    Raises:
      errors.InputError: if the level is not between 0 and 1.
    """
    check_level(level)
    return statistics.NormalDist().inv_cdf(0.5 + level / 2.0)


def wilson(share: float, size: float, level: float = LEVEL) -> tuple[float, float]:
    """(low, high) for a share of `size` samples, which may be an effective sample size.

    It keeps its level near 0 and 1, where share +- z x error does not; see `proportions.wilson`.
    """
    return proportions.wilson(share, size, z_value(level))


def of_share(hits: int, size: int, level: float = LEVEL) -> Estimate:
    """`hits` of `size` independent samples, with Wilson's interval."""
    if size == 0:
        return UNKNOWN
    share = hits / size
    return Estimate(share, math.sqrt(share * (1.0 - share) / size), *wilson(share, size, level))
