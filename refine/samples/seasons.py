"""Seasons: which examples were photographed in the season of every class, as a map requires of its pictures."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np

from builder.chips import imagery_rules
from refine.samples import datasets

COLUMNS = ("acquired_from_days", "acquired_to_days", "lat_e7")
EPOCH = datetime.date(1970, 1, 1)


def in_every_season(split: datasets.Split) -> np.ndarray | None:
    """bool[n]: whether a map could be made from the picture; None where the dataset does not say when
    and where each was photographed.

    The seasons are those of the rules that the dataset was built under, the usual ones if it does not say.
    """
    if not split.has(*COLUMNS):
        return None
    rules = _rules(split.dataset.metadata.get("imagery_rules") or {})
    first, last, lat_e7 = (split.column(name).astype(np.int64) for name in COLUMNS)
    days = np.stack([first, last, np.where(lat_e7 < 0, -1, 1)], axis=1)
    distinct, which = np.unique(days, axis=0, return_inverse=True)
    held = [
        all(season.holds(_day(start), _day(end)) for season in rules.seasons_of(None, hemisphere))
        for start, end, hemisphere in distinct.tolist()
    ]
    return np.array(held, bool)[which.ravel()]


def _rules(record: Mapping[str, Any]) -> imagery_rules.ImageryRules:
    """The seasons among the rules that a build wrote into its metadata."""
    if "seasons" not in record:
        return imagery_rules.ImageryRules()
    for_all = record.get("season_for_all")
    return imagery_rules.ImageryRules(
        seasons=tuple((name, _season(season)) for name, season in record["seasons"]),
        season_for_all=_season(for_all) if for_all else None,
    )


def _season(record: Mapping[str, Any]) -> imagery_rules.Season:
    (first_month, first_day), (last_month, last_day) = record["first"], record["last"]
    return imagery_rules.Season((first_month, first_day), (last_month, last_day))


def _day(days: int) -> datetime.date:
    return EPOCH + datetime.timedelta(days=days)
