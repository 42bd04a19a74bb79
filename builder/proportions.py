"""Wilson's interval of a proportion."""

from __future__ import annotations

import math


def wilson(share: float, trials: float, z: float) -> tuple[float, float]:
    """(low, high) of the score interval of a share, both 0..1; (nan, nan) without trials.

    Args:
      share: hits / trials, 0..1.
      trials: number of independent trials; an effective sample size may be a fraction.
      z: standard normal quantile of the two-sided level, 1.96 for 95 %.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22. It keeps its
    level near 0 and 1, where share +- z x standard error does not.
    """
    if not trials > 0 or math.isnan(share):
        return math.nan, math.nan
    middle = (share + z * z / (2.0 * trials)) / (1.0 + z * z / trials)
    half = z / (1.0 + z * z / trials) * math.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
