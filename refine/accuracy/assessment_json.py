"""An assessment as plain values for programs: what `--json` prints. NaN becomes None."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from refine.accuracy import accuracy, estimators, findings, lint, planning


def of_findings(found: findings.AccuracyFindings) -> dict[str, Any]:
    """Everything of an assessment."""
    names = found.assessment.names
    return {
        **_figures(found),
        "classes": [_class_figures(found.assessment, index) for index in range(len(names))],
        "names": list(names),
        "counts": found.assessment.counts.tolist(),
        "proportions": found.assessment.proportions.tolist(),
        "lint": _lint(found.lint, names) if found.lint else None,
        "by_season": found.by_season.as_json() if found.by_season else None,
        "sample_size": found.survey.as_json() if found.survey else None,
        "paired": found.maps.as_json() if found.maps else None,
        "weighted": of_findings(found.weighted) if found.weighted else None,
        "no_weighted_because": found.no_weighted_because,
    }


def of_survey(survey: planning.SurveyPlan | None) -> dict[str, Any]:
    """A planned survey alone; empty where there is none."""
    return {"sample_size": survey.as_json()} if survey else {}


def _figures(found: findings.AccuracyFindings) -> dict[str, Any]:
    """The figures of the whole sample, and what they may be called."""
    assessment, proportions = found.assessment, found.assessment.proportions
    return {
        "design": str(assessment.design),
        "is_map_accuracy": found.support.is_map_accuracy,
        "statement": found.support.statement,
        "warnings": list(found.support.warnings),
        "samples": int(assessment.counts.sum()),
        "level": assessment.level,
        "overall_accuracy": assessment.overall.as_json(),
        "kappa": assessment.kappa.as_json(),
        "macro_f1": _number(accuracy.macro_f1(proportions)),
        "quantity_disagreement": _number(accuracy.quantity(proportions)),
        "allocation_disagreement": _number(accuracy.allocation(proportions)),
        "bootstrap": {name: estimate.as_json() for name, estimate in found.bootstraps.items()},
    }


def _class_figures(assessment: estimators.Assessment, index: int) -> dict[str, Any]:
    """The figures of one class."""
    areas = assessment.areas
    return {
        "class": assessment.names[index],
        "map_samples": int(assessment.counts[index].sum()),
        "reference_samples": int(assessment.counts[:, index].sum()),
        "users_accuracy": assessment.users[index].as_json(),
        "producers_accuracy": assessment.producers[index].as_json(),
        "f1": assessment.f1[index].as_json(),
        "area_share": assessment.shares[index].as_json(),
        "area": areas[index].as_json() if areas else None,
        "quantity_disagreement": _number(accuracy.quantity_by_class(assessment.proportions)[index]),
        "allocation_disagreement": _number(accuracy.allocation_by_class(assessment.proportions)[index]),
    }


def _lint(report: lint.LintReport, names: tuple[str, ...]) -> dict[str, Any]:
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


def _number(value: float | np.ndarray) -> float | None:
    return float(value) if math.isfinite(float(value)) else None
