"""A release is whole, loads both ways, states its terms, and cannot change under its version."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from checkout import ROOT

from builder import checksums, errors
from builder.chips import pictures
from builder.dataset import index, shard_files
from builder.frame import frame as frames
from builder.frame import points_table
from builder.geometry import lonlat
from builder.release import croissant, diff, facts, record, release, verify, version
from builder.steps import acquire_chips

DAY = datetime.date(2026, 11, 23)


def test_one_folder_serves_both_ways_of_loading(published: pathlib.Path) -> None:
    import tensorflow_datasets as tfds

    root = published.parents[2]
    loaded = tfds.load("globeland_samples", split="train", data_dir=root)
    source = tfds.data_source("globeland_samples/rough:1.0.0", split="train", data_dir=root)
    assert len(loaded) == len(source) == 21
    by_key = {example["key"]: example for example in source}
    for example in loaded.as_numpy_iterator():
        apart = example["image"].astype(int) - by_key[example["key"]]["image"]
        assert np.abs(apart).mean() < 2  # TensorFlow and Pillow decode a JPEG differently, by a few grey levels
        assert example["label"] == by_key[example["key"]]["label"]


def test_a_build_in_the_other_format_makes_the_same_release(
    build: Callable[..., pathlib.Path], frame: frames.Frame, published: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    other = build(frame, tmp_path / "data", file_format="array_record")
    released = release.release(other, tmp_path / "to", record_in=tmp_path / "records", date=DAY)
    assert list(verify.faults(released.folder)) == []
    assert version.read(released.folder).formats == version.read(published).formats == ("tfrecord", "array_record")
    assert diff.between(published, released.folder).equal == 49


def test_the_release_is_sound_and_sha256sum_agrees(published: pathlib.Path) -> None:
    assert list(verify.faults(published)) == []
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", checksums.FILE], cwd=published, check=True)


def test_a_flipped_byte_anywhere_is_found_and_its_file_named(copy: pathlib.Path) -> None:
    chance = random.Random(0)
    config = copy.parent.parent / ".config" / "metadata.json"
    targets = [*checksums.files(copy), copy / checksums.FILE, config]
    for number in range(50):
        path = targets[number % len(targets)]
        content = bytearray(path.read_bytes())
        place = chance.randrange(len(content))
        content[place] ^= 1 << chance.randrange(8)
        whole, _ = path.read_bytes(), path.write_bytes(content)
        found = list(checksums.faults(copy)) + list(verify._config_faults(copy))
        assert len(found) == 1 and path.name in found[0], (path, place, found)
        path.write_bytes(whole)


def shard(folder: pathlib.Path, split: str, file_format: str = "tfrecord") -> pathlib.Path:
    return next(folder.glob(f"*-{split}.{file_format}-*"))


def test_a_missing_shard_is_named(copy: pathlib.Path) -> None:
    path = shard(copy, "validation", "array_record")
    path.unlink()
    found = list(verify.faults(copy))
    assert sum(path.name in fault for fault in found) == 2  # by its sum, and by its number


def test_two_swapped_shards_are_found_even_under_new_sums(copy: pathlib.Path) -> None:
    one, two = shard(copy, "train"), shard(copy, "test")
    one.rename(copy / "aside")
    two.rename(one)
    (copy / "aside").rename(two)
    assert len(list(checksums.faults(copy))) == 2
    checksums.write(copy)
    found = " ".join(verify.faults(copy))
    assert "says [21] for the examples of train per tfrecord shard; counted [14]" in found
    assert "semantic digest" in found


def test_a_wrong_count_is_found_even_under_new_sums(copy: pathlib.Path) -> None:
    path = copy / version.INFO_FILE
    path.write_text(path.read_text().replace('"21"', '"20"'))
    checksums.write(copy)
    assert any("says [20] for the examples of train" in fault for fault in verify.faults(copy))


def test_a_picture_outside_the_stated_rules_is_found(copy: pathlib.Path) -> None:
    path = copy / version.METADATA_FILE
    path.write_text(
        path.read_text().replace("2013-12-31", "2009-12-31").replace('"max_gsd_m": 2.0', '"max_gsd_m": 1.0')
    )
    checksums.write(copy)
    found = " ".join(verify.faults(copy))
    assert "49 examples are acquired outside 2007-01-01..2009-12-31" in found
    assert "49 examples are coarser than 1.0 m" in found


def test_verify_needs_neither_tensorflow_nor_tfds(published: pathlib.Path) -> None:
    code = (
        "import sys, pathlib; from builder.release import verify; "
        f"print(list(verify.faults(pathlib.Path({str(published)!r}))), "
        "[m for m in ('tensorflow', 'tensorflow_datasets', 'apache_beam') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_another_dataset_under_the_same_version_is_refused_with_what_changed(
    build: Callable[..., pathlib.Path], frame: frames.Frame, built: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    records_folder = tmp_path / "records"
    first = release.release(built, tmp_path / "one", record_in=records_folder, date=DAY)
    again = release.release(built, tmp_path / "two", record_in=records_folder, date=DAY.replace(year=2027))
    assert json.loads(again.record.read_text())["date"] == "2026-11-23"
    other = frames.Frame(pathlib.Path(shutil.copytree(frame.path, tmp_path / "frame")))
    text = other.imagery_file.read_text()
    other.imagery_file.write_text(text.replace("[chip]", "[chip]\njpeg_quality = 60"))
    with pytest.raises(
        errors.InputError, match=r"raise VERSION: rough 1\.0\.0.*MAJOR to 2\.0\.0.*jpeg_quality: 90"
    ) as refused:
        release.release(build(other, tmp_path / "data"), tmp_path / "three", record_in=records_folder)
    assert "features with other values: image, phash, pixels_sha256" in str(refused.value)
    assert not list((tmp_path / "three").rglob("*.*"))
    assert first.record == again.record


def test_added_features_are_minor_and_everything_else_is_major() -> None:
    before = {"image": "1", "label": "2"}
    assert record.raised("1.4.2", before, {**before, "slope": "3"}) == ("MINOR", "1.5.0")
    assert record.raised("1.4.2", before, {"image": "1", "label": "9"}) == ("MAJOR", "2.0.0")
    assert record.raised("1.4.2", before, {"image": "1"}) == ("MAJOR", "2.0.0")


def test_pictures_that_must_not_be_passed_on_stop_the_release(
    build: Callable[..., pathlib.Path], frame: frames.Frame, tmp_path: pathlib.Path
) -> None:
    other = frames.Frame(pathlib.Path(shutil.copytree(frame.path, tmp_path / "frame")))
    other.imagery_file.write_text(other.imagery_file.read_text() + 'redistribution = "no"\n')
    with pytest.raises(errors.InputError, match=r"49 must not, such as p\+.* from noise"):
        release.release(build(other, tmp_path / "data"), tmp_path / "to", record_in=tmp_path / "records")
    assert not (tmp_path / "to").exists() and not (tmp_path / "records").exists()


def test_a_release_is_never_replaced_silently(built: pathlib.Path, tmp_path: pathlib.Path) -> None:
    release.release(built, tmp_path, record_in=tmp_path / "records")
    with pytest.raises(errors.RefusedOverwrite):
        release.release(built, tmp_path, record_in=tmp_path / "records")
    release.release(built, tmp_path, record_in=tmp_path / "records", overwrite=True)


def test_the_index_opens_in_geopandas_and_in_plain_pandas(published: pathlib.Path) -> None:
    import geopandas

    places = geopandas.read_parquet(published / index.FILE)
    assert places.crs.to_epsg() == 4326 and places.geometry.x.between(108, 109).all()
    plain = pd.read_parquet(published / index.FILE)
    assert plain.reason.isna().sum() == 49
    assert set(plain.columns) == set(index.SCHEMA.names)


def test_croissant_and_stac_are_valid_and_say_where_and_when(published: pathlib.Path) -> None:
    import mlcroissant
    import pystac
    from pystac.validation import validate_dict

    document = mlcroissant.Dataset(jsonld=published / "croissant.json")
    first = next(iter(document.records(record_set="points")))
    assert first["points/split"] in (b"test", "test")
    raw = json.loads((published / "croissant.json").read_text())
    described = facts.of_version(version.read(published), index.read(published))
    there = croissant.document(described, "https://example.org/samples", DAY)
    assert there["distribution"][0]["contentUrl"] == "https://example.org/samples/index.parquet"
    assert raw["temporalCoverage"] == "2010-07-01/2010-07-01"
    assert raw["spatialCoverage"]["geo"]["box"].startswith("34.")
    validate_dict(json.loads((published / "collection.json").read_text()))
    collection = pystac.Collection.from_file(str(published / "collection.json"))
    assert collection.extent.spatial.bboxes[0][0] == pytest.approx(108.8, abs=0.1)


def test_the_card_answers_what_a_newcomer_asks(published: pathlib.Path) -> None:
    card = (published / "README.md").read_text()
    for heading in (
        "May I use it?",
        "How do I load it?",
        "What does an example hold?",
        "How good are the labels?",
        "What changed?",
        "Known biases",
    ):
        assert f"## {heading}" in card
    assert 'tfds.load("globeland_samples/rough:1.0.0"' in card and "CC0-1.0" in card and "\n\n\n" not in card


def test_the_extent_is_the_narrowest_also_across_the_antimeridian() -> None:
    assert lonlat.narrowest(np.array([179.0, -179.0, 178.0])) == (178.0, -179.0)
    assert lonlat.narrowest(np.array([5.0])) == (5.0, 5.0)


def test_diff_says_exactly_what_was_done(
    build: Callable[..., pathlib.Path], frame: frames.Frame, built: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Ten points of train moved by 5 m, five relabelled, three re-imaged."""
    other = frames.Frame(pathlib.Path(shutil.copytree(frame.path, tmp_path / "frame")))
    rows = other.points().to_pylist()
    for row in rows[:10]:
        lon, lat = np.array([row["lon"]]), np.array([row["lat"] + 0.000045])
        row |= {
            "key": points_table.point_keys(lon, lat)[0],
            "lat": lat[0],
            "geometry": points_table.wkb_points(lon, lat)[0].as_py(),
        }
    labels = [(row["label"], row["rank"]) for row in rows[10:15]]
    # They swap labels and ranks, so that no class exceeds its quota and no rank comes twice.
    for row, (label, rank) in zip(rows[10:15], [*labels[1:], labels[0]], strict=True):
        row |= {"label": label, "base_class": label, "rank": rank}
    points_table.write(other.points_file, pa.Table.from_pylist(rows, points_table.SCHEMA), other.metadata)
    frames.seal(other.path)
    given = pq.read_table(other.reviews_file)
    pq.write_table(given.filter(pc.is_in(given["key"], pa.array([row["key"] for row in rows]))), other.reviews_file)
    acquire_chips.acquire(frames.Frame(other.path))
    _reimage(other, {row["key"] for row in rows[15:18]})
    after = build(frames.Frame(other.path), tmp_path / "data")
    found = diff.between(built, after)
    of_train = [key for key in found.relabelled if key in {row["key"] for row in rows[:21]}]
    assert (len(found.moved), len(of_train), len(found.reimaged)) == (10, 5, 3)
    assert (found.added, found.removed, found.resplit) == ((), (), ())
    assert all(metres == pytest.approx(5.0, abs=0.1) for _, _, metres in found.moved)
    assert next(found.lines(1)) == "added: 0"


def _reimage(frame: frames.Frame, keys: set[str]) -> None:
    for batch in frame.chips_folder.glob("*/*.parquet"):
        rows = pq.read_table(batch).to_pylist()
        for row in (row for row in rows if row["key"] in keys):
            picture = pictures.encoded(255 - pictures.decoded(row["image"]), 90)
            row |= {"image": picture, "pixels_sha256": pictures.sha256(pictures.decoded(picture))}
        pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(batch)), batch)


@pytest.mark.slow
def test_killed_at_any_moment_a_release_is_whole_or_not_there(built: pathlib.Path, tmp_path: pathlib.Path) -> None:
    code = (
        "import sys, pathlib; from builder.release import release; "
        "release.release(*map(pathlib.Path, sys.argv[1:3]), record_in=pathlib.Path(sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, str(built), str(tmp_path / "to"), str(tmp_path / "records")]
    target = tmp_path / "to" / "globeland_samples" / "rough" / "1.0.0"
    chance = random.Random(1)
    for _ in range(4):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(target.parent.glob(".incomplete.*/*")):
            time.sleep(0.005)
        time.sleep(chance.random() * 3.0)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not target.exists() or not list(verify.faults(target))
        if target.exists():
            shutil.rmtree(target)
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert list(verify.faults(target)) == []
    assert [path.name for path in target.parent.iterdir()] == ["1.0.0"]
    assert len(list(shard_files.shards(target))) == 8
