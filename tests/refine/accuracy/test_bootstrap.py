"""Bootstrap intervals: deterministic, within classes, by block."""

from __future__ import annotations

import numpy as np
import printed_table
import pytest

from builder import errors
from refine.accuracy import accuracy, bootstrap, intervals

REPAIRED = printed_table.repaired()


def _within_class(confusion, measure, **options):
    return bootstrap.within_reference_class(confusion, {"it": measure}, **options)["it"]


@pytest.mark.parametrize(
    ("measure", "low", "high"),
    [(accuracy.overall, 0.880, 0.924), (accuracy.kappa, 0.860, 0.912), (accuracy.macro_f1, 0.881, 0.924)],
)
def test_intervals_of_the_reconstructed_table_2(measure, low, high):
    estimate = _within_class(REPAIRED, measure)
    assert estimate.low == pytest.approx(low, abs=0.003)  # of 2,000 draws: the ends have an error of about 0.001
    assert estimate.high == pytest.approx(high, abs=0.003)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    first = _within_class(REPAIRED, accuracy.kappa, draws=200, seed=1)
    assert first == _within_class(REPAIRED, accuracy.kappa, draws=200, seed=1)
    assert first != _within_class(REPAIRED, accuracy.kappa, draws=200, seed=2)


def test_reference_totals_stay_as_they_are():
    totals = []
    _within_class(REPAIRED, lambda counts: totals.append(counts.sum(axis=-2)) or counts[..., 0, 0], draws=20)
    assert (np.concatenate([np.atleast_2d(t) for t in totals]) == REPAIRED.reference_totals).all()


def test_samples_that_come_in_clumps_have_a_wider_interval_by_block():
    # 40 blocks of 25 samples, each wholly right or wholly wrong: 40 independent facts, not 1,000.
    right = np.repeat(np.arange(40) % 4 != 0, 25)
    mapped, reference = np.where(right, 0, 1), np.zeros(1000, int)
    blocks = [f"b{i:02d}" for i in np.repeat(np.arange(40), 25)]
    by_block = bootstrap.by_block(mapped, reference, blocks, ("a", "b"), {"it": accuracy.overall})["it"]
    confusion = accuracy.Confusion.from_pairs(mapped, reference, ("a", "b"))
    by_sample = _within_class(confusion, accuracy.overall)
    assert by_block.standard_error / by_sample.standard_error == pytest.approx(5.0, rel=0.1)
    assert by_block.low == pytest.approx(intervals.wilson(0.75, 40)[0], abs=0.03)


def test_a_paired_difference_is_that_of_the_accuracies():
    first, second = np.arange(100) % 10 < 9, np.arange(100) % 10 < 7
    estimate = bootstrap.paired_difference(first, second, np.arange(100), draws=500)
    assert estimate.value == pytest.approx(0.2)
    assert estimate.standard_error == pytest.approx(np.sqrt(0.2 * 0.8 / 100), rel=0.1)
    clumped = bootstrap.paired_difference(first[::-1], np.sort(second), np.arange(100) // 20, draws=500)
    assert clumped.standard_error > 2 * estimate.standard_error


def test_draws_that_never_differ_give_no_interval():
    right = np.array([True, True, False])
    for estimate in (
        bootstrap.paired_difference(right, right, ["x", "y", "y"], draws=50),
        _within_class(accuracy.Confusion(np.diag([5, 5]), ("a", "b")), accuracy.overall, draws=50),
    ):
        assert np.isnan([estimate.standard_error, estimate.low, estimate.high]).all()
    assert estimate.value == 1.0


def test_counts_of_pixels_cost_no_more_than_counts_of_samples():
    # One sample per pixel of a million square kilometres: 10^9 in a cell could not be drawn one by one.
    pixels = accuracy.Confusion(REPAIRED.counts * 10**9, REPAIRED.names)
    estimate = _within_class(pixels, accuracy.overall, draws=100)
    assert estimate.value == pytest.approx(633 / 701)
    assert estimate.standard_error == pytest.approx(np.sqrt(633 / 701 * 68 / 701 / 701e9), rel=0.3)


def test_a_class_without_samples_stays_without():
    confusion = accuracy.Confusion(np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]]), ("a", "b", "c"))
    drawn = []
    _within_class(confusion, lambda counts: drawn.append(counts[..., 2].sum()) or counts[..., 0, 0], draws=20)
    assert sum(drawn) == 0


def test_one_block_is_too_few():
    with pytest.raises(errors.InputError, match="at least 2 spatial blocks"):
        bootstrap.by_block(np.zeros(2, int), np.zeros(2, int), ["x", "x"], ("a", "b"), {"it": accuracy.overall})
