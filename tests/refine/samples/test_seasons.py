"""Which examples a map could have been made from: photographed in the season of every class."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib

import numpy as np
import pytest
import small_release

from builder.chips import imagery_rules
from refine.samples import datasets, seasons

MAY_31, JULY_1, OCTOBER_1 = (
    (datetime.date(2010, month, day) - seasons.EPOCH).days for month, day in ((5, 31), (7, 1), (10, 1))
)
JANUARY_5 = (datetime.date(2010, 1, 5) - seasons.EPOCH).days


@dataclasses.dataclass(frozen=True)
class Described(datasets.Dataset):
    """A dataset that says under which rules it was built."""

    @property
    def metadata(self):
        return self.source


def _split(rows: list[tuple[int, int, int]], rules: dict[str, object] | None = None) -> datasets.Split:
    """A split of (first day, last day, latitude in 1e-7 degree)."""
    dataset = Described("d", "1.0.0", {"test": len(rows)}, seasons.COLUMNS, (), (), (), rules or {})
    columns = dict(zip(seasons.COLUMNS, np.array(rows, np.int64).T, strict=True))
    return datasets.Split(
        dataset, "test", None, np.arange(len(rows)), np.zeros(len(rows)), np.zeros(len(rows)), columns
    )


NORTH, SOUTH = 340_000_000, -340_000_000


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((JULY_1, JULY_1, NORTH), True),
        ((JULY_1, OCTOBER_1, NORTH), False),  # one of its days is outside
        ((JANUARY_5, JANUARY_5, NORTH), False),
        ((JANUARY_5, JANUARY_5, SOUTH), True),  # summer there
        ((JULY_1, JULY_1, SOUTH), False),
    ],
)
def test_the_usual_seasons(row: tuple[int, int, int], expected: bool) -> None:
    found = seasons.in_every_season(_split([row, (JULY_1, JULY_1, NORTH)]))
    assert found is not None and found.tolist() == [expected, True]


def test_the_seasons_are_those_that_the_dataset_was_built_under() -> None:
    june = {"first": [6, 1], "last": [8, 31]}
    metadata = {"imagery_rules": {"seasons": [["water", june]], "season_for_all": None}}
    rows = [(MAY_31, MAY_31, NORTH), (JULY_1, JULY_1, NORTH)]
    assert seasons.in_every_season(_split(rows, metadata)).tolist() == [False, True]
    assert seasons.in_every_season(_split(rows)).tolist() == [True, True]


def test_what_a_build_writes_is_read_back() -> None:
    rules = imagery_rules.ImageryRules(
        seasons=(("water", imagery_rules.Season((6, 1), (8, 31))),), season_for_all=imagery_rules.VEGETATED_MONTHS
    )
    written = json.loads(json.dumps(dataclasses.asdict(rules), default=str))
    found = seasons.in_every_season(
        _split([(MAY_31, MAY_31, NORTH), (JULY_1, JULY_1, NORTH)], {"imagery_rules": written})
    )
    assert found.tolist() == [False, True]


def test_a_dataset_that_does_not_say_when_has_no_seasons(tmp_path: pathlib.Path) -> None:
    dataset = datasets.open_dataset(small_release.write(tmp_path), data_dir=tmp_path)
    assert not dataset.split("test").has(*seasons.COLUMNS)
    assert seasons.in_every_season(dataset.split("test")) is None
