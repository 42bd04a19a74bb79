"""Many base tiles through Beam, against the same tiles one after the other."""

from __future__ import annotations

import pathlib
import shutil

import map_files
import map_world
import numpy as np
import pytest
import rasterio

from builder import errors
from refine.artefacts import refined_map
from refine.mapping import map_request, refine_map, tiles


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The small world with its base cut into a western and an eastern tile of 10 and 20 columns."""
    folder = map_world.write(tmp_path_factory.mktemp("world"))
    with rasterio.open(folder / map_world.BASE) as base:
        codes, transform = base.read(1), base.transform
    for name, part in (("west.tif", slice(0, 10)), ("east.tif", slice(10, 30))):
        origin = (transform.c + 30 * part.start, transform.f)
        map_files.geotiff(folder / name, codes[:, part], crs=map_world.BASE_CRS, origin=origin, pixel=30, nodata=0)
    return folder


def _requests(world: pathlib.Path, out: pathlib.Path) -> list[map_request.MapRequest]:
    out.mkdir(exist_ok=True)
    return [
        map_world.request(world, tiles.out_of(out, world / name), base=world / name)
        for name in ("west.tif", "east.tif")
    ]


@pytest.fixture(scope="module")
def refined(world: pathlib.Path) -> tuple[pathlib.Path, refined_map.MapSummary]:
    """Both tiles through Beam on two threads."""
    summary = tiles.refine_tiles(_requests(world, world / "tiles"), ["--direct_num_workers=2"])
    return world / "tiles", summary


def _codes(path: pathlib.Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_beam_makes_the_maps_and_the_sum_that_a_loop_makes(
    world: pathlib.Path, refined: tuple[pathlib.Path, refined_map.MapSummary], tmp_path: pathlib.Path
) -> None:
    folder, summary = refined
    requests = _requests(world, tmp_path / "loop")
    assert summary == sum((refine_map.refine_map(request) for request in requests), refined_map.MapSummary())
    assert sum(summary.pixels.values()) == map_world.BASE_PX**2
    for request in requests:
        np.testing.assert_array_equal(_codes(request.out), _codes(folder / request.out.name))
    assert len(list(folder.iterdir())) == sum(len(refined_map.RefinedMap(r.out).outputs) for r in requests)


def test_tiles_that_are_finished_are_read_and_not_made_again(
    world: pathlib.Path, refined: tuple[pathlib.Path, refined_map.MapSummary]
) -> None:
    folder, summary = refined
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    assert tiles.refine_tiles(_requests(world, folder)) == summary
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_a_finished_tile_of_other_settings_is_not_replaced_silently(
    world: pathlib.Path, refined: tuple[pathlib.Path, refined_map.MapSummary]
) -> None:
    requests = [
        map_world.request(world, tiles.out_of(refined[0], world / "west.tif"), base=world / "west.tif", base_trust=0.9)
    ]
    with pytest.raises(errors.RefusedOverwrite):
        tiles.refine_tiles(requests)


def test_a_tile_that_cannot_be_refined_is_named_before_the_first_is_begun(
    world: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    far = tmp_path / "far.tif"
    map_files.geotiff(far, np.full((5, 5), 20, np.uint8), crs="EPSG:32633", origin=(500_000, 5_600_000), pixel=30)
    out = tmp_path / "out"
    requests = [*_requests(world, out), map_world.request(world, tiles.out_of(out, far), base=far)]
    with pytest.raises(errors.InputError, match=r"far\.tif .* does not meet the frame"):
        tiles.refine_tiles(requests)
    assert not list(out.iterdir())


def test_tiles_of_one_name_are_refused(world: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "copy").mkdir()
    twin = shutil.copy(world / "west.tif", tmp_path / "copy" / "west.tif")
    requests = [
        map_world.request(world, tiles.out_of(tmp_path, base), base=base)
        for base in (world / "west.tif", pathlib.Path(twin))
    ]
    with pytest.raises(errors.InputError, match="several tiles have one name"):
        tiles.refine_tiles(requests)
