"""A window is rows and columns; parts cover it once, and rasterio reads the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.geometry import grid
from builder.geometry import window as windows
from builder.geometry.window import Window


def test_a_window_knows_its_shape_and_its_place() -> None:
    window = Window(2, 5, 10, 14)
    assert (window.shape, window.size, window.slices) == ((3, 4), 12, (slice(2, 5), slice(10, 14)))
    assert window.in_raster.flatten() == (10, 2, 4, 3)  # column, row, width, height
    assert window.within(Window(1, 9, 9, 20)) == Window(1, 4, 1, 5)
    assert window.joined(Window(4, 8, 0, 11)) == Window(2, 8, 0, 14)


@pytest.mark.parametrize(
    ("part", "is_held"),
    [((0, 3, 0, 4), True), ((3, 3, 0, 4), True), ((0, 4, 0, 4), False), ((-1, 2, 0, 4), False), ((2, 1, 0, 4), False)],
)
def test_a_raster_holds_the_windows_inside_it(part: tuple[int, int, int, int], is_held: bool) -> None:
    assert windows.of_shape((3, 4)).holds(Window(*part)) is is_held


@given(
    st.integers(-5, 20), st.integers(1, 30), st.integers(-5, 20), st.integers(1, 30), st.integers(1, 9),
    st.integers(1, 9),
)  # fmt: skip
def test_parts_cover_a_window_once_and_are_cut_at_multiples(row, rows, column, columns, height, width) -> None:
    window = Window(row, row + rows, column, column + columns)
    seen = np.zeros(window.shape, int)
    for part in window.tiles(height, width):
        assert part.row0 == window.row0 or part.row0 % height == 0
        assert part.col0 == window.col0 or part.col0 % width == 0
        seen[part.within(window).slices] += 1
    assert (seen == 1).all()


def test_parts_of_a_window_of_cells_are_windows_of_cells() -> None:
    window = grid.CellWindow(100, 400, grid.COLUMNS - 60, grid.COLUMNS + 60)
    parts = list(window.tiles(360))
    assert all(isinstance(part, grid.CellWindow) for part in parts)
    assert sum(part.cells().size for part in parts) == 300 * 120
    assert window.lattice.bounds == pytest.approx(window.bounds)
