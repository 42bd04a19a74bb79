"""The refined map as a value: files, tags, summary, and what happens when a file is missing or damaged."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys

import map_files
import numpy as np
import pytest
import rasterio
from checkout import ROOT

from builder import errors
from refine.artefacts import changes, provenance, refined_map

TAGS = refined_map.MapTags(
    identity="0123456789abcdef",
    model_sha256="m",
    dataset="globeland_samples/rough:1.0.0",
    base="b.tif",
    base_sha256="b",
    imagery_rules="i",
    min_confidence=0.5,
    base_trust=1 / 7,
    undetermined="kept",
    engine="keras",
)
SUMMARY = refined_map.MapSummary({1: 20, 3: 5}, {"season": 2}, changes.Changes({(20, 60): 5}, {(20, 60): 0.45}))
NAMES = {20: "Forest", 60: "Water bodies"}


@pytest.fixture
def refined(tmp_path: pathlib.Path) -> refined_map.RefinedMap:
    """Rasters of 5 x 5 pixels with tags, a change table and an item that holds the summary."""
    refined = refined_map.RefinedMap(tmp_path / "r.tif")
    for path in refined.rasters:
        _raster(path)
    changes.write_csv(SUMMARY.changed, NAMES, refined.change_table)
    refined.stac_item.write_text(json.dumps({"properties": {refined_map.SUMMARY_PROPERTY: SUMMARY.as_json()}}))
    return refined


def _raster(path: pathlib.Path, side: int = 5) -> None:
    codes = np.full((side, side), 20, np.uint8)
    map_files.geotiff(path, codes, crs="EPSG:32649", origin=(500_000, 3_800_000), pixel=30)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(**TAGS.as_tags())


def test_tags_come_back_from_the_raster(refined: refined_map.RefinedMap) -> None:
    assert refined.tags() == dataclasses.replace(TAGS, base_trust=0.142857)  # six digits
    assert refined.identity() == "0123456789abcdef"
    assert TAGS.as_tags()["GLOBELAND_BASE_TRUST"] == "0.142857"
    assert TAGS.as_stac()["globeland:min_confidence"] == "0.5"


def test_a_raster_of_somebody_else_has_no_identity(tmp_path: pathlib.Path) -> None:
    map_files.geotiff(tmp_path / "a.tif", np.ones((2, 2), np.uint8), crs="EPSG:32649", origin=(0, 0), pixel=30)
    assert refined_map.RefinedMap(tmp_path / "a.tif").identity() is None
    assert refined_map.RefinedMap(tmp_path / "a.tif").tags() == refined_map.MapTags()
    assert refined_map.RefinedMap(tmp_path / "none.tif").identity() is None


@pytest.mark.parametrize("share", ["half", "nan", "1.5"])
def test_a_share_that_is_none_is_refused(share: str) -> None:
    with pytest.raises(errors.InputError, match=r"r\.tif: expected the tag GLOBELAND_BASE_TRUST of 0\.\.1"):
        refined_map.MapTags.of_tags({"GLOBELAND_BASE_TRUST": share}, where="r.tif")


def test_summary_and_changes_come_back(refined: refined_map.RefinedMap) -> None:
    assert refined.summary() == SUMMARY
    assert refined.read_changes() == SUMMARY.changed
    assert (SUMMARY + SUMMARY).pixels == {1: 40, 3: 10}


def test_a_whole_map_is_opened(refined: refined_map.RefinedMap) -> None:
    opened = refined_map.RefinedMap.open(refined.path)
    assert opened == refined
    assert opened.lattice().shape == (5, 5)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_missing_or_damaged_raster_is_named(refined: refined_map.RefinedMap, layer: int) -> None:
    path = refined.rasters[layer]
    path.write_bytes(b"no raster")
    with pytest.raises(errors.InputError, match=f"{path.name}: expected a raster that can be read"):
        refined_map.RefinedMap.open(refined.path)
    path.unlink()
    with pytest.raises(errors.InputError, match=f"{path.name}: expected .* found no such file"):
        refined_map.RefinedMap.open(refined.path)


def test_a_companion_of_another_map_is_refused(refined: refined_map.RefinedMap) -> None:
    _raster(refined.confidence, side=6)
    with pytest.raises(errors.InputError, match=r"r_confidence\.tif: expected the grid of .*r\.tif"):
        refined_map.RefinedMap.open(refined.path)


def test_another_base_on_the_same_grid_is_refused(refined: refined_map.RefinedMap, tmp_path: pathlib.Path) -> None:
    _raster(tmp_path / "other.tif")
    with pytest.raises(errors.InputError, match=r"other\.tif: expected the map that .*r\.tif was made from, b\.tif"):
        refined.check_base(tmp_path / "other.tif")
    with pytest.raises(errors.InputError, match=r"none\.tif: expected a raster"):
        refined.check_base(tmp_path / "none.tif")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"properties": {}}', '{"properties": {"globeland:summary": {"pixels": {"odd": 1}}}}']
)
def test_an_item_that_is_damaged_is_named(refined: refined_map.RefinedMap, text: str) -> None:
    refined.stac_item.write_text(text)
    with pytest.raises(errors.InputError, match=r"r\.json"):
        refined.summary()


def test_every_cut_of_the_change_table_is_noticed(refined: refined_map.RefinedMap) -> None:
    whole = refined.change_table.read_bytes()
    for length in range(len(whole) - 1):  # the last byte is the second of the end of line
        refined.change_table.write_bytes(whole[:length])
        with pytest.raises(errors.InputError, match=r"r_changes\.csv"):
            refined.read_changes()


@pytest.mark.parametrize(
    "row", ["20,Forest,60,Water,many,0.45", "20,Forest,60,Water,5,nan", "20,Forest,300,Water,5,1", "20,60,5", "\xff"]
)
def test_a_change_that_none_can_be_is_refused(refined: refined_map.RefinedMap, row: str) -> None:
    header = ",".join(changes.COLUMNS)
    refined.change_table.write_bytes(f"{header}\r\n{row}\r\n".encode("latin-1"))
    with pytest.raises(errors.InputError, match=r"r_changes\.csv"):
        changes.read_csv(refined.change_table)


def test_every_reason_has_its_own_value_title_and_colour() -> None:
    kinds = list(provenance.Provenance)
    assert [int(kind) for kind in kinds] == list(range(9))
    assert provenance.Provenance(3) is provenance.Provenance.CHANGED
    assert provenance.Provenance.CHANGED.title == "classified: changed"
    assert len({kind.title for kind in kinds}) == len({kind.colour for kind in kinds}) == 9
    assert provenance.legend().codes == tuple(range(1, 9))


def test_artefacts_need_no_keras() -> None:
    code = (
        "import sys; from refine.artefacts import refined_map, changes, provenance; "
        "print([m for m in ('keras', 'tensorflow', 'cleanlab', 'apache_beam', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
