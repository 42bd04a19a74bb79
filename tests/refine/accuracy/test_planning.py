"""Sample sizes and allocations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from refine.accuracy import planning


def test_the_sample_size_of_olofsson_2014():
    size = planning.sample_size([200_000, 150_000, 3_200_000, 6_450_000], [0.7, 0.6, 0.9, 0.95], 0.01)
    assert round(size, 1) == 640.5


def test_half_the_error_needs_four_times_the_samples():
    assert planning.sample_size([1, 1], [0.8, 0.9], 0.01) == pytest.approx(
        4 * planning.sample_size([1, 1], [0.8, 0.9], 0.02)
    )


def test_rare_classes_get_the_minimum_and_the_rest_goes_by_area():
    assert planning.allocate(641, [0.02, 0.015, 0.32, 0.645], minimum=50).tolist() == [50, 50, 179, 362]


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=9), st.integers(0, 60), st.integers(0, 500))
def test_an_allocation_adds_up_and_keeps_the_minimum(shares, minimum, more):
    size = minimum * len(shares) + more
    allocation = planning.allocate(size, shares, minimum=minimum)
    assert allocation.sum() == size
    assert (allocation >= minimum).all()


def test_a_sample_too_small_for_the_minimum_is_refused():
    with pytest.raises(errors.InputError, match="at least 100 samples for 2 classes"):
        planning.allocate(99, [0.5, 0.5], minimum=50)


def test_a_plan_says_what_is_needed_and_what_is_allotted():
    areas = {"rare": 1.0, "common": 98.0, "other": 1.0, "none": 0.0}
    survey = planning.plan(areas, {"rare": 0.5, "common": 0.9, "other": 0.5, "none": 0.5}, 0.05)
    assert survey.needed == pytest.approx((0.98 * 0.3 + 0.02 * 0.5) ** 2 / 0.05**2)  # 37 samples, but 50 per class
    assert survey.allocation == {"rare": 50, "common": 50, "other": 50}
    assert survey.allotted == 150


@pytest.mark.parametrize(
    ("shares", "users", "error", "message"),
    [
        ([1], [1.2], 0.01, "expected one area"),
        ([1, 1], [0.9], 0.01, "expected one area"),
        ([0], [0.9], 0.01, "some area"),
        ([1], [0.9], 0.0, "from 1e-06 to 0.5"),
        ([1], [0.9], 1e-200, "from 1e-06 to 0.5"),
        ([1], [0.9], float("nan"), "from 1e-06 to 0.5"),
        ([1], [0.9], 5.0, "from 1e-06 to 0.5"),
    ],
)
def test_wrong_plans_are_refused(shares, users, error, message):
    with pytest.raises(errors.InputError, match=message):
        planning.sample_size(shares, users, error)
