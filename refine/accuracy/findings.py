"""What is found in tables or in a judged model: estimates, what they support, and tests beside them."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from builder import errors
from refine.accuracy import (
    accuracy,
    accuracy_options,
    bootstrap,
    estimators,
    intervals,
    lint,
    matrix_files,
    paired,
    planning,
    reference_sample,
    seasonal,
    support,
    tables,
)

MEASURES: Mapping[str, bootstrap.Measure] = MappingProxyType(
    {"overall accuracy": accuracy.overall, "kappa": accuracy.kappa, "macro F1": accuracy.macro_f1}
)
UNKNOWN_USERS = 0.5  # user's accuracy to plan with where a class has no samples: it asks for the most samples


@dataclasses.dataclass(frozen=True, eq=False)
class AccuracyFindings:
    """An assessment and everything that was found beside it.

    Attributes:
      assessment: the estimates.
      support: what the sample supports.
      lint: what the linter says of a matrix.
      bootstraps: bootstrap intervals by figure.
      weighted: the same sample weighted by inclusion probability.
      no_weighted_because: why a sample with inclusion probabilities could not be weighted.
      by_season: overall accuracy in and out of season.
      survey: how many samples a survey needs.
      maps: the paired test of two maps.
    """

    assessment: estimators.Assessment
    support: support.Support
    lint: lint.LintReport | None = None
    bootstraps: Mapping[str, intervals.Estimate] = dataclasses.field(default_factory=dict)
    weighted: AccuracyFindings | None = None
    no_weighted_because: str | None = None
    by_season: seasonal.BySeason | None = None
    survey: planning.SurveyPlan | None = None
    maps: paired.PairedMaps | None = None


def of_tables(given: tables.Tables, options: accuracy_options.AccuracyOptions) -> AccuracyFindings:
    """Findings of a matrix or a sample, by the design that the tables name.

    Raises:
      errors.InputError: if the estimators refuse the tables; names their files.
    """
    found = _of_sample(given, given.sample, options) if given.sample is not None else _of_matrix(given, options)
    return dataclasses.replace(found, survey=plan_survey(given, options, found.assessment))


def of_model(sample: reference_sample.ReferenceSample, options: accuracy_options.AccuracyOptions) -> AccuracyFindings:
    """Findings of a judged model: unweighted, as balanced test sets are reported, and weighted where that is possible.

    Raises:
      errors.InputError: if the sample is empty, or has fewer than two blocks.
    """
    plain = estimators.simple_random(sample.confusion, level=options.level)
    weighted, reason = _weighted(sample, options.level)
    return AccuracyFindings(
        assessment=plain,
        support=support.of(plain, population=sample.population, notes=sample.notes),
        bootstraps=_bootstraps_of_sample(sample, options, plain.design),
        weighted=weighted,
        no_weighted_because=reason,
        by_season=sample.by_season(options.level),
    )


def plan_survey(
    given: tables.Tables, options: accuracy_options.AccuracyOptions, assessment: estimators.Assessment | None = None
) -> planning.SurveyPlan | None:
    """The survey that has the wanted error; None where none is wanted.

    It is planned with the user's accuracies of the assessment, without one with those guessed in A.csv.

    Raises:
      errors.InputError: names A.csv, if both or neither are given, or the wanted error cannot be had.
    """
    if options.wanted_error is None or given.areas is None:
        return None
    areas = given.area_of_class or given.areas.sizes
    with _naming_files(str(given.areas.path)):
        return planning.plan(areas, _users(given.areas, assessment), options.wanted_error)


def _of_matrix(given: tables.Tables, options: accuracy_options.AccuracyOptions) -> AccuracyFindings:
    if given.matrix is None or given.printed is None:
        raise ValueError("expected a matrix or a sample to judge; received neither. Read one of them.")
    areas = given.area_of_class
    with _naming_files(given.files):
        assessment = _of_counts(given.matrix, areas, options.level)
    return AccuracyFindings(
        assessment=assessment,
        support=support.of(assessment),
        lint=lint.lint(given.matrix, given.printed),
        bootstraps=_bootstraps_of_counts(given.matrix, options, assessment.design),
    )


def _of_sample(
    given: tables.Tables, sample: reference_sample.ReferenceSample, options: accuracy_options.AccuracyOptions
) -> AccuracyFindings:
    areas = given.area_of_class
    with _naming_files(given.files):
        assessment = _assess(sample, areas, given.strata, options)
        bootstraps = _bootstraps_of_sample(sample, options, assessment.design)
        maps = _two_maps(sample, options)
    notes = _notes(sample, assessment.design)
    supported = support.of(assessment, states_map_strata=sample.has_map_strata, notes=notes)
    return AccuracyFindings(assessment, supported, bootstraps=bootstraps, maps=maps)


def _assess(
    sample: reference_sample.ReferenceSample,
    areas: Mapping[str, float] | None,
    sizes: Mapping[str, float] | None,
    options: accuracy_options.AccuracyOptions,
) -> estimators.Assessment:
    """Estimates by the design: strata of given size, inclusion probabilities, map classes of given area, or none."""
    if sizes is not None and sample.strata is not None:
        return estimators.stehman(
            sample.strata,
            sample.mapped,
            sample.reference,
            sample.names,
            sizes,
            count_units=options.strata_are_counts,
            level=options.level,
        )
    if sample.probability is not None:
        return _by_probability(sample, sample.probability, options.level)
    return _of_counts(sample.confusion, areas, options.level)


def _of_counts(confusion: accuracy.Confusion, areas: Mapping[str, float] | None, level: float) -> estimators.Assessment:
    if areas is None:
        return estimators.simple_random(confusion, level=level)
    return estimators.olofsson(confusion, areas, level=level)


def _by_probability(
    sample: reference_sample.ReferenceSample, probability: np.ndarray, level: float
) -> estimators.Assessment:
    return estimators.weighted(
        sample.mapped, sample.reference, sample.names, probability, strata=sample.strata, level=level
    )


def _weighted(sample: reference_sample.ReferenceSample, level: float) -> tuple[AccuracyFindings | None, str | None]:
    """(findings weighted by inclusion probability, why there are none); both None where no probability is known."""
    if sample.probability is None:
        return None, None
    try:
        assessment = _by_probability(sample, sample.probability, level)
    except errors.InputError as error:  # a stratum with a single example, say: the plain figures hold all the same
        return None, str(error)
    return AccuracyFindings(assessment, support.of(assessment, population=sample.population, notes=sample.notes)), None


def _notes(sample: reference_sample.ReferenceSample, design: estimators.Design) -> list[str]:
    if sample.blocks is None or design is estimators.Design.SIMPLE:
        return []
    return [
        "the column `block` is not used: these intervals take the samples of a stratum as independent, and are too "
        "short where those of a block resemble each other."
    ]


def _bootstraps_of_counts(
    confusion: accuracy.Confusion, options: accuracy_options.AccuracyOptions, design: estimators.Design
) -> dict[str, intervals.Estimate]:
    """Bootstrap intervals of unweighted figures; none for weighted designs."""
    if design is not estimators.Design.SIMPLE or options.draws == 0:
        return {}
    return bootstrap.within_reference_class(
        confusion, MEASURES, draws=options.draws, level=options.level, seed=options.seed
    )


def _bootstraps_of_sample(
    sample: reference_sample.ReferenceSample, options: accuracy_options.AccuracyOptions, design: estimators.Design
) -> dict[str, intervals.Estimate]:
    """As `_bootstraps_of_counts`, by block where blocks are known."""
    if sample.blocks is None or design is not estimators.Design.SIMPLE or options.draws == 0:
        return _bootstraps_of_counts(sample.confusion, options, design)
    return bootstrap.by_block(
        sample.mapped,
        sample.reference,
        sample.blocks,
        sample.names,
        {f"{name} by block": measure for name, measure in MEASURES.items()},
        draws=options.draws,
        level=options.level,
        seed=options.seed,
    )


def _two_maps(
    sample: reference_sample.ReferenceSample, options: accuracy_options.AccuracyOptions
) -> paired.PairedMaps | None:
    """The paired test of the two maps of a sample that has a second one."""
    if sample.second is None:
        return None
    right, second_right = sample.mapped == sample.reference, sample.second == sample.reference
    difference = None
    if options.draws:
        blocks = np.arange(len(right)) if sample.blocks is None else sample.blocks
        difference = bootstrap.paired_difference(
            right, second_right, blocks, draws=options.draws, level=options.level, seed=options.seed
        )
    test = paired.of_predictions(sample.mapped, sample.second, sample.reference)
    return paired.PairedMaps(len(right), test, difference, options.level)


def _users(areas: matrix_files.Areas, assessment: estimators.Assessment | None) -> dict[str, float]:
    """User's accuracy by class to plan a survey with."""
    if assessment is None and areas.users is not None:
        return areas.users
    if assessment is None:
        raise errors.InputError(
            "a survey is planned from guessed user's accuracies. Add a column `users` (0..1, or percent), or "
            "give --matrix or --sample of an earlier survey."
        )
    if areas.users is not None:
        raise errors.InputError(
            "its column `users` and the samples both give user's accuracies to plan with. Remove the column, or "
            "leave out the samples."
        )
    measured = zip(assessment.names, assessment.users, strict=True)
    return {name: UNKNOWN_USERS if math.isnan(users.value) else users.value for name, users in measured}


@contextlib.contextmanager
def _naming_files(files: str) -> Iterator[None]:
    """Puts the names of the files before an error of the estimators, which know no files."""
    try:
        yield
    except errors.InputError as error:
        raise errors.InputError(f"{files}: {error}") from error
