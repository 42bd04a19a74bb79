"""The extent of a version: the box that holds its examples, and the days of acquisition."""

from __future__ import annotations

import dataclasses
import datetime

import pyarrow as pa
import pyarrow.compute as pc

from builder.geometry import lonlat
from builder.geometry.lonlat import Bounds


@dataclasses.dataclass(frozen=True)
class Extent:
    """(west, south, east, north) in degrees, west > east where it crosses 180; first and last day of acquisition."""

    bounds: Bounds
    first: datetime.date
    last: datetime.date


def of_examples(examples: pa.Table) -> Extent:
    """The extent of rows of the index."""
    lon, lat = (examples[name].to_numpy() for name in ("lon", "lat"))
    west, east = lonlat.narrowest(lon)
    first, last = pc.min(examples["acquired_from"]).as_py(), pc.max(examples["acquired_to"]).as_py()
    return Extent((west, float(lat.min()), east, float(lat.max())), first, last)
