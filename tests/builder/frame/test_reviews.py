"""What people say: the majority, ties, and how often they confirm the maps."""

from __future__ import annotations

import datetime
import math
import os
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder import errors
from builder.frame import reviews
from builder.legend import legend

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
SEVEN = legend.seven()


def table(*rows: tuple[str, str, str]) -> pa.Table:
    """Reviews (key, label, reviewer), a minute apart."""
    times = [NOON + datetime.timedelta(minutes=i) for i in range(len(rows))]
    keys, labels, reviewers = ([row[i] for row in rows] for i in range(3))
    return pa.table({"key": keys, "label": labels, "reviewer": reviewers, "time": times}, schema=reviews.SCHEMA)


def test_two_of_three_decide() -> None:
    verdicts = reviews.majority(
        table(("a", "forest", "x"), ("a", "forest", "y"), ("a", "water", "z"), ("b", "water", "x"))
    )
    assert verdicts == {"a": "forest", "b": "water"}


def test_equal_votes_are_a_tie_and_unusable_is_a_vote() -> None:
    assert reviews.majority(table(("a", "forest", "x"), ("a", "water", "y"))) == {"a": reviews.TIE}
    assert reviews.majority(table(("a", "unusable", "x"), ("a", "unusable", "y"), ("a", "water", "z"))) == {
        "a": "unusable"
    }


def test_a_reviewer_who_looks_again_has_one_vote_the_latest() -> None:
    again = table(("a", "forest", "x"), ("a", "water", "y"), ("a", "water", "x"))
    assert reviews.majority(again) == {"a": "water"}
    assert reviews.majority(again.take([2, 0, 1])) == {"a": "water"}


def test_confirmed_counts_neither_ties_nor_unusable() -> None:
    verdicts = {"a": "forest", "b": "water", "c": "unusable", "d": reviews.TIE}
    shares = reviews.confirmed([(key, "forest") for key in "abcde"], verdicts)
    assert shares == {"forest": reviews.Share(1, 2)}
    assert shares["forest"].share == 0.5


def test_a_share_bounds_itself_at_95_percent() -> None:
    assert reviews.Share(8, 10).interval == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert all(math.isnan(bound) for bound in reviews.Share(0, 0).interval)


def test_a_missing_file_is_no_reviews(tmp_path: pathlib.Path) -> None:
    assert len(reviews.read(tmp_path / "reviews.parquet", SEVEN)) == 0


def test_a_misspelt_label_is_named_with_the_allowed_ones(tmp_path: pathlib.Path) -> None:
    pq.write_table(table(("a", "woods", "x")), tmp_path / "reviews.parquet")
    with pytest.raises(errors.InputError, match=r"forest.*unusable.*'woods'"):
        reviews.read(tmp_path / "reviews.parquet", SEVEN)


def test_a_file_that_is_no_parquet_a_missing_column_and_an_empty_cell_are_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "reviews.parquet"
    path.write_text("key,label\n")
    with pytest.raises(errors.InputError, match="Parquet"):
        reviews.read(path, SEVEN)
    pq.write_table(table(("a", "forest", "x")).drop_columns(["reviewer"]), path)
    with pytest.raises(errors.InputError, match="missing reviewer"):
        reviews.read(path, SEVEN)
    pq.write_table(pa.table({"key": ["a"], "label": [None], "reviewer": ["x"], "time": [NOON]}), path)
    with pytest.raises(errors.InputError, match="1 rows have no label"):
        reviews.read(path, SEVEN)


def test_only_a_regular_file_is_read_and_a_dangling_link_is_no_absence(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "reviews.parquet"
    os.mkfifo(path)
    with pytest.raises(errors.InputError, match="no regular file"):
        reviews.read(path, SEVEN)
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(errors.InputError, match="a link to a file that does not exist"):
        reviews.read(path, SEVEN)
    path.unlink()
    path.mkdir()
    with pytest.raises(errors.InputError, match="found a folder"):
        reviews.read(path, SEVEN)


def test_every_cut_and_every_flipped_byte_ends_in_one_error_or_in_a_table(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "reviews.parquet"
    pq.write_table(table(("a", "forest", "x"), ("b", "water", "y")), path)
    content = path.read_bytes()
    damaged = [content[:length] for length in range(0, len(content), 7)]
    damaged += [content[:i] + bytes([content[i] ^ 0xFF]) + content[i + 1 :] for i in range(0, len(content), 3)]
    for one in damaged:
        path.write_bytes(one)
        try:
            reviews.read(path, SEVEN)
        except errors.InputError as error:
            assert str(path) in str(error)


def test_times_and_texts_of_other_writers_are_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "reviews.parquet"
    other = table(("a", "forest", "x"))
    other = other.set_column(0, "key", other["key"].cast(pa.large_string()))
    other = other.set_column(3, "time", other["time"].cast(pa.timestamp("ms", tz="UTC")))
    pq.write_table(other, path)
    assert reviews.read(path, SEVEN).equals(table(("a", "forest", "x")))


def test_a_time_outside_the_calendar_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "reviews.parquet"
    rows = table(("a", "forest", "x"))
    for ends_of_time in (2**62, -(2**62)):
        wild = pa.array([ends_of_time], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        pq.write_table(rows.set_column(3, "time", wild), path)
        with pytest.raises(errors.InputError, match="time"):
            reviews.read(path, SEVEN)
