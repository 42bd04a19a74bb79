"""Boxes, rings and areas at 180 degrees."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from builder.geometry import lonlat


@given(st.floats(-1000, 1000))
def test_a_wrapped_longitude_is_the_same_place(lon: float) -> None:
    wrapped = float(lonlat.wrapped(np.asarray(lon)))
    assert -180.0 <= wrapped < 180.0
    assert np.cos(np.radians(wrapped)) == pytest.approx(np.cos(np.radians(lon)), abs=1e-9)


def test_180_stays_180_where_both_ends_count() -> None:
    assert [lonlat.on_the_globe(lon) for lon in (180.0, -180.0, 181.0, -190.0)] == [180.0, -180.0, -179.0, 170.0]


def test_a_ring_across_180_has_its_west_in_the_east() -> None:
    ring = np.array([179.0, -179.0, -179.0, 179.0]), np.array([1.0, 1.0, 0.0, 0.0])
    assert lonlat.bounds_of_ring(*ring) == (179.0, 0.0, -179.0, 1.0)
    parts = shapely.get_parts(lonlat.split_at_180(*ring))
    assert sorted(part.bounds for part in parts) == [(-180.0, 0.0, -179.0, 1.0), (179.0, 0.0, 180.0, 1.0)]


def test_a_ring_beside_180_stays_one_part() -> None:
    area = lonlat.split_at_180(np.array([1.0, 2.0, 2.0, 1.0]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert area.bounds == (1.0, 0.0, 2.0, 1.0)


@pytest.mark.parametrize("turn", [0.0, 360.0])
def test_boxes_overlap_though_they_are_counted_a_turn_apart(turn: float) -> None:
    assert lonlat.overlaps((179.0, 0.0, 181.0, 1.0), (-179.5 + turn, 0.5, -179.0 + turn, 2.0))
    assert not lonlat.overlaps((179.0, 0.0, 181.0, 1.0), (-179.0 + turn, 0.0, -178.0 + turn, 1.0))  # an edge alone
    assert not lonlat.overlaps((179.0, 0.0, 181.0, 1.0), (179.5 + turn, 1.0, 180.0 + turn, 2.0))


def test_the_narrowest_range_lies_outside_the_widest_gap() -> None:
    assert lonlat.narrowest(np.array([179.0, -179.0, 178.0])) == (178.0, -179.0)
    assert lonlat.narrowest(np.array([5.0])) == (5.0, 5.0)


def test_parts_on_both_sides_of_180_are_joined_and_others_are_left() -> None:
    both = shapely.union(shapely.box(179.0, 0.0, 180.0, 1.0), shapely.box(-180.0, 0.0, -178.0, 1.0))
    assert lonlat.joined_at_180(both).bounds == (179.0, 0.0, 182.0, 1.0)
    assert lonlat.joined_at_180(shapely.box(-2.0, 0.0, 3.0, 1.0)).bounds == (-2.0, 0.0, 3.0, 1.0)


def test_a_box_across_180_counts_as_two_of_one_number() -> None:
    boxes, numbers = lonlat.boxes([(0.0, 0.0, 1.0, 1.0), (179.0, 0.0, -179.0, 1.0)])
    assert numbers.tolist() == [0, 1, 1]
    assert [box.bounds[:3:2] for box in boxes] == [(0.0, 1.0), (179.0, 180.0), (-180.0, -179.0)]
