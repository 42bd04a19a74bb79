"""The rules of imagery: which scenes may show a point, and which pixels make a chip."""

from __future__ import annotations

import calendar
import dataclasses
import datetime
import enum
from collections.abc import Mapping, Sequence

import numpy as np

from builder.imagery import source

MonthDay = tuple[int, int]


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


FEBRUARY_DAYS = 29  # a season that ends on 02-29 ends with February in every year


@dataclasses.dataclass(frozen=True)
class Season:
    """Days of a year north of the equator, first and last included; it may pass the turn of the year."""

    first: MonthDay
    last: MonthDay

    def mirrored(self) -> Season:
        """The same season south of the equator: six months later; a month's last day stays the last day."""
        return Season(_half_a_year_on(self.first), _half_a_year_on(self.last))

    def holds(self, start: datetime.date, end: datetime.date) -> bool:
        """Whether every day of `start`..`end` is in one and the same season."""
        return self._holds_day(start) and end <= self._end_after(start)

    def _holds_day(self, day: datetime.date) -> bool:
        here = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= here <= self.last
        return here >= self.first or here <= self.last

    def _end_after(self, day: datetime.date) -> datetime.date:
        year = min(day.year + (1 if (day.month, day.day) > self.last else 0), datetime.MAXYEAR)
        month, last = self.last
        return datetime.date(year, month, min(last, calendar.monthrange(year, month)[1]))

    def __str__(self) -> str:
        return "{:02d}-{:02d}..{:02d}-{:02d}".format(*self.first, *self.last)


VEGETATED_MONTHS = Season((5, 1), (9, 30))
DEFAULT_SEASONS = {"grass_shrub": VEGETATED_MONTHS, "water": VEGETATED_MONTHS}


@dataclasses.dataclass(frozen=True)
class ImageryRules:
    """The table [rules] of imagery.toml: days, denied sources, resolution, seasons and missing data.

    A season of `seasons` holds for chips of its class. With `every_season` every chip satisfies the seasons of all
    classes, so that nobody can guess the class of a chip from its date. `season_for_all` holds for every chip.
    """

    first_day: datetime.date = datetime.date(2007, 1, 1)
    last_day: datetime.date = datetime.date(2013, 12, 31)
    prefer: datetime.date = datetime.date(2010, 7, 1)
    deny: tuple[str, ...] = ("NASA", "Landsat")
    max_gsd_m: float = 2.0
    seasons: tuple[tuple[str, Season], ...] = tuple(DEFAULT_SEASONS.items())
    season_for_all: Season | None = None
    every_season: bool = False
    max_nodata_share: float = 0.0

    def seasons_of(self, label: str | None, lat: float) -> list[Season]:
        """The seasons that an acquisition at `lat` degrees must satisfy to show `label` (None = any class)."""
        by_class: Mapping[str, Season] = dict(self.seasons)
        if self.every_season or label is None:
            needed = list(by_class.values())
        else:
            needed = [by_class[label]] if label in by_class else []
        if self.season_for_all:
            needed.append(self.season_for_all)
        unique = list(dict.fromkeys(needed))
        return [season.mirrored() for season in unique] if lat < 0 else unique


@dataclasses.dataclass(frozen=True)
class Fault:
    """Why one scene makes no chip of one point."""

    reason: Reason
    text: str


def scene_fault(scene: source.Scene, label: str | None, lat: float, rules: ImageryRules) -> Fault | None:
    """Why `scene` may not show `label` at latitude `lat`, or None. Judged in the order of `Reason`."""
    seen = scene.acquisition
    names = (seen.source, seen.sensor, *seen.scene_ids, *scene.names)
    for word in rules.deny:
        if any(word.casefold() in name.casefold() for name in names):
            return Fault(Reason.DENIED, f"{word} is denied")
    if not rules.first_day <= seen.acquired_from <= seen.acquired_to <= rules.last_day:
        return Fault(Reason.DATE, f"acquired {days(seen)}, not inside {rules.first_day}..{rules.last_day}")
    if seen.gsd_m > rules.max_gsd_m:
        return Fault(Reason.RESOLUTION, f"{seen.gsd_m:g} m, coarser than {rules.max_gsd_m:g} m")
    for season in rules.seasons_of(label, lat):
        if not season.holds(seen.acquired_from, seen.acquired_to):
            return Fault(Reason.SEASON, f"acquired {days(seen)}, outside the season {season}")
    return None


def pixel_fault(pixels: np.ndarray, valid: np.ndarray, rules: ImageryRules) -> Fault | None:
    """Why uint8[y, x, rgb] with bool[y, x] valid pixels is no chip, or None."""
    missing = 1.0 - float(np.count_nonzero(valid)) / valid.size
    if missing > rules.max_nodata_share:
        return Fault(Reason.NODATA, f"{missing:.2%} of the chip has no data, allowed are {rules.max_nodata_share:.2%}")
    if is_blank(pixels, valid):
        return Fault(Reason.BLANK, "every pixel has the same value")
    return None


def is_blank(pixels: np.ndarray, valid: np.ndarray) -> bool:
    """Whether all valid pixels of uint8[y, x, rgb] are one and the same value. Smooth water and snow are not."""
    if not valid.any():
        return True
    value = pixels[np.unravel_index(int(valid.argmax()), valid.shape)]
    # The first row decides for most pictures; only one whose first row is blank is compared whole.
    return all(bool((pixels[rows][valid[rows]] == value).all()) for rows in (slice(0, 1), slice(1, None)))


def preference(scene: source.Scene, rank: int, rules: ImageryRules) -> tuple[int, float, str, str]:
    """Sort key: sources in the order of imagery.toml, then days from the preferred day, then the dates.

    Scenes with equal keys are one acquisition and may fill one chip together.
    """
    seen = scene.acquisition
    distance = (abs((seen.acquired_from - rules.prefer).days) + abs((seen.acquired_to - rules.prefer).days)) / 2.0
    return rank, distance, seen.acquired_from.isoformat(), seen.acquired_to.isoformat()


def summary(faults: Sequence[Fault]) -> tuple[Reason, str]:
    """(reason of the candidate that came furthest, a sentence that counts all candidates)."""
    if not faults:
        return Reason.NO_SCENE, "no source has a scene here"
    order = list(Reason)
    ranked = sorted(faults, key=lambda fault: order.index(fault.reason), reverse=True)
    counts: dict[Reason, int] = {}
    for fault in ranked:
        counts[fault.reason] = counts.get(fault.reason, 0) + 1
    counted = ", ".join(f"{count} {reason}" for reason, count in counts.items())
    return ranked[0].reason, f"{ranked[0].text} ({len(faults)} candidate{'s' * (len(faults) > 1)}: {counted})"


def days(seen: source.Acquisition) -> str:
    """2010-07-01, or 2010-07-01..2010-07-09 where the acquisition took several days."""
    if seen.acquired_from == seen.acquired_to:
        return str(seen.acquired_from)
    return f"{seen.acquired_from}..{seen.acquired_to}"


def _half_a_year_on(day: MonthDay) -> MonthDay:
    month = (day[0] + 5) % 12 + 1
    if day[1] == _month_days(day[0]):
        return month, _month_days(month)
    return month, min(day[1], _month_days(month))


def _month_days(month: int) -> int:
    return FEBRUARY_DAYS if month == 2 else calendar.monthrange(2001, month)[1]
