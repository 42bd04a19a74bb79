"""Sample sizes and allocations."""

from __future__ import annotations

import numpy as np
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


@pytest.mark.parametrize(("second", "samples"), [(0.93, 1644), (0.95, 480)])
def test_the_samples_that_tell_two_strategies_apart(second, samples):
    assert round(planning.samples_per_arm(0.903, second)) == samples


def test_equal_accuracies_are_never_told_apart():
    assert np.isinf(planning.samples_per_arm(0.9, 0.9))


@pytest.mark.parametrize(("shares", "users", "error"), [([1], [1.2], 0.01), ([1, 1], [0.9], 0.01), ([1], [0.9], 0.0)])
def test_wrong_plans_are_refused(shares, users, error):
    with pytest.raises(errors.InputError, match="expected one share"):
        planning.sample_size(shares, users, error)
