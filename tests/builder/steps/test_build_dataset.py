"""`tfds build` from a frame to a loadable dataset, on generated imagery."""

from __future__ import annotations

import importlib
import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import generated_frame
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from checkout import ROOT

from builder import errors
from builder.chips import pictures
from builder.dataset import digest
from builder.frame import frame as frames
from builder.frame import points_table, reviews
from builder.steps import acquire_chips

COUNTS = {"train": 21, "validation": 7, "test": 14, "test_inconsistent": 7}

Build = Callable[..., Any]


@pytest.fixture(scope="module")
def dataset() -> Any:
    """The module that declares the dataset, imported as TFDS imports it."""
    sys.path.insert(0, str(ROOT / "datasets"))
    yield importlib.import_module("globeland_samples.globeland_samples_dataset_builder")
    sys.path.remove(str(ROOT / "datasets"))


@pytest.fixture(scope="module")
def acquired(tmp_path_factory: pytest.TempPathFactory) -> frames.Frame:
    """A frame with its chips. Do not change it: copy it."""
    frame = generated_frame.write(tmp_path_factory.mktemp("frames") / "frame", COUNTS)
    acquire_chips.acquire(frame)
    return frame


@pytest.fixture
def frame(acquired: frames.Frame, tmp_path: pathlib.Path) -> frames.Frame:
    """A copy that a test may change."""
    return frames.Frame(pathlib.Path(shutil.copytree(acquired.path, tmp_path / "frame")))


@pytest.fixture
def build(dataset: Any, tmp_path: pathlib.Path) -> Build:
    """build(frame, config="rough", file_format="tfrecord") -> the builder, prepared."""

    def run(
        frame: frames.Frame,
        config: str = "rough",
        *,
        file_format: str = "array_record",
        data: str = "data",
        beam: tuple[str, ...] = (),
    ) -> Any:
        import tensorflow_datasets as tfds
        from apache_beam.options import pipeline_options

        built = dataset.Builder(data_dir=tmp_path / data, config=config, file_format=file_format)
        beam_options = pipeline_options.PipelineOptions(list(beam)) if beam else None
        built.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=frame.path, beam_options=beam_options)
        )
        return built

    return run


def examples(built: Any, split: str) -> dict[str, Mapping[str, Any]]:
    return {example["key"].decode(): example for example in built.as_data_source(split=split)}


def test_every_point_with_a_chip_becomes_an_example_at_its_place(build: Build, acquired: frames.Frame) -> None:
    built = build(acquired)
    assert {name: split.num_examples for name, split in built.info.splits.items()} == {
        "train": 21,
        "validation": 7,
        "test": 14,
    }
    train = examples(built, "train")
    points = {row["key"]: row for row in acquired.points().to_pylist()}
    for key, example in train.items():
        assert example["lon_e7"] / 1e7 == pytest.approx(points[key]["lon"], abs=1e-7)
        assert example["lat_e7"] / 1e7 == pytest.approx(points[key]["lat"], abs=1e-7)
        assert built.info.features["label"].int2str(int(example["label"])) == points[key]["label"]
        assert pictures.sha256(example["image"]) == example["pixels_sha256"].decode()
        assert example["image"].shape == (32, 32, 3)


def test_the_metadata_tells_how_the_dataset_was_made(build: Build, acquired: frames.Frame) -> None:
    built = build(acquired)
    folder = pathlib.Path(built.data_dir)
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["design"] == json.loads(json.dumps(acquired.design.to_json()))
    assert metadata["examples"]["train"] == dict.fromkeys(metadata["examples"]["train"], 3)
    assert metadata["left_out"]["test_inconsistent"]["water/inconsistent"] == {"not reviewed": 1}
    assert metadata["digest"] == digest.of_dataset(folder).text
    leakage = json.loads((folder / "leakage.json").read_text())
    assert leakage["between_splits"][0]["closest"]["distance_m"] > 1000


def test_the_digest_is_the_same_in_both_formats_and_on_beam(build: Build, acquired: frames.Frame) -> None:
    beam = ("--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK")
    digests = {
        build(acquired, file_format=file_format, data=file_format + str(len(flags)), beam=flags).info.metadata["digest"]
        for file_format, flags in (("tfrecord", ()), ("array_record", ()), ("array_record", beam))
    }
    assert len(digests) == 1


def test_one_changed_pixel_changes_the_digest(build: Build, acquired: frames.Frame, frame: frames.Frame) -> None:
    before = build(acquired, data="before").info.metadata["digest"]
    batch = sorted(frame.chips_folder.glob("*/train*.parquet"))[0]
    rows = pq.read_table(batch).to_pylist()
    pixels = pictures.decoded(rows[0]["image"]).copy()
    pixels[0, 0] ^= 255
    rows[0]["image"] = pictures.encoded(pixels, 100)
    pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(batch)), batch)
    assert build(frame, data="after").info.metadata["digest"] != before


def test_accurate_without_reviews_leaves_no_folder(build: Build, frame: frames.Frame, tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match=r"reviews\.parquet.*--config rough"):
        build(frame, "accurate")
    assert not (tmp_path / "data" / "globeland_samples").exists()


def test_accurate_holds_reviewed_points_and_the_test_splits_of_rough(build: Build, frame: frames.Frame) -> None:
    points = frame.points().to_pylist()
    of_split = {split: [p["key"] for p in points if p["split"] == split] for split in COUNTS}
    generated_frame.review(
        frame, dict.fromkeys(of_split["train"][:5], "water") | {of_split["train"][5]: reviews.UNUSABLE}
    )
    generated_frame.review(frame, dict.fromkeys(of_split["test_inconsistent"][:3], "forest"))
    accurate, rough = build(frame, "accurate"), build(frame, "rough")
    assert {name: split.num_examples for name, split in accurate.info.splits.items()} == {
        "train": 5,
        "test": 14,
        "test_inconsistent": 3,
    }
    assert {e["label_origin"] for e in examples(accurate, "train").values()} == {b"review"}
    assert {int(e["label"]) for e in examples(accurate, "train").values()} == {6}
    for split in ("test", "test_inconsistent"):
        assert examples(accurate, split).keys() == examples(rough, split).keys()
    confirmed = rough.info.metadata["confirmed_by_reviewers"]["train_and_validation"]
    assert sum(share["reviewed"] for share in confirmed.values()) == 5


def test_reviews_of_another_frame_are_refused(build: Build, frame: frames.Frame) -> None:
    generated_frame.review(frame, {"r00000c000000": "water"})
    with pytest.raises(errors.InputError, match=r"1 others, such as r00000c000000"):
        build(frame)


def test_ground_in_two_splits_fails_the_build_and_leaves_nothing(
    build: Build, frame: frames.Frame, tmp_path: pathlib.Path
) -> None:
    rows = frame.points().to_pylist()
    train, moved = rows[0], next(row for row in rows if row["split"] == "test")
    lon, lat = np.array([train["lon"] + 0.0005]), np.array([train["lat"]])
    moved |= {
        "key": points_table.point_keys(lon, lat)[0],
        "lon": lon[0],
        "lat": lat[0],
        "geometry": points_table.wkb_points(lon, lat)[0].as_py(),
    }
    points_table.write(frame.points_file, pa.Table.from_pylist(rows, points_table.SCHEMA), frame.metadata)
    frames.seal(frame.path)
    with pytest.raises(errors.InputError, match=r"no ground in two splits.*--buffer-m"):
        build(frames.Frame(frame.path))
    assert not (tmp_path / "data" / "globeland_samples").exists()


def test_imagery_that_serves_nobody_says_why(build: Build, frame: frames.Frame) -> None:
    frame.imagery_file.write_text(frame.imagery_file.read_text().replace("[rules]", "[rules]\nmax_gsd_m = 1.0"))
    with pytest.raises(errors.InputError, match=r"all 49 points were refused \(resolution: 49\).*imagery\.toml"):
        build(frame)


def test_a_folder_that_is_no_frame_says_what_to_put_there(build: Build, tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "imagery.toml").write_text("")
    with pytest.raises(errors.InputError, match=r"missing points\.parquet.*python -m builder points"):
        build(frames.Frame(tmp_path / "empty"))


def test_a_file_format_that_cannot_be_checked_is_refused(build: Build, acquired: frames.Frame) -> None:
    with pytest.raises(errors.InputError, match=r"tfrecord or array_record; received parquet"):
        build(acquired, file_format="parquet")


def test_a_beam_option_that_nobody_knows_is_refused(build: Build, frame: frames.Frame) -> None:
    shutil.rmtree(frame.chips_folder)
    with pytest.raises(errors.InputError, match=r"--direct_num_workerz.*--direct_num_workers"):
        build(frame, beam=("--direct_num_workerz=2",))


def test_litter_of_a_killed_build_is_removed_by_the_next(
    build: Build, acquired: frames.Frame, tmp_path: pathlib.Path
) -> None:
    litter = tmp_path / "data" / "globeland_samples" / "rough" / "incomplete.ABCDEF_1.0.0"
    litter.mkdir(parents=True)
    (litter / "globeland_samples-train.tfrecord-00000-of-00001").write_bytes(b"half")
    build(acquired)
    assert sorted(path.name for path in litter.parent.iterdir()) == ["1.0.0"]


def test_a_point_without_a_chip_is_counted_with_its_reason(build: Build, frame: frames.Frame) -> None:
    (frame.path / "scenes" / "validation.tif").unlink()
    shutil.rmtree(frame.chips_folder)
    built = build(frame)
    assert "validation" not in built.info.splits
    refused = built.info.metadata["refused"]["validation"]
    assert sum(count for reasons in refused.values() for count in reasons.values()) == 7
    assert pc.sum(pc.equal(frame.points()["split"], "validation")).as_py() == 7


@pytest.mark.slow
@pytest.mark.parametrize("place", ["root", "folder"])
def test_the_command_builds_what_tfds_load_reads(place: str, acquired: frames.Frame, tmp_path: pathlib.Path) -> None:
    tfds = str(pathlib.Path(sys.executable).with_name("tfds"))
    where = {
        "root": [str(ROOT), "datasets/globeland_samples"],
        "folder": [str(ROOT / "datasets" / "globeland_samples")],
    }[place]
    flags = ["--manual_dir", str(acquired.path), "--data_dir", str(tmp_path), "--config", "rough"]
    flags.append("--beam_pipeline_options=direct_num_workers=2")
    done = subprocess.run(
        [tfds, "build", *where[1:], *flags], cwd=where[0], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "semantic digest: " in done.stdout
    code = "import tensorflow_datasets as t; print(len(t.load('globeland_samples', split='train', data_dir='.')))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert loaded.stdout.split()[-1] == "21"
