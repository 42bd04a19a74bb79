from __future__ import annotations

import datetime
import json
import math
import pickle

import imagery_files
import numpy as np
import pystac
import pytest
import range_server

from builder import errors
from builder.chips import footprint
from builder.imagery import source, stac

LON, LAT = imagery_files.CENTRE
HERE = [(LON - 1e-4, LAT - 1e-4, LON + 1e-4, LAT + 1e-4)]


def scene_file(folder, name="a", **how):
    return imagery_files.write(folder / "scenes" / f"{name}.tif", imagery_files.texture(500, 500), driver="COG", **how)


def found(root, stated=source.NOTHING_STATED, asset=None):
    return stac.Catalogue("test", str(root), stated, asset).find(HERE)[0]


def test_a_catalogue_of_a_folder_is_valid_stac_and_leads_to_its_scene(tmp_path):
    providers = [{"name": "Land Survey", "roles": ["producer"]}]
    item = imagery_files.item(scene_file(tmp_path), platform="Plane-1", instruments=["UltraCam"])
    root = imagery_files.catalogue(tmp_path, [item], providers=providers)
    assert [i.id for i in pystac.Catalog.from_file(str(root)).get_items(recursive=True)] == ["a"]
    for address in (root, tmp_path):
        (scene,) = found(address)
        assert scene.acquisition == source.Acquisition(
            source="test", sensor="Plane-1 UltraCam", scene_ids=("a",), gsd_m=0.3, licence="CC-BY-4.0", url="a.tif",
            acquired_from=datetime.date(2010, 7, 1), acquired_to=datetime.date(2010, 7, 1),
            attribution="Land Survey", redistribution="yes",
        )  # fmt: skip
        assert set(scene.names) >= {"Land Survey", "Plane-1", "UltraCam", "scenes"}


def test_a_static_catalogue_over_http_is_read_by_ranges_and_only_once(tmp_path):
    item = imagery_files.item(scene_file(tmp_path, blocksize=128))
    imagery_files.catalogue(tmp_path, [item])
    size = (tmp_path / "scenes" / "a.tif").stat().st_size
    with range_server.serve(tmp_path) as (url, log):
        catalogue = stac.Catalogue("web", f"{url}/catalog.json")
        (scene,) = catalogue.find(HERE)[0]
        catalogue.find(HERE)
        assert [entry for entry in log if entry.endswith(".json")] == [
            "GET /catalog.json",
            "GET /scenes/collection.json",
            "GET /scenes/a.json",
        ]
        assert scene.acquisition.url == f"{url}/scenes/a.tif"
        grid = source.GroundGrid(footprint.Footprint(LON, LAT).nodes(5), 299, 90.0)
        (patch,) = catalogue.read(scene, [grid])
        (local,) = stac.Catalogue("local", str(tmp_path)).read(found(tmp_path)[0], [grid])
        np.testing.assert_array_equal(patch.pixels, local.pixels)
        ranges = [entry for entry in log if "a.tif bytes=" in entry]
        assert ranges, log
        assert size > 0 and not [entry for entry in log if entry == "GET /scenes/a.tif"]


def test_a_catalogue_that_is_gone_is_named(tmp_path):
    with range_server.serve(tmp_path) as (url, _), pytest.raises(errors.InputError, match=r"nothing\.json"):
        found(f"{url}/nothing.json")
    with pytest.raises(errors.InputError, match=r"collection\.json"):
        found(tmp_path)


def test_a_range_of_days_is_kept_and_ends_in_utc(tmp_path):
    facts = {"datetime": None, "start_datetime": "2010-06-30T23:30:00-02:00", "end_datetime": "2010-07-09T01:00:00Z"}
    imagery_files.catalogue(tmp_path, [imagery_files.item(scene_file(tmp_path), **facts)])
    (scene,) = found(tmp_path)
    assert scene.acquisition.acquired_from == datetime.date(2010, 7, 1)
    assert scene.acquisition.acquired_to == datetime.date(2010, 7, 9)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"datetime": None}, "no datetime"),
        ({"gsd": None}, "no gsd"),
        ({"datetime": "last summer"}, "last summer"),
        ({"datetime": None, "start_datetime": "2011-01-01T00:00:00Z", "end_datetime": "2010-01-01T00:00:00Z"}, "after"),
    ],
)
def test_an_item_that_lacks_a_fact_is_named(tmp_path, facts, words):
    imagery_files.catalogue(tmp_path, [imagery_files.item(scene_file(tmp_path), **facts)])
    with pytest.raises(errors.InputError, match=rf"a\.json.*{words}"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("bbox", None, r"expected a bbox of 4 or 6 numbers.*received None"),
        ("bbox", [math.nan, 1, 2, 3], r"expected a bbox of 4 or 6 numbers.*nan"),
        ("bbox", ["a", 1, 2, 3], "expected an item as STAC describes it"),
        ("properties", None, "expected an item as STAC describes it"),
        ("assets", {"visual": {"roles": ["visual"]}}, "expected an item as STAC describes it.*href"),
    ],
)
def test_an_item_that_is_malformed_is_named(tmp_path, part, value, words):
    imagery_files.catalogue(tmp_path, [imagery_files.item(scene_file(tmp_path)) | {part: value}])
    with pytest.raises(errors.InputError, match=rf"a\.json: {words}"):
        found(tmp_path)


def test_links_that_are_no_list_are_refused(tmp_path):
    (tmp_path / "catalog.json").write_text('{"type": "Catalog", "links": "none"}', encoding="utf-8")
    with pytest.raises(errors.InputError, match=r"catalog\.json: expected links as a list"):
        found(tmp_path)


def test_what_the_items_lack_may_be_stated(tmp_path):
    item = imagery_files.item(scene_file(tmp_path), gsd=None)
    imagery_files.catalogue(tmp_path, [item], license=None)
    stated = source.Stated(gsd_m=0.5, licence="CC-BY-NC-4.0", attribution="us", sensor="camera")
    seen = found(tmp_path, stated)[0].acquisition
    assert (seen.gsd_m, seen.licence, seen.attribution, seen.sensor) == (0.5, "CC-BY-NC-4.0", "us", "camera")
    assert seen.redistribution == "unknown"


def test_the_asset_is_taken_by_name_or_role(tmp_path):
    item = imagery_files.item(scene_file(tmp_path))
    item["assets"]["picture"] = {"href": "./other.tif", "roles": ["visual"]}
    imagery_files.catalogue(tmp_path, [item])
    assert found(tmp_path)[0].pixels.path.endswith("other.tif")
    assert found(tmp_path, asset="image")[0].pixels.path.endswith("a.tif")
    with pytest.raises(errors.InputError, match="no asset 'red'; it has thumb, image, picture"):
        found(tmp_path, asset="red")


def test_only_scenes_that_touch_the_area_are_found_also_across_180(tmp_path):
    scene_file(tmp_path)
    items = []
    for name, box in {"here": [107, 33, 109, 35], "far": [0, 0, 1, 1], "edge": [179.5, 10, -179.5, 11]}.items():
        item = imagery_files.item(tmp_path / "scenes" / "a.tif", name=name)
        items.append(item | {"bbox": box})
    imagery_files.catalogue(tmp_path, items)
    areas = [HERE[0], (179.9, 10.2, -179.9, 10.3), (-179.8, 10.2, -179.7, 10.3), (50.0, 50.0, 51.0, 51.0)]
    answers = stac.Catalogue("test", str(tmp_path)).find(areas)
    assert [[s.acquisition.scene_ids[0] for s in scenes] for scenes in answers] == [["here"], ["edge"], ["edge"], []]


def test_a_catalogue_and_its_scenes_pickle(tmp_path):
    imagery_files.catalogue(tmp_path, [imagery_files.item(scene_file(tmp_path))])
    catalogue = stac.Catalogue("test", str(tmp_path))
    assert pickle.loads(pickle.dumps(catalogue)).find(HERE) == pickle.loads(pickle.dumps(catalogue.find(HERE)))


def test_something_that_is_no_stac_is_refused(tmp_path):
    (tmp_path / "catalog.json").write_text(json.dumps({"hello": 1}))
    with pytest.raises(errors.InputError, match="expected a STAC Catalog"):
        found(tmp_path)
    (tmp_path / "catalog.json").write_text("<html>")
    with pytest.raises(errors.InputError, match="expected JSON"):
        stac.Catalogue("other", str(tmp_path)).find(HERE)
