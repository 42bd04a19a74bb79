"""A frame from real files: products in, folder out, whole or not at all; Beam equals a for-loop."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import signal
import subprocess
import sys

import frame_layers
import map_files
import numpy as np
import pyarrow.parquet as pq
import pytest
from checkout import ROOT

from builder import errors
from builder.frame import design as designs
from builder.frame import layers, moved_paths
from builder.frame.frame import Frame
from builder.geometry import grid
from builder.points import drawing
from builder.steps import make_frame

WEST, NORTH, CELLS = 108.0, 35.0, 90
WINDOW = grid.window_of_bbox(WEST, NORTH - CELLS / 360, WEST + CELLS / 360, NORTH)
TOML = """
[[product]]
name = "fine"
base = true
files = ["fine/*.tif"]
crosswalk = "globeland30"
year = 2010
licence = "free"

[[product]]
name = "coarse"
files = ["coarse/*.tif"]
crosswalk = "globeland30"
year = 2010
licence = "free"
"""
DESIGN = designs.SamplingDesign(
    per_class=8, test_per_stratum=2, validation_share=0.3, split_block_deg=0.025, min_spacing_m=300.0, buffer_m=300.0,
    reserve=2.0,
)  # fmt: skip
IMAGERY = """
# our own scenes
[rules]
prefer = "2010-07-01"
[chip]
size_m = 60.0
[[source]]
name = "scenes"
type = "folder"
path = "scenes"  # beside this file
date = { from = "csv", file = "dates.csv" }
"""


@pytest.fixture(scope="module")
def products(tmp_path_factory) -> pathlib.Path:
    """Two maps of patches: 1/3600 degree pixels, and the cells themselves, of which every fifth differs."""
    folder = tmp_path_factory.mktemp("products")
    tile = frame_layers.layers(WINDOW)
    coarse = np.where(tile.window.cells() % 5 == 0, 10, tile.base)
    fine = tile.base.repeat(10, axis=0).repeat(10, axis=1)
    map_files.geotiff(folder / "fine" / "map.tif", fine, origin=(WEST, NORTH), pixel=1 / 3600)
    map_files.geotiff(folder / "coarse" / "map.tif", coarse.astype(np.uint8), origin=(WEST, NORTH))
    (folder / "products.toml").write_text(TOML, encoding="utf-8")
    return folder


@pytest.fixture
def request_(products, tmp_path) -> make_frame.FrameRequest:
    return make_frame.FrameRequest(products=products, out=tmp_path / "frame", design=DESIGN)


def with_numbers(request: make_frame.FrameRequest, **numbers) -> make_frame.FrameRequest:
    return dataclasses.replace(request, design=dataclasses.replace(request.design, **numbers))


def files_of(folder: pathlib.Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_frame_holds_rasters_points_and_design(request_, capsys):
    summary = make_frame.make_frame(request_)
    frame = Frame.open(request_.out)
    assert files_of(frame.path) >= {"agreement.tif", "agreement_layers.tif", "harmonized.tif", "points.parquet"}
    assert frame.points().equals(summary.points)
    assert frame.points().num_rows > 100
    assert frame.design.products == ("fine", "coarse")
    assert frame.design.min_agreement == 2
    assert frame.metadata["products"][0]["files"][0]["sha256"]
    assert frame.metadata["strata"]["forest/consistent"]["cells"] > 100
    assert frame.metadata["created_by"].startswith("globeland ")
    printed = capsys.readouterr().out
    assert "no --imagery was given" in printed
    assert f"{request_.out}: {summary.points.num_rows:,} ranked points." in printed
    assert files_of(request_.out.parent) == {"frame"}


def test_beam_equals_a_for_loop(request_):
    summary = make_frame.make_frame(dataclasses.replace(request_, tile_cells=37))
    reader = layers.Rasters(request_.out, WINDOW)
    loop = frame_layers.by_loop([reader.read(tile) for tile in WINDOW.tiles(50)])
    drawn = drawing.draw(loop, summary.frame.design)
    assert drawing.table_of_drawn(drawn, summary.frame.design).equals(summary.points)


def test_workers_do_not_change_the_points(request_):
    one = make_frame.make_frame(request_)
    options = ("--direct_num_workers=2",)
    two = make_frame.make_frame(
        dataclasses.replace(request_, out=request_.out.with_name("two"), tile_cells=25, beam_options=options)
    )
    assert one.points.equals(two.points)
    assert one.metadata == two.metadata


def test_another_region_gives_a_cell_the_same_rank_value(request_):
    whole = make_frame.make_frame(request_)
    part = dataclasses.replace(request_, out=request_.out.with_name("part"), bbox=(WEST, 34.8, WEST + 0.2, 35.0))
    values = {row["key"]: row["rank_value"] for row in whole.points.to_pylist() if row["split"].startswith("test")}
    rows = [row for row in make_frame.make_frame(part).points.to_pylist() if row["split"].startswith("test")]
    shared = [row for row in rows if row["key"] in values]
    assert shared
    assert all(values[row["key"]] == row["rank_value"] for row in shared)


def test_an_area_of_interest_closes_all_else(request_, tmp_path):
    ring = [[WEST, 34.8], [WEST + 0.2, 34.8], [WEST, 35.0], [WEST, 34.8]]
    area = {"type": "Polygon", "coordinates": [ring]}
    (tmp_path / "aoi.geojson").write_text(json.dumps(area), encoding="utf-8")
    frame = make_frame.make_frame(dataclasses.replace(request_, aoi=tmp_path / "aoi.geojson")).frame
    lon, lat = (frame.points()[name].to_numpy() for name in ("lon", "lat"))
    assert len(lon) > 20
    assert (lon - WEST + lat <= 35.0).all()
    assert len(frame.design.aoi_sha256) == 64


def test_a_dry_run_writes_nothing(request_, capsys):
    summary = make_frame.make_frame(dataclasses.replace(request_, dry_run=True))
    assert summary.frame is None
    assert not request_.out.exists()
    assert f"{summary.points.num_rows:,} points would be ranked; nothing was written" in capsys.readouterr().out


def test_imagery_is_copied_and_its_paths_still_lead_there(request_, tmp_path):
    settings = tmp_path / "settings"
    (settings / "scenes").mkdir(parents=True)
    (settings / "imagery.toml").write_text(IMAGERY, encoding="utf-8")
    frame = make_frame.make_frame(dataclasses.replace(request_, imagery=settings / "imagery.toml")).frame
    text = frame.imagery_file.read_text(encoding="utf-8")
    assert 'path = "../settings/scenes"  # beside this file' in text
    assert 'file = "../settings/dates.csv"' in text
    assert frame.design.chip_size_m == 60.0


def test_overwriting_keeps_chips_reviews_and_imagery(request_):
    frame = make_frame.make_frame(request_).frame
    frame.chips_folder.mkdir()
    (frame.chips_folder / "batch.parquet").write_bytes(b"chips")
    frame.reviews_file.write_bytes(b"reviews")
    frame.imagery_file.write_text("# mine", encoding="utf-8")
    again = make_frame.make_frame(dataclasses.replace(with_numbers(request_, seed=5), overwrite=True)).frame
    assert again.design.seed == 5
    assert (again.chips_folder / "batch.parquet").read_bytes() == b"chips"
    assert again.reviews_file.read_bytes() == b"reviews"
    assert again.imagery_file.read_text(encoding="utf-8") == "# mine"
    assert files_of(request_.out.parent) == {"frame"}


def test_a_frame_of_another_design_is_not_overwritten_unasked(request_):
    make_frame.make_frame(request_)
    before = pq.read_table(request_.out / "points.parquet")
    with pytest.raises(errors.InputError, match=r"another design \(per_class 8 there, 9 here\).*--overwrite"):
        make_frame.make_frame(with_numbers(request_, per_class=9))
    with pytest.raises(errors.InputError, match="of the same numbers"):
        make_frame.make_frame(request_)
    assert pq.read_table(request_.out / "points.parquet").equals(before)


def test_a_folder_that_is_no_frame_is_never_replaced(request_):
    request_.out.mkdir()
    (request_.out / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(errors.InputError, match="it holds other files"):
        make_frame.make_frame(dataclasses.replace(request_, overwrite=True))
    assert files_of(request_.out) == {"thesis.txt"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"products": pathlib.Path("/nowhere")}, "/nowhere"),
        ({"bbox": (109.0, 35.0, 108.0, 34.0)}, "S < N"),
        ({"bbox": (10.0, 34.0, 11.0, 35.0)}, "expected a region that the base product fine covers"),
        ({"min_agreement": 1}, "--min-agreement"),
        ({"imagery": pathlib.Path("/nowhere/imagery.toml")}, "no such file"),
        ({"aoi": pathlib.Path("/nowhere/aoi.gpkg")}, "no such file"),
        ({"aoi": pathlib.Path("x"), "bbox": (0.0, 0.0, 1.0, 1.0)}, "received both"),
        ({"beam_options": ("--direct_num_wokers=2",)}, "--direct_num_workers"),
        ({"out": pathlib.Path("/dev/null/frame")}, "cannot"),
    ],
)
def test_wrong_input_is_refused_and_leaves_nothing(request_, change, text):
    with pytest.raises(errors.InputError, match=text):
        make_frame.make_frame(dataclasses.replace(request_, **change))
    assert not request_.out.exists()
    assert files_of(request_.out.parent) == set()


@pytest.mark.parametrize(("numbers", "text"), [({"per_class": 0}, "--per-class"), ({"buffer_m": 100.0}, "--buffer-m")])
def test_a_wrong_number_is_refused_before_a_request_is_made(request_, numbers, text):
    with pytest.raises(errors.InputError, match=text):
        make_frame.make_frame(with_numbers(request_, **numbers))
    assert files_of(request_.out.parent) == set()


def test_a_region_without_data_is_refused(tmp_path, request_):
    folder = tmp_path / "void"
    void = np.zeros((60, 60), np.uint8)
    for name in ("fine", "coarse"):
        map_files.geotiff(folder / name / "map.tif", void, origin=(WEST, NORTH))
    (folder / "products.toml").write_text(TOML, encoding="utf-8")
    with pytest.raises(errors.InputError, match="every cell is without data"):
        make_frame.make_frame(dataclasses.replace(request_, products=folder))
    assert not request_.out.exists()


def test_an_interrupted_run_leaves_nothing(request_, monkeypatch):
    def interrupt(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(make_frame.drawing, "draw", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_frame.make_frame(request_)
    assert files_of(request_.out.parent) == set()


def test_shortfalls_are_told_and_kept(request_, capsys):
    frame = make_frame.make_frame(with_numbers(request_, per_class=5000, validation_share=0.0)).frame
    short = next(s for s in frame.metadata["shortfalls"] if (s["split"], s["class"]) == ("train", "forest"))
    rows = frame.points().to_pylist()
    assert short["ranked"] == sum((row["split"], row["label"]) == ("train", "forest") for row in rows)
    assert short["ranked"] < short["wanted"] < short["to_rank"] == 10000
    assert sum(region["ranked"] for region in short["regions"]) == short["ranked"]
    assert all(r["consistent"] >= r["pure_core"] >= r["open"] >= r["ranked"] for r in short["regions"])
    assert f"short: train forest: {short['ranked']:,} of 10,000 points to rank" in capsys.readouterr().out


def test_an_empty_split_names_the_flag(request_, capsys):
    make_frame.make_frame(with_numbers(request_, split_block_deg=1.0, validation_share=0.05))
    assert "validation is empty: take smaller blocks (--split-block)" in capsys.readouterr().out


def test_a_truncated_raster_is_named(request_):
    make_frame.make_frame(request_)
    raster = request_.out / "agreement_layers.tif"
    raster.write_bytes(raster.read_bytes()[:600])
    with pytest.raises(errors.InputError, match=r"agreement_layers.tif: expected a raster of the frame"):
        layers.Rasters(request_.out, WINDOW).read(next(WINDOW.tiles(50)))


def test_paths_in_forms_that_cannot_be_moved_are_refused(tmp_path):
    text = '[[source]]\npath = """scenes"""\n'
    with pytest.raises(errors.InputError, match="write them absolute"):
        moved_paths.moved(text, tmp_path / "a", tmp_path / "b")


def test_urls_and_absolute_paths_stay(tmp_path):
    text = '[[source]]\nhref = "https://example.org/catalog.json"\n[[source]]\npath = "/data/scenes"\n'
    assert moved_paths.moved(text, tmp_path / "a", tmp_path / "b") == text


def given_request(folder: pathlib.Path, **more) -> make_frame.GivenRequest:
    return make_frame.GivenRequest(points_file=folder / "p.csv", out=folder / "frame", **more)


def test_given_points_make_a_frame_of_their_own(tmp_path, capsys):
    (tmp_path / "p.csv").write_text("lon,lat,label,split\n1,2,forest,\n1,3,water,test\n", encoding="utf-8")
    summary = make_frame.frame_of_given_points(given_request(tmp_path))
    assert [row["label"] for row in summary.frame.points().to_pylist()] == ["forest", "water"]
    assert "2 given points" in capsys.readouterr().out


def test_given_points_can_be_tried_dry(tmp_path):
    (tmp_path / "p.csv").write_text("lon,lat,label\n1,2,forest\n", encoding="utf-8")
    assert make_frame.frame_of_given_points(given_request(tmp_path, dry_run=True)).frame is None
    assert not (tmp_path / "frame").exists()


def test_a_frame_with_a_file_of_a_person_is_not_replaced(request_):
    make_frame.make_frame(request_)
    (request_.out / "scenes").mkdir()
    (request_.out / "scenes" / "mine.tif").write_bytes(b"mine")
    with pytest.raises(errors.InputError, match=r"--overwrite would delete scenes/mine\.tif"):
        make_frame.make_frame(dataclasses.replace(request_, overwrite=True))
    assert Frame.open(request_.out).points().num_rows
    assert (request_.out / "scenes" / "mine.tif").read_bytes() == b"mine"


@pytest.mark.parametrize("out", [".", "..", "../frame", "absolute"])
def test_the_folder_one_is_in_and_those_above_it_are_refused_before_any_work(request_, tmp_path, monkeypatch, out):
    work = tmp_path / "frame" / "work"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setattr(make_frame.products, "find", lambda *_: pytest.fail("work was begun"))
    place = tmp_path if out == "absolute" else pathlib.Path(out)
    if out == "../frame":
        place = pathlib.Path("../../frame")
    with pytest.raises(errors.InputError, match="the folder you are in, or one above it"):
        make_frame.make_frame(dataclasses.replace(request_, out=place, overwrite=True))
    assert work.is_dir()


def test_of_two_runs_with_one_out_the_slower_is_refused(request_, monkeypatch):
    real = drawing.draw

    def overtaken(*arguments):
        monkeypatch.setattr(make_frame.drawing, "draw", real)
        make_frame.make_frame(with_numbers(request_, seed=5))
        return real(*arguments)

    monkeypatch.setattr(make_frame.drawing, "draw", overtaken)
    with pytest.raises(errors.RefusedOverwrite, match="exists already"):
        make_frame.make_frame(request_)
    assert Frame.open(request_.out).design.seed == 5
    assert files_of(request_.out.parent) == {"frame"}


def test_chips_on_another_disk_stay_there(tmp_path):
    (tmp_path / "p.csv").write_text("lon,lat,label\n1,2,forest\n", encoding="utf-8")
    frame = make_frame.frame_of_given_points(given_request(tmp_path)).frame
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "batch.parquet").write_bytes(b"chips")
    frame.chips_folder.symlink_to("../big")
    again = make_frame.frame_of_given_points(given_request(tmp_path, overwrite=True)).frame
    assert again.chips_folder.is_symlink()
    assert (again.chips_folder / "batch.parquet").read_bytes() == b"chips"


KILLED = """
import os, pathlib, signal
from builder import atomic
from builder.steps import make_frame
real = pathlib.Path.replace

def replace(self, target):
    moved = real(self, target)
    if pathlib.Path(target).name.startswith(atomic.ASIDE_PREFIX):
        os.kill(os.getpid(), signal.SIGKILL)
    return moved

pathlib.Path.replace = replace
folder = pathlib.Path({folder!r})
request = make_frame.GivenRequest(points_file=folder / "p.csv", out=folder / "frame", overwrite=True)
make_frame.frame_of_given_points(request)
"""


@pytest.mark.parametrize("next_command", ["open", "points", "points --overwrite"])
def test_killed_between_the_two_renames_the_next_command_finds_the_frame(tmp_path, next_command):
    (tmp_path / "p.csv").write_text("lon,lat,label\n1,2,forest\n", encoding="utf-8")
    frame = make_frame.frame_of_given_points(given_request(tmp_path)).frame
    frame.chips_folder.mkdir()
    (frame.chips_folder / "batch.parquet").write_bytes(b"chips")
    frame.reviews_file.write_bytes(b"reviews")
    killed = subprocess.run([sys.executable, "-c", KILLED.format(folder=str(tmp_path))], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not frame.path.exists()
    if next_command == "open":
        Frame.open(frame.path)
    elif next_command == "points":
        with pytest.raises(errors.InputError, match="holds a frame already, of the same numbers"):
            make_frame.frame_of_given_points(given_request(tmp_path))
    else:
        make_frame.frame_of_given_points(given_request(tmp_path, overwrite=True))
    assert (frame.chips_folder / "batch.parquet").read_bytes() == b"chips"
    assert frame.reviews_file.read_bytes() == b"reviews"
    assert Frame.open(frame.path).points().num_rows == 1
