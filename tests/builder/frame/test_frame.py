"""The frame: what must be in the folder, and what the error says when it is not."""

from __future__ import annotations

import pathlib
import pickle

import pytest

from builder import atomic, checksums, errors
from builder.frame import frame as frames
from builder.frame import points_table
from builder.frame.frame import Frame
from builder.steps import make_frame


@pytest.fixture
def given_frame(tmp_path) -> Frame:
    csv = tmp_path / "points.csv"
    csv.write_text("lon,lat,label\n-99.9,47.1,water\n-99.8,47.1,forest\n", encoding="utf-8")
    return make_frame.frame_of_given_points(make_frame.GivenRequest(points_file=csv, out=tmp_path / "frame")).frame


def test_a_frame_of_given_points_needs_no_rasters(given_frame):
    frame = Frame.open(given_frame.path)
    assert frame.points().num_rows == 2
    assert frame.design.is_given
    assert frame.metadata["products"] == []


def test_a_missing_folder_says_how_a_frame_is_made(tmp_path):
    with pytest.raises(errors.InputError, match=r"expected the folder of a sampling frame") as refused:
        Frame.open(tmp_path / "none")
    for word in (
        "builder points --products",
        "--imagery",
        "tfds build",
        "points.parquet",
        "agreement.tif",
        "imagery.toml",
    ):
        assert word in str(refused.value)


def test_an_empty_folder_is_told_what_it_lacks(tmp_path):
    with pytest.raises(errors.InputError, match=r"missing points.parquet"):
        Frame.open(tmp_path)
    with pytest.raises(errors.InputError, match=r"missing points.parquet, imagery.toml"):
        Frame.open(tmp_path, needs_imagery=True)


def test_acquiring_needs_imagery(given_frame):
    with pytest.raises(errors.InputError, match=r"missing imagery.toml"):
        Frame.open(given_frame.path, needs_imagery=True)
    given_frame.imagery_file.write_text("", encoding="utf-8")
    assert Frame.open(given_frame.path, needs_imagery=True).imagery_file.is_file()


def test_points_without_a_design_are_refused(given_frame):
    points = given_frame.points()
    points_table.write(given_frame.points_file, points, {})
    frames.seal(given_frame.path)
    with pytest.raises(errors.InputError, match=r"points\.parquet: expected the sampling design"):
        Frame.open(given_frame.path)


def test_a_design_out_of_range_is_refused_with_its_file(given_frame):
    design = given_frame.metadata["design"] | {"per_class": 0}
    points_table.write(given_frame.points_file, given_frame.points(), {"design": design})
    frames.seal(given_frame.path)
    with pytest.raises(errors.InputError, match=r"points\.parquet: --per-class: expected .* Write the frame anew"):
        Frame.open(given_frame.path)


def test_a_pickled_frame_is_only_its_path(given_frame):
    given_frame.points()
    assert len(pickle.dumps(given_frame)) < 1000
    assert pickle.loads(pickle.dumps(given_frame)) == given_frame


def test_a_changed_file_of_a_frame_is_named_with_the_cure(given_frame):
    content = bytearray(given_frame.points_file.read_bytes())
    content[len(content) // 2] ^= 1
    given_frame.points_file.write_bytes(content)
    with pytest.raises(errors.InputError, match=r"points\.parquet: .*SHA-256.*builder points.*--overwrite"):
        Frame.open(given_frame.path)


@pytest.mark.parametrize("text", [None, "", "0123  points.parquet\n"])
def test_a_missing_or_damaged_list_of_sums_is_named_with_the_cure(given_frame, text):
    listed = given_frame.path / checksums.FILE
    listed.unlink()
    if text is not None:
        listed.write_text(text, encoding="utf-8")
    with pytest.raises(errors.InputError, match=r"SHA256SUMS: .*missing or damaged.*--overwrite"):
        Frame.open(given_frame.path)


def test_a_raster_that_is_not_listed_is_refused(given_frame):
    given_frame.layers_file.write_bytes(b"raster")
    with pytest.raises(errors.InputError, match=r"agreement_layers\.tif: expected the file that `points` wrote"):
        Frame.open(given_frame.path)


def test_files_of_people_and_of_later_commands_are_not_sealed(given_frame):
    given_frame.imagery_file.write_text("# mine", encoding="utf-8")
    given_frame.reviews_file.write_bytes(b"reviews")
    given_frame.chips_folder.mkdir()
    assert Frame.open(given_frame.path).points().num_rows == 2


def test_the_sums_are_counted_once_for_each_state_of_the_files(given_frame, monkeypatch):
    counted, real = [], frames.hashing.sha256_of_file
    monkeypatch.setattr(frames.hashing, "sha256_of_file", lambda path: counted.append(path) or real(path))
    frames._sum_of.cache_clear()
    for _ in range(3):
        Frame.open(given_frame.path)
    assert counted == [given_frame.points_file]


def test_a_frame_that_a_killed_overwrite_moved_aside_is_put_back(given_frame):
    aside = given_frame.path.with_name(f"{atomic.ASIDE_PREFIX}{given_frame.path.name}")
    given_frame.path.rename(aside)
    assert Frame.open(given_frame.path).points().num_rows == 2
    assert not aside.exists()


def test_the_patterns_of_a_frame_name_every_file_that_commands_write(given_frame):
    for name in (
        *frames.RASTERS,
        "harmonized.tif.aux.xml",
        "imagery.toml",
        "reviews.parquet",
        "chips/ab/batch.parquet",
    ):
        file = given_frame.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    assert list(frames.FOLDER.strangers(given_frame.path)) == []
    (given_frame.path / "notes").mkdir()
    pathlib.Path(given_frame.path / "notes" / "mine.txt").write_text("", encoding="utf-8")
    assert list(frames.FOLDER.strangers(given_frame.path)) == ["notes/mine.txt"]
