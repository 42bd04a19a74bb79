"""Inclusion probabilities of the part of the test sample that was attempted."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder.frame import strata


def of_attempted(points: pa.Table, attempted: Collection[str]) -> pa.Array:
    """float64 per point: the probability with which its cell was attempted; null where the frame gives none.

    The frame ranks more test points than are wanted, because imagery refuses some. A stratum is attempted in rank order
    until its quota is full, so what was attempted is itself a sequential Poisson sample, of the size that was needed:
    a cell is in it if its rank value is below that of the first point that was not attempted, tau. Its probability is
    that of `strata.inclusion_probability`. Where all ranked points were attempted, the frame's own probability holds.

    Args:
      points: `points.parquet`: key, lat, stratum, rank_value, inclusion_probability.
      attempted: keys of the points that ended as a chip or as a refusal.

    Source: Ohlsson 1998, "Sequential Poisson sampling", Journal of Official Statistics 14.
    """
    drawn = np.array(points["inclusion_probability"].to_pylist(), np.float64)  # None becomes nan
    value, lat = (points[name].to_numpy() for name in ("rank_value", "lat"))
    was_attempted = pc.is_in(points["key"], pa.array(list(attempted), pa.string())).to_numpy()
    names = pc.fill_null(points["stratum"], "").to_numpy().astype(str)
    in_sample = ~np.isnan(drawn)
    for stratum in np.unique(names[in_sample]):
        members = in_sample & (names == stratum)
        waiting = members & ~was_attempted
        if waiting.any():
            tau = value[waiting].min()
            attempted_now = strata.inclusion_probability(tau, np.cos(np.radians(lat[members])))
            drawn[members] = np.minimum(drawn[members], attempted_now)
    return pa.array(drawn, pa.float64(), mask=~in_sample)
