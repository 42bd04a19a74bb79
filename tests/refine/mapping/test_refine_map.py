"""A refined map on a small real base tile, frame, imagery and model."""

from __future__ import annotations

import json
import pathlib
import shutil

import imagery_files
import map_world
import numpy as np
import pystac
import pytest
import rasterio

from builder import errors, hashing
from refine.artefacts import model_folder, refined_map
from refine.artefacts.provenance import Provenance
from refine.mapping import engines, refine_map


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return map_world.write(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def refined(world: pathlib.Path) -> pathlib.Path:
    return map_world.refined(world)


def test_the_refined_map_lies_on_exactly_the_grid_of_the_base(world: pathlib.Path, refined: pathlib.Path) -> None:
    with rasterio.open(world / "n49_30_2010lc030.tif") as base, rasterio.open(refined) as after:
        assert after.transform == base.transform
        assert (after.crs, after.shape, after.nodata, after.dtypes) == (base.crs, base.shape, base.nodata, base.dtypes)
        assert after.colormap(1)[20] == (27, 120, 55, 255)
        assert after.tags()["GLOBELAND_DATASET"] == "globeland_samples/rough:1.0.0"
    assert "<Category>Forest</Category>" in refined.with_name("refined.tif.aux.xml").read_text()


def test_every_pixel_says_why_it_is_as_it_is(world: pathlib.Path, refined: pathlib.Path) -> None:
    before, after = map_world.read(world / "n49_30_2010lc030.tif"), map_world.read(refined)
    why, sure = (
        map_world.read(refined_map.RefinedMap(refined).provenance),
        map_world.read(refined_map.RefinedMap(refined).confidence),
    )
    np.testing.assert_array_equal(before != after, why == Provenance.CHANGED)
    assert (why[:2, :2] == Provenance.OUTSIDE_LEGEND).all()
    assert why[3, 3] == Provenance.NO_DATA
    assert (why[:, -3:] == Provenance.CONSISTENT).all()
    assert (why == Provenance.NO_IMAGERY).any()
    classified = np.isin(why, [Provenance.CHANGED, Provenance.CONFIRMED])
    assert classified.sum() > 50
    assert ((sure < 101) == classified).all()


@pytest.mark.slow
def test_both_engines_make_the_same_map(world: pathlib.Path, refined: pathlib.Path, tmp_path: pathlib.Path) -> None:
    refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", engine="onnxruntime"))
    np.testing.assert_array_equal(map_world.read(refined), map_world.read(tmp_path / "r.tif"))


def test_engines_agree_on_chips_of_another_size_than_the_network(world: pathlib.Path) -> None:
    chips = np.stack([np.moveaxis(imagery_files.texture(80, 80, seed=seed), 0, 2) for seed in range(6)])
    keras, onnx = (
        engines.open_engine(name, model_folder.ModelFolder.open(world / "model")).classify(chips)
        for name in engines.ENGINES
    )
    assert np.abs(keras[0] - onnx[0]).max() < 1e-4
    np.testing.assert_array_equal(keras[1].argmax(axis=1), onnx[1].argmax(axis=1))


def test_the_item_beside_the_map_is_valid_stac_and_the_change_table_adds_up(refined: pathlib.Path) -> None:
    item = pystac.Item.from_file(str(refined.with_suffix(".json")))
    assert set(item.assets) == {"map", "confidence", "provenance", "changes", "changes_figure"}
    assert all((refined.parent / asset.href).is_file() for asset in item.assets.values())
    assert len(item.assets["provenance"].extra_fields["classification:classes"]) == 8
    item_read = json.loads(
        refined.with_suffix(".json").read_text()
    )  # pystac renames what newer extensions call otherwise
    assert item_read["properties"]["proj:epsg"] == 32649
    assert item.properties["start_datetime"].startswith("2010")
    assert item.bbox[0] < 108.008 < item.bbox[2]
    rows = refined_map.RefinedMap(refined).change_table.read_text().splitlines()[1:]
    changed = (map_world.read(refined_map.RefinedMap(refined).provenance) == Provenance.CHANGED).sum()
    assert sum(int(row.split(",")[-2]) for row in rows) == changed
    assert sum(float(row.split(",")[-1]) for row in rows) == pytest.approx(changed * 0.09, rel=0.002)


def test_the_model_is_verified_once(
    world: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[pathlib.Path] = []
    hash_file = hashing.sha256_of_file

    def sha256_of_file(path: pathlib.Path) -> str:
        opened.append(path)
        return hash_file(path)

    monkeypatch.setattr(hashing, "sha256_of_file", sha256_of_file)
    refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", bbox=map_world.BOX))
    assert opened.count(world / "model" / model_folder.MODEL) == 1


def test_a_region_without_a_single_picture_is_an_error_with_its_reasons(
    world: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    frame = tmp_path / "frame"
    shutil.copytree(world / "frame", frame)
    rules = map_world.IMAGERY.replace("[rules]", '[rules]\ndates = ["2012-01-01", "2013-12-31"]')
    (frame / "imagery.toml").write_text(rules)
    with pytest.raises(errors.InputError, match=r"no pixel of the \d+ to reclassify has imagery: date"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", frame=frame))
    assert [p.name for p in tmp_path.iterdir()] == ["frame"]


def test_a_region_leaves_the_rest_alone(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", bbox=map_world.BOX))
    why = map_world.read(refined_map.RefinedMap(tmp_path / "r.tif").provenance)
    assert (why[0, 5:] == Provenance.OUTSIDE_REGION).all()
    assert 0 < np.isin(why, [Provenance.CHANGED, Provenance.CONFIRMED]).sum() < 200
