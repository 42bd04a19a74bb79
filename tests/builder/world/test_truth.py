from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from builder import errors
from builder.legend import legend
from builder.world import truth, world_settings


def test_every_class_has_its_share_of_the_ground():
    for seed in (0, 1):
        codes = truth.draw(world_settings.world("tiny", seed)).codes
        shares = {c.name: (codes == c.code).mean() for c in legend.seven().classes}
        assert all(0.06 < share < 0.35 for share in shares.values()), shares


def test_the_same_seed_draws_the_same_ground_and_another_seed_another():
    first, second, other = (truth.draw(world_settings.world("tiny", seed)).codes for seed in (3, 3, 4))
    assert np.array_equal(first, second)
    assert (first != other).mean() > 0.5


def test_thirty_truth_pixels_lie_along_a_cell_and_the_first_starts_at_the_ground():
    world = world_settings.world("tiny")
    ground = truth.draw(world)
    rows, columns = world.ground.shape
    assert ground.codes.shape == (rows * 30, columns * 30)
    west, _, _, north = world.ground.bounds
    pixel = 1 / 10800
    assert ground.at(np.array([west + 2.5 * pixel]), np.array([north - 1.5 * pixel]))[0] == ground.codes[1, 2]


def test_the_truth_on_disk_is_the_truth_with_colours(tmp_path):
    ground = truth.draw(world_settings.world("tiny"))
    truth.write(ground, tmp_path / "truth.tif")
    again = truth.read(tmp_path / "truth.tif")
    assert np.array_equal(again.codes, ground.codes)
    assert (again.west, again.north) == pytest.approx((ground.west, ground.north), abs=1e-12)
    assert "Wetland" in (tmp_path / "truth.tif.aux.xml").read_text()


def test_shares_count_the_points_of_a_chip():
    ground = truth.Truth(np.array([[10, 20], [20, 20]], np.uint8), 0.0, 1.0)
    per = ground.per_degree
    lon, lat = np.array([[0.5, 1.5, 0.5, 1.5]]) / per, 1.0 - np.array([[0.5, 0.5, 1.5, 1.5]]) / per
    shares = dict(zip(world_settings.TRUTH_CODES, ground.shares(lon, lat)[0], strict=True))
    assert shares[10] == 0.25
    assert shares[20] == 0.75


def test_both_sizes_hold_the_seams_of_utm_and_of_modis():
    for size in world_settings.SIZES:
        west, south, east, north = world_settings.world(size).window.bounds
        assert west < 108 < east
        edge_m = 9 * 1_111_950.519667  # between the tiles h26 and h27
        edge_at = [np.degrees(edge_m / (6_371_007.181 * np.cos(np.radians(lat)))) for lat in (south, north)]
        assert west < max(edge_at) and min(edge_at) < east


def test_an_unknown_size_is_refused():
    with pytest.raises(errors.InputError, match="tiny, small"):
        world_settings.world("huge")


def test_the_world_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        world_settings.world().seed = 1  # type: ignore[misc]
