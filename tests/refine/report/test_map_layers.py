"""The map part: counts, areas, where to look closely."""

from __future__ import annotations

import dataclasses
import math
import pathlib
import shutil
import tomllib

import map_files
import numpy as np
import pytest
import rasterio
import report_artefacts

from builder import errors
from builder.chips import imagery_toml
from builder.frame import frame as frames
from builder.geometry import ellipsoid, lattice
from builder.geometry.window import Window
from refine.artefacts import changes, comparison, refined_map
from refine.artefacts.provenance import Provenance
from refine.report import inputs, map_counts, map_layers, page_imagery


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> inputs.MapFiles:
    """A refined map of 140 x 120 pixels with 1,600 changed."""
    base, refined = report_artefacts.write_map(tmp_path_factory.mktemp("map"))
    return inputs.MapFiles.open(refined, base)


@pytest.fixture
def frame(tmp_path: pathlib.Path) -> frames.Frame:
    """A frame with imagery of the map."""
    return frames.Frame.open(report_artefacts.write_frame(tmp_path / "frame"))


def test_pixels_are_counted_by_reason_and_class(files: inputs.MapFiles) -> None:
    counts = map_counts.count(files)
    assert counts.provenance[Provenance.CHANGED] == 1600
    assert counts.after[60] - counts.before[60] == 1600
    assert counts.confidence[90] == 1600
    assert counts.confidence[40] == 10 * 120
    assert counts.seen == Window(5, 140, 0, 120)  # the first five rows are outside the region


def test_blocks_do_not_change_the_counts(files: inputs.MapFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = map_counts.count(files)
    monkeypatch.setattr(map_counts, "BLOCK_PX", map_counts.AREA_PX)
    parts = map_counts.count(files)
    assert whole.seen == parts.seen
    for name in vars(whole).keys() - {"seen"}:
        np.testing.assert_allclose(getattr(whole, name), getattr(parts, name), rtol=1e-12)


def test_the_close_look_holds_what_changed(files: inputs.MapFiles) -> None:
    close = map_counts.closest_look(map_counts.count(files))
    assert close is not None
    assert close.shape == (map_counts.CLOSE_PX, map_counts.CLOSE_PX)
    assert close.row0 <= 90
    assert close.row1 >= 130
    assert close.col0 <= 60
    assert close.col1 >= 100


def test_areas_are_those_of_the_ellipsoid(files: inputs.MapFiles) -> None:
    part = map_layers.read(files, None).part
    water = next(row for row in part.classes if row.land_cover.title == "Water bodies")
    assert water.before_ha == 0.0
    assert water.after_ha == pytest.approx(144.0, rel=2e-3)  # UTM stretches by up to 0.1 % in length


NORTH, PIXEL_DEG = 60.0, 1 / 360
TALL = (4 * map_counts.AREA_PX, 150)  # 1.4 degrees from north to south: its pixels differ by 4 % in area


def _write_degrees(folder: pathlib.Path) -> tuple[inputs.MapFiles, changes.Changes]:
    """A map in degrees whose northernmost blocks turn from forest to water, and its change table."""
    before = np.full(TALL, 20, np.uint8)
    after = before.copy()
    after[: map_counts.AREA_PX] = 60
    why = np.where(after == 60, Provenance.CHANGED, Provenance.CONSISTENT).astype(np.uint8)
    refined, base = refined_map.RefinedMap(folder / "refined.tif"), folder / "base.tif"
    for path, values in ((base, before), (refined.path, after), (refined.provenance, why)):
        map_files.geotiff(path, values, origin=(20.0, NORTH), pixel=PIXEL_DEG)
    map_files.geotiff(refined.confidence, np.where(after == 60, 90, 255), origin=(20.0, NORTH), pixel=PIXEL_DEG)
    moved = changes.Changes()
    for col in range(0, TALL[1], map_counts.AREA_PX):
        wide = min(map_counts.AREA_PX, TALL[1] - col)
        lon, lat = 20.0 + PIXEL_DEG * np.array([col, col + wide]), NORTH - PIXEL_DEG * np.array([0, map_counts.AREA_PX])
        hectares = ellipsoid.area_hectares(lon[[0, 1, 1, 0]], lat[[0, 0, 1, 1]]) / (wide * map_counts.AREA_PX)
        block = np.s_[: map_counts.AREA_PX, col : col + wide]
        pixels = before[block].size
        moved += changes.Changes({(20, 60): pixels}, {(20, 60): pixels * hectares})
    return inputs.MapFiles(refined, base), moved


def _zone_ha(north: float, south: float, width: float) -> float:
    """Area of the WGS 84 ellipsoid between two parallels, `width` degrees wide, in closed form."""
    b, e = 6_356_752.314245, 0.081819190842622

    def up_to(lat: float) -> float:
        s = math.sin(math.radians(lat))
        return s / (1 - (e * s) ** 2) + math.log((1 + e * s) / (1 - e * s)) / (2 * e)

    return b**2 * math.radians(width) / 2 * (up_to(north) - up_to(south)) / 10_000


def test_a_map_in_degrees_has_the_areas_of_its_parallels(tmp_path: pathlib.Path) -> None:
    files, moved = _write_degrees(tmp_path)
    rows = {row.land_cover.title: row for row in map_layers.class_areas(map_counts.count(files))}
    south = NORTH - map_counts.AREA_PX * PIXEL_DEG
    water, forest = rows["Water bodies"], rows["Forest"]
    assert water.after_ha == pytest.approx(_zone_ha(NORTH, south, TALL[1] * PIXEL_DEG), rel=1e-4)
    assert forest.before_ha == pytest.approx(
        _zone_ha(NORTH, NORTH - TALL[0] * PIXEL_DEG, TALL[1] * PIXEL_DEG), rel=1e-4
    )
    assert water.after_ha == pytest.approx(moved.hectares[20, 60])  # the class table and the change table say the same
    assert forest.before_ha - forest.after_ha == pytest.approx(moved.hectares[20, 60])


def test_imagery_is_shown_where_the_frame_has_some(files: inputs.MapFiles, frame: frames.Frame) -> None:
    mapped = map_layers.read(files, frame)
    assert "imagery" in [layer.name for layer in mapped.part.whole.layers]
    assert [a.attribution for a in mapped.shown] == ["Survey <of> Nowhere"]
    assert mapped.missing == {}


def test_imagery_that_cannot_be_read_costs_the_page_this_layer_only(
    files: inputs.MapFiles, frame: frames.Frame
) -> None:
    shutil.rmtree(frame.path / "scenes")
    mapped = map_layers.read(files, frame)
    assert [layer.name for layer in mapped.part.whole.layers] == ["before", "after", "confidence", "provenance"]
    (sentence,) = mapped.missing.values()
    assert sentence.startswith("The imagery: left out, it cannot be read:")
    assert "no such folder" in sentence


def test_imagery_of_another_place_is_left_out_with_its_reason(files: inputs.MapFiles, frame: frames.Frame) -> None:
    text = report_artefacts.IMAGERY.replace('season = "all"', 'season = "all"\ndates = ["2011-01-01", "2012-12-31"]')
    frame.imagery_file.write_text(text, encoding="utf-8")
    missing = list(map_layers.read(files, frame).missing.values())
    assert len(missing) == 2
    assert all("no picture passes the rules of the frame: date" in sentence for sentence in missing)


def test_a_region_too_wide_to_picture_keeps_its_close_up(
    files: inputs.MapFiles, frame: frames.Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_imagery, "MOST_PIECES", 110)  # the close-up has 100
    mapped = map_layers.read(files, frame)
    assert "imagery" not in [layer.name for layer in mapped.part.whole.layers]
    assert mapped.part.closeup is not None
    assert "imagery" in [layer.name for layer in mapped.part.closeup.layers]
    (sentence,) = mapped.missing.values()
    assert sentence.startswith("The imagery of the whole region: left out,")
    assert sentence.endswith("more than 110; the close-up shows it.")


def test_a_base_on_another_grid_is_refused(files: inputs.MapFiles, tmp_path: pathlib.Path) -> None:
    other = map_files.geotiff(tmp_path / "other.tif", np.ones((5, 5), np.uint8), crs="EPSG:32649", pixel=30)
    with pytest.raises(errors.InputError, match="expected the grid of"):
        inputs.MapFiles.open(files.refined.path, other)


def test_another_base_on_the_same_grid_is_refused(files: inputs.MapFiles, tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other.tif"
    shutil.copy(files.base, other)
    inputs.MapFiles.open(files.refined.path, other)  # the same bytes under another name are the same map
    with rasterio.open(other, "r+") as dataset:
        codes = dataset.read(1)
        codes[0, 0] = 30
        dataset.write(codes, 1)
    with pytest.raises(errors.InputError, match=r"--base .*other.tif: expected the map that .* base\.tif of SHA-256"):
        inputs.MapFiles.open(files.refined.path, other)


def test_a_map_without_its_companions_is_refused(tmp_path: pathlib.Path) -> None:
    alone = map_files.geotiff(tmp_path / "alone.tif", np.ones((5, 5), np.uint8), crs="EPSG:32649", pixel=30)
    with pytest.raises(errors.InputError, match="with its companions"):
        inputs.MapFiles.open(alone, None)
    assert refined_map.RefinedMap(alone).provenance.name == "alone_provenance.tif"


def test_what_the_map_was_not_made_with_is_said(files: inputs.MapFiles, tmp_path: pathlib.Path) -> None:
    tags = files.refined.tags()
    imagery = imagery_toml.parse(tomllib.loads(report_artefacts.IMAGERY), tmp_path)
    other = imagery_toml.parse(
        tomllib.loads(report_artefacts.IMAGERY.replace('"all"', '{ all = ["05-01", "09-30"] }')), tmp_path
    )
    ours = comparison.Comparison.open(report_artefacts.write_comparison(tmp_path / "comparison"))
    compared = dataclasses.replace(ours, strategies=ours.strategies[:1])
    assert inputs.mismatches(tags, imagery, ours) == ()
    assert inputs.model_name(tags, ours) == "first-layer / rough"
    assert inputs.model_name(tags, compared) is None
    rules, model = inputs.mismatches(tags, other, compared)
    assert "imagery.toml is not the one that the map was made with" in rules
    assert "is not among the compared ones" in model
    assert (
        inputs.mismatches(refined_map.MapTags(), other, compared) == ()
    )  # a map that says nothing contradicts nothing


@pytest.mark.parametrize(
    ("crs", "left", "expected"),
    [
        ("EPSG:4326", 179.99, "179.990° E to 179.990° W, 0.010° S to 0.010° N"),
        ("EPSG:4326", 20.0, "20.000° E to 20.020° E, 0.010° S to 0.010° N"),
        ("EPSG:4326", -0.01, "0.010° W to 0.010° E, 0.010° S to 0.010° N"),
    ],
)
def test_a_place_is_described_across_the_antimeridian_too(crs: str, left: float, expected: str) -> None:
    assert map_layers.place(lattice.Lattice(crs, (0.001, 0, left, 0, -0.001, 0.01), (20, 20))) == expected


def test_a_place_in_metres_is_described_across_the_antimeridian() -> None:
    ground = lattice.Lattice("EPSG:32660", (30.0, 0, 833_000.0, 0, -30.0, 10_000.0), (100, 200))
    assert map_layers.place(ground).startswith("179.991° E to 179.955° W, ")


def test_the_whole_globe_goes_from_west_to_east() -> None:
    ground = lattice.Lattice("EPSG:4326", (0.1, 0, -180.0, 0, -0.1, 90.0), (1800, 3600))
    assert map_layers.place(ground) == "180.000° W to 180.000° E, 90.000° S to 90.000° N"


@pytest.mark.parametrize(
    ("shape", "longest", "grow", "expected"),
    [((100, 50), 200, False, (100, 50)), ((100, 50), 200, True, (200, 100)), ((1000, 500), 200, False, (200, 100))],
)
def test_pictures_are_scaled_by_their_longer_side(shape, longest, grow, expected) -> None:
    assert map_layers.scaled(shape, longest, may_grow=grow) == expected
