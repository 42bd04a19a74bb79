"""Splits that touch are found; how near they come is right."""

from __future__ import annotations

import hashlib

import numpy as np
import pyproj
import pytest

from builder import errors
from builder.chips import footprint
from builder.dataset import leakage

GEOD = pyproj.Geod(ellps="WGS84")


def chips(places: list[tuple[float, float, float]], *, prefix: str, hashes: list[int] | None = None) -> leakage.Chips:
    """Chips of 90 m at (lon, lat, rotation), each with its own picture."""
    keys = np.array([f"{prefix}{i}" for i in range(len(places))])
    return leakage.Chips(
        keys,
        np.array([(lon, lat) for lon, lat, _ in places]).reshape(-1, 2),
        np.array([footprint.Footprint(lon, lat, 90.0, turn).corners() for lon, lat, turn in places]).reshape(-1, 4, 2),
        np.array([hashlib.sha256(key.encode()).hexdigest() for key in keys]),
        np.array(hashes if hashes is not None else [hash_of(key) for key in keys], np.int64),
    )


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little", signed=True)


def east_of(lon: float, lat: float, metres: float) -> tuple[float, float, float]:
    there_lon, there_lat, _ = GEOD.fwd(lon, lat, 90.0, metres)
    return there_lon, there_lat, 0.0


@pytest.mark.parametrize(("lon", "lat"), [(108.0, 34.0), (179.9999, 10.0), (20.0, 80.0), (-180.0, -55.0)])
def test_the_distance_of_two_splits_is_the_geodesic_one(lon: float, lat: float) -> None:
    train = chips([(lon, lat, 0.0)], prefix="a")
    test = chips([east_of(lon, lat, 1500.0), east_of(lon, lat, 1400.0)], prefix="b")
    (between,) = leakage.check({"train": train, "test": test})
    assert between.splits == ("test", "train")
    assert between.closest is not None
    assert between.closest.metres == pytest.approx(1400.0, abs=0.001)
    assert between.closest.keys == ("b1", "a0")


@pytest.mark.parametrize(("lon", "lat"), [(108.0, 34.0), (179.9999, 60.0)])
def test_footprints_that_share_a_corner_of_ground_are_refused(lon: float, lat: float) -> None:
    train = chips([(lon, lat, 0.0)], prefix="a")
    leakage.check({"train": train, "test": chips([east_of(lon, lat, 91.0)], prefix="b")})
    with pytest.raises(errors.InputError, match=r"a0 and b0.*--buffer-m|b0 and a0.*--buffer-m"):
        leakage.check({"train": train, "test": chips([east_of(lon, lat, 89.0)], prefix="b")})


def test_a_rotated_footprint_overlaps_where_the_straight_one_does_not() -> None:
    near = east_of(10.0, 50.0, 100.0)
    leakage.check({"train": chips([(10.0, 50.0, 0.0)], prefix="a"), "test": chips([near], prefix="b")})
    with pytest.raises(errors.InputError, match="overlap"):
        leakage.check({"train": chips([(10.0, 50.0, 45.0)], prefix="a"), "test": chips([near], prefix="b")})


def test_one_picture_in_two_splits_is_refused_and_inside_one_split_is_not() -> None:
    a, b = chips([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0)], prefix="a"), chips([(2.0, 0.0, 0.0)], prefix="b")
    a.pixels_sha256[1] = a.pixels_sha256[0]
    leakage.check({"train": a, "test": b})
    b.pixels_sha256[0] = a.pixels_sha256[0]
    with pytest.raises(errors.InputError, match="no picture in two splits"):
        leakage.check({"train": a, "test": b})


def test_one_key_twice_is_refused() -> None:
    a = chips([(0.0, 0.0, 0.0)], prefix="a")
    with pytest.raises(errors.InputError, match=r"a0 in test, train"):
        leakage.check({"train": a, "test": a})


def test_near_equal_pictures_are_counted_through_their_multiplicity() -> None:
    train = chips([(i, 0.0, 0.0) for i in range(3)], prefix="a", hashes=[0, 0, -1])
    test = chips([(i, 10.0, 0.0) for i in range(3)], prefix="b", hashes=[0, 0b1111, 0b11111])
    (between,) = leakage.check({"train": train, "test": test})
    assert (
        between.near_equal.pairs == 4
    )  # two lakes of train with the equal one and with the one that differs in 4 bits
    assert between.near_equal.listed == (("b0", "a0", 0), ("b1", "a0", 4))
