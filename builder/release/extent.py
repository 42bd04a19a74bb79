"""Where and when the pictures of a version were taken."""

from __future__ import annotations

import dataclasses
import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclasses.dataclass(frozen=True)
class Extent:
    """(west, south, east, north) in degrees, west > east where it crosses 180; first and last day of acquisition."""

    bounds: tuple[float, float, float, float]
    first: datetime.date
    last: datetime.date


def of_examples(examples: pa.Table) -> Extent:
    """The extent of rows of the index."""
    lon, lat = (examples[name].to_numpy() for name in ("lon", "lat"))
    west, east = narrowest(lon)
    first, last = pc.min(examples["acquired_from"]).as_py(), pc.max(examples["acquired_to"]).as_py()
    return Extent((west, float(lat.min()), east, float(lat.max())), first, last)


def narrowest(lon: np.ndarray) -> tuple[float, float]:
    """(west, east) degrees of the narrowest range of longitudes that holds all of `lon`: outside the widest gap."""
    ordered = np.unique(np.asarray(lon, np.float64))
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(gaps.argmax())
    return float(ordered[(widest + 1) % len(ordered)]), float(ordered[widest])
