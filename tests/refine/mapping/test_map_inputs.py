"""Requests that are refused before any work, and what makes a map another one."""

from __future__ import annotations

import dataclasses
import pathlib
import pickle
import shutil
import subprocess
import sys

import map_files
import map_world
import numpy as np
import pytest
import rasterio
from checkout import ROOT

from builder import errors
from refine.mapping import map_inputs, refine_map


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return map_world.write(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize(
    "existing", ["r.tif", "r.json", "r_changes.csv", "r_confidence.tif", "r_provenance.tif.aux.xml"]
)
def test_nothing_is_replaced_silently(world: pathlib.Path, tmp_path: pathlib.Path, existing: str) -> None:
    (tmp_path / existing).write_text("somebody's")
    with pytest.raises(errors.RefusedOverwrite, match=existing):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif"))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(existing, "somebody's")]


def test_a_place_that_cannot_be_written_is_refused_before_any_work(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(errors.InputError, match=r"expected a place that can be written; .*file cannot"):
        refine_map.refine_map(map_world.request(world, tmp_path / "file" / "r.tif"))


def test_the_base_is_never_the_output(world: pathlib.Path) -> None:
    base = world / "n49_30_2010lc030.tif"
    with pytest.raises(errors.InputError, match="is the base map itself"):
        refine_map.refine_map(map_world.request(world, base, overwrite=True))


@pytest.mark.parametrize("name", ["refined", "refined.json", "."])
def test_an_output_that_is_no_geotiff_is_refused(world: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(errors.InputError, match="expected the name of a GeoTIFF"):
        refine_map.refine_map(map_world.request(world, tmp_path / name))


@pytest.mark.parametrize("existing", ["r.tif", "r.json", "r_changes.csv"])
def test_overwrite_replaces_no_files_that_are_not_a_map_s(
    world: pathlib.Path, tmp_path: pathlib.Path, existing: str
) -> None:
    (tmp_path / existing).write_text("somebody's")
    with pytest.raises(errors.InputError, match=f"{existing}, which is no file of a refined map"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", overwrite=True))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(existing, "somebody's")]


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
    codes = map_world.read(world / "n49_30_2010lc030.tif")
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


def test_a_base_that_does_not_meet_the_frame_is_refused(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    far = tmp_path / "n33_50_2010lc030.tif"
    map_files.geotiff(far, np.full((5, 5), 20, np.uint8), crs="EPSG:32633", origin=(500_000, 5_600_000), pixel=30)
    with pytest.raises(errors.InputError, match="does not meet the frame"):
        refine_map.refine_map(map_world.request(world, tmp_path / "r.tif", base=far))
    assert [p.name for p in tmp_path.iterdir()] == [far.name]
