"""Design-based estimates, held to published examples, to each other and to simulation."""

from __future__ import annotations

import numpy as np
import printed_table
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from builder import errors
from refine.accuracy import accuracy, estimators, intervals

# Worked example of Olofsson et al. 2014: deforestation, forest gain, stable forest, stable other; mapped pixels.
CLASSES = ("deforestation", "gain", "stable forest", "stable other")
OLOFSSON = accuracy.Confusion(np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]), CLASSES)
PIXELS = dict(zip(CLASSES, [200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0], strict=True))

# Numerical example of Stehman 2014: 40 samples, strata of an older map, classes A-D.
STRATA = list("A" * 10 + "B" * 10 + "C" * 10 + "D" * 10)
MAP = "AAAAAAABBB" + "ABBBBBBBBB" + "BBCCCCCCBB" + "DDDDDDDDDD"
REFERENCE = "AAAAACBABC" + "ABBBBBAABB" + "CCCCCDDBBA" + "DDDDDDDCCB"
SIZES = {"A": 40_000.0, "B": 30_000.0, "C": 20_000.0, "D": 10_000.0}
PRINTED_Z = 1.96  # the papers round it


def _indexes(letters: str) -> np.ndarray:
    return np.array(["ABCD".index(letter) for letter in letters])


def _samples(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(map, reference) int[sample] with these counts."""
    cells = np.repeat(np.arange(counts.size), counts.ravel())
    return cells // len(counts), cells % len(counts)


def _margins(estimates, digits):
    return [round(PRINTED_Z * e.standard_error, digits) for e in estimates]


def test_olofsson_2014_to_its_printed_digits():
    result = estimators.olofsson(OLOFSSON, PIXELS)
    assert (round(result.overall.value, 4), *_margins([result.overall], 4)) == (0.9465, 0.0185)
    assert [round(e.value, 3) for e in result.users] == [0.880, 0.733, 0.927, 0.963]
    assert _margins(result.users, 3) == [0.074, 0.101, 0.040, 0.021]
    assert [round(e.value, 3) for e in result.producers] == [0.749, 0.847, 0.935, 0.962]
    assert _margins(result.producers, 3) == [0.213, 0.254, 0.034, 0.018]
    assert [round(e.value) for e in result.areas] == [235_086, 129_846, 3_175_221, 6_459_846]
    assert _margins(result.areas, 0) == [68_418, 41_731, 172_332, 180_907]
    first_ha = result.areas[0].value * 30 * 30 / 1e4
    assert (round(first_ha), round(first_ha / result.areas[0].value * _margins(result.areas, 6)[0])) == (21_158, 6_158)


def test_the_unit_of_area_does_not_change_accuracy():
    hectares = {name: pixels * 0.09 for name, pixels in PIXELS.items()}
    assert estimators.olofsson(OLOFSSON, hectares).overall.value == pytest.approx(
        estimators.olofsson(OLOFSSON, PIXELS).overall.value
    )


def _stehman(**options):
    return estimators.stehman(STRATA, _indexes(MAP), _indexes(REFERENCE), "ABCD", SIZES, **options)


def test_stehman_2014_gives_the_printed_example():
    result = _stehman()
    assert [round(result.shares[i].value, 2) for i in (0, 2)] == [0.35, 0.20]
    assert [round(result.shares[i].standard_error, 3) for i in (0, 2)] == [0.082, 0.064]
    assert (round(result.overall.value, 2), round(result.overall.standard_error, 3)) == (0.63, 0.085)
    assert result.proportions[1, 2] == pytest.approx(0.08)
    assert (round(result.users[1].value, 3), round(result.producers[1].value, 3)) == (0.574, 0.794)


def test_stehman_2014_equals_the_package_lulc_validation():
    # Digits of lulc-validation 0.0.4 for the same sample; it applies the finite population correction.
    result = _stehman(count_units=True)
    assert result.overall.standard_error == pytest.approx(0.084642188062455)
    assert [e.value for e in result.users] == pytest.approx([0.7419354838709677, 0.574468085106383, 0.5, 0.7])
    assert [e.standard_error for e in result.users] == pytest.approx(
        [0.16454201760622764, 0.12478224724014164, 0.21511194329499272, 0.15267612779999368]
    )
    assert [e.standard_error for e in result.producers] == pytest.approx(
        [0.14771009499819562, 0.11654791352416966, 0.15041082629474076, 0.16227967146628586]
    )


def test_one_stratum_can_be_reckoned_by_hand():
    # 4 of 5 samples right in half of the area, 5 of 5 in the other: 0.5 x 0.8 + 0.5 x 1 = 0.9;
    # variance 0.25 x 0.8 x 0.2 / (5 - 1) = 0.01, so the standard error is 0.1.
    mapped, reference = np.zeros(10, int), np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    result = estimators.stehman(["u"] * 5 + ["v"] * 5, mapped, reference, ("a", "b"), {"u": 7.0, "v": 7.0})
    assert result.overall.value == pytest.approx(0.9)
    assert result.overall.standard_error == pytest.approx(0.1)
    assert result.areas[1].value == pytest.approx(1.4)


def test_strata_that_are_the_map_classes_make_stehman_equal_olofsson():
    mapped, reference = _samples(OLOFSSON.counts)
    one = estimators.olofsson(OLOFSSON, PIXELS)
    other = estimators.stehman([CLASSES[i] for i in mapped], mapped, reference, CLASSES, PIXELS)
    for field in ("users", "producers", "f1", "shares"):
        for a, b in zip(getattr(one, field), getattr(other, field), strict=True):
            assert (a.value, a.standard_error, a.low) == pytest.approx((b.value, b.standard_error, b.low))
    assert one.kappa.standard_error == pytest.approx(other.kappa.standard_error)


def test_weights_that_are_equal_within_strata_give_the_stratified_estimate():
    mapped, reference = _indexes(MAP), _indexes(REFERENCE)
    probability = np.array([10 / SIZES[stratum] for stratum in STRATA])
    weighted = estimators.weighted(mapped, reference, "ABCD", probability, strata=STRATA)
    stratified = _stehman()
    assert weighted.overall.value == pytest.approx(stratified.overall.value)
    assert weighted.overall.standard_error == pytest.approx(stratified.overall.standard_error)
    assert weighted.users[1].standard_error == pytest.approx(stratified.users[1].standard_error)


def test_a_sample_half_as_likely_counts_twice():
    result = estimators.weighted(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b"), np.array([0.5, 1.0, 1.0]))
    assert result.overall.value == pytest.approx(3 / 4)


def test_a_simple_random_sample_that_counts_as_one_stratum_differs_only_in_the_divisor():
    simple = estimators.simple_random(OLOFSSON)
    mapped, reference = _samples(OLOFSSON.counts)
    single = estimators.stehman(["all"] * len(mapped), mapped, reference, CLASSES, {"all": 1.0})
    n = OLOFSSON.total
    assert simple.kappa.standard_error * np.sqrt(n / (n - 1)) == pytest.approx(single.kappa.standard_error)


def test_the_papers_table_weighted_to_made_up_shares_of_the_land():
    # A set with fixed numbers per reference class: the strata are the reference's classes.
    mapped, reference = _samples(printed_table.repaired().counts)
    shares = dict(zip(printed_table.NAMES, (0.75, 16.5, 13.5, 27.0, 33.0, 2.0, 7.25), strict=True))
    strata = [printed_table.NAMES[j] for j in reference]
    result = estimators.stehman(strata, mapped, reference, printed_table.NAMES, shares)
    assert round(result.overall.value, 3) == 0.871


def test_the_standard_error_of_kappa_of_the_papers_table_as_printed():
    assert round(estimators.simple_random(printed_table.confusion()).kappa.standard_error, 4) == 0.0129


@pytest.mark.parametrize("swapped", [False, True])
def test_kappas_standard_error_is_the_spread_seen_in_simulation_and_the_swapped_formula_is_not(swapped):
    shares = np.array([[0.05, 0.35, 0.00], [0.00, 0.15, 0.25], [0.10, 0.00, 0.10]])  # far from symmetric
    draws = np.random.default_rng(3).multinomial(400, shares.ravel(), size=20_000).reshape(-1, 3, 3)
    spread = accuracy.kappa(draws).std()
    gradient = accuracy.kappa_gradient(shares)
    if swapped:  # the fourth term with p_i+ + p_+j, as it is sometimes printed
        free, wrong = 1 - accuracy.chance(shares), 1 - accuracy.overall(shares)
        gradient = np.eye(3) / free - wrong * (shares.sum(axis=1)[:, None] + shares.sum(axis=0)) / free**2
    error = np.sqrt(((shares * gradient**2).sum() - (shares * gradient).sum() ** 2) / 400)
    assert (abs(error / spread - 1.0) < 0.02) is not swapped


def test_the_textbook_formula_of_kappas_variance_gives_the_same():
    p = OLOFSSON.counts / OLOFSSON.total
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    t1, t2 = np.trace(p), (rows * columns).sum()
    t3 = (np.diag(p) * (rows + columns)).sum()
    t4 = (p * (rows[None, :] + columns[:, None]) ** 2).sum()  # p_ij (p_j+ + p_+i)^2
    variance = t1 * (1 - t1) / (1 - t2) ** 2 + 2 * (1 - t1) * (2 * t1 * t2 - t3) / (1 - t2) ** 3
    variance = (variance + (1 - t1) ** 2 * (t4 - 4 * t2**2) / (1 - t2) ** 4) / OLOFSSON.total
    assert estimators.simple_random(OLOFSSON).kappa.standard_error == pytest.approx(np.sqrt(variance))


@given(hnp.arrays(np.int64, (3, 3), elements=st.integers(0, 30)).filter(lambda counts: (counts.sum(axis=1) >= 2).all()))
def test_every_interval_holds_its_estimate_and_stays_within_bounds(counts):
    result = estimators.olofsson(accuracy.Confusion(counts, ("a", "b", "c")), {"a": 1.0, "b": 5.0, "c": 30.0})
    for estimate in (result.overall, *result.users, *result.producers, *result.f1, *result.shares):
        if np.isfinite(estimate.value):
            assert np.isfinite([estimate.low, estimate.high]).all()
            assert -1e-12 <= estimate.low <= estimate.value + 1e-12
            assert estimate.value - 1e-12 <= estimate.high <= 1.0 + 1e-12


def test_no_error_seen_does_not_mean_no_doubt():
    result = estimators.simple_random(accuracy.Confusion(np.diag([25, 25]), ("a", "b")))
    assert result.overall.low == pytest.approx(intervals.wilson(1.0, 50)[0])
    assert result.kappa.low == pytest.approx(2 * result.overall.low - 1)
    assert result.kappa.high == 1.0


@pytest.mark.parametrize("diagonal", [(60, 51, 71, 95), (138, 122, 21, 53), (2, 73), (12, 12, 12)])
def test_a_matrix_without_error_has_kappa_1_and_an_honest_interval(diagonal):
    names = tuple("abcd"[: len(diagonal)])
    counts = accuracy.Confusion(np.diag(diagonal), names)
    areas = dict(zip(names, (0.7, 11.0, 90.0, 5.0), strict=False))
    for result in (estimators.simple_random(counts), estimators.olofsson(counts, areas)):
        assert (result.kappa.value, result.kappa.standard_error, result.kappa.high) == (1.0, 0.0, 1.0)
        assert -1.0 <= result.kappa.low < result.overall.low < 0.99


def test_kappa_of_minus_1_mirrors_kappa_of_1():
    wrong, right = (
        estimators.simple_random(accuracy.Confusion(np.array(counts), ("a", "b"))).kappa
        for counts in ([[0, 5], [5, 0]], [[5, 0], [0, 5]])
    )
    assert (wrong.value, wrong.standard_error, wrong.low) == (-1.0, 0.0, -1.0)
    assert (wrong.low, wrong.high) == pytest.approx((-right.high, -right.low))


def test_kappas_bounds_stay_within_minus_1_and_1_where_one_class_is_nearly_all():
    # Chance agreement is 0.98 here: (low - chance) / (1 - chance) would be far below -1.
    counts = accuracy.Confusion(np.diag([10, 10]), ("a", "b"))
    kappa = estimators.olofsson(counts, {"a": 1.0, "b": 99.0}).kappa
    assert -1.0 <= kappa.low < 0.0
    assert kappa.high == 1.0


def test_kappa_that_is_0_whatever_the_map_says_has_no_interval():
    kappa = estimators.simple_random(accuracy.Confusion(np.array([[5, 0], [3, 0]]), ("a", "b"))).kappa
    assert kappa.value == 0.0
    assert np.isnan([kappa.low, kappa.high]).all()


def test_producers_accuracy_admits_omissions_that_no_sample_met():
    # None of 50 samples of b, 99 % of the area, was a; z^2 = 3.84 of them might have been, of 99 / 50 each: a could be
    # 1 + 3.84 x 1.98 = 8.6 of the area, of which the map has 1.
    result = estimators.olofsson(accuracy.Confusion(np.diag([50, 50]), ("a", "b")), {"a": 1.0, "b": 99.0})
    unmet = intervals.z_value(0.95) ** 2 * 99 / 50
    assert result.producers[0].value == 1.0
    assert result.producers[0].low == pytest.approx(1.0 / (1.0 + unmet))
    assert result.areas[0].high == pytest.approx(100.0 * (1.0 + unmet) / (100.0 + unmet))
    assert result.producers[1].low > 0.999


def test_an_omission_met_in_a_small_stratum_does_not_hide_what_a_large_one_may_hold():
    names, areas = ("rare", "small", "large"), {"rare": 1.0, "small": 1.0, "large": 98.0}
    counts = accuracy.Confusion(np.array([[48, 1, 1], [2, 48, 0], [0, 0, 50]]), names)
    rare = estimators.olofsson(counts, areas).producers[0]
    assert rare.value == pytest.approx(0.96)
    assert rare.low < 0.15


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 60))
def test_in_a_simple_random_sample_with_nothing_missed_the_bounds_are_wilsons(hits, others, commissions):
    counts = np.array([[hits, commissions], [0, others]])
    result = estimators.simple_random(accuracy.Confusion(counts, ("a", "b")))
    assert result.producers[0].low == pytest.approx(intervals.wilson(1.0, hits)[0])
    nothing_right = estimators.simple_random(accuracy.Confusion(counts[::-1], ("a", "b")))
    assert nothing_right.producers[0].high == pytest.approx(intervals.wilson(0.0, hits)[1])


def test_a_class_that_no_sample_has_on_the_map_may_be_mapped_where_none_was_drawn():
    result = estimators.simple_random(accuracy.Confusion(np.array([[0, 0], [3, 97]]), ("a", "b")))
    assert (result.producers[0].value, result.producers[0].low) == (0.0, 0.0)
    assert result.producers[0].high == pytest.approx(intervals.wilson(0.0, 3)[1])


def test_a_stratum_that_was_sampled_whole_hides_nothing():
    strata, mapped = ["s"] * 4, np.array([0, 0, 1, 1])
    census = estimators.stehman(strata, mapped, mapped, ("a", "b"), {"s": 4.0}, count_units=True)
    assert (census.producers[0].low, census.overall.low) == (1.0, 1.0)


def test_a_class_missing_from_the_areas_is_named():
    with pytest.raises(errors.InputError, match="missing: gain"):
        estimators.olofsson(OLOFSSON, {name: size for name, size in PIXELS.items() if name != "gain"})


def test_a_stratum_with_a_single_sample_has_no_variance_and_is_refused():
    counts = accuracy.Confusion(np.array([[1, 0], [0, 9]]), ("a", "b"))
    with pytest.raises(errors.InputError, match=r"two samples.*a \(1\)"):
        estimators.olofsson(counts, {"a": 1.0, "b": 1.0})


@pytest.mark.parametrize("size", [-1.0, float("nan")])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(errors.InputError, match="at least 0"):
        estimators.olofsson(OLOFSSON, {**PIXELS, "gain": size})


def test_samples_from_a_stratum_of_size_0_are_refused():
    with pytest.raises(errors.InputError, match="gain"):
        estimators.olofsson(OLOFSSON, {**PIXELS, "gain": 0.0})


def test_more_samples_than_units_are_refused():
    with pytest.raises(errors.InputError, match="sampling units"):
        estimators.stehman(["s"] * 3, np.zeros(3, int), np.zeros(3, int), ("a",), {"s": 2.0}, count_units=True)


def test_a_probability_of_0_is_refused():
    with pytest.raises(errors.InputError, match="above 0"):
        estimators.weighted(np.zeros(2, int), np.zeros(2, int), ("a",), np.array([0.0, 0.5]))
