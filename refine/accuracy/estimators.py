"""Accuracy and area estimates of a sample, by its sampling design.

Every figure is a ratio of totals over the cells of the matrix; kappa is a smooth function of them. So all designs share
one computation: the variance of an estimate is the design variance of its linearized values. Where the strata are the
map classes, this equals Olofsson et al. 2014; with other strata it equals Stehman 2014. The tests compare both with
their printed examples.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence

import numpy as np

from builder import errors
from refine.accuracy import accuracy, designs, intervals, ratios


class Design(enum.StrEnum):
    """How the sample was drawn."""

    SIMPLE = "unweighted"
    MAP_CLASSES = "stratified by map class"
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
        """The sampled counts."""
        return accuracy.Confusion(self.counts, self.names)

    @property
    def areas(self) -> tuple[intervals.Estimate, ...] | None:
        """Reference class areas in the unit of the stratum sizes."""
        if self.area is None:
            return None
        return tuple(intervals.Estimate(*(self.area * v for v in dataclasses.astuple(share))) for share in self.shares)


def simple_random(confusion: accuracy.Confusion, *, level: float = intervals.LEVEL) -> Assessment:
    """Estimates of independent samples; standard errors by the delta method for the multinomial.

    Raises:
      errors.InputError: if there are no samples.
    """
    if confusion.total == 0:
        raise errors.InputError("expected at least one sample; received an empty matrix. Give a matrix with counts.")
    return _assess(designs.SimpleRandomSample(confusion.counts), confusion, Design.SIMPLE, None, level)


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
      mapped: int[sample], class index in the judged map.
      reference: int[sample], class index on the ground.
      names: of the classes.
      sizes: area of every stratum, or its number of sampling units.
      count_units: `sizes` counts sampling units, so that the finite population correction lowers the variance.
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

    This is the ratio (Hajek) form of the Horvitz-Thompson estimator. The variance treats samples of a stratum as drawn
    with replacement, which makes it too large rather than too small.

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
    _check_two_samples(keys, np.bincount(positions, minlength=len(keys)))
    cells = np.asarray(mapped, np.int64) * len(names) + np.asarray(reference, np.int64)
    sample = designs.WeightedSample(len(names), cells, probability.min() / probability, positions)  # only ratios matter
    return _assess(sample, confusion, Design.WEIGHTED, None, level)


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
        raise errors.InputError(
            f"expected stratum sizes of at least 0, one of them above 0; received {given}. Correct them."
        )
    drawn = counts.sum(axis=(1, 2))
    used = (area > 0) | (drawn > 0)
    _check_two_samples(np.asarray(strata)[used], drawn[used])
    if (empty := used & (area == 0)).any():
        names = ", ".join(np.asarray(strata)[empty])
        raise errors.InputError(f"{names}: samples were drawn from a stratum of size 0. Correct its size.")
    sampled = drawn[used] / area[used] if count_units else 0.0
    if np.max(sampled) > 1.0:
        raise errors.InputError(
            "expected no more samples than sampling units in a stratum; received more. Give sizes that count units, or "
            "leave out --strata-are-counts."
        )
    sample = designs.StratifiedSample(counts[used], area[used] / area.sum(), sampled)
    return _assess(sample, confusion, design, float(area.sum()), level)


def _check_two_samples(strata: Sequence[str] | np.ndarray, drawn: np.ndarray) -> None:
    if lonely := [f"{name} ({count})" for name, count in zip(strata, drawn, strict=True) if count < 2]:
        raise errors.InputError(
            f"expected at least two samples in every stratum that has area; too few: {', '.join(lonely)}. "
            "Draw more there, or merge strata that were planned together."
        )


def _assess(
    sample: designs.Sample, confusion: accuracy.Confusion, design: Design, area: float | None, level: float
) -> Assessment:
    size = len(confusion.names)
    identity, everywhere = np.eye(size), np.ones((size, size))
    rows = [np.repeat(unit[:, None], size, axis=1) for unit in identity]
    columns = [row.T for row in rows]
    hits = [row * column for row, column in zip(rows, columns, strict=True)]

    def of_reference(part: np.ndarray, whole: np.ndarray) -> intervals.Estimate:
        return ratios.ratio(sample, part, whole, level, of_reference=True)

    return Assessment(
        design=design,
        names=confusion.names,
        counts=confusion.counts,
        proportions=sample.proportions(),
        level=level,
        area=area,
        overall=ratios.ratio(sample, identity, everywhere, level),
        kappa=ratios.kappa(sample, level),
        users=tuple(ratios.ratio(sample, hit, row, level) for hit, row in zip(hits, rows, strict=True)),
        producers=tuple(map(of_reference, hits, columns)),
        f1=tuple(of_reference(2.0 * hit, row + column) for hit, row, column in zip(hits, rows, columns, strict=True)),
        shares=tuple(of_reference(column, everywhere) for column in columns),
    )
