"""The grid of cells: where a cell lies, which cells a box has, and how large they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from builder.geometry import ellipsoid, grid


@given(st.floats(-180, 179.9999), st.floats(-89.9999, 90))
def test_a_point_lies_in_its_cell(lon: float, lat: float) -> None:
    centre_lon, centre_lat = grid.cell_centre(grid.cell_of(np.array([lon]), np.array([lat])))
    half = 0.5 / grid.CELLS_PER_DEGREE + 1e-9
    assert abs(centre_lat[0] - lat) <= half
    assert abs((centre_lon[0] - lon + 180) % 360 - 180) <= half


def test_the_grid_is_that_of_cci() -> None:
    assert grid.GLOBE.shape == (64_800, 129_600)
    assert grid.cell_of(np.array([-180.0, 180.0]), np.array([90.0, 90.0])).tolist() == [0, 0]
    assert grid.window_of_bbox(108.0, 34.0, 108.5, 34.5).shape == (180, 180)


def test_a_box_across_the_antimeridian_wraps_its_columns() -> None:
    window = grid.window_of_bbox(179.0, 0.0, -179.0, 1.0)
    assert window.shape == (360, 720)
    lon, _ = grid.cell_centre(window.cells()[0, [0, -1]])
    np.testing.assert_allclose(lon, [179 + 1 / 720, -179 - 1 / 720])


@given(st.integers(20, 500))
def test_tiles_cover_a_window_once(size: int) -> None:
    window = grid.CellWindow(100, 400, 129_500, 129_800)
    cells = np.concatenate([t.cells().ravel() for t in window.tiles(size)])
    assert len(cells) == len(np.unique(cells)) == 90_000


def test_the_cells_of_the_globe_have_the_area_of_the_sphere() -> None:
    total = grid.cell_area_km2(np.arange(grid.ROWS)).sum() * grid.COLUMNS
    assert total == pytest.approx(4 * np.pi * (ellipsoid.AUTHALIC_RADIUS_M / 1000) ** 2, rel=1e-9)


@pytest.mark.parametrize("box", [(0, 10, 1e-9, 10 + 1e-9), (7, -90, 7.1, -90 + 1e-9), (0.0012, 0.0012, 0.0013, 0.0013)])
def test_a_box_however_small_has_a_cell(box: tuple[float, float, float, float]) -> None:
    window = grid.window_of_bbox(*box)
    assert min(window.shape) >= 1
    assert 0 <= window.row0 < window.row1 <= grid.ROWS


@pytest.mark.parametrize("box", [(0, 10, 5, 5), (0, -91, 5, 5), (0, 0, 0, 5), (0, 0, 200, 5)])
def test_a_wrong_box_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(errors.InputError, match="--bbox W,S,E,N: expected"):
        grid.window_of_bbox(*box)
