from __future__ import annotations

import pathlib
import shlex
import shutil

import pyarrow as pa
import pytest
import rasterio

from builder import __main__ as command
from builder import errors, output_folders
from builder.chips import imagery_toml as imagery
from builder.frame import frame as frames
from builder.world import make_world, world_settings


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "tiny"
    make_world.run(folder, size="tiny")
    return folder


def test_the_demo_writes_products_imagery_truth_settings_and_a_frame(tiny):
    assert sorted(p.name for p in tiny.iterdir()) == [
        "SHA256SUMS",
        "frame",
        "imagery",
        "imagery.toml",
        "products",
        "truth.tif",
        "truth.tif.aux.xml",
    ]
    frame = frames.Frame.open(tiny / "frame", needs_imagery=True)
    assert frame.reviews_file.is_file()
    with rasterio.open(tiny / "truth.tif") as truth:
        assert truth.colormap(1)[60][:3] != (0, 0, 0)


def test_every_class_has_points_to_train_and_to_test_on(tiny):
    points = frames.Frame.open(tiny / "frame").points().to_pylist()
    for split in ("train", "test", "test_inconsistent"):
        classes = {p["label"] or p["base_class"] for p in points if p["split"] == split}
        assert len(classes) == 7, split


def test_the_imagery_of_the_frame_is_found_from_the_frame(tiny):
    (source,) = imagery.read(tiny / "frame" / "imagery.toml").sources
    (scenes,) = source.find([world_settings.world("tiny").window.bounds])
    assert len(scenes) > 10


def test_the_printed_command_draws_the_same_points(tiny, tmp_path):
    world = world_settings.world("tiny")
    words = shlex.split(make_world.points_command(tiny, world, "tiny"))
    assert words[:4] == ["python", "-m", "builder", "points"]
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert command.main(words[3:]) in (0, 3)
    first, again = (pa.table(frames.Frame.open(f).points()) for f in (tiny / "frame", tmp_path / "again"))
    assert first.equals(again)


@pytest.fixture
def copy(tiny, tmp_path):
    return pathlib.Path(shutil.copytree(tiny, tmp_path / "copy"))


def test_a_world_as_it_was_written_may_be_replaced(copy):
    output_folders.check(copy, make_world.WORLD, overwrite=True)
    with pytest.raises(errors.RefusedOverwrite, match="give --overwrite"):
        output_folders.check(copy, make_world.WORLD, overwrite=False)


@pytest.mark.parametrize(
    "name",
    [
        "frame/chips/ab/batch.parquet",
        "data/globeland_samples/rough/1.0.0/metadata.json",
        "frame/reviews.parquet",
        "imagery.toml",
        "frame/points.parquet",
        "notes.txt",
    ],
)
def test_a_world_that_was_worked_with_is_not_replaced(copy, name):
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    with (copy / name).open("ab") as file:
        file.write(b"mine")
    with pytest.raises(errors.InputError, match=f"DIR .*: --overwrite would delete {name}"):
        make_world.run(copy, size="tiny", overwrite=True)
    assert (copy / name).read_bytes().endswith(b"mine")


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(errors.InputError, match="holds other files"):
        make_world.run(tmp_path, size="tiny")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
