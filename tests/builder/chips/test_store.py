from __future__ import annotations

import datetime
import os

import numpy as np
import pytest

from builder import errors
from builder.chips import chip, footprint, imagery_toml, pictures, store
from builder.chips.imagery_rules import Reason
from builder.imagery import source

DAYS = datetime.date(2010, 7, 1), datetime.date(2010, 7, 2)
SEEN = source.Acquisition("naip", "UltraCam", ("s1", "s2"), *DAYS, 0.6, "PD", "USDA", "http://x", "yes")


def accepted(key, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    request = chip.Request(key, 10.0, 50.0, "forest", 15.0, key.split("@")[0] if "@" in key else None)
    return chip.Outcome(request, chip.Chip(pixels, footprint.Footprint(10.0, 50.0, 90.0, 15.0), SEEN))


def refused(key):
    return chip.Outcome(chip.Request(key, 1.0, 2.0, None), chip.Refusal(Reason.DATE, "too old"))


SIZE = imagery_toml.ChipSize(size_px=32)


def filled(tmp_path):
    chips = store.ChipStore(tmp_path / "chips", "abcdef" * 8)
    chips.prepare()
    chips.write("b1", [accepted("a", 1), refused("b"), accepted("a@015", 2)], SIZE)
    chips.write("b2", [accepted("c", 3)], SIZE)
    return chips


def test_what_was_stored_comes_back_whole(tmp_path):
    chips = filled(tmp_path)
    (row,) = chips.rows(["a@015"])
    assert row["parent"] == "a" and row["rotation_deg"] == 15.0 and row["reason"] is None
    assert row["scene_ids"] == ["s1", "s2"] and row["acquired_to"] == datetime.date(2010, 7, 2)
    assert row["gsd_m"] == 0.6 and row["redistribution"] == "yes"
    square = footprint.Footprint(10.0, 50.0, 90.0, 15.0)
    assert row["affine"] == list(square.affine(32)) and row["crs"] == square.crs
    np.testing.assert_array_equal(np.reshape(row["corners"], (4, 2)), square.corners())


def test_the_digest_is_of_the_pixels_that_a_reader_decodes(tmp_path):
    (row,) = filled(tmp_path).rows(["c"])
    pixels = pictures.decoded(row["image"])
    assert row["pixels_sha256"] == pictures.sha256(pixels) and row["phash"] == pictures.phash(pixels)


def test_refusals_are_kept_with_reason_and_detail(tmp_path):
    index = filled(tmp_path).index()
    assert index.column_names == store.INDEX.names and "image" not in index.column_names
    rows = {row["key"]: row for row in index.to_pylist()}
    assert set(rows) == {"a", "b", "a@015", "c"}
    assert (rows["b"]["reason"], rows["b"]["detail"], rows["b"]["source"]) == ("date", "too old", None)


def test_images_come_by_key_and_refusals_have_none(tmp_path):
    chips = filled(tmp_path)
    assert sorted(key for key, _ in chips.images(["a", "b", "c", "nowhere"])) == ["a", "c"]
    assert [key for key, _ in chips.images(["a", "c"], ["b2"])] == ["c"]


def test_other_rules_never_find_the_old_batches(tmp_path):
    assert filled(tmp_path).has("b1")
    assert not store.ChipStore(tmp_path / "chips", "fedcba" * 8).has("b1")


def test_litter_of_a_killed_run_is_removed_and_is_no_batch(tmp_path):
    chips = filled(tmp_path)
    litter = chips.folder / ".incomplete.xyz.parquet"
    litter.write_bytes(b"half")
    assert chips.batches() == ["b1", "b2"]
    chips.prepare()
    assert not litter.exists() and chips.batches() == ["b1", "b2"]


def test_a_damaged_batch_is_named_with_its_cure(tmp_path):
    chips = filled(tmp_path)
    path = chips.path("b1")
    content = bytearray(path.read_bytes())
    path.write_bytes(content[:-20])
    with pytest.raises(errors.InputError, match=r"b1\.parquet.*Remove the file"):
        chips.index()


def test_a_flipped_byte_in_a_picture_is_noticed(tmp_path):
    chips = filled(tmp_path)
    (row,) = chips.rows(["c"])
    path = chips.path("b2")
    content = bytearray(path.read_bytes())
    at = content.index(row["image"]) + len(row["image"]) // 2
    content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(errors.InputError, match=r"b2\.parquet"):
        list(chips.rows(["c"]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(errors.InputError, match="cannot be written"):
        store.ChipStore(tmp_path / "chips").prepare()


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    (tmp_path / "chips").write_text("")
    with pytest.raises(errors.InputError, match="cannot be written"):
        store.ChipStore(tmp_path / "chips", "abc").prepare()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_reported_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    chips = filled(tmp_path)
    monkeypatch.setattr(store.pq, "write_table", lambda *_, **__: open("/dev/full", "wb", buffering=0).write(b"x"))  # noqa: PTH123, SIM115
    with pytest.raises(errors.InputError, match=r"the disk is full.*2 finished batches are kept"):
        chips.write("b3", [accepted("d")], SIZE)
    assert chips.batches() == ["b1", "b2"] and not list(chips.folder.glob(".incomplete*"))


def test_the_journal_lists_what_was_asked_twice(tmp_path):
    chips = filled(tmp_path)
    for batch in ("b1", "b2", "b1"):
        chips.begin(batch)
    assert chips.begun() == ["b1", "b2", "b1"]


def test_a_pipe_in_place_of_the_journal_is_refused(tmp_path):
    chips = filled(tmp_path)
    os.mkfifo(chips.folder / "journal.txt")
    with pytest.raises(errors.InputError, match=r"journal\.txt.*no regular file"):
        chips.begin("b3")
