"""One picture of one point: the request, and the chip or refusal that answers it."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from builder.chips import footprint
from builder.imagery import source

if TYPE_CHECKING:
    from builder.chips import settings


class Reason(enum.StrEnum):
    """Why a point has no chip. The order is the order of judging: a later reason means that imagery came further."""

    NO_SCENE = "no scene"
    DENIED = "denied source"
    DATE = "date"
    RESOLUTION = "resolution"
    SEASON = "season"
    UNREADABLE = "unreadable"
    NODATA = "nodata"
    BLANK = "blank"
    DUPLICATE = "duplicate"


@dataclasses.dataclass(frozen=True)
class Request:
    """What is wanted: a chip centred at (lon, lat) degrees that may carry `label` (a class name; None = any class)."""

    key: str
    lon: float
    lat: float
    label: str | None
    rotation_deg: float = 0.0
    parent: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Chip:
    """Pixels uint8[y, x, rgb], the ground they show, and where they come from."""

    pixels: np.ndarray
    footprint: footprint.Footprint
    acquisition: source.Acquisition


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why there is no chip: the reason of the best candidate, and a sentence that counts all of them."""

    reason: Reason
    detail: str


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """A request and what became of it."""

    request: Request
    result: Chip | Refusal


def acquire(requests: Sequence[Request], imagery: settings.Imagery) -> list[Outcome]:
    """A chip or a refusal for each request, in order."""
    raise NotImplementedError
