"""Stored answers are not believed blindly: each is held against its request and against what the project writes."""

from __future__ import annotations

import datetime
import io
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from builder import errors
from builder.chips import answers, chip, footprint, imagery_toml, pictures, rounds, store
from builder.chips.imagery_rules import Reason
from builder.imagery import source

SIZE = imagery_toml.ChipSize(size_px=32)
DAYS = datetime.date(2010, 7, 1), datetime.date(2010, 7, 2)
SEEN = source.Acquisition("naip", "UltraCam", ("s1",), *DAYS, 0.6, "PD", "USDA", "http://x", "yes")
BATCH = rounds.Batch(
    "b00055x00288-0123456789",
    (
        chip.Request("r00000c000001", 10.0, 50.0, "forest"),
        chip.Request("r00000c000001@015", 10.0, 50.0, "forest", 15.0, "r00000c000001"),
        chip.Request("r00000c000002", 10.01, 50.0, None),
    ),
)


def accepted(request):
    pixels = np.random.default_rng(len(request.key)).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    square = footprint.Footprint(request.lon, request.lat, 90.0, request.rotation_deg)
    return chip.Outcome(request, chip.Chip(pixels, square, SEEN))


@pytest.fixture
def chips(tmp_path):
    filled = store.ChipStore(tmp_path / "chips", "abcdef" * 8)
    filled.prepare()
    first, second, third = BATCH.requests
    refused = chip.Outcome(third, chip.Refusal(Reason.DATE, "too old"))
    filled.write(BATCH.name, [accepted(first), accepted(second), refused], SIZE)
    return filled


def rewrite(chips, change):
    """Writes the batch anew with its rows changed; the file itself is sound."""
    path = chips.path(BATCH.name)
    rows = change(pq.read_table(path).to_pylist())
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([field.with_nullable(True) for field in store.STORED])), path)


def with_value(column, value, row=0):
    def change(rows):
        rows[row] |= {column: value}
        return rows

    return change


def refuse(chips, text):
    with pytest.raises(errors.InputError, match=text) as refused:
        answers.read(chips, BATCH, SIZE)
    assert str(chips.path(BATCH.name)) in str(refused.value)
    assert "Remove the file; its chips will be acquired again." in str(refused.value)


def test_sound_answers_come_back_with_the_name_of_their_batch(chips):
    rows = answers.read(chips, BATCH, SIZE)
    assert rows.schema.equals(rounds.ANSWERS)
    assert rows["key"].to_pylist() == [request.key for request in BATCH.requests]
    assert rows["reason"].to_pylist() == [None, None, "date"]
    assert set(rows["batch"].to_pylist()) == {BATCH.name}


WRONG_ROWS = {
    "no rows": (lambda rows: [], "received 0 rows for 0 of them"),
    "a row too few": (lambda rows: rows[1:], "received 2 rows for 2 of them"),
    "a row twice": (lambda rows: [*rows, rows[0]], "received 4 rows for 3 of them"),
    "another key": (with_value("key", "r00000c000009"), "for 2 of them, of another batch such as 'r00000c000009'"),
    "keys swapped": (lambda rows: [rows[0] | {"key": rows[2]["key"]}, rows[1], rows[2] | {"key": rows[0]["key"]}],
                     "expected the answer to Request"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "text"), WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_a_file_that_does_not_answer_its_batch_is_refused(chips, change, text):
    rewrite(chips, change)
    refuse(chips, text)


def jpeg(side, mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, (side, side)).save(buffer, "JPEG")
    return buffer.getvalue()


BOMB = jpeg(32)[:-2].replace(bytes([0, 32, 0, 32]), bytes([0x4E, 0x20, 0x4E, 0x20])) + b"\xff\xd9"
VALUES = [
    ("lon", 11.0, "received that to"),
    ("lat", 50.0000002, "received that to"),
    ("lon", float("nan"), "received that to"),
    ("lon", None, "column lon: expected a value in every row"),
    ("asked_for", "water", "received that to"),
    ("rotation_deg", 30.0, "received that to"),
    ("parent", "r00000c000007", "received that to"),
    ("reason", "because", "column reason: expected one of no scene, .*received 'because' in 1 of 3 rows"),
    ("image", None, "column image: expected a value in every row; 1 of 2 rows have none"),
    ("image", b"hello", r"column image: expected a JPEG of 32 x 32 pixels in colour; received b'hello' in 1 of 2 rows"),
    ("image", b"", "column image: expected a JPEG"),
    ("image", b"\xff\xd8\xff\xd9", "column image: expected a JPEG"),
    ("image", jpeg(5), "column image: expected a JPEG of 32 x 32"),
    ("image", jpeg(32)[:-40], "column image: expected a JPEG"),
    ("image", jpeg(32, "L"), "column image: expected a JPEG of 32 x 32 pixels in colour"),
    ("image", BOMB, "column image: expected a JPEG of 32 x 32"),
    ("pixels_sha256", None, "column pixels_sha256: expected a value in every row"),
    ("pixels_sha256", "abc", "column pixels_sha256: expected 64 hexadecimal digits; received 'abc'"),
    ("gsd_m", float("nan"), "column gsd_m: expected a finite number of metres above 0; received nan"),
    ("gsd_m", float("inf"), "column gsd_m"),
    ("gsd_m", -5.0, "column gsd_m"),
    ("gsd_m", 0.0, "column gsd_m"),
    ("gsd_m", None, "column gsd_m: expected a value in every row"),
    ("acquired_from", None, "column acquired_from: expected a value in every row"),
    ("acquired_to", datetime.date(2010, 6, 30), "column acquired_to: expected a day not before acquired_from"),
    ("redistribution", "maybe", "column redistribution: expected one of yes, no, unknown; received 'maybe'"),
    ("corners", [0.0], "column corners: expected 8 finite numbers"),
    ("corners", [float("nan")] * 8, "column corners"),
    ("affine", [], "column affine: expected 6 finite numbers"),
    ("source", None, "column source: expected a value in every row"),
]


@pytest.mark.parametrize(("column", "value", "text"), VALUES, ids=lambda value: f"{value!s:.30}")
def test_a_value_that_no_batch_holds_is_refused_by_name(chips, column, value, text):
    rewrite(chips, with_value(column, value))
    refuse(chips, text)


def test_the_tolerance_of_a_place_is_a_centimetre(chips):
    rewrite(chips, with_value("lon", 10.00000009))
    assert len(answers.read(chips, BATCH, SIZE)) == 3


def test_a_day_beyond_the_calendar_is_refused(chips):
    path = chips.path(BATCH.name)
    table = pq.read_table(path)
    place = table.column_names.index("acquired_to")
    days = pa.array([2**30, 2**30, None], pa.int32()).cast(pa.date32())
    pq.write_table(table.set_column(place, store.STORED.field(place), days), path)
    refuse(chips, "column acquired_to: expected a day of the years 1 to 9999")


@pytest.mark.parametrize("column", ["key", "gsd_m", "image"])
def test_a_column_of_another_type_is_refused(chips, column):
    path = chips.path(BATCH.name)
    table = pq.read_table(path)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array([1, 2, 3])), path)
    refuse(chips, f"column {column}: expected .*; received int64")


def test_a_file_without_a_column_is_refused(chips):
    path = chips.path(BATCH.name)
    pq.write_table(pq.read_table(path).drop_columns(["gsd_m"]), path)
    refuse(chips, "missing gsd_m")


def test_a_fifo_in_place_of_a_batch_is_refused_and_a_folder_too(chips):
    path = chips.path(BATCH.name)
    path.unlink()
    os.mkfifo(path)
    refuse(chips, "no regular file")
    assert not chips.has(BATCH.name)
    path.unlink()
    path.mkdir()
    refuse(chips, "found a folder")


@pytest.mark.parametrize("name", ["../../evil", "/abs/x", "..", ".hidden", ""])
def test_a_name_that_would_leave_the_store_makes_no_path(chips, name, tmp_path):
    for use in (chips.path, chips.has, chips.read_index):
        with pytest.raises(errors.InputError, match="expected the name of a batch"):
            use(name)
    with pytest.raises(errors.InputError, match="expected the name of a batch"):
        chips.write(name, [accepted(BATCH.requests[0])], SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["chips"]


def test_answers_of_earlier_batches_are_checked_before_they_are_copied(chips):
    (row,) = answers.stored(chips, {"r00000c000001@015": BATCH.name}, SIZE)
    assert row["parent"] == "r00000c000001" and row["image"].startswith(b"\xff\xd8")
    rewrite(chips, with_value("image", b"hello"))
    with pytest.raises(errors.InputError, match="column image"):
        answers.stored(chips, {"r00000c000001@015": BATCH.name}, SIZE)


def test_the_header_of_a_picture_states_its_shape():
    pixels = np.zeros((20, 30, 3), np.uint8)
    for quality in (1, 90, 100):
        assert pictures.header_shape(pictures.encoded(pixels, quality)) == (20, 30, 3)
