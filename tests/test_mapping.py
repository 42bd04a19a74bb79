"""A refined map on a small real base tile, frame, imagery and model."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import imagery_files
import map_files
import numpy as np
import pyproj
import pystac
import pytest
import rasterio
import rasterio.transform

from builder import errors
from builder.legend import legend
from builder.maps import agreement, cog, grid
from builder.points import design, frame, table
from refine.mapping import mapping
from refine.mapping.reclassify import Provenance

ROOT = pathlib.Path(__file__).resolve().parents[1]
WINDOW = grid.window_of_bbox(108.0, 34.0, 108.02, 34.0139)
BASE_PX = 30
BASE_CRS = "EPSG:32649"
IMAGERY = """[rules]
season = "all"
[chip]
size_px = 80
[[source]]
name = "scenes"
type = "folder"
path = "scenes"
licence = "CC0-1.0"
date = { from = "tag" }
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A base tile of forest with a corner of wetland, a frame whose left half is inconsistent, and a scene."""
    folder = tmp_path_factory.mktemp("world")
    x, y = pyproj.Transformer.from_crs(4326, BASE_CRS, always_xy=True).transform(108.008, 34.007)
    codes = np.full((BASE_PX, BASE_PX), 20, np.uint8)
    codes[:2, :2], codes[2, 2], codes[3, 3] = 50, 40, 0
    base = folder / "n49_30_2010lc030.tif"
    origin = (round(x) - BASE_PX * 15, round(y) + BASE_PX * 15)
    map_files.geotiff(base, codes, crs=BASE_CRS, origin=origin, pixel=30, nodata=0)
    _frame(folder / "frame")
    pixels = imagery_files.texture(900, 700)  # ends 150 m east of the base's centre: some pixels have no imagery
    transform = rasterio.transform.from_origin(x - 900, y + 700, 1.5, 1.5)
    imagery_files.write(
        folder / "frame" / "scenes" / "a.tif",
        pixels,
        transform=transform,
        tags={"TIFFTAG_DATETIME": "2010:07:01 00:00:00"},
    )
    _model(folder / "model")
    return folder


def _frame(folder: pathlib.Path) -> None:
    rows, columns = WINDOW.shape
    layers = np.ones((7, rows, columns), np.uint8)
    layers[0, :, : columns // 2] = agreement.State.INCONSISTENT
    names = ("state", "votes", "purity", "agreeing", "base", "core", "valid")
    cog.from_blocks(folder / frame.LAYERS, cog.of_window(WINDOW, bands=7), [(0, 0, layers)], band_names=names)
    for name in (frame.AGREEMENT, frame.HARMONIZED):
        cog.from_blocks(folder / name, cog.of_window(WINDOW), [(0, 0, layers[:1])])
    drawn = design.SamplingDesign(products=("globeland30",), base="globeland30", min_agreement=1)
    metadata = {"design": drawn.to_json(), "products": [], "strata": {}, "shortfalls": [], "created_by": "tests"}
    table.write(folder / frame.POINTS, table.SCHEMA.empty_table(), metadata)
    (folder / frame.IMAGERY).write_text(IMAGERY)


def _model(folder: pathlib.Path) -> None:
    """InceptionV3 from random weights: any model will do."""
    from refine.models import calibration, export, model

    network = model.build(classes=7, size_px=75, dropout=0.0)
    export.write_model(
        folder,
        network.classifier,
        labels=legend.seven().names,
        record={"dataset": "globeland_samples/rough:1.0.0", "settings": {}},
        history=[],
        fitted=calibration.fit(np.eye(7), np.arange(7)),
    )


@pytest.fixture(scope="module")
def refined(world: pathlib.Path) -> pathlib.Path:
    """The map, made once."""
    out = world / "refined.tif"
    mapping.refine_map(_request(world, out))
    return out


def _request(world: pathlib.Path, out: pathlib.Path, **more: object) -> mapping.MapRequest:
    request = mapping.MapRequest(
        world / "model", world / "n49_30_2010lc030.tif", world / "frame", out, min_confidence=0.0
    )
    return dataclasses.replace(request, **more)


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
    why, sure = _read(mapping.beside(refined, "provenance")), _read(mapping.beside(refined, "confidence"))
    np.testing.assert_array_equal(before != after, why == Provenance.CHANGED)
    assert (why[:2, :2] == Provenance.OUTSIDE_LEGEND).all()
    assert why[3, 3] == Provenance.NO_DATA
    assert (why[:, -3:] == Provenance.CONSISTENT).all()
    assert (why == Provenance.NO_IMAGERY).any()
    classified = np.isin(why, [Provenance.CHANGED, Provenance.CONFIRMED])
    assert classified.sum() > 50
    assert ((sure < 101) == classified).all()


def test_both_engines_make_the_same_map(world: pathlib.Path, refined: pathlib.Path, tmp_path: pathlib.Path) -> None:
    mapping.refine_map(_request(world, tmp_path / "r.tif", engine="onnxruntime"))
    np.testing.assert_array_equal(_read(refined), _read(tmp_path / "r.tif"))


def test_the_item_beside_the_map_is_valid_stac_and_the_change_table_adds_up(refined: pathlib.Path) -> None:
    item = pystac.Item.from_file(str(refined.with_suffix(".json")))
    assert set(item.assets) == {"map", "confidence", "provenance"}
    assert json.loads(refined.with_suffix(".json").read_text())["properties"]["proj:epsg"] == 32649
    rows = mapping.beside(refined, "changes", ".csv").read_text().splitlines()[1:]
    changed = (_read(mapping.beside(refined, "provenance")) == Provenance.CHANGED).sum()
    assert sum(int(row.split(",")[-2]) for row in rows) == changed
    assert sum(float(row.split(",")[-1]) for row in rows) == pytest.approx(changed * 0.09, rel=0.002)


def test_nothing_is_replaced_silently(world: pathlib.Path, refined: pathlib.Path) -> None:
    with pytest.raises(errors.RefusedOverwrite):
        mapping.refine_map(_request(world, refined))


def test_a_region_leaves_the_rest_alone(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    mapping.refine_map(_request(world, tmp_path / "r.tif", bbox=(108.0, 34.006, 108.006, 34.008)))
    why = _read(mapping.beside(tmp_path / "r.tif", "provenance"))
    assert (why[0, 5:] == Provenance.OUTSIDE_REGION).all()
    assert 0 < np.isin(why, [Provenance.CHANGED, Provenance.CONFIRMED]).sum() < 200


def test_a_base_that_does_not_meet_the_frame_is_refused(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    far = tmp_path / "n33_50_2010lc030.tif"
    map_files.geotiff(far, np.full((5, 5), 20, np.uint8), crs="EPSG:32633", origin=(500_000, 5_600_000), pixel=30)
    with pytest.raises(errors.InputError, match="does not meet the frame"):
        mapping.refine_map(_request(world, tmp_path / "r.tif", base=far))
    assert [p.name for p in tmp_path.iterdir()] == [far.name]


def test_a_killed_map_goes_on_and_ends_equal(
    world: pathlib.Path, refined: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    request = _request(world, tmp_path / "r.tif", block_px=8)
    call = f"mapping.refine_map(mapping.{request!r})"
    code = f"from refine.mapping import mapping; from pathlib import PosixPath; {call}"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".incomplete.*/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "r.tif").exists()
    finished = set(tmp_path.glob(".incomplete.*/*.npz"))
    assert finished
    mapping.refine_map(request)
    np.testing.assert_array_equal(_read(refined), _read(tmp_path / "r.tif"))
    assert not list(tmp_path.glob(".incomplete.*"))
