from __future__ import annotations

import collections

import imagery_files
import numpy as np
import pytest

from builder.chips import chip, imagery_toml
from builder.chips.imagery_rules import Reason

LON, LAT = imagery_files.CENTRE


def imagery(tmp_path, **rules):
    table = {"rules": rules, "source": [{"name": "test", "type": "stac", "path": "."}]}
    return imagery_toml.parse(table, tmp_path)


def scene(tmp_path, name, *, seed=0, pixels=None, facts=(), **how):
    pixels = imagery_files.texture(600, 600, seed=seed) if pixels is None else pixels
    path = imagery_files.write(tmp_path / "scenes" / f"{name}.tif", pixels, **how)
    return imagery_files.item(path, **dict(facts))


def request(label="forest", lon=LON, lat=LAT, key="k", rotation_deg=0.0):
    return chip.Request(key, lon, lat, label, rotation_deg)


def acquired(tmp_path, items, label="forest", **rules):
    imagery_files.catalogue(tmp_path, items)
    return chip.acquire([request(label)], imagery(tmp_path, **rules))[0].result


def at(day):
    return {"datetime": f"{day}T10:00:00Z"}


def test_a_chip_has_pixels_ground_and_origin(tmp_path):
    result = acquired(tmp_path, [scene(tmp_path, "a", facts=at("2010-07-02"))])
    assert result.pixels.shape == (299, 299, 3) and result.pixels.dtype == np.uint8
    assert (result.footprint.lon, result.footprint.lat, result.footprint.size_m) == (LON, LAT, 90.0)
    assert result.acquisition.scene_ids == ("a",)


def test_the_acquisition_nearest_to_the_preferred_day_is_shown(tmp_path):
    items = [scene(tmp_path, name, seed=i, facts=at(d)) for i, (name, d) in enumerate(
        {"early": "2008-07-01", "best": "2010-09-01", "late": "2012-07-01", "outside": "2010-06-30"}.items()
    )]  # fmt: skip
    items[3]["properties"]["gsd"] = 15.0
    assert acquired(tmp_path, items).acquisition.scene_ids == ("best",)


def test_across_scene_edges_a_chip_is_a_mosaic_of_one_day(tmp_path):
    pixels = imagery_files.texture(600, 600)
    whole = acquired(tmp_path / "whole", [scene(tmp_path / "whole", "a", pixels=pixels)])
    transform = imagery_files.utm_transform(LON, LAT, (600, 600), 0.3)
    halves = []
    for name, first in (("west", 0), ("east", 300)):
        moved = type(transform)(0.3, 0, transform.c + 0.3 * first, 0, -0.3, transform.f)
        part = pixels[:, :, first : first + 300]
        halves.append(scene(tmp_path / "parts", name, pixels=part, transform=moved, facts={"gsd": 0.3 + first / 1000}))
    mosaic = acquired(tmp_path / "parts", halves)
    assert mosaic.acquisition.scene_ids == ("west", "east")
    assert mosaic.acquisition.gsd_m == 0.6
    assert np.abs(mosaic.pixels.astype(float) - whole.pixels).mean() < 0.5


def test_scenes_of_two_days_are_never_mixed(tmp_path):
    transform = imagery_files.utm_transform(LON, LAT, (600, 600), 0.3)
    halves = []
    for day, first in (("2010-07-01", 0), ("2010-07-02", 300)):
        moved = type(transform)(0.3, 0, transform.c + 0.3 * first, 0, -0.3, transform.f)
        part = imagery_files.texture(600, 300)
        halves.append(scene(tmp_path, day, pixels=part, transform=moved, facts=at(day)))
    refusal = acquired(tmp_path, halves)
    assert refusal.reason == Reason.NODATA and "2 candidates: 2 nodata" in refusal.detail


def test_where_the_best_scene_has_holes_the_next_is_shown(tmp_path):
    hole = np.ones((600, 600), np.uint8) * 255
    hole[290:310, 290:310] = 0
    items = [
        scene(tmp_path, "holed", facts=at("2010-07-01"), mask=hole),
        scene(tmp_path, "whole", facts=at("2012-07-01")),
    ]
    assert acquired(tmp_path, items).acquisition.scene_ids == ("whole",)
    assert acquired(tmp_path, items, max_nodata_share=0.1).acquisition.scene_ids == ("holed",)


def test_a_corrupt_or_missing_scene_refuses_its_chips_with_a_reason(tmp_path):
    items = [scene(tmp_path, "gone")]
    (tmp_path / "scenes" / "gone.tif").unlink()
    refusal = acquired(tmp_path, items)
    assert refusal.reason == Reason.UNREADABLE and "gone.tif" in refusal.detail


def test_a_blank_scene_is_refused(tmp_path):
    refusal = acquired(tmp_path, [scene(tmp_path, "a", pixels=np.full((3, 600, 600), 7, np.uint8))])
    assert refusal.reason == Reason.BLANK


@pytest.mark.parametrize(
    ("facts", "label", "reason"),
    [
        (at("2014-01-01"), "forest", Reason.DATE),
        ({"gsd": 15}, "forest", Reason.RESOLUTION),
        ({"platform": "landsat-5"}, "forest", Reason.DENIED),
        (at("2010-01-01"), "water", Reason.SEASON),
        (at("2010-01-01"), None, Reason.SEASON),
    ],
)
def test_each_rule_refuses_with_its_reason(tmp_path, facts, label, reason):
    assert acquired(tmp_path, [scene(tmp_path, "a", facts=facts)], label).reason == reason


def test_answers_come_in_the_order_of_the_requests(tmp_path):
    imagery_files.catalogue(tmp_path, [scene(tmp_path, "a")])
    far = request(lon=LON + 1, key="far")
    near = [request(lon=LON + i * 1e-4, key=str(i), rotation_deg=15.0 * i) for i in range(3)]
    outcomes = chip.acquire([near[0], far, near[1], near[2]], imagery(tmp_path))
    assert [o.request.key for o in outcomes] == ["0", "far", "1", "2"]
    assert outcomes[1].result == chip.Refusal(Reason.NO_SCENE, "no source has a scene here")
    assert [o.result.footprint.rotation_deg for o in outcomes if o.request.key != "far"] == [0.0, 15.0, 30.0]
    assert chip.acquire([], imagery(tmp_path)) == []


def test_a_rotated_chip_turned_back_shows_the_same_ground_without_black_corners(tmp_path):
    imagery_files.catalogue(tmp_path, [scene(tmp_path, "a")])
    upright, quarter = (
        o.result.pixels.astype(int) for o in chip.acquire([request(), request(rotation_deg=90.0)], imagery(tmp_path))
    )
    assert np.abs(np.rot90(quarter, -1) - upright).max() <= 1
    (eighth,) = chip.acquire([request(rotation_deg=45.0)], imagery(tmp_path))
    corners = eighth.result.pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners.sum(axis=1) > 0).all()


def test_real_naip_inside_and_outside_the_years(shared_data):
    table = {
        "rules": {"max_gsd_m": 5},
        "source": [{"name": "naip", "type": "folder", "path": "naip_nd", "date": {"from": "name"}}],
    }
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-99.183, -99.127, 60), rng.uniform(47.006, 47.034, 60)
    requests = [chip.Request(str(i), lon[i], lat[i], "forest") for i in range(60)]
    wanted = imagery_toml.parse(table, shared_data / "imagery")
    years = collections.Counter(o.result.acquisition.acquired_from.year for o in chip.acquire(requests, wanted))
    assert years == {2010: 60}
    only_late = imagery_toml.parse(
        table | {"rules": {"max_gsd_m": 5, "dates": ["2013-01-01", "2013-12-31"]}}, shared_data / "imagery"
    )
    assert {o.result.reason for o in chip.acquire(requests, only_late)} == {Reason.DATE}
    strict = imagery_toml.parse(table | {"rules": {}}, shared_data / "imagery")
    outcomes = chip.acquire(requests, strict)
    assert {o.result.reason for o in outcomes} == {Reason.RESOLUTION}
    assert outcomes[0].result.detail == "5 m, coarser than 2 m (5 candidates: 3 resolution, 2 date)"
