"""A refined map on a small real base tile, frame, imagery and model."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import pickle
import shutil
import signal
import subprocess
import sys
import time

import imagery_files
import map_files
import map_world
import numpy as np
import pystac
import pytest
import rasterio
import rasterio.transform
from checkout import ROOT

from builder import errors, hashing
from builder.geometry import lattice
from builder.maps import rasters
from refine.artefacts import model_folder, refined_map
from refine.artefacts.provenance import Provenance
from refine.mapping import change_figure, engines, map_inputs, refine_map, stac_item

BOX = (108.0, 34.006, 108.006, 34.008)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return map_world.write(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def refined(world: pathlib.Path) -> pathlib.Path:
    """The map, made once."""
    out = world / "refined.tif"
    refine_map.refine_map(map_world.request(world, out))
    return out


def _read(path: pathlib.Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_the_refined_map_lies_on_exactly_the_grid_of_the_base(world: pathlib.Path, refined: pathlib.Path) -> None:
    with rasterio.open(world / "n49_30_2010lc030.tif") as base, rasterio.open(refined) as after:
        assert after.transform == base.transform
        assert (after.crs, after.shape, after.nodata, after.dtypes) == (base.crs, base.shape, base.nodata, base.dtypes)
        assert after.colormap(1)[20] == (27, 120, 55, 255)
        assert after.tags()["GLOBELAND_DATASET"] == "globeland_samples/rough:1.0.0"
    assert "<Category>Forest</Category>" in refined.with_name("refined.tif.aux.xml").read_text()


def test_every_pixel_says_why_it_is_as_it_is(world: pathlib.Path, refined: pathlib.Path) -> None:
    before, after = _read(world / "n49_30_2010lc030.tif"), _read(refined)
    why, sure = _read(refined_map.RefinedMap(refined).provenance), _read(refined_map.RefinedMap(refined).confidence)
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
    np.testing.assert_array_equal(_read(refined), _read(tmp_path / "r.tif"))


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
    changed = (_read(refined_map.RefinedMap(refined).provenance) == Provenance.CHANGED).sum()
    assert sum(int(row.split(",")[-2]) for row in rows) == changed
    assert sum(float(row.split(",")[-1]) for row in rows) == pytest.approx(changed * 0.09, rel=0.002)


@pytest.mark.parametrize(
    "existing", ["r.tif", "r.json", "r_changes.csv", "r_confidence.tif", "r_provenance.tif.aux.xml"]
)
def test_nothing_is_replaced_silently(world: pathlib.Path, tmp_path: pathlib.Path, existing: str) -> None:
    (tmp_path / existing).write_text("somebody's")
    with pytest.raises(errors.RefusedOverwrite, match=existing):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif"))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(existing, "somebody's")]


def test_the_base_is_never_the_output(world: pathlib.Path) -> None:
    base = world / "n49_30_2010lc030.tif"
    with pytest.raises(errors.InputError, match="is the base map itself"):
        refine_map.refine_map(map_world.request(world, base, overwrite=True))


@pytest.mark.parametrize("name", ["refined", "refined.json", "."])
def test_an_output_that_is_no_geotiff_is_refused(world: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(errors.InputError, match="expected the name of a GeoTIFF"):
        refine_map.refine_map(map_world.request(world, tmp_path / name))


@pytest.mark.slow
def test_a_map_interrupted_while_it_is_written_leaves_nothing_and_goes_on(
    world: pathlib.Path, refined: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(change_figure, "draw", interrupt)
        with pytest.raises(KeyboardInterrupt):
            refine_map.refine_map(map_world.request(world, tmp_path / "r.tif"))
    assert [p.name[:12] for p in tmp_path.iterdir()] == [".incomplete."]
    refine_map.refine_map(map_world.request(world, tmp_path / "r.tif"))
    np.testing.assert_array_equal(_read(refined), _read(tmp_path / "r.tif"))
    assert sorted(tmp_path.iterdir()) == sorted(refined_map.RefinedMap(tmp_path / "r.tif").outputs)


def _without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network is not needed again")

    monkeypatch.setattr(engines, "open_engine", refuse)


@pytest.mark.slow
@pytest.mark.parametrize("moved", [0, 4, 8, 9])
def test_a_map_killed_between_two_renames_ends_whole_when_it_is_run_again(
    world: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    request = map_world.request(world, tmp_path / "r.tif", bbox=BOX)
    with monkeypatch.context() as patched:
        _interrupt_renames(patched, request.out, after=moved)
        with pytest.raises(KeyboardInterrupt):
            refine_map.refine_map(request)
    assert sum(path.exists() for path in refined_map.RefinedMap(request.out).outputs) == moved
    assert request.out.exists() == (moved == 9)
    _without_network(monkeypatch)
    summary = refine_map.refine_map(request)
    assert sorted(tmp_path.iterdir()) == sorted(refined_map.RefinedMap(request.out).outputs)
    why = _read(refined_map.RefinedMap.open(request.out).provenance)
    assert summary.pixels == {value: (why == value).sum() for value in np.unique(why).tolist()}


def _interrupt_renames(monkeypatch: pytest.MonkeyPatch, out: pathlib.Path, *, after: int) -> None:
    """Interrupts the run that moves the files of a map beside the blocks, once `after` of them were moved."""
    rename, unlink = pathlib.Path.replace, shutil.rmtree
    done: list[pathlib.Path] = []

    def replace(self: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
        if target in refined_map.RefinedMap(out).outputs:
            if len(done) == after:
                raise KeyboardInterrupt
            done.append(target)
        return rename(self, target)

    def rmtree(path: pathlib.Path, **how: bool) -> None:
        if len(done) == len(refined_map.RefinedMap(out).outputs):
            raise KeyboardInterrupt
        unlink(path, **how)

    monkeypatch.setattr(pathlib.Path, "replace", replace)
    monkeypatch.setattr(shutil, "rmtree", rmtree)


@pytest.mark.slow
def test_a_map_killed_while_it_replaces_another_is_never_half_of_each(
    world: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = map_world.request(world, tmp_path / "r.tif", bbox=BOX)
    refine_map.refine_map(first)
    second = dataclasses.replace(first, base_trust=0.3, overwrite=True)
    with monkeypatch.context() as patched:
        _interrupt_renames(patched, second.out, after=4)
        with pytest.raises(KeyboardInterrupt):
            refine_map.refine_map(second)
    assert not second.out.exists()
    with pytest.raises(errors.RefusedOverwrite):
        refine_map.refine_map(first)
    _without_network(monkeypatch)
    refine_map.refine_map(second)
    assert refined_map.RefinedMap(second.out).tags().base_trust == 0.3
    assert sorted(tmp_path.iterdir()) == sorted(refined_map.RefinedMap(second.out).outputs)


@pytest.mark.parametrize("existing", ["r.tif", "r.json", "r_changes.csv"])
def test_overwrite_replaces_no_files_that_are_not_a_map_s(
    world: pathlib.Path, tmp_path: pathlib.Path, existing: str
) -> None:
    (tmp_path / existing).write_text("somebody's")
    with pytest.raises(errors.InputError, match=f"{existing}, which is no file of a refined map"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", overwrite=True))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(existing, "somebody's")]


def test_the_model_is_verified_once(
    world: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[pathlib.Path] = []
    hash_file = hashing.sha256_of_file

    def sha256_of_file(path: pathlib.Path) -> str:
        opened.append(path)
        return hash_file(path)

    monkeypatch.setattr(hashing, "sha256_of_file", sha256_of_file)
    refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", bbox=BOX))
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


@pytest.mark.parametrize("bbox", [(10.0, 10.0, 11.0, 11.0), (179.0, 34.0, -179.0, 35.0)])
def test_a_region_that_misses_the_base_is_refused(
    world: pathlib.Path, tmp_path: pathlib.Path, bbox: tuple[float, float, float, float]
) -> None:
    with pytest.raises(errors.InputError, match="nothing would be reclassified"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", bbox=bbox))
    assert not list(tmp_path.iterdir())


def test_codes_of_another_map_are_refused_before_anything_is_classified(
    world: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    base = tmp_path / "n49_30_2010lc030.tif"
    codes = _read(world / "n49_30_2010lc030.tif")
    codes[-1, -1] = 33
    with rasterio.open(world / "n49_30_2010lc030.tif") as source, rasterio.open(base, "w", **source.profile) as copy:
        copy.write(codes, 1)
    with pytest.raises(errors.InputError, match=r"not globeland30's: 33 .*gdal_edit.py -a_nodata 33"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", base=base))
    assert [p.name for p in tmp_path.iterdir()] == [base.name]


def test_a_base_without_a_crs_is_refused_with_its_cure(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    base = tmp_path / "n49_30_2010lc030.tif"
    with rasterio.open(world / "n49_30_2010lc030.tif") as source:
        profile = source.profile | {"crs": None}
        with rasterio.open(base, "w", **profile) as copy:
            copy.write(source.read())
    with pytest.raises(errors.InputError, match=r"gdal_edit\.py -a_srs"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", base=base))


@pytest.mark.parametrize(("dtype", "nodata"), [("int16", -9999), ("uint16", 65535)])
def test_a_nodata_value_that_bytes_cannot_keep_is_refused_before_anything_is_classified(
    world: pathlib.Path, tmp_path: pathlib.Path, dtype: str, nodata: int
) -> None:
    base = tmp_path / "n49_30_2010lc030.tif"
    with rasterio.open(world / "n49_30_2010lc030.tif") as source:
        profile = source.profile | {"dtype": dtype, "nodata": nodata}
        with rasterio.open(base, "w", **profile) as copy:
            copy.write(source.read().astype(dtype))
    with pytest.raises(errors.InputError, match=r"expected a nodata value of 0\.\.255.*gdalwarp -ot Byte"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", base=base))
    assert [p.name for p in tmp_path.iterdir()] == [base.name]


@pytest.mark.slow
def test_what_could_change_a_pixel_changes_the_identity(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    frame = tmp_path / "frame"
    shutil.copytree(world / "frame", frame)
    request = map_world.request(world, tmp_path / "r.tif", frame=frame)
    identities = {map_inputs.open_job(request).identity}
    for more in ({"block_px": 64}, {"base_trust": 0.6}, {"bbox": (108.0, 34.0, 108.01, 34.01)}):
        identities.add(map_inputs.open_job(dataclasses.replace(request, **more)).identity)
    assert len(identities) == 4
    assert map_inputs.open_job(request).identity in identities  # nothing of it depends on the moment
    code = (
        "import sys, pickle; from refine.mapping import map_inputs; "
        "print(map_inputs.open_job(pickle.load(sys.stdin.buffer)).identity)"
    )
    shutil.copy(frame / "scenes" / "a.tif", frame / "scenes" / "b.tif")  # a scene more; the index is kept per process
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, input=pickle.dumps(request), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() not in identities


def _item(base: pathlib.Path) -> str:
    file = rasters.describe(base)
    grid = lattice.Lattice(file.crs, file.transform, file.shape)
    nothing = refined_map.MapTags(), refined_map.MapSummary()
    return stac_item.text(refined_map.RefinedMap(base), grid, *nothing, year=2010)


def test_a_tile_on_the_other_side_of_180_meets_its_frame(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    base = tmp_path / "n01_50_2010lc030.tif"
    map_files.geotiff(base, np.full((4, 4), 20, np.uint8), crs="EPSG:4326", origin=(179.99, 51.0), pixel=0.005)
    item = json.loads(_item(base))
    assert item["bbox"] == [179.99, 50.98, -179.99, 51.0]
    assert item["geometry"]["type"] == "MultiPolygon"
    corners = np.array([xy for part in item["geometry"]["coordinates"] for xy in part[0]])
    assert np.abs(corners[:, 0]).min() == pytest.approx(179.99)


def test_a_region_leaves_the_rest_alone(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", bbox=BOX))
    why = _read(refined_map.RefinedMap(tmp_path / "r.tif").provenance)
    assert (why[0, 5:] == Provenance.OUTSIDE_REGION).all()
    assert 0 < np.isin(why, [Provenance.CHANGED, Provenance.CONFIRMED]).sum() < 200


def test_a_base_that_does_not_meet_the_frame_is_refused(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    far = tmp_path / "n33_50_2010lc030.tif"
    map_files.geotiff(far, np.full((5, 5), 20, np.uint8), crs="EPSG:32633", origin=(500_000, 5_600_000), pixel=30)
    with pytest.raises(errors.InputError, match="does not meet the frame"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", base=far))
    assert [p.name for p in tmp_path.iterdir()] == [far.name]


@pytest.mark.slow
def test_a_killed_map_goes_on_and_ends_equal(
    world: pathlib.Path, refined: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    request = map_world.request(world, tmp_path / "r.tif", block_px=8)
    call = f"refine_map.refine_map(map_request.{request!r})"
    code = f"from refine.mapping import map_request, refine_map; from pathlib import PosixPath; {call}"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".incomplete.*/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "r.tif").exists()
    finished = set(tmp_path.glob(".incomplete.*/*.npz"))
    assert finished
    refine_map.refine_map(request)
    np.testing.assert_array_equal(_read(refined), _read(tmp_path / "r.tif"))
    assert not list(tmp_path.glob(".incomplete.*"))
