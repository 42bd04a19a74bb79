"""An assessment as text for people: what the command prints to a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from refine.accuracy import accuracy, estimators, findings, intervals, lint, paired, planning, seasonal

KAPPA_NOTE = "kappa is given for comparison with older papers; quantity and allocation say what is wrong"


def of_findings(found: findings.AccuracyFindings) -> str:
    """Everything of an assessment as lines for a terminal."""
    parts = [
        _of_assessment(found),
        f"{season_text(found.by_season)}\n" if found.by_season else "",
        f"{paired_text(found.maps)}\n" if found.maps else "",
        of_survey(found.survey),
    ]
    if found.no_weighted_because is not None:
        parts.append(f"No estimate weighted by inclusion probability: {found.no_weighted_because}\n")
    if found.weighted is not None:
        head = "---- each sample weighted by 1 / its inclusion probability ----"
        parts.append(f"{head}\n\n{of_findings(found.weighted)}")
    return "\n".join(part for part in parts if part)


def of_survey(survey: planning.SurveyPlan | None) -> str:
    """A planned survey; empty where there is none."""
    return f"{plan_text(survey)}\n" if survey else ""


def _of_assessment(found: findings.AccuracyFindings) -> str:
    parts = [
        found.support.statement,
        _matrix(found.assessment.confusion),
        _overall(found.assessment, found.bootstraps),
        _classes(found.assessment),
        *(f"warning: {warning}" for warning in found.support.warnings),
        lint_text(found.lint, found.assessment.names) if found.lint else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def season_text(judged: seasonal.BySeason) -> str:
    """Overall accuracy in and out of season, with an explanation."""
    rows = [
        [f"{name}, {samples} samples", *(_cells(estimate) if samples else ["none", "", ""])]
        for name, samples, estimate in judged.rows()
    ]
    return (
        f"{_aligned([['overall accuracy', '', 's.e.', ''], *rows])}\n"
        "(in season: the picture was taken in the season of every class, as mapping requires)"
    )


def plan_text(survey: planning.SurveyPlan) -> str:
    """Sample size of a survey and its allocation to the classes."""
    allocation = ", ".join(f"{name} {count}" for name, count in survey.allocation.items())
    return (
        f"A survey stratified by map class needs {math.ceil(survey.needed)} samples ({survey.needed:.1f}) for a "
        f"standard error of {survey.standard_error:g} of overall accuracy, with these user's accuracies.\n"
        f"Draw {survey.allotted} in all, by area and at least {survey.minimum} per class: {allocation}."
    )


def paired_text(maps: paired.PairedMaps) -> str:
    """McNemar's test of two maps on the same samples, and the difference of their overall accuracies."""
    test, difference = maps.test, maps.difference
    rows = [
        ["exact", "", f"{test.p_exact:.4g}"],
        ["mid-p, the one to quote", "", f"{test.p_mid:.4g}"],
        ["chi-square, 1 df", f"{test.chi2:.4f}", f"{test.p_chi2:.4g}"],
        ["chi-square, continuity-corrected", f"{test.chi2_corrected:.4f}", f"{test.p_corrected:.4g}"],
    ]
    head = ["McNemar, unweighted", "chi-square", "p"]
    lines = [
        f"map and map2 on the same {maps.samples} samples: only map is right in {test.only_first}, only map2 in "
        f"{test.only_second}.",
        _aligned([head, *rows]),
    ]
    if test.needs_exact:
        lines.append(f"(chi-square is not to be trusted below {paired.EXACT_BELOW} samples that tell the maps apart)")
    if difference is not None:
        interval = "" if math.isnan(difference.low) else f" ({100 * maps.level:g} %: {_range(difference, digits=4)})"
        lines.append(f"overall accuracy of map minus that of map2, bootstrap: {difference.value:.4f}{interval}")
    return "\n".join(lines)


def lint_text(report: lint.LintReport, names: tuple[str, ...]) -> str:
    """Contradictions of the matrix and proposed repairs; empty where everything agrees."""
    if not report.findings:
        return ""
    lines = ["This matrix does not agree with itself:", *(f"  - {finding}" for finding in report.findings)]
    for number, proposal in enumerate(report.proposals, start=1):
        edits = "; ".join(lint.describe_edit(edit, names) for edit in proposal.repair.edits)
        missed = [label for label, agrees in proposal.agrees.items() if not agrees]
        gives = "gives all printed figures" if not missed else f"does not give the printed {', '.join(missed)}"
        count = len(proposal.repair.edits)
        lines.append(f"Repair {number}, {count} number{'s' * (count > 1)}: {edits}.")
        verdict = f"; {gives}" if proposal.agrees else ""
        lines.append(f"  then overall accuracy {proposal.overall:.4f}, kappa {proposal.kappa:.4f}{verdict}")
    if report.more:
        lines.append(f"... and {report.more} more.")
    if report.proposals:
        lines.append(
            "A repair is a reconstruction, not the authors' data. The estimates above are of the cells as printed."
        )
    return "\n".join(lines)


def _matrix(confusion: accuracy.Confusion) -> str:
    head = ["map \\ reference", *confusion.names, "total"]
    rows = [
        [name, *map(str, row), str(sum(row))]
        for name, row in zip(confusion.names, confusion.counts.tolist(), strict=True)
    ]
    foot = ["total", *map(str, confusion.reference_totals.tolist()), str(confusion.total)]
    return _aligned([head, *rows, foot])


def _overall(assessment: estimators.Assessment, bootstraps: Mapping[str, intervals.Estimate]) -> str:
    proportions = assessment.proportions
    rows = [
        ["overall accuracy", *_cells(assessment.overall)],
        ["kappa", *_cells(assessment.kappa)],
        *([f"{name}, bootstrap", *_cells(estimate)] for name, estimate in bootstraps.items()),
        ["macro F1", f"{float(accuracy.macro_f1(proportions)):.4f}", "", ""],
        ["quantity disagreement", f"{float(accuracy.quantity(proportions)):.4f}", "", ""],
        ["allocation disagreement", f"{float(accuracy.allocation(proportions)):.4f}", "", ""],
    ]
    head = [f"{assessment.design}, {assessment.counts.sum()} samples", "", "s.e.", _level(assessment)]
    return f"{_aligned([head, *rows])}\n({KAPPA_NOTE})"


def _classes(assessment: estimators.Assessment) -> str:
    level = _level(assessment)
    head = ["", "user's", level, "producer's", level, "F1"]
    areas = assessment.areas
    if areas:
        head += ["area", "s.e.", level]
    rows = [head]
    for i, name in enumerate(assessment.names):
        users, producers = assessment.users[i], assessment.producers[i]
        row = [
            name,
            _short(users.value),
            _range(users),
            _short(producers.value),
            _range(producers),
            _short(assessment.f1[i].value),
        ]
        if areas:
            row += [
                f"{areas[i].value:,.6g}",
                f"{areas[i].standard_error:,.4g}",
                f"{areas[i].low:,.6g} - {areas[i].high:,.6g}",
            ]
        rows.append(row)
    return _aligned(rows)


def _level(assessment: estimators.Assessment) -> str:
    return f"{100 * assessment.level:g} %"


def _cells(estimate: intervals.Estimate) -> list[str]:
    return [_short(estimate.value, 4), _short(estimate.standard_error, 4), _range(estimate, digits=4)]


def _range(estimate: intervals.Estimate, digits: int = 3) -> str:
    return "-" if math.isnan(estimate.low) else f"{estimate.low:.{digits}f} - {estimate.high:.{digits}f}"


def _short(value: float, digits: int = 3) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
