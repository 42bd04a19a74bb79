from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.chips import footprint

GEOD = pyproj.Geod(ellps="WGS84")


def sides_m(square: footprint.Footprint) -> np.ndarray:
    corners = square.corners()
    following = np.roll(corners, -1, axis=0)
    return np.asarray(GEOD.inv(corners[:, 0], corners[:, 1], following[:, 0], following[:, 1])[2])


@pytest.mark.parametrize("lat", [0.0, 34.0, 60.0, 80.0, -80.0])
@pytest.mark.parametrize("lon", [0.0, 108.0, 179.9999, -180.0])
@pytest.mark.parametrize("rotation_deg", [0.0, 15.0, 345.0])
def test_all_four_sides_are_ninety_metres(lon, lat, rotation_deg):
    np.testing.assert_allclose(sides_m(footprint.Footprint(lon, lat, 90.0, rotation_deg)), 90.0, atol=1e-3)


@given(st.floats(-180, 179.999), st.floats(-89, 89), st.floats(0, 360), st.floats(10, 1000))
def test_sides_and_diagonals_make_a_square_anywhere(lon, lat, rotation_deg, size_m):
    square = footprint.Footprint(lon, lat, size_m, rotation_deg)
    np.testing.assert_allclose(sides_m(square), size_m, rtol=1e-7)
    corners = square.corners()
    diagonal = GEOD.inv(*corners[0], *corners[2])[2]
    assert diagonal == pytest.approx(size_m * math.sqrt(2), rel=1e-7)


def test_the_top_faces_the_rotation():
    corners = footprint.Footprint(10.0, 50.0, 90.0, 90.0).corners()
    assert corners[:2, 0].min() > 10.0  # both top corners are east of the centre
    upright = footprint.Footprint(10.0, 50.0).corners()
    assert upright[0, 0] < 10.0 < upright[1, 0] and upright[0, 1] > 50.0


@pytest.mark.parametrize("rotation_deg", [0.0, 33.0, 200.0])
def test_affine_and_crs_lead_to_the_corners(rotation_deg):
    square = footprint.Footprint(-70.5, -33.25, 90.0, rotation_deg)
    a, b, c, d, e, f = square.affine(299)
    column, row = np.array([0, 299, 299, 0]), np.array([0, 0, 299, 299])
    to_degrees = pyproj.Transformer.from_crs(square.crs, 4326, always_xy=True)
    lon, lat = to_degrees.transform(a * column + b * row + c, d * column + e * row + f)
    np.testing.assert_allclose(np.stack([lon, lat], axis=1), square.corners(), atol=1e-11)


def test_pixel_centres_are_half_a_pixel_inside():
    square = footprint.Footprint(20.0, 40.0, 90.0)
    centres = square.pixel_centres(3)
    assert centres[1, 1] == pytest.approx([20.0, 40.0], abs=1e-12)
    assert GEOD.inv(*centres[0, 0], *centres[0, 1])[2] == pytest.approx(30.0, abs=1e-6)


def test_a_footprint_across_the_antimeridian_has_two_parts_of_the_right_area():
    square = footprint.Footprint(179.9999, 34.0)
    parts = list(square.polygon.geoms)
    assert len(parts) == 2
    assert sum(abs(GEOD.geometry_area_perimeter(part)[0]) for part in parts) == pytest.approx(8100.0, rel=1e-6)
    west, _, east, _ = square.bounds
    assert west > 179.99 and east < -179.99


def test_a_footprint_elsewhere_is_one_polygon():
    square = footprint.Footprint(108.0, 34.0)
    assert square.polygon.geom_type == "Polygon"
    assert square.polygon.bounds == pytest.approx(square.bounds)


def test_many_footprints_at_once_equal_each_by_itself():
    centres = np.array([[10.0, 50.0, 0.0], [179.9999, -20.0, 45.0]])
    together = footprint.nodes(centres, 90.0, 5)
    for i, (lon, lat, rotation_deg) in enumerate(centres):
        np.testing.assert_array_equal(together[i], footprint.Footprint(lon, lat, 90.0, rotation_deg).nodes(5))
