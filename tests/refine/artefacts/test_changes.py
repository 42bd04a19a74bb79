"""The change table: pixels counted, hectares on the ellipsoid."""

from __future__ import annotations

import csv
import pathlib

import numpy as np
import pyproj
import pytest

from builder.geometry import ellipsoid
from refine.artefacts import changes

NAMES = {10: "Cultivated land", 20: "Forest", 60: "Water bodies"}


def test_pixels_and_hectares_of_each_change() -> None:
    before = np.array([[10, 10, 20], [20, 20, 60]], np.uint8)
    after = np.array([[10, 20, 60], [60, 20, 60]], np.uint8)
    table = changes.of_block(before, after, pixel_hectares=0.09)
    assert table.rows() == [(20, 60, 2, pytest.approx(0.18)), (10, 20, 1, pytest.approx(0.09))]


def test_tables_of_blocks_add_up_to_that_of_the_whole() -> None:
    random = np.random.default_rng(1)
    before, after = random.choice([10, 20, 60], (2, 40, 40)).astype(np.uint8)
    whole = changes.of_block(before, after, 0.09)
    parts = sum(
        (changes.of_block(before[i : i + 8], after[i : i + 8], 0.09) for i in range(0, 40, 8)), changes.Changes()
    )
    assert parts.pixels == whole.pixels
    assert parts.hectares == pytest.approx(whole.hectares)


def test_a_utm_pixel_off_the_central_meridian_is_smaller_on_the_ellipsoid() -> None:
    to_degrees = pyproj.Transformer.from_crs("EPSG:32649", "EPSG:4326", always_xy=True)
    x, y = np.array([200_000, 203_000, 203_000, 200_000]), np.array([3_800_000, 3_800_000, 3_803_000, 3_803_000])
    hectares = ellipsoid.area_hectares(*to_degrees.transform(x, y))
    # scale factor 1.00071 at 298.5 km west of the central meridian: 900 ha of grid are 900 / 1.00071^2 on the ground
    assert hectares == pytest.approx(898.72, abs=0.1)


def test_the_csv_names_classes(tmp_path: pathlib.Path) -> None:
    changes.write_csv(changes.Changes({(20, 60): 2}, {(20, 60): 0.18}), NAMES, tmp_path / "c.csv")
    rows = list(csv.DictReader((tmp_path / "c.csv").open()))
    assert rows == [
        {"from_code": "20", "from": "Forest", "to_code": "60", "to": "Water bodies", "pixels": "2", "hectares": "0.18"}
    ]
