"""Distances, near pairs and areas on the ellipsoid."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.geometry import ellipsoid


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(7.0, 5000.0))
def test_places_within_a_radius_are_those_a_full_comparison_finds(seed: int, radius_m: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = (ellipsoid.geocentric(rng.uniform(-0.02, 0.02, n), rng.uniform(60.0, 60.02, n)) for n in (30, 40))
    distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
    found = {
        (int(i), int(j)) for part in ellipsoid.within(a, b, radius_m) for i, j in zip(part[0], part[1], strict=True)
    }
    assert found == {(int(i), int(j)) for i, j in np.argwhere(distance <= radius_m)}


def test_the_closest_pair_is_found_across_the_globe() -> None:
    a, b = ellipsoid.geocentric([0.0, 10.0], [0.0, 0.0]), ellipsoid.geocentric([-170.0, 100.0], [0.0, 0.0])
    pair = ellipsoid.closest(a, b)
    assert pair is not None and pair[:2] == (1, 1)
    assert ellipsoid.closest(a, b[:0]) is None


def test_positions_are_those_of_proj() -> None:
    to_space = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=WGS84"
    )
    lon, lat = np.array([0.0, 108.9, -179.9, 12.0]), np.array([0.0, 34.3, -77.0, 90.0])
    expected = np.stack(to_space.transform(lon, lat, np.zeros(4)), axis=-1)
    np.testing.assert_allclose(ellipsoid.geocentric(lon, lat), expected, rtol=0, atol=1e-8)  # metres


def test_thirty_metres_are_thirty_metres_at_any_latitude() -> None:
    geod = pyproj.Geod(ellps="WGS84")
    for lat in (0.0, 34.0, -60.0, 80.0):
        for east_m, north_m in ((30.0, 0.0), (0.0, -30.0)):
            lon, moved = ellipsoid.moved(np.array([10.0]), np.array([lat]), east_m, north_m)
            assert geod.inv(10.0, lat, lon.item(), moved.item())[2] == pytest.approx(30.0, abs=1e-3)


def test_a_square_of_one_hectare_has_one_hectare() -> None:
    lon, lat = ellipsoid.moved(
        np.full(4, 10.0), np.full(4, 50.0), np.array([0, 100, 100, 0]), np.array([0, 0, 100, 100])
    )
    assert ellipsoid.area_hectares(lon, lat) == pytest.approx(1.0, abs=1e-4)
