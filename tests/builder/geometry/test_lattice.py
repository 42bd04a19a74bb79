"""A lattice says where its pixels lie, whichever way one asks."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from builder.geometry import lattice as lattices
from builder.geometry.lattice import Lattice
from builder.geometry.window import Window

UTM = Lattice("EPSG:32649", (30.0, 0.0, 300_000.0, 0.0, -30.0, 3_800_000.0), (70, 90))
ROTATED = Lattice("EPSG:32649", (26.0, -15.0, 3e5, -15.0, -26.0, 3.8e6), (70, 90))
ACROSS_180 = Lattice("EPSG:4326", (0.1, 0.0, 179.0, 0.0, -0.1, 10.0), (20, 30))


def test_bounds_and_pixels_of_a_part_are_those_of_the_whole() -> None:
    assert UTM.bounds == (300_000.0, 3_797_900.0, 302_700.0, 3_800_000.0)
    part = Window(10, 20, 30, 50)
    x, y = UTM.centres(part)
    assert (x[0, 0], y[0, 0]) == (300_915.0, 3_799_685.0)
    np.testing.assert_array_equal(UTM.window(part).centres(), (x, y))


@pytest.mark.parametrize("lattice", [UTM, ROTATED, ACROSS_180], ids=["utm", "rotated", "across 180"])
def test_places_come_back_to_their_pixels(lattice: Lattice) -> None:
    column, row = np.array([0.0, 12.25, 29.0]), np.array([0.5, 7.0, 19.75])
    np.testing.assert_allclose(lattice.column_row(*lattice.xy(column, row)), (column, row), atol=1e-6)
    np.testing.assert_allclose(lattice.positions(*lattice.lonlat(column, row)), (column, row), atol=1e-6)


def test_longitudes_of_an_outline_run_on_across_180() -> None:
    lon, _ = ACROSS_180.outline_lonlat()
    assert (lon.min(), lon.max()) == pytest.approx((179.0, 182.0))


def test_a_pixel_of_30_m_has_nine_hundredths_of_a_hectare() -> None:
    assert UTM.pixel_hectares() == pytest.approx(0.09, rel=2e-3)
    assert UTM.size_m() == pytest.approx((70 * 30, 90 * 30), rel=1e-3)


def test_the_same_ground_in_other_pixels_keeps_its_bounds() -> None:
    assert UTM.resampled(7, 9).bounds == pytest.approx(UTM.bounds)


@pytest.mark.parametrize(
    ("crs", "expected"), [("EPSG:4326", True), ("EPSG:4979", True), ("EPSG:4807", False), ("EPSG:32649", False)]
)
def test_longitude_and_latitude_are_known_under_any_name(crs: str, expected: bool) -> None:
    assert lattices.is_lonlat(crs) is expected
    assert lattices.is_lonlat(pyproj.CRS(crs).to_wkt()) is expected
