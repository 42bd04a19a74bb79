"""Accuracy and area estimates of a sample, by the design it was drawn with.

Every figure is a ratio of totals over the cells of the matrix (kappa: a smooth function of them), so one engine serves
all designs: the estimate's variance is the design variance of its linearized values. With strata = map classes this is
exactly Olofsson et al. 2014; with other strata it is Stehman 2014; the tests hold both to their printed examples.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from builder import errors
from refine.accuracy import accuracy, intervals

TRUSTED_SAMPLES = 3.0  # of the rarer outcome; chosen by benchmarks/coverage.py


class Design(enum.StrEnum):
    """How the sample was drawn."""

    SIMPLE = "unweighted"
    MAP_CLASSES = "stratified by map class"
    REFERENCE_CLASSES = "fixed number per reference class"
    STRATA = "stratified, strata other than the map's classes"
    WEIGHTED = "unequal inclusion probabilities"


@dataclasses.dataclass(frozen=True, eq=False)
class Assessment:
    """All estimates of one sample.

    `proportions` float64[map, reference] sums to 1; `shares` are the reference classes' shares of the area;
    `area` is the total that shares multiply, in the unit of the given stratum sizes, None where none were given.
    """

    design: Design
    names: tuple[str, ...]
    counts: np.ndarray
    proportions: np.ndarray
    level: float
    area: float | None
    overall: intervals.Estimate
    kappa: intervals.Estimate
    users: tuple[intervals.Estimate, ...]
    producers: tuple[intervals.Estimate, ...]
    f1: tuple[intervals.Estimate, ...]
    shares: tuple[intervals.Estimate, ...]

    @property
    def confusion(self) -> accuracy.Confusion:
        """The counts as they were sampled."""
        return accuracy.Confusion(self.counts, self.names)

    @property
    def areas(self) -> tuple[intervals.Estimate, ...] | None:
        """Reference class areas in the unit of the stratum sizes."""
        if self.area is None:
            return None
        return tuple(intervals.Estimate(*(self.area * v for v in dataclasses.astuple(share))) for share in self.shares)


class _Sample(Protocol):
    """What the engine asks of a design."""

    def proportions(self) -> np.ndarray:
        """float64[map, reference], sum 1."""

    def variance(self, values: np.ndarray) -> float:
        """Design variance of the mean of `values` float64[map, reference], a value for each cell."""

    def effective_size(self, domain: np.ndarray) -> float:
        """How many equally weighted samples the samples in bool[map, reference] are worth."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Stratified:
    """counts int64[stratum, map, reference]; shares float64[stratum] of the area; sampled share of each stratum."""

    counts: np.ndarray
    shares: np.ndarray
    sampled: np.ndarray | float = 0.0

    @property
    def _sizes(self) -> np.ndarray:
        return np.asarray(self.counts.sum(axis=(1, 2)))

    def proportions(self) -> np.ndarray:
        return np.asarray(np.tensordot(self.shares / self._sizes, self.counts, axes=1))

    def variance(self, values: np.ndarray) -> float:
        mean = (self.counts * values).sum(axis=(1, 2)) / self._sizes
        square = (self.counts * (values - mean[:, None, None]) ** 2).sum(axis=(1, 2)) / (self._sizes - 1)
        return float((self.shares**2 * (1.0 - self.sampled) * square / self._sizes).sum())

    def effective_size(self, domain: np.ndarray) -> float:
        weight, inside = self.shares / self._sizes, self.counts[:, domain].sum(axis=1)
        return _kish((weight * inside).sum(), (weight**2 * inside).sum())


@dataclasses.dataclass(frozen=True, eq=False)
class _Simple:
    """counts int64[map, reference] of independent samples: the multinomial."""

    counts: np.ndarray

    def proportions(self) -> np.ndarray:
        return np.asarray(self.counts / self.counts.sum())

    def variance(self, values: np.ndarray) -> float:
        share = self.proportions()
        return float((share * (values - (share * values).sum()) ** 2).sum() / self.counts.sum())

    def effective_size(self, domain: np.ndarray) -> float:
        return float(self.counts[domain].sum())


@dataclasses.dataclass(frozen=True, eq=False)
class _Weighted:
    """cells, strata int64[sample]; weights float64[sample] = 1 / inclusion probability; ratio (Hajek) form."""

    size: int
    cells: np.ndarray
    weights: np.ndarray
    strata: np.ndarray

    def proportions(self) -> np.ndarray:
        totals = np.bincount(self.cells, self.weights, minlength=self.size**2)
        return np.asarray((totals / totals.sum()).reshape(self.size, self.size))

    def variance(self, values: np.ndarray) -> float:
        centred = values - (self.proportions() * values).sum()
        scores = self.weights * centred.ravel()[self.cells] / self.weights.sum()
        drawn = np.bincount(self.strata)
        mean = np.bincount(self.strata, scores) / drawn
        square = np.bincount(self.strata, (scores - mean[self.strata]) ** 2)
        return float((drawn / (drawn - 1.0) * square).sum())

    def effective_size(self, domain: np.ndarray) -> float:
        weights = self.weights[domain.ravel()[self.cells]]
        return _kish(weights.sum(), (weights**2).sum())


def simple_random(confusion: accuracy.Confusion, *, level: float = intervals.LEVEL) -> Assessment:
    """Estimates of independent samples; standard errors by the delta method for the multinomial.

    Raises:
      errors.InputError: if there are no samples.
    """
    if confusion.total == 0:
        raise errors.InputError("expected at least one sample; received an empty matrix. Give a matrix with counts.")
    return _assess(_Simple(confusion.counts), confusion, Design.SIMPLE, None, level)


def olofsson(
    confusion: accuracy.Confusion, areas: Mapping[str, float], *, level: float = intervals.LEVEL
) -> Assessment:
    """Area-adjusted accuracy and class areas of a sample stratified by map class.

    Args:
      confusion: counts of the sample.
      areas: mapped area of every class, any unit.
      level: of the intervals.

    Raises:
      errors.InputError: if a class has area but fewer than two samples, or no area, or an area is not given.

    Source: Olofsson et al. 2014, 10.1016/j.rse.2014.02.015.
    """
    size = np.arange(len(confusion.names))
    counts = np.zeros((len(size), *confusion.counts.shape), np.int64)
    counts[size, size] = confusion.counts
    return _stratified(
        counts, confusion.names, confusion=confusion, sizes=areas, design=Design.MAP_CLASSES, level=level
    )


def by_reference_class(
    confusion: accuracy.Confusion, shares: Mapping[str, float], *, level: float = intervals.LEVEL
) -> Assessment:
    """Estimates of a set with fixed numbers per reference class, weighted to the reference classes' `shares`.

    A balanced test split is such a set.

    Raises:
      errors.InputError: as `olofsson`.
    """
    size = np.arange(len(confusion.names))
    counts = np.zeros((len(size), *confusion.counts.shape), np.int64)
    counts[size, :, size] = confusion.counts.T
    return _stratified(
        counts, confusion.names, confusion=confusion, sizes=shares, design=Design.REFERENCE_CLASSES, level=level
    )


def stehman(
    strata: Sequence[str],
    mapped: np.ndarray,
    reference: np.ndarray,
    names: Sequence[str],
    sizes: Mapping[str, float],
    *,
    count_units: bool = False,
    level: float = intervals.LEVEL,
) -> Assessment:
    """Estimates of a sample whose strata are not the map's classes.

    Args:
      strata: the stratum each sample was drawn from.
      mapped: int[sample] class index in the map that is judged.
      reference: int[sample] class index on the ground.
      names: of the classes.
      sizes: area of every stratum, or its number of sampling units.
      count_units: `sizes` counts sampling units; then the share that was sampled lowers the variance.
      level: of the intervals.

    Raises:
      errors.InputError: if a stratum has no size, or a size but fewer than two samples.

    Source: Stehman 2014, 10.1080/01431161.2014.930207, equations 2-4 and 25-29.
    """
    confusion = accuracy.Confusion.from_pairs(mapped, reference, names)
    order = tuple(dict.fromkeys([*sizes, *strata]))
    position = {name: index for index, name in enumerate(order)}
    cells = (np.array([position[s] for s in strata], np.int64) * len(names) + mapped) * len(names) + reference
    counts = np.bincount(cells, minlength=len(order) * len(names) ** 2).reshape(-1, len(names), len(names))
    return _stratified(
        counts, order, confusion=confusion, sizes=sizes, design=Design.STRATA, level=level, count_units=count_units
    )


def weighted(
    mapped: np.ndarray,
    reference: np.ndarray,
    names: Sequence[str],
    inclusion_probability: np.ndarray,
    *,
    strata: Sequence[str] | None = None,
    level: float = intervals.LEVEL,
) -> Assessment:
    """Estimates of samples with known inclusion probabilities, float64[sample] in (0, 1]: each counts 1 / probability.

    The ratio (Hajek) form of the Horvitz-Thompson estimator; the variance treats samples of a stratum as drawn with
    replacement, which errs on the safe side.

    Raises:
      errors.InputError: if a probability is not in (0, 1], or a stratum has one sample.
    """
    probability = np.asarray(inclusion_probability, np.float64)
    if not ((probability > 0) & (probability <= 1)).all():
        raise errors.InputError(
            f"expected inclusion probabilities above 0 and at most 1; "
            f"received {np.nanmin(probability)}..{np.nanmax(probability)}. "
            "Leave out samples that were not drawn by chance."
        )
    confusion = accuracy.Confusion.from_pairs(mapped, reference, names)
    stratum = np.asarray(strata if strata is not None else ["all"] * len(probability))
    keys, positions = np.unique(stratum, return_inverse=True)
    _refuse_lonely(keys, np.bincount(positions, minlength=len(keys)))
    cells = np.asarray(mapped, np.int64) * len(names) + np.asarray(reference, np.int64)
    return _assess(_Weighted(len(names), cells, 1.0 / probability, positions), confusion, Design.WEIGHTED, None, level)


def _stratified(
    counts: np.ndarray,
    strata: Sequence[str],
    *,
    confusion: accuracy.Confusion,
    sizes: Mapping[str, float],
    design: Design,
    level: float,
    count_units: bool = False,
) -> Assessment:
    if missing := [name for name in strata if name not in sizes]:
        raise errors.InputError(
            f"expected the size of every stratum; missing: {', '.join(missing)}. Add a line for each."
        )
    area = np.array([sizes[name] for name in strata], np.float64)
    if not (np.isfinite(area) & (area >= 0)).all() or not area.sum() > 0:
        given = ", ".join(f"{name} {size:g}" for name, size in zip(strata, area, strict=True))
        raise errors.InputError(f"expected stratum sizes of at least 0, one of them above 0; received {given}.")
    drawn = counts.sum(axis=(1, 2))
    used = (area > 0) | (drawn > 0)
    _refuse_lonely(np.asarray(strata)[used], drawn[used])
    if (empty := used & (area == 0)).any():
        names = ", ".join(np.asarray(strata)[empty])
        raise errors.InputError(f"{names}: samples were drawn from a stratum of size 0. Correct its size.")
    sampled = drawn[used] / area[used] if count_units else 0.0
    if np.max(sampled) > 1.0:
        raise errors.InputError("more samples than units in a stratum. Give sizes in sampling units, or as areas.")
    sample = _Stratified(counts[used], area[used] / area.sum(), sampled)
    return _assess(sample, confusion, design, float(area.sum()), level)


def _refuse_lonely(strata: Sequence[str] | np.ndarray, drawn: np.ndarray) -> None:
    if lonely := [f"{name} ({count})" for name, count in zip(strata, drawn, strict=True) if count < 2]:
        raise errors.InputError(
            f"expected at least two samples in every stratum that has area; too few: {', '.join(lonely)}. "
            "Draw more there, or merge strata that were planned together."
        )


def _assess(
    sample: _Sample, confusion: accuracy.Confusion, design: Design, area: float | None, level: float
) -> Assessment:
    proportions = sample.proportions()
    size = len(confusion.names)
    identity, everywhere = np.eye(size), np.ones((size, size))
    rows = [np.repeat(unit[:, None], size, axis=1) for unit in identity]
    columns = [row.T for row in rows]
    hits = [row * column for row, column in zip(rows, columns, strict=True)]

    def ratio(part: np.ndarray, whole: np.ndarray) -> intervals.Estimate:
        return _ratio(sample, proportions, part, whole, level)

    return Assessment(
        design=design,
        names=confusion.names,
        counts=confusion.counts,
        proportions=proportions,
        level=level,
        area=area,
        overall=ratio(identity, everywhere),
        kappa=_kappa(sample, proportions, level),
        users=tuple(map(ratio, hits, rows)),
        producers=tuple(map(ratio, hits, columns)),
        f1=tuple(ratio(2.0 * hit, row + column) for hit, row, column in zip(hits, rows, columns, strict=True)),
        shares=tuple(ratio(column, everywhere) for column in columns),
    )


def _ratio(
    sample: _Sample, proportions: np.ndarray, part: np.ndarray, whole: np.ndarray, level: float
) -> intervals.Estimate:
    """Estimate of sum(part) / sum(whole) over the cells, with Wilson's interval at the effective sample size."""
    total = float((proportions * whole).sum())
    if total == 0.0:
        return intervals.UNKNOWN
    value = float((proportions * part).sum()) / total
    variance = sample.variance((part - value * whole) / total)
    size = _size_for_interval(sample, value, variance, part, whole)
    return intervals.Estimate(value, math.sqrt(variance), *intervals.wilson(min(max(value, 0.0), 1.0), size, level))


def _size_for_interval(sample: _Sample, value: float, variance: float, part: np.ndarray, whole: np.ndarray) -> float:
    """Effective sample size of a ratio: how many independent samples have its variance.

    A variance estimated from a few heavy samples is often far too small (those that were not met are not in it), so it
    is drawn towards that of the weights alone (Kish) the more, the fewer samples the rarer outcome is worth.
    """
    by_weights = sample.effective_size(whole > 0.0)
    if variance == 0.0:
        return by_weights
    rarer = min(sample.effective_size((whole > 0.0) & hit) for hit in (part > 0.0, part <= 0.0))
    spread = value * (1.0 - value)
    trust = rarer / (rarer + TRUSTED_SAMPLES)
    return spread / (trust * variance + (1.0 - trust) * max(variance, spread / by_weights))


def _kappa(sample: _Sample, proportions: np.ndarray, level: float) -> intervals.Estimate:
    value = float(accuracy.kappa(proportions))
    if math.isnan(value):
        return intervals.UNKNOWN
    error = math.sqrt(sample.variance(accuracy.kappa_gradient(proportions)))
    if value == 1.0:  # no error seen: the bound comes from overall accuracy, as the delta method has none
        expected = float(accuracy.chance(proportions))
        low, _ = intervals.wilson(1.0, sample.effective_size(np.ones(proportions.shape, bool)), level)
        return intervals.Estimate(value, error, (low - expected) / (1.0 - expected), 1.0)
    # On Fisher's scale the interval stays inside -1..1, and covered better in simulation than value +- z x error.
    centre, half = math.atanh(value), intervals.z_value(level) * error / (1.0 - value * value)
    return intervals.Estimate(value, error, math.tanh(centre - half), math.tanh(centre + half))


def _kish(total: float, squares: float) -> float:
    return float(total**2 / squares) if squares > 0.0 else 0.0
