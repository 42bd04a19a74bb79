"""The reviews of three imperfect people: they see the truth of each point and make mistakes."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from builder import atomic, hashing
from builder.frame import design, reviews
from builder.legend import legend
from builder.world import perception, truth, world_settings

CHIP_M = 90.0
SAMPLES = 15  # points along a side of the chip
HARD_BELOW = 0.6  # a chip whose largest class covers less is hard to name
HARD_UNUSABLE = 0.35  # share of hard chips that a person declares unusable
WETLAND_UNUSABLE = 0.7
TRAINING_SHARE = 0.6  # of the quota of train and validation that people look at, lowest ranks first
FIRST_DAY = datetime.datetime(2011, 3, 1, 8, 0, tzinfo=datetime.UTC)
SECONDS_PER_POINT = 6


@dataclasses.dataclass(frozen=True)
class Person:
    """A reviewer and a factor on every error rate."""

    name: str
    carelessness: float


PEOPLE = (Person("ana", 0.7), Person("bo", 1.0), Person("chidi", 1.5))


def write(
    world: world_settings.World,
    ground: truth.Truth,
    points: pa.Table,
    sampling: design.SamplingDesign,
    path: pathlib.Path,
) -> pa.Table:
    """Writes `reviews.parquet` for the points that people are shown; returns the table."""
    seen = _shown(points, sampling)
    rows = [row for person in PEOPLE for row in _reviews_of(world, ground, seen, person)]
    table = pa.Table.from_pylist(rows, schema=reviews.SCHEMA)
    with atomic.file(path) as temporary:
        pq.write_table(table, temporary)
    return table


def _shown(points: pa.Table, sampling: design.SamplingDesign) -> pa.Table:
    """All test points, and the training and validation points of the lowest ranks."""
    splits, ranks = points["split"].to_pylist(), points["rank"].to_pylist()
    limit = {split: sampling.quota(split) * TRAINING_SHARE for split in (design.TRAIN, design.VALIDATION)}
    return points.filter(pa.array([rank < limit.get(split, np.inf) for split, rank in zip(splits, ranks, strict=True)]))


def _reviews_of(
    world: world_settings.World, ground: truth.Truth, points: pa.Table, person: Person
) -> Iterator[dict[str, Any]]:
    first, share, second = _chips(world, ground, points["lon"].to_numpy(), points["lat"].to_numpy())
    for number, key in enumerate(points["key"].to_pylist()):
        dice = _dice(world, person, key)
        label = _verdict(world, person, int(first[number]), float(share[number]), int(second[number]), dice)
        time = FIRST_DAY + datetime.timedelta(seconds=SECONDS_PER_POINT * number)
        yield {"key": key, "label": label, "reviewer": person.name, "time": time}


def _chips(
    world: world_settings.World, ground: truth.Truth, lon: np.ndarray, lat: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(code of the largest class, its share, code of the second class) of the truth in the chip round each point."""
    east_m, north_m = world.metres_per_degree
    offsets = ((np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5) * CHIP_M
    dy, dx = (a.ravel() for a in np.meshgrid(offsets / north_m, offsets / east_m, indexing="ij"))
    shares = ground.shares(lon[:, None] + dx, lat[:, None] + dy)
    order = np.argsort(-shares, axis=1, kind="stable")
    codes = np.array(world_settings.TRUTH_CODES)
    return codes[order[:, 0]], np.take_along_axis(shares, order[:, :1], 1)[:, 0], codes[order[:, 1]]


def _verdict(
    world: world_settings.World, person: Person, first: int, share: float, second: int, dice: np.ndarray
) -> str:
    """The label that a person gives to a chip; `dice` are four numbers in 0..1."""
    unusable = world.reviewer_unusable + (HARD_UNUSABLE if share < HARD_BELOW else 0.0)
    if first == world_settings.WETLAND:
        unusable, first = WETLAND_UNUSABLE, world_settings.GRASS_SHRUB
    if dice[0] < unusable:
        return reviews.UNUSABLE
    if share < HARD_BELOW and dice[1] > share and second != world_settings.WETLAND:
        first = second
    if dice[2] < world.reviewer_error[first] * person.carelessness:
        choices = perception.MISTAKEN_FOR[first]
        edges = np.cumsum([part for _, part in choices])[:-1]
        first = choices[int(np.searchsorted(edges, dice[3]))][0]
    return legend.seven().by_code(first).name


def _dice(world: world_settings.World, person: Person, key: str) -> np.ndarray:
    bits = hashing.text_bits(hashing.stream(world.seed, f"review {person.name}"), key)
    return hashing.uniform(bits, np.arange(4))
