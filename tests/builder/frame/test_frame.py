"""The frame: what must be in the folder, and what the error says when it is not."""

from __future__ import annotations

import pickle

import pytest

from builder import errors
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


def test_a_pickled_frame_is_only_its_path(given_frame):
    given_frame.points()
    assert len(pickle.dumps(given_frame)) < 1000
    assert pickle.loads(pickle.dumps(given_frame)) == given_frame
