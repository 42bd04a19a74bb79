"""`python -m refine accuracy`: from tables in CSV files to estimates, warnings and the linter's findings."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import sys
from typing import Any, TextIO

from builder import errors
from refine.accuracy import (
    accuracy,
    bootstrap,
    estimators,
    intervals,
    lint,
    matrix_files,
    planning,
    seasonal,
    support,
    tables,
)


@dataclasses.dataclass(frozen=True)
class Options:
    """What `run` reads and how it judges; give `matrix` or `sample`.

    Attributes:
      matrix: M.csv, see `matrix_files`.
      sample: S.csv with the columns map and reference; optional stratum, inclusion_probability, block.
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


def run(
    options: Options,
    *,
    judged_sample: matrix_files.Sample | None = None,
    as_json: bool = False,
    out: TextIO | None = None,
) -> int:
    """Prints the assessment of the given files, or of `judged_sample`, to `out` (standard output); returns exit code 0.

    Raises:
      errors.InputError: if the options do not go together or a file is wrong.
    """
    findings = _of_model(judged_sample, options) if judged_sample is not None else _of_files(options)
    stream = out or sys.stdout
    if as_json:
        print(json.dumps(_values(findings, options), indent=2, ensure_ascii=False), file=stream)
    else:
        print(_text(findings, options), end="", file=stream)
    return 0


@dataclasses.dataclass(frozen=True, eq=False)
class _Findings:
    """An assessment with all that is said of it; `weighted` is a second one, by inclusion probability."""

    assessment: estimators.Assessment
    judged: support.Support
    report: lint.Report | None = None
    bootstraps: dict[str, intervals.Estimate] = dataclasses.field(default_factory=dict)
    weighted: _Findings | None = None
    by_season: seasonal.BySeason | None = None


def _of_files(options: Options) -> _Findings:
    _refuse_unfit(options)
    if options.matrix is not None:
        confusion, printed = matrix_files.read_matrix(options.matrix)
        assessment = _of_counts(confusion, options)
        report = lint.lint(confusion, _with_options(printed, options))
        return _Findings(assessment, support.of(assessment), report, _bootstraps(confusion, None, options, assessment))
    if options.sample is None:
        raise errors.InputError("expected --matrix M.csv or --sample S.csv. Give one of them.")
    sample = matrix_files.read_sample(options.sample)
    assessment = _of_sample(sample, options)
    bootstraps = _bootstraps(sample.confusion, sample, options, assessment)
    return _Findings(assessment, support.of(assessment, population=sample.population), None, bootstraps)


def _of_model(sample: matrix_files.Sample, options: Options) -> _Findings:
    """Unweighted, as a balanced test set is usually told, and weighted where the sample knows its probabilities."""
    plain = estimators.simple_random(sample.confusion, level=options.level)
    weighted = None
    if sample.probability is not None:
        estimate = _of_sample(sample, options)
        weighted = _Findings(estimate, support.of(estimate, population=sample.population))
    bootstraps = _bootstraps(sample.confusion, sample, options, plain)
    judged = support.of(plain, population=sample.population)
    return _Findings(plain, judged, None, bootstraps, weighted, sample.by_season(options.level))


def _values(findings: _Findings, options: Options) -> dict[str, Any]:
    values = tables.values(findings.assessment, findings.judged, report=findings.report, bootstraps=findings.bootstraps)
    values["by_season"] = None if findings.by_season is None else findings.by_season.as_json()
    values["sample_size"] = _sample_size(findings.assessment, options)
    values["weighted"] = None if findings.weighted is None else _values(findings.weighted, options)
    return values


def _text(findings: _Findings, options: Options) -> str:
    told = tables.text(findings.assessment, findings.judged, report=findings.report, bootstraps=findings.bootstraps)
    if findings.by_season is not None:
        told += f"\n{tables.season_text(findings.by_season)}\n"
    if (size := _sample_size(findings.assessment, options)) is not None:
        told += (
            f"\nA survey stratified by map class needs {size['samples']} samples for a standard error of "
            f"{options.wanted_error:g} of overall accuracy, with these user's accuracies. {_allocation_text(size)}\n"
        )
    if findings.weighted is not None:
        told += (
            f"\n---- each sample weighted by 1 / its inclusion probability ----\n\n{_text(findings.weighted, options)}"
        )
    return told


def _refuse_unfit(options: Options) -> None:
    if options.matrix is not None and options.sample is not None:
        raise errors.InputError("expected either --matrix M.csv or --sample S.csv; received both. Give one of them.")
    if options.strata is not None and options.sample is None:
        raise errors.InputError(
            "--strata needs --sample S.csv: counts alone do not tell which stratum a sample came from."
        )
    if options.strata is not None and options.areas is not None:
        raise errors.InputError(
            "--areas says that strata are the map's classes, --strata that they are not. Give one of them."
        )
    if options.wanted_error is not None and options.areas is None:
        raise errors.InputError("a sample size needs the mapped areas. Give --areas A.csv with class,area.")


def _of_counts(confusion: accuracy.Confusion, options: Options) -> estimators.Assessment:
    if options.areas is None:
        return estimators.simple_random(confusion, level=options.level)
    areas = matrix_files.read_areas(options.areas, confusion.names)
    return estimators.olofsson(confusion, areas, level=options.level)


def _of_sample(sample: matrix_files.Sample, options: Options) -> estimators.Assessment:
    if options.strata is not None:
        if sample.strata is None:
            raise errors.InputError(
                f"{options.sample}: --strata needs a column `stratum`: the stratum each sample was drawn from."
            )
        sizes = matrix_files.read_sizes(options.strata, "stratum", value="size")
        return estimators.stehman(
            sample.strata,
            sample.mapped,
            sample.reference,
            sample.names,
            sizes,
            count_units=options.strata_are_counts,
            level=options.level,
        )
    if sample.probability is not None and options.areas is None:
        return estimators.weighted(
            sample.mapped, sample.reference, sample.names, sample.probability, strata=sample.strata, level=options.level
        )
    return _of_counts(sample.confusion, options)


def _bootstraps(
    confusion: accuracy.Confusion,
    sample: matrix_files.Sample | None,
    options: Options,
    assessment: estimators.Assessment,
) -> dict[str, intervals.Estimate]:
    """Bootstrap intervals of unweighted figures, by block where blocks are known; none for weighted designs."""
    if assessment.design is not estimators.Design.SIMPLE or options.draws == 0:
        return {}
    measures = {"overall accuracy": accuracy.overall, "kappa": accuracy.kappa, "macro F1": accuracy.macro_f1}
    if sample is not None and sample.blocks is not None:
        return {
            f"{name} by block": bootstrap.by_block(
                sample.mapped,
                sample.reference,
                sample.blocks,
                sample.names,
                measure,
                draws=options.draws,
                level=options.level,
                seed=options.seed,
            )
            for name, measure in measures.items()
        }
    return {
        name: bootstrap.within_reference_class(
            confusion, measure, draws=options.draws, level=options.level, seed=options.seed
        )
        for name, measure in measures.items()
    }


def _with_options(printed: lint.Printed, options: Options) -> lint.Printed:
    overall, kappa = (
        lint.Figure.parse(text, option) if text is not None else None
        for text, option in ((options.printed_overall, "--printed-overall"), (options.printed_kappa, "--printed-kappa"))
    )
    return dataclasses.replace(printed, overall=overall, kappa=kappa)


def _sample_size(assessment: estimators.Assessment, options: Options) -> dict[str, object] | None:
    if options.wanted_error is None:
        return None
    shares = assessment.proportions.sum(axis=1)
    users = [0.5 if math.isnan(estimate.value) else estimate.value for estimate in assessment.users]
    samples = math.ceil(planning.sample_size(shares.tolist(), users, options.wanted_error))
    drawn = max(samples, support.FEW_SAMPLES * len(shares))
    allocation = planning.allocate(drawn, shares.tolist(), minimum=support.FEW_SAMPLES)
    return {
        "samples": samples,
        "minimum": support.FEW_SAMPLES,
        "allocation": dict(zip(assessment.names, allocation.tolist(), strict=True)),
    }


def _allocation_text(size: dict[str, object]) -> str:
    allocation = size["allocation"]
    shares = ", ".join(f"{name} {count}" for name, count in allocation.items()) if isinstance(allocation, dict) else ""
    return f"By area, at least {size['minimum']} per class: {shares}."
