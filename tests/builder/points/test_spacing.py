"""Distances: against geodesics, against brute force, at the poles and across 180 degrees."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.geometry import ellipsoid, grid
from builder.points import spacing

ORIGINS = st.sampled_from([(32400, 64800), (8000, 129590), (200, 129580), (0, 50), (64780, 100)])  # row, column


@st.composite
def cells_in_a_window(draw, most: int = 120) -> np.ndarray:
    """Cells of a 25 x 25 window at the equator, at 67 N across 180 degrees, near and at both poles; unordered."""
    row, column = draw(ORIGINS)
    window = grid.CellWindow(row, min(row + 25, grid.ROWS), column, column + 25)
    every = window.cells().ravel()
    chosen = draw(st.lists(st.integers(0, len(every) - 1), unique=True, min_size=1, max_size=most))
    return every[chosen]


def distances_m(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    geod = pyproj.Geod(ellps="WGS84")
    (lon1, lat1), (lon2, lat2) = grid.cell_centre(one), grid.cell_centre(other)
    pairs = np.broadcast_arrays(lon1[:, None], lat1[:, None], lon2[None], lat2[None])
    return geod.inv(*(p.ravel() for p in pairs))[2].reshape(len(one), len(other))


@pytest.mark.parametrize("lat", [0.0, 34.0, 60.0, 80.0, 89.99])
@pytest.mark.parametrize("length_m", [90.0, 1000.0, 100_000.0])
def test_chords_are_geodesics_to_a_millionth(lat, length_m):
    for azimuth in (0.0, 45.0, 90.0):
        lon2, lat2, _ = pyproj.Geod(ellps="WGS84").fwd(179.999, lat, azimuth, length_m)
        here, there = ellipsoid.geocentric(np.array([179.999, lon2]), np.array([lat, lat2]))
        assert np.linalg.norm(here - there) == pytest.approx(ellipsoid.chord_m(length_m), rel=1e-6)


@settings(max_examples=60)
@given(cells_in_a_window(), st.floats(50.0, 5000.0), st.integers(1, 60))
def test_thinning_equals_comparing_with_everyone_kept(cells, spacing_m, most):
    distance = distances_m(cells, cells)
    kept: list[int] = []
    for i in range(len(cells)):
        if len(kept) < most and all(distance[i, j] >= spacing_m for j in kept):
            kept.append(i)
    assert spacing.thinned(cells, spacing_m, most).tolist() == kept


@settings(max_examples=60)
@given(cells_in_a_window(), st.floats(50.0, 5000.0), st.data())
def test_discs_hold_what_is_nearer_than_their_radius(cells, radius_m, data):
    count = data.draw(st.integers(1, len(cells)))
    asked, centres = np.sort(cells), cells[:count]
    held = spacing.Discs(centres, radius_m).hold(asked)
    np.testing.assert_array_equal(held, distances_m(asked, centres).min(axis=1) < radius_m)


def test_nothing_is_held_by_no_disc():
    assert not spacing.Discs(np.empty(0, np.int64), 1e4).hold(np.arange(5)).any()
    assert spacing.Discs(np.arange(3), 1e4).hold(np.empty(0, np.int64)).shape == (0,)


@settings(max_examples=60)
@given(cells_in_a_window(), st.floats(50.0, 3000.0), st.integers(1, 8), st.integers(1, 8))
def test_a_box_is_near_when_one_of_its_cells_is_and_not_much_beyond(cells, distance_m, height, width):
    cells = np.sort(cells)
    row, column = (int(v) for v in np.divmod(cells[len(cells) // 2], grid.COLUMNS))
    box = grid.CellWindow(row, min(row + height, grid.ROWS), column, min(column + width, grid.COLUMNS))
    near = spacing.near_boxes(cells, np.array([[box.row0, box.row1, box.col0, box.col1]]), distance_m)
    nearest = distances_m(cells, box.cells().ravel()).min(axis=1)
    assert near[nearest < distance_m].all()
    assert not near[nearest > distance_m + 320.0].any()  # a cell is 437 m across its corners, so 219 m to its centre


def test_the_margin_of_columns_grows_towards_the_pole():
    assert spacing.column_margin(32400, 32401, 1000.0) == 6  # 309 m each, and two to spare
    assert spacing.column_margin(3600, 3601, 1000.0) > 18  # 80 N: 54 m each
    assert spacing.column_margin(0, 1, 1000.0) == grid.COLUMNS // 2
