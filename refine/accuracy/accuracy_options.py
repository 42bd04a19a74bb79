"""The options of `python -m refine accuracy`, and which of them go together."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable

from builder import errors
from refine.accuracy import bootstrap, intervals

FEWEST_DRAWS = 100


@dataclasses.dataclass(frozen=True)
class AccuracyOptions:
    """The tables to read and how to judge them; give `matrix` or `sample`, or `areas` and `wanted_error` for a survey.

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

    @property
    def given_of_tables(self) -> set[str]:
        """Names of those options that only tables have and that were given."""
        return {name for name in OF_TABLES if getattr(self, name) not in (None, False)}


# What only tables have: a model is judged on a dataset, which brings its own strata and probabilities.
OF_TABLES = tuple(
    field.name for field in dataclasses.fields(AccuracyOptions) if field.name not in ("level", "draws", "seed")
)


@dataclasses.dataclass(frozen=True)
class _Need:
    """One of the options `any_of` must be given with `option`, and the reason."""

    option: str
    any_of: frozenset[str]
    reason: str


_NEEDS = (
    _Need("strata", frozenset({"sample"}), "counts alone do not tell which stratum a sample came from"),
    _Need("strata_are_counts", frozenset({"strata"}), "it says what the sizes there count"),
    _Need("printed_overall", frozenset({"matrix"}), "the linter reads a printed matrix"),
    _Need("printed_kappa", frozenset({"matrix"}), "the linter reads a printed matrix"),
    _Need("wanted_error", frozenset({"areas"}), "a sample size needs the mapped areas"),
    _Need("areas", frozenset({"matrix", "sample", "wanted_error"}), "areas alone are not judged"),
)


def check_options(options: AccuracyOptions, *, judges_model: bool = False) -> None:
    """Refuses options that do not go together, before any file is read.

    Raises:
      errors.InputError: names the options, and what to give instead.
    """
    intervals.check_level(options.level)
    if options.draws and options.draws < FEWEST_DRAWS:
        raise errors.InputError(
            f"--draws: expected 0 for no bootstrap, or at least {FEWEST_DRAWS}; received {options.draws}. Give another."
        )
    given = options.given_of_tables
    if not judges_model:
        _check_tables(given)
    elif given:
        raise errors.InputError(
            f"--model is judged on a split of a dataset; {_flags(given)} is for tables. Leave it out, or leave "
            "out --model."
        )


def _check_tables(given: set[str]) -> None:
    for need in _NEEDS:
        if need.option in given and not need.any_of & given:
            wanted = " or ".join(_flags({name}) for name in sorted(need.any_of))
            raise errors.InputError(
                f"{_flags({need.option})} needs {wanted}: {need.reason}. Give it, or leave this out."
            )
    if {"strata", "areas"} <= given:
        raise errors.InputError(
            "--areas says that strata are the map's classes, --strata that they are not. Give one of them."
        )
    if {"matrix", "sample"} <= given or not given & {"matrix", "sample", "areas"}:
        raise errors.InputError(
            f"expected --matrix M.csv, --sample S.csv or --model MODEL; received {_flags(given) or 'none'}. "
            "Give one of them, or --areas A.csv with --wanted-error to plan a survey."
        )


def _flags(names: Iterable[str]) -> str:
    """`--matrix, --strata-are-counts` for the names of fields, in the order of the options."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in OF_TABLES if name in names)
