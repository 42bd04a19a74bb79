"""What people say: the majority, ties, and how often they confirm the maps."""

from __future__ import annotations

import datetime
import math
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_the_wilson_interval_of_eight_in_ten() -> None:
    assert reviews.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Brown, Cai & DasGupta 2001
    assert all(math.isnan(bound) for bound in reviews.wilson(0, 0))


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_in_0_to_1(counts: tuple[int, int]) -> None:
    low, high = reviews.wilson(*counts)
    assert 0.0 <= low <= counts[0] / counts[1] + 1e-12 and counts[0] / counts[1] - 1e-12 <= high <= 1.0


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
