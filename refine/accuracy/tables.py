"""The tables that the options name, read and compared with each other before anything is judged."""

from __future__ import annotations

import dataclasses
import pathlib

from builder import errors
from refine.accuracy import accuracy, accuracy_options, lint, matrix_files, reference_sample


@dataclasses.dataclass(frozen=True, eq=False)
class Tables:
    """A matrix or a sample (or neither, to plan a survey), with the sizes of its strata where they are given.

    Attributes:
      matrix: counts of M.csv.
      printed: what the publication prints beside them.
      sample: S.csv.
      areas: A.csv.
      strata: size by stratum of T.csv.
      files: the names of the files that are judged, as an error about their contents begins.
    """

    matrix: accuracy.Confusion | None = None
    printed: lint.Printed | None = None
    sample: reference_sample.ReferenceSample | None = None
    areas: matrix_files.Areas | None = None
    strata: dict[str, float] | None = None
    files: str = ""

    @property
    def confusion(self) -> accuracy.Confusion | None:
        """The counts of matrix or sample."""
        return self.sample.confusion if self.sample is not None else self.matrix

    @property
    def area_of_class(self) -> dict[str, float] | None:
        """Mapped area by class of the samples; None where no areas, or no samples, are given.

        Raises:
          errors.InputError: if a class of the samples has no area, or a class without samples has area.
        """
        confusion = self.confusion
        return self.areas.of(confusion.names) if self.areas is not None and confusion is not None else None


def read(options: accuracy_options.AccuracyOptions) -> Tables:
    """Reads the tables.

    Raises:
      errors.InputError: names the file, if one cannot be read, or if two tables or a table and an option contradict
        each other.
    """
    matrix, printed = matrix_files.read_matrix(options.matrix) if options.matrix is not None else (None, None)
    sample = matrix_files.read_sample(options.sample) if options.sample is not None else None
    if sample is not None and options.sample is not None:
        _check_sample(sample, options, options.sample)
    return Tables(
        matrix=matrix,
        printed=_with_options(printed, options) if printed is not None else None,
        sample=sample,
        areas=matrix_files.read_areas(options.areas) if options.areas is not None else None,
        strata=matrix_files.read_strata(options.strata) if options.strata is not None else None,
        files=" with ".join(
            str(path) for path in (options.matrix, options.sample, options.areas, options.strata) if path is not None
        ),
    )


def _check_sample(
    sample: reference_sample.ReferenceSample, options: accuracy_options.AccuracyOptions, path: pathlib.Path
) -> None:
    """Refuses a sample whose own columns name another design than the options."""
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


def _with_options(printed: lint.Printed, options: accuracy_options.AccuracyOptions) -> lint.Printed:
    """The printed figures of the matrix, with those that the options give."""
    overall, kappa = (
        lint.Figure.parse(text, option) if text is not None else None
        for text, option in ((options.printed_overall, "--printed-overall"), (options.printed_kappa, "--printed-kappa"))
    )
    return dataclasses.replace(printed, overall=overall, kappa=kappa)
