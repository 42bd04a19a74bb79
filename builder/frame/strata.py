"""The strata of the test sample: how they are named, and the chance of a point of one to be in the sample."""

from __future__ import annotations

import numpy as np


def name(of_class: str, state: str) -> str:
    """The name of the stratum of a class and a state, as "forest/consistent"."""
    return f"{of_class}/{state}"


def inclusion_probability(tau: float, cos_latitude: np.ndarray) -> np.ndarray:
    """float64: chance of each cell to be in the sample, min(1, tau cos(latitude)); tau is infinite if all cells are.

    Args:
      tau: rank value below which a cell is in the sample.
      cos_latitude: cosine of the latitude of each cell's centre, to which its area is proportional.

    Source: Ohlsson 1998, "Sequential Poisson sampling", Journal of Official Statistics 14.
    """
    return np.minimum(1.0, tau * cos_latitude)
