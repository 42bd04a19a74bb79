"""Wilson's interval of a share."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import proportions

Z_95 = 1.959963984540054


def test_the_wilson_interval_of_eight_in_ten() -> None:
    assert proportions.wilson(0.8, 10, Z_95) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Brown, Cai & DasGupta 2001
    assert all(math.isnan(bound) for bound in proportions.wilson(0.0, 0, Z_95))
    assert all(math.isnan(bound) for bound in proportions.wilson(math.nan, 5, Z_95))


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_in_0_to_1(counts: tuple[int, int]) -> None:
    share = counts[0] / counts[1]
    low, high = proportions.wilson(share, counts[1], Z_95)
    assert 0.0 <= low <= share <= high <= 1.0


@pytest.mark.parametrize("trials", range(1, 40))
def test_none_and_all_reach_the_ends(trials: int) -> None:
    assert proportions.wilson(0.0, trials, Z_95)[0] == 0.0
    assert proportions.wilson(1.0, trials, Z_95)[1] == 1.0
