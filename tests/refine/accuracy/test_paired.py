"""Paired tests and the samples they need."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from refine.accuracy import paired


def test_mcnemar_of_25_and_10_discordant_samples():
    test = paired.mcnemar(25, 10)
    assert (round(test.chi2, 4), round(test.p_chi2, 5)) == (6.4286, 0.01123)
    assert (round(test.chi2_corrected, 1), round(test.p_corrected, 5)) == (5.6, 0.01796)
    assert (round(test.p_exact, 5), round(test.p_mid, 5)) == (0.01667, 0.01133)
    assert not test.needs_exact


@given(st.integers(0, 400), st.integers(0, 400))
def test_exact_p_equals_scipys(first, second):
    expected = scipy.stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert paired.mcnemar(first, second).p_exact == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_order_of_the_classifiers_does_not_matter(first, second):
    one, other = paired.mcnemar(first, second), paired.mcnemar(second, first)
    assert (one.p_mid, one.p_chi2, one.p_exact) == (other.p_mid, other.p_chi2, other.p_exact)


def test_without_discordant_samples_there_is_no_difference():
    test = paired.mcnemar(0, 0)
    assert (test.p_exact, test.p_mid, test.p_chi2, test.p_corrected) == (1.0, 1.0, 1.0, 1.0)


def test_hundreds_of_thousands_of_discordant_samples_are_no_trouble():
    assert paired.mcnemar(150_000, 150_500).p_mid == pytest.approx(paired.mcnemar(150_000, 150_500).p_chi2, abs=1e-3)


def test_discordant_samples_are_those_that_only_one_gets_right():
    reference = np.array([0, 0, 0, 1, 1])
    test = paired.of_predictions(np.array([0, 0, 1, 1, 0]), np.array([0, 1, 1, 0, 1]), reference)
    assert (test.only_first, test.only_second) == (2, 1)
    assert test.needs_exact


def test_predictions_of_other_samples_are_refused():
    with pytest.raises(errors.InputError, match="both predictions for every sample"):
        paired.of_predictions(np.zeros(3), np.zeros(4), np.zeros(3))


def test_negative_counts_are_refused():
    with pytest.raises(errors.InputError, match="discordant"):
        paired.mcnemar(-1, 3)


def test_p_values_are_finite():
    assert math.isfinite(paired.mcnemar(1, 10_000).p_mid)
