"""Figures of a sample with standard error and interval: ratios of totals over the cells, and kappa.

The standard error is the design's, of the linearized figure. It ignores what no sample met: a stratum in which no
sample was an omission adds nothing to the variance, though omissions may occur there. So the interval of a figure about
a reference class has two parts, added as independent ones (root of squares): Wilson's interval of the samples, and an
allowance for what the strata may hold and no sample met.
"""

from __future__ import annotations

import math

import numpy as np

from refine.accuracy import accuracy, designs, intervals

TRUSTED_SAMPLES = 3.0  # of the rarer outcome; chosen with `python -m benchmarks.coverage`
NO_VARIANCE = 1e-24  # less is rounding
AT_THE_END = 1e-9  # a figure this near to 0, 1 or -1 equals it; the rest is rounding


def ratio(
    sample: designs.Sample, part: np.ndarray, whole: np.ndarray, level: float, *, of_reference: bool = False
) -> intervals.Estimate:
    """sum(part) / sum(whole) over the cells, UNKNOWN where the sample holds nothing of the whole.

    Args:
      sample: the sample and its design.
      part: float64[map, reference], weight of each cell in the numerator.
      whole: float64[map, reference], weight of each cell in the denominator.
      level: of the interval.
      of_reference: the figure is about a reference class (producer's accuracy, F1, area share), whose samples may lie
        in any stratum. The interval then allows for what no sample met (see `_with_unmet`). Where no sample is an
        omission, the lower bound of producer's accuracy comes from that allowance alone.
    """
    proportions = sample.proportions()
    total = float((proportions * whole).sum())
    if total == 0.0:
        return intervals.UNKNOWN
    value = min(max(float((proportions * part).sum()) / total, 0.0), 1.0)
    if min(value, 1.0 - value) < AT_THE_END:
        value = float(round(value))
    variance = sample.variance((part - value * whole) / total) if 0.0 < value < 1.0 else 0.0
    if of_reference:
        low, high = _admitting_unmet(sample, proportions, part, whole, value, variance, level)
    elif variance < NO_VARIANCE:
        low, high = intervals.wilson(value, sample.effective_size(whole > 0.0), level)
    else:
        trusted = _trusted(sample, value, variance, part, whole)
        low, high = intervals.wilson(value, value * (1.0 - value) / trusted, level)
    return intervals.Estimate(value, math.sqrt(variance), low, high)


def kappa(sample: designs.Sample, level: float) -> intervals.Estimate:
    """Kappa with its delta-method error; UNKNOWN where chance agreement is 1."""
    proportions = sample.proportions()
    value = float(accuracy.kappa(proportions))
    if math.isnan(value):
        return intervals.UNKNOWN
    if 1.0 - abs(value) < AT_THE_END:
        return _kappa_at_the_end(sample, proportions, math.copysign(1.0, value), level)
    variance = sample.variance(accuracy.kappa_gradient(proportions))
    if variance < NO_VARIANCE:  # such as a reference of one class, where kappa is 0 whatever the map says
        return intervals.Estimate(value, 0.0, math.nan, math.nan)
    # On Fisher's scale the interval stays inside -1..1, and covered better in simulation than value +- z x error.
    error = math.sqrt(variance * _inflation(sample, proportions))
    centre, half = math.atanh(value), intervals.z_value(level) * error / (1.0 - value * value)
    return intervals.Estimate(value, math.sqrt(variance), math.tanh(centre - half), math.tanh(centre + half))


def _admitting_unmet(
    sample: designs.Sample,
    proportions: np.ndarray,
    part: np.ndarray,
    whole: np.ndarray,
    value: float,
    variance: float,
    level: float,
) -> tuple[float, float]:
    """Wilson's interval of the samples, widened by the allowance for what no sample met."""
    size = value * (1.0 - value) / variance if variance > NO_VARIANCE else math.inf
    low, high = intervals.wilson(value, size, level)
    least, most = _with_unmet(sample, proportions, part, whole, level)
    return (
        max(0.0, value - math.hypot(value - low, value - least)),
        min(1.0, value + math.hypot(high - value, most - value)),
    )


def _with_unmet(
    sample: designs.Sample, proportions: np.ndarray, part: np.ndarray, whole: np.ndarray, level: float
) -> tuple[float, float]:
    """(least, most) that the ratio can be if the strata hold as much of an outcome as their samples can have missed.

    A sample can credibly miss an outcome that is worth up to z^2 samples (3.84 for 95 %). It is put into the stratum
    where a sample weighs most: a sample of weight w represents w of the area. For a simple random sample the result
    is Wilson's bound.
    """
    held, total = float((proportions * part).sum()), float((proportions * whole).sum())
    samples = intervals.z_value(level) ** 2

    def unmet(event: np.ndarray) -> float:
        rows = np.repeat(event.any(axis=1, keepdims=True), len(event), axis=1)  # the map's class is known beforehand
        is_met = bool(proportions[rows].any())  # a class that no sample has on the map may be mapped in any stratum
        return samples * sample.heaviest_without(event, rows if is_met else np.ones_like(rows))

    lost, found = unmet(np.asarray((whole > 0.0) & (part <= 0.0))), float(part.max()) * unmet(np.asarray(part > 0.0))
    return held / (total + lost), (held + found) / (total + found)


def _trusted(sample: designs.Sample, value: float, variance: float, part: np.ndarray, whole: np.ndarray) -> float:
    """The variance to compute an interval from.

    A variance that is estimated from a few heavy samples is often far too small, because other heavy samples were not
    drawn. So it is moved towards the variance of the weights alone (Kish): the more, the fewer samples the rarer
    outcome is worth.
    """
    by_weights = value * (1.0 - value) / sample.effective_size(whole > 0.0)
    rarer = min(sample.effective_size((whole > 0.0) & hit) for hit in (part > 0.0, part <= 0.0))
    trust = 1.0 - TRUSTED_SAMPLES / (rarer + TRUSTED_SAMPLES)
    return trust * variance + (1.0 - trust) * max(variance, by_weights)


def _inflation(sample: designs.Sample, proportions: np.ndarray) -> float:
    """Variance behind the interval of overall accuracy over its design variance; kappa takes the same factor."""
    identity, everywhere = np.eye(len(proportions)), np.ones(proportions.shape)
    value = float(accuracy.overall(proportions))
    variance = sample.variance(identity - value * everywhere)
    if min(value, 1.0 - value) < AT_THE_END or variance < NO_VARIANCE:
        return 1.0
    return max(1.0, _trusted(sample, value, variance, identity, everywhere) / variance)


def _kappa_at_the_end(
    sample: designs.Sample, proportions: np.ndarray, value: float, level: float
) -> intervals.Estimate:
    """Kappa of 1 or -1. The delta method gives no error there, so the bound comes from that of overall accuracy.

    The share that no sample met is put where it changes kappa most: errors between the two commonest classes, which
    raise chance agreement most, or hits in the classes that occur.
    """
    identity = np.eye(len(proportions))
    overall = ratio(sample, identity, np.ones(proportions.shape), level)
    unmet = 1.0 - overall.low if value > 0.0 else overall.high
    placed = np.diag(proportions.sum(axis=1))
    if value > 0.0:
        first, second = np.argsort(-proportions.sum(axis=1), kind="stable")[:2]
        placed = (np.outer(identity[first], identity[second]) + np.outer(identity[second], identity[first])) / 2.0
    bound = float(accuracy.kappa((1.0 - unmet) * proportions + unmet * placed))
    return intervals.Estimate(value, 0.0, *((bound, 1.0) if value > 0.0 else (-1.0, bound)))
