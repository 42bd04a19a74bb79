"""Bootstrap intervals: deterministic, within classes, by block."""

from __future__ import annotations

import numpy as np
import printed_table
import pytest

from builder import errors
from refine.accuracy import accuracy, bootstrap, intervals

REPAIRED = printed_table.repaired()


@pytest.mark.parametrize(
    ("measure", "low", "high"),
    [(accuracy.overall, 0.880, 0.924), (accuracy.kappa, 0.860, 0.912), (accuracy.macro_f1, 0.881, 0.924)],
)
def test_intervals_of_the_reconstructed_table_2(measure, low, high):
    estimate = bootstrap.within_reference_class(REPAIRED, measure)
    assert estimate.low == pytest.approx(low, abs=0.003)  # of 2,000 draws: the ends have an error of about 0.001
    assert estimate.high == pytest.approx(high, abs=0.003)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    first = bootstrap.within_reference_class(REPAIRED, accuracy.kappa, draws=200, seed=1)
    assert first == bootstrap.within_reference_class(REPAIRED, accuracy.kappa, draws=200, seed=1)
    assert first != bootstrap.within_reference_class(REPAIRED, accuracy.kappa, draws=200, seed=2)


def test_reference_totals_stay_as_they_are():
    totals = []
    bootstrap.within_reference_class(
        REPAIRED, lambda counts: totals.append(counts.sum(axis=-2)) or counts[..., 0, 0], draws=20
    )
    assert (np.concatenate([np.atleast_2d(t) for t in totals]) == REPAIRED.reference_totals).all()


def test_samples_that_come_in_clumps_have_a_wider_interval_by_block():
    # 40 blocks of 25 samples, each wholly right or wholly wrong: 40 independent facts, not 1,000.
    right = np.repeat(np.arange(40) % 4 != 0, 25)
    mapped, reference = np.where(right, 0, 1), np.zeros(1000, int)
    blocks = [f"b{i:02d}" for i in np.repeat(np.arange(40), 25)]
    by_block = bootstrap.by_block(mapped, reference, blocks, ("a", "b"), accuracy.overall)
    confusion = accuracy.Confusion.from_pairs(mapped, reference, ("a", "b"))
    by_sample = bootstrap.within_reference_class(confusion, accuracy.overall)
    assert by_block.standard_error / by_sample.standard_error == pytest.approx(5.0, rel=0.1)
    assert by_block.low == pytest.approx(intervals.wilson(0.75, 40)[0], abs=0.03)


def test_a_paired_difference_of_equal_predictions_is_nothing():
    counts = bootstrap.block_counts(np.array([0, 1, 1]), np.array([0, 0, 1]), ["x", "y", "y"], ("a", "b"))
    assert counts.tolist() == [[[1, 0], [0, 0]], [[0, 0], [1, 1]]]
    estimate = bootstrap.paired_difference_by_block(counts, counts, draws=50)
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)


def test_one_block_is_too_few():
    with pytest.raises(errors.InputError, match="at least 2 spatial blocks"):
        bootstrap.by_block(np.zeros(2, int), np.zeros(2, int), ["x", "x"], ("a", "b"), accuracy.overall)
