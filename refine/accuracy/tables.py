"""An assessment as text for people and as plain values for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from refine.accuracy import accuracy, estimators, intervals, lint, paired, planning, seasonal, support

KAPPA_NOTE = "kappa is given for comparison with older papers; quantity and allocation say what is wrong"


def text(
    assessment: estimators.Assessment,
    judged: support.Support,
    *,
    report: lint.LintReport | None = None,
    bootstraps: Mapping[str, intervals.Estimate] | None = None,
) -> str:
    """All of an assessment as lines for a terminal."""
    parts = [
        judged.statement,
        _matrix(assessment.confusion),
        _overall(assessment, bootstraps or {}),
        _classes(assessment),
        *(f"warning: {warning}" for warning in judged.warnings),
    ]
    if report is not None:
        parts.append(lint_text(report, assessment.names))
    return "\n\n".join(part for part in parts if part) + "\n"


def season_text(judged: seasonal.BySeason) -> str:
    """Overall accuracy in and out of season, and what the difference means."""
    rows = [
        [f"{name}, {samples} samples", *(_cells(estimate) if samples else ["none", "", ""])]
        for name, samples, estimate in judged.rows()
    ]
    return (
        f"{_aligned([['overall accuracy', '', 's.e.', ''], *rows])}\n"
        "(in season: taken in the season of every class, as a map asks of its pictures)"
    )


def plan_text(survey: planning.SurveyPlan) -> str:
    """How many samples a survey needs, and where to draw them."""
    allocation = ", ".join(f"{name} {count}" for name, count in survey.allocation.items())
    return (
        f"A survey stratified by map class needs {math.ceil(survey.needed)} samples ({survey.needed:.1f}) for a "
        f"standard error of {survey.standard_error:g} of overall accuracy, with these user's accuracies.\n"
        f"Draw {survey.allotted} in all, by area and at least {survey.minimum} per class: {allocation}."
    )


def paired_text(maps: paired.Maps) -> str:
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
        lines.append(f"overall accuracy of map less that of map2, bootstrap: {difference.value:.4f}{interval}")
    return "\n".join(lines)


def lint_text(report: lint.LintReport, names: tuple[str, ...]) -> str:
    """What the linter found, and the repairs it proposes; empty where all agrees."""
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


def values(
    assessment: estimators.Assessment,
    judged: support.Support,
    *,
    report: lint.LintReport | None = None,
    bootstraps: Mapping[str, intervals.Estimate] | None = None,
) -> dict[str, Any]:
    """All of an assessment as what JSON can hold; NaN becomes None."""
    counts = assessment.counts
    areas = assessment.areas
    per_class = [
        {
            "class": name,
            "map_samples": int(counts[i].sum()),
            "reference_samples": int(counts[:, i].sum()),
            "users_accuracy": assessment.users[i].as_json(),
            "producers_accuracy": assessment.producers[i].as_json(),
            "f1": assessment.f1[i].as_json(),
            "area_share": assessment.shares[i].as_json(),
            "area": areas[i].as_json() if areas else None,
            "quantity_disagreement": _number(accuracy.quantity_by_class(assessment.proportions)[i]),
            "allocation_disagreement": _number(accuracy.allocation_by_class(assessment.proportions)[i]),
        }
        for i, name in enumerate(assessment.names)
    ]
    return {
        "design": str(assessment.design),
        "is_map_accuracy": judged.is_map_accuracy,
        "statement": judged.statement,
        "warnings": list(judged.warnings),
        "samples": int(counts.sum()),
        "level": assessment.level,
        "overall_accuracy": assessment.overall.as_json(),
        "kappa": assessment.kappa.as_json(),
        "macro_f1": _number(accuracy.macro_f1(assessment.proportions)),
        "quantity_disagreement": _number(accuracy.quantity(assessment.proportions)),
        "allocation_disagreement": _number(accuracy.allocation(assessment.proportions)),
        "bootstrap": {name: estimate.as_json() for name, estimate in (bootstraps or {}).items()},
        "classes": per_class,
        "names": list(assessment.names),
        "counts": counts.tolist(),
        "proportions": assessment.proportions.tolist(),
        "lint": None if report is None else _lint_values(report, assessment.names),
    }


def _lint_values(report: lint.LintReport, names: tuple[str, ...]) -> dict[str, Any]:
    repairs = [
        {
            "edits": [lint.describe_edit(edit, names) for edit in proposal.repair.edits],
            "overall_accuracy": proposal.overall,
            "kappa": proposal.kappa,
            "gives_printed": proposal.agrees,
            "counts": proposal.repair.counts.tolist(),
        }
        for proposal in report.proposals
    ]
    return {
        "findings": list(report.findings),
        "is_transposed": report.is_transposed,
        "repairs": repairs,
        "more_repairs": report.more,
    }


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


def _number(value: float | np.ndarray) -> float | None:
    return float(value) if math.isfinite(float(value)) else None
