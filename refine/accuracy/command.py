"""`python -m refine accuracy`: from tables in CSV files to estimates, warnings and the linter's findings."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import pathlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np

from builder import errors
from refine.accuracy import (
    accuracy,
    bootstrap,
    estimators,
    intervals,
    lint,
    matrix_files,
    paired,
    planning,
    seasonal,
    support,
    tables,
)

FEWEST_DRAWS = 100
MEASURES = {"overall accuracy": accuracy.overall, "kappa": accuracy.kappa, "macro F1": accuracy.macro_f1}


@dataclasses.dataclass(frozen=True)
class Options:
    """What `run` reads and how it judges; give `matrix` or `sample`, or `areas` and `wanted_error` to plan a survey.

    Attributes:
      matrix: M.csv, see `matrix_files`.
      sample: S.csv with the columns map and reference; optional stratum, inclusion_probability, block, map2.
      areas: A.csv, mapped area by class: the sample was stratified by map class.
      strata: T.csv, size by stratum of `sample`: the strata are not the map's classes.
      strata_are_counts: the sizes in `strata` count sampling units, so that the finite population correction applies.
      printed_overall: overall accuracy that the publication prints ("90.3%"), for the linter.
      printed_kappa: kappa that it prints.
      wanted_error: standard error of overall accuracy to plan a survey for; needs `areas`.
      level: of all intervals.
      draws: bootstrap resamples; 0 for none.
      seed: of the bootstrap.
    """

    matrix: pathlib.Path | None = None
    sample: pathlib.Path | None = None
    areas: pathlib.Path | None = None
    strata: pathlib.Path | None = None
    strata_are_counts: bool = False
    printed_overall: str | None = None
    printed_kappa: str | None = None
    wanted_error: float | None = None
    level: float = intervals.LEVEL
    draws: int = bootstrap.DRAWS
    seed: int = 0


# What only tables have; a model is judged on a dataset, which brings its own strata and probabilities.
OF_TABLES = (
    "matrix", "sample", "areas", "strata", "strata_are_counts", "printed_overall", "printed_kappa", "wanted_error",
)  # fmt: skip


# (option, options one of which it needs, why)
NEEDS = (
    ("strata", {"sample"}, "counts alone do not tell which stratum a sample came from"),
    ("strata_are_counts", {"strata"}, "it says what the sizes there count"),
    ("printed_overall", {"matrix"}, "the linter reads a printed matrix"),
    ("printed_kappa", {"matrix"}, "the linter reads a printed matrix"),
    ("wanted_error", {"areas"}, "a sample size needs the mapped areas"),
    ("areas", {"matrix", "sample", "wanted_error"}, "areas alone are not judged"),
)


def refuse_unfit(options: Options, *, judges_model: bool = False) -> None:
    """Refuses options that do not go together, before anything is read.

    Raises:
      errors.InputError: says which, and what to give instead.
    """
    intervals.z_value(options.level)
    if options.draws and options.draws < FEWEST_DRAWS:
        raise errors.InputError(
            f"--draws: expected 0 for no bootstrap, or at least {FEWEST_DRAWS}; received {options.draws}. Give another."
        )
    given = {name for name in OF_TABLES if getattr(options, name) not in (None, False)}
    if judges_model and given:
        raise errors.InputError(
            f"--model is judged on a split of a dataset; {_listed(given)} is for tables. Leave it out, or leave "
            "out --model."
        )
    if not judges_model:
        _refuse_unfit_tables(given)


def _refuse_unfit_tables(given: set[str]) -> None:
    for option, needed, why in NEEDS:
        if option in given and not needed & given:
            names = " or ".join(_listed({name}) for name in sorted(needed))
            raise errors.InputError(f"{_listed({option})} needs {names}: {why}. Give it, or leave this out.")
    if {"strata", "areas"} <= given:
        raise errors.InputError(
            "--areas says that strata are the map's classes, --strata that they are not. Give one of them."
        )
    if {"matrix", "sample"} <= given or not given & {"matrix", "sample", "areas"}:
        raise errors.InputError(
            f"expected --matrix M.csv, --sample S.csv or --model MODEL; received {_listed(given) or 'none'}. "
            "Give one of them, or --areas A.csv with --wanted-error to plan a survey."
        )


def run(
    options: Options,
    *,
    judged_sample: matrix_files.SampleTable | None = None,
    as_json: bool = False,
    out: TextIO | None = None,
) -> int:
    """Prints the assessment of the given files, or of `judged_sample`, to `out` (standard output); returns exit code 0.

    Raises:
      errors.InputError: if the options do not go together or a file is wrong.
    """
    refuse_unfit(options, judges_model=judged_sample is not None)
    stream = out or sys.stdout
    if judged_sample is None and options.matrix is None and options.sample is None:
        survey = _survey(options, None)
        told = {"sample_size": survey.as_json()} if survey else {}
        text = f"{tables.plan_text(survey)}\n" if survey else ""
    else:
        findings = _of_model(judged_sample, options) if judged_sample is not None else _of_files(options)
        told, text = _values(findings), _text(findings)
    print(json.dumps(told, indent=2, ensure_ascii=False) + "\n" if as_json else text, end="", file=stream)
    return 0


@dataclasses.dataclass(frozen=True, eq=False)
class _Findings:
    """An assessment with all that is said of it.

    `weighted` is a second one, by inclusion probability, or the reason why there is none.
    """

    assessment: estimators.Assessment
    judged: support.Support
    report: lint.LintReport | None = None
    bootstraps: dict[str, intervals.Estimate] = dataclasses.field(default_factory=dict)
    weighted: _Findings | str | None = None
    by_season: seasonal.BySeason | None = None
    survey: planning.SurveyPlan | None = None
    maps: paired.Maps | None = None


def _of_files(options: Options) -> _Findings:
    if options.matrix is not None:
        confusion, printed = matrix_files.read_matrix(options.matrix)
        report = lint.lint(confusion, _with_options(printed, options))
        with _told_of(options.matrix, options.areas):
            assessment = _of_counts(confusion, options)
        bootstraps = _bootstraps(confusion, None, options, assessment)
        survey = _survey(options, assessment)
        return _Findings(assessment, support.of(assessment), report, bootstraps, survey=survey)
    path = options.sample or pathlib.Path()
    sample = matrix_files.read_sample(path)
    _refuse_overridden(sample, options, path)
    with _told_of(path, options.areas, options.strata):
        assessment = _of_sample(sample, options)
        bootstraps = _bootstraps(sample.confusion, sample, options, assessment)
        maps = _two_maps(sample, options)
    judged = support.of(assessment, states_map_strata=sample.has_map_strata, notes=_notes(sample, assessment))
    return _Findings(assessment, judged, None, bootstraps, survey=_survey(options, assessment), maps=maps)


def _of_model(sample: matrix_files.SampleTable, options: Options) -> _Findings:
    """Unweighted, as a balanced test set is usually told, and weighted where the sample knows its probabilities."""
    plain = estimators.simple_random(sample.confusion, level=options.level)
    return _Findings(
        assessment=plain,
        judged=support.of(plain, population=sample.population, notes=sample.notes),
        bootstraps=_bootstraps(sample.confusion, sample, options, plain),
        weighted=_weighted(sample, options),
        by_season=sample.by_season(options.level),
    )


def _weighted(sample: matrix_files.SampleTable, options: Options) -> _Findings | str | None:
    if sample.probability is None:
        return None
    try:
        estimate = _of_sample(sample, options)
    except errors.InputError as error:  # a stratum with a single example, say: the plain figures hold all the same
        return str(error)
    return _Findings(estimate, support.of(estimate, population=sample.population, notes=sample.notes))


def _values(findings: _Findings) -> dict[str, Any]:
    values = tables.values(findings.assessment, findings.judged, report=findings.report, bootstraps=findings.bootstraps)
    weighted = findings.weighted
    return values | {
        "by_season": findings.by_season.as_json() if findings.by_season else None,
        "sample_size": findings.survey.as_json() if findings.survey else None,
        "paired": findings.maps.as_json() if findings.maps else None,
        "weighted": _values(weighted) if isinstance(weighted, _Findings) else None,
        "no_weighted_because": weighted if isinstance(weighted, str) else None,
    }


def _text(findings: _Findings) -> str:
    parts = [
        tables.text(findings.assessment, findings.judged, report=findings.report, bootstraps=findings.bootstraps),
        f"{tables.season_text(findings.by_season)}\n" if findings.by_season else "",
        f"{tables.paired_text(findings.maps)}\n" if findings.maps else "",
        f"{tables.plan_text(findings.survey)}\n" if findings.survey else "",
    ]
    if isinstance(findings.weighted, str):
        parts.append(f"No estimate weighted by inclusion probability: {findings.weighted}\n")
    elif findings.weighted is not None:
        head = "---- each sample weighted by 1 / its inclusion probability ----"
        parts.append(f"{head}\n\n{_text(findings.weighted)}")
    return "\n".join(part for part in parts if part)


def _notes(sample: matrix_files.SampleTable, assessment: estimators.Assessment) -> list[str]:
    if sample.blocks is None or assessment.design is estimators.Design.SIMPLE:
        return []
    return [
        "the column `block` is not used: these intervals take the samples of a stratum as independent, and are too "
        "short where those of a block resemble each other."
    ]


def _refuse_overridden(sample: matrix_files.SampleTable, options: Options, path: pathlib.Path) -> None:
    """Refuses a sample whose own columns say another design than the options."""
    if sample.probability is not None and (options.areas or options.strata):
        raise errors.InputError(
            f"{path}: its column `inclusion_probability` gives each sample its weight, and so does "
            f"{'--areas' if options.areas else '--strata'}. Leave out the option, or remove the column."
        )
    if options.areas is not None and sample.strata is not None and not sample.has_map_strata:
        raise errors.InputError(
            f"{path}: --areas says that the samples were drawn within the map's classes; its column `stratum` names "
            "others. Give --strata T.csv with the sizes of those strata instead."
        )
    if options.strata is not None and sample.strata is None:
        raise errors.InputError(
            f"{path}: --strata needs a column `stratum`: the stratum each sample was drawn from. Add it."
        )
    if sample.strata is not None and not (options.strata or options.areas) and sample.probability is None:
        raise errors.InputError(
            f"{path}: its column `stratum` says that the samples were drawn by stratum: give --strata T.csv with "
            "stratum,size, or --areas A.csv where the strata are the map's classes. Without the column the samples "
            "count alike."
        )


def _of_counts(confusion: accuracy.Confusion, options: Options) -> estimators.Assessment:
    if options.areas is None:
        return estimators.simple_random(confusion, level=options.level)
    areas = matrix_files.read_areas(options.areas).of(confusion.names)
    return estimators.olofsson(confusion, areas, level=options.level)


def _of_sample(sample: matrix_files.SampleTable, options: Options) -> estimators.Assessment:
    mapped, reference, names = sample.mapped, sample.reference, sample.names
    if options.strata is not None and sample.strata is not None:
        sizes = matrix_files.read_strata(options.strata)
        is_count = options.strata_are_counts
        return estimators.stehman(
            sample.strata, mapped, reference, names, sizes, count_units=is_count, level=options.level
        )
    if sample.probability is not None:
        chances = sample.probability
        return estimators.weighted(mapped, reference, names, chances, strata=sample.strata, level=options.level)
    return _of_counts(sample.confusion, options)


def _bootstraps(
    confusion: accuracy.Confusion,
    sample: matrix_files.SampleTable | None,
    options: Options,
    assessment: estimators.Assessment,
) -> dict[str, intervals.Estimate]:
    """Bootstrap intervals of unweighted figures, by block where blocks are known; none for weighted designs."""
    if assessment.design is not estimators.Design.SIMPLE or options.draws == 0:
        return {}
    asked: Any = {"draws": options.draws, "level": options.level, "seed": options.seed}
    if sample is None or sample.blocks is None:
        return bootstrap.within_reference_class(confusion, MEASURES, **asked)
    measures = {f"{name} by block": measure for name, measure in MEASURES.items()}
    return bootstrap.by_block(sample.mapped, sample.reference, sample.blocks, sample.names, measures, **asked)


def _two_maps(sample: matrix_files.SampleTable, options: Options) -> paired.Maps | None:
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
    return paired.Maps(len(right), test, difference, options.level)


def _survey(options: Options, assessment: estimators.Assessment | None) -> planning.SurveyPlan | None:
    """A survey for the wanted error: with the user's accuracies of the assessment, else with the guesses of A.csv."""
    if options.wanted_error is None or options.areas is None:
        return None
    areas = matrix_files.read_areas(options.areas)
    with _told_of(options.areas):
        if assessment is None:
            if areas.users is None:
                raise errors.InputError(
                    "a survey is planned from guessed user's accuracies. Add a column `users` (0..1, or percent), or "
                    "give --matrix or --sample of an earlier survey."
                )
            return planning.plan(areas.sizes, areas.users, options.wanted_error)
        if areas.users is not None:
            raise errors.InputError(
                "its column `users` and the samples both give user's accuracies to plan with. Remove the column, or "
                "leave out the samples."
            )
        measured = zip(assessment.names, assessment.users, strict=True)
        users = {name: 0.5 if math.isnan(estimate.value) else estimate.value for name, estimate in measured}
        return planning.plan(areas.of(assessment.names), users, options.wanted_error)


def _with_options(printed: lint.Printed, options: Options) -> lint.Printed:
    overall, kappa = (
        lint.Figure.parse(text, option) if text is not None else None
        for text, option in ((options.printed_overall, "--printed-overall"), (options.printed_kappa, "--printed-kappa"))
    )
    return dataclasses.replace(printed, overall=overall, kappa=kappa)


@contextlib.contextmanager
def _told_of(*paths: pathlib.Path | None) -> Iterator[None]:
    """Puts the names of the files before an error that does not name one of them itself."""
    given = [str(path) for path in paths if path is not None]
    try:
        yield
    except errors.InputError as error:
        if any(name in str(error) for name in given):
            raise
        raise errors.InputError(f"{' with '.join(given)}: {error}") from error


def _listed(names: set[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in OF_TABLES if name in names)
