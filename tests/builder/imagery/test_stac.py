from __future__ import annotations

import datetime
import json
import math
import os
import pickle

import imagery_files
import numpy as np
import pystac
import pytest
import range_server

from builder import errors
from builder.chips import footprint
from builder.imagery import http, source, stac

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


def hostile_catalogue(tmp_path, text, name="a"):
    """A catalogue whose only item is `text`."""
    imagery_files.catalogue(tmp_path, [imagery_files.item(scene_file(tmp_path, name))])
    (tmp_path / "scenes" / f"{name}.json").write_text(text, encoding="utf-8")


def changed(tmp_path, **parts):
    return json.dumps(imagery_files.item(scene_file(tmp_path)) | parts)


TEXTS = {
    "nested": ("[" * 100_000 + "]" * 100_000, "nests deeper"),
    "nested object": ('{"type": "Feature", "a": ' + '{"a":' * 5000 + "1" + "}" * 5000 + "}", "nests deeper"),
    "long integer": ('{"type": "Feature", "id": ' + "1" * 5000 + "}", "expected JSON"),
    "lone surrogate": ('{"type": "Feature", "id": "\\ud800"}', "surrogate"),
    "NUL": ('{"type": "Feature", "id": "a\\u0000"}', "NUL"),
    "a list": ("[]", "expected a STAC Catalog, Collection or Item; received type None"),
    "a text": ('"Feature"', "expected a STAC Catalog"),
    "type is a list": ('{"type": ["Feature"]}', "expected a STAC Catalog"),
    "features null": ('{"type": "FeatureCollection", "features": null}', "expected features as a list of objects"),
    "features of texts": ('{"type": "FeatureCollection", "features": ["a"]}', "expected features as a list of objects"),
    "features a dict": ('{"type": "FeatureCollection", "features": {}}', "expected features as a list of objects"),
    "links a dict": ('{"type": "Catalog", "links": {}}', "expected links as a list of objects"),
    "href a dict": ('{"type": "Catalog", "links": [{"rel": "item", "href": {"a": 1}}]}', "expected href of a link"),
    "href a number": ('{"type": "Catalog", "links": [{"rel": "item", "href": 5}]}', "expected href of a link"),
    "no item": ('{"type": "Catalog"}', "holds no item"),
}


@pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS)
def test_a_damaged_document_is_named(tmp_path, text, words):
    hostile_catalogue(tmp_path, text)
    with pytest.raises(errors.InputError, match=words) as refused:
        found(tmp_path)
    assert str(tmp_path) in str(refused.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, True, 1e-300, -5, 1e9, "0.3", [0.3]], ids=repr)
@pytest.mark.parametrize("place", ["item", "asset", "collection"])
def test_a_gsd_that_is_no_number_of_metres_is_refused(tmp_path, value, place):
    item = imagery_files.item(scene_file(tmp_path), gsd=value if place == "item" else None)
    if place == "asset":
        item["assets"]["image"]["gsd"] = value
    of_collection = {"summaries": {"gsd": [value]}} if place == "collection" else {}
    imagery_files.catalogue(tmp_path, [item], **of_collection)
    with pytest.raises(errors.InputError, match=r"a\.json: expected gsd as a number of metres, .*; received"):
        found(tmp_path)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00", "0000-01-01", "", 5, {}])
def test_a_date_at_the_ends_of_time_or_of_another_type_is_refused(tmp_path, moment):
    hostile_catalogue(tmp_path, changed(tmp_path, properties={"datetime": moment, "gsd": 0.3}))
    with pytest.raises(errors.InputError, match=r"a\.json: (expected a date and time|the item has no datetime)"):
        found(tmp_path)


PARTS = [
    ("properties", []),
    ("properties", {"datetime": "2010-07-01", "gsd": 0.3, "providers": ["USDA"]}),
    ("properties", {"datetime": "2010-07-01", "gsd": 0.3, "providers": 5}),
    ("properties", {"datetime": "2010-07-01", "gsd": 0.3, "instruments": 5}),
    ("assets", []),
    ("assets", {"image": "a.tif"}),
    ("assets", {"image": {"href": {"a": 1}, "roles": ["data"]}}),
    ("assets", {"image": {"href": 5, "roles": ["data"]}}),
    ("assets", {"image": {"href": "a.tif", "roles": 5}}),
    ("bbox", "globe"),
    ("bbox", [None] * 4),
    ("bbox", [107, 33, 1e9, 35]),
    ("bbox", [107, 33, math.inf, 35]),
    ("bbox", [107, 35, 109, 33]),
    ("bbox", [107, math.nan, 109, 35]),
    ("id", "x" * 10_000_000),
]


@pytest.mark.parametrize(("part", "value"), PARTS, ids=lambda value: f"{value!s:.30}")
def test_an_item_with_parts_of_other_types_is_named(tmp_path, part, value):
    hostile_catalogue(tmp_path, changed(tmp_path, **{part: value}))
    with pytest.raises(errors.InputError, match=r"a\.json: .*Correct the item|a\.json: expected one asset") as refused:
        found(tmp_path)
    assert len(str(refused.value)) < 1000


def test_only_regular_files_are_read_as_documents(tmp_path):
    hostile_catalogue(tmp_path, "{}")
    path = tmp_path / "scenes" / "a.json"
    path.unlink()
    for make, words in (
        (os.mkfifo, "no regular file"),
        (lambda place: place.symlink_to("/dev/zero"), "no regular file"),
        (lambda place: place.symlink_to("nowhere"), "a link to a file that does not exist"),
    ):
        make(path)
        with pytest.raises(errors.InputError, match=rf"a\.json: expected a JSON document; found .*{words}"):
            found(tmp_path)
        path.unlink()


def test_a_local_document_has_the_same_limit_as_a_remote_one(tmp_path, monkeypatch):
    hostile_catalogue(tmp_path, changed(tmp_path))
    monkeypatch.setattr(http, "MOST_BYTES", 500)
    with pytest.raises(errors.InputError, match="longer than 500 bytes"):
        found(tmp_path)


def test_equal_catalogues_share_one_list(tmp_path, monkeypatch):
    imagery_files.catalogue(tmp_path, [imagery_files.item(scene_file(tmp_path))])
    found(tmp_path)
    monkeypatch.setattr(http, "read_json", None)
    assert len(found(tmp_path)) == 1
