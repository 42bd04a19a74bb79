"""Wilson's interval."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from refine.accuracy import intervals


def test_wilson_gives_the_interval_of_the_reconstructed_table_2():
    low, high = intervals.wilson(633 / 701, 701)
    assert (round(low, 3), round(high, 3)) == (0.879, 0.923)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_share_and_mirrors(size, data):
    hits = data.draw(st.integers(0, size))
    estimate = intervals.of_share(hits, size)
    mirrored = intervals.of_share(size - hits, size)
    assert 0.0 <= estimate.low <= hits / size <= estimate.high <= 1.0
    assert estimate.low == pytest.approx(1.0 - mirrored.high, abs=1e-12)


def test_no_sample_says_nothing():
    assert math.isnan(intervals.of_share(0, 0).low)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_outside_0_to_1_is_refused(level):
    with pytest.raises(errors.InputError, match="between 0 and 1"):
        intervals.z_value(level)
