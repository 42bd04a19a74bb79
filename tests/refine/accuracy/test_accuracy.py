"""Confusion counts and the measures made from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from builder import errors
from refine.accuracy import accuracy

NAMES = ("crop", "forest", "water")
COUNTS = hnp.arrays(np.int64, (3, 3), elements=st.integers(0, 50))


def test_rows_are_the_map_and_columns_the_reference():
    confusion = accuracy.Confusion.from_pairs(np.array([0, 0, 1]), np.array([0, 2, 1]), NAMES)
    assert confusion.counts.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert confusion.omission_cells.tolist() == [0, 0, 1]


@given(COUNTS, COUNTS)
def test_counts_add(first, second):
    both = accuracy.Confusion(first, NAMES) + accuracy.Confusion(second, NAMES)
    assert both == accuracy.Confusion(first + second, NAMES)
    assert both == accuracy.Confusion.empty(NAMES) + both


@given(COUNTS.filter(lambda counts: counts.sum() > 0))
def test_quantity_and_allocation_disagreement_make_up_all_disagreement(counts):
    assert accuracy.quantity(counts) + accuracy.allocation(counts) == pytest.approx(1.0 - accuracy.overall(counts))


def test_a_map_with_right_shares_in_wrong_places_has_allocation_disagreement_only():
    counts = np.array([[0, 10], [10, 0]])
    assert accuracy.quantity(counts) == 0.0
    assert accuracy.allocation(counts) == 1.0


def test_users_and_producers_accuracy_of_a_matrix_that_can_be_reckoned_in_the_head():
    counts = np.array([[8, 2], [0, 10]])
    assert accuracy.users(counts).tolist() == [0.8, 1.0]
    assert accuracy.producers(counts).tolist() == pytest.approx([1.0, 10 / 12])
    assert accuracy.f1(counts).tolist() == pytest.approx([16 / 18, 20 / 22])
    assert accuracy.overall(counts) == 0.9
    assert accuracy.kappa(counts) == pytest.approx((0.9 - 0.5) / 0.5)


def test_a_class_that_never_occurs_has_no_accuracy_and_no_part_in_macro_f1():
    counts = np.array([[5, 0, 0], [0, 5, 0], [0, 0, 0]])
    assert np.isnan(accuracy.users(counts)[2])
    assert accuracy.macro_f1(counts) == 1.0


def test_measures_take_many_matrices_at_once():
    counts = np.arange(1, 28).reshape(3, 3, 3)
    assert accuracy.kappa(counts).tolist() == [accuracy.kappa(c) for c in counts]


@given(hnp.arrays(np.float64, (3, 3), elements=st.floats(0.01, 1.0)))
def test_the_gradient_of_kappa_is_its_derivative(weights):
    proportions = weights / weights.sum()
    gradient = accuracy.kappa_gradient(proportions)
    step = 1e-6
    for i, j in np.ndindex(3, 3):
        moved = proportions.copy()
        moved[i, j] += step
        # Without scaling to sum 1: kappa as a function of free cells, with pe = sum of products of margins.
        expected = (_kappa_of_cells(moved) - _kappa_of_cells(proportions)) / step
        assert gradient[i, j] == pytest.approx(expected, abs=1e-3)


def _kappa_of_cells(cells):
    chance = (cells.sum(axis=0) * cells.sum(axis=1)).sum()
    return (np.trace(cells) - chance) / (1.0 - chance)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros((2, 3), np.int64), "square"),
        (np.array([[1, -1], [0, 1]]), "at least 0"),
        (np.array([[1.5, 0], [0, 1]]), "whole numbers"),
    ],
)
def test_a_matrix_that_is_none_is_refused(counts, message):
    with pytest.raises(errors.InputError, match=message):
        accuracy.Confusion(counts, ("a", "b"))


def test_counts_of_other_classes_do_not_add():
    with pytest.raises(errors.InputError, match="same classes"):
        accuracy.Confusion.empty(("a", "b")) + accuracy.Confusion.empty(("a", "c"))


def test_class_indexes_outside_the_legend_are_refused():
    with pytest.raises(errors.InputError, match=r"reference class indexes 0\.\.2; received 0\.\.3"):
        accuracy.Confusion.from_pairs(np.array([0, 1]), np.array([0, 3]), NAMES)


def test_counts_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="read-only"):
        accuracy.Confusion.empty(NAMES).counts[0, 0] = 1
