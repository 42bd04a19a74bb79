"""`python -m refine accuracy`: from tables in CSV files to estimates, warnings and the linter's findings."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from refine.accuracy import accuracy_options, assessment_json, assessment_text, findings, reference_sample, tables


def run(
    options: accuracy_options.AccuracyOptions,
    *,
    judged_sample: reference_sample.ReferenceSample | None = None,
    as_json: bool = False,
    out: TextIO | None = None,
) -> int:
    """Prints the assessment of the given files, or of `judged_sample`, to `out` (standard output); returns exit code 0.

    Raises:
      errors.InputError: if the options do not go together or a file is wrong.
    """
    accuracy_options.check_options(options, judges_model=judged_sample is not None)
    values, text = _judged(options, judged_sample)
    printed = json.dumps(values, indent=2, ensure_ascii=False) + "\n" if as_json else text
    print(printed, end="", file=out or sys.stdout)
    return 0


def _judged(
    options: accuracy_options.AccuracyOptions, judged_sample: reference_sample.ReferenceSample | None
) -> tuple[dict[str, Any], str]:
    """(plain values, text) of an assessment, or of a planned survey where there are no samples yet."""
    if judged_sample is not None:
        found = findings.of_model(judged_sample, options)
        return assessment_json.of_findings(found), assessment_text.of_findings(found)
    given = tables.read(options)
    if given.confusion is None:
        survey = findings.plan_survey(given, options)
        return assessment_json.of_survey(survey), assessment_text.of_survey(survey)
    found = findings.of_tables(given, options)
    return assessment_json.of_findings(found), assessment_text.of_findings(found)
