"""The comparison as tables: rows of a CSV file, and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from refine.accuracy import intervals
from refine.artefacts import comparison as comparisons

COST = ("minutes", "images_per_s", "epochs", "train_examples", "stopped")


def rows_of(comparison: comparisons.Comparison) -> list[dict[str, Any]]:
    """One row per strategy: overall accuracy and kappa with intervals, user's and producer's per class, cost."""
    rows = []
    for strategy in comparison.strategies:
        row = {column: getattr(strategy, column) for column in ("name", "strategy", "dataset")}
        for measure, estimate in (("overall", strategy.overall), ("kappa", strategy.kappa)):
            row |= {measure: estimate.value, f"{measure}_low": estimate.low, f"{measure}_high": estimate.high}
        for label, users, producers in zip(comparison.classes, strategy.users, strategy.producers, strict=True):
            row |= {f"users_{label}": users.value, f"producers_{label}": producers.value}
        rows.append(row | {column: getattr(strategy, column) for column in COST})
    return rows


def markdown(comparison: comparisons.Comparison) -> str:
    """The page about the comparison: what the test is, the strategies, their classes, the paired tests."""
    parts = (
        _introduction(comparison),
        _strategies(comparison.strategies),
        _seasons(comparison.strategies),
        _classes(comparison),
        _pairs(comparison.pairs),
    )
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _introduction(comparison: comparisons.Comparison) -> list[str]:
    test = comparison.test
    origins = ", ".join(f"{count} by {origin}" for origin, count in test.label_origins.items())
    labels = f" (labels: {origins})" if origins else ""
    level = f"{100 * comparison.level:g} % intervals."
    return [
        f"Test: {test.dataset}, split {test.split}, {test.examples} chips{labels}. {level}",
        "",
        test.statement,
    ]


def _strategies(strategies: Sequence[comparisons.Strategy]) -> list[str]:
    head = ["strategy / labels", "overall accuracy", "kappa", "minutes", "images/s", "epochs", "ended"]
    rows = [
        [s.name, _shown(s.overall), _shown(s.kappa), f"{s.minutes:.1f}", f"{s.images_per_s:.0f}", s.epochs, s.stopped]
        for s in strategies
    ]
    return _table(head, rows)


def _seasons(strategies: Sequence[comparisons.Strategy]) -> list[str]:
    known = [(s.name, s.by_season.rows()) for s in strategies if s.by_season is not None]
    if not known:
        return []
    head = ["overall accuracy", *(f"{name} ({samples} chips)" for name, samples, _ in known[0][1])]
    rows = [
        [name, *(_shown(estimate) if samples else "none" for _, samples, estimate in parts)] for name, parts in known
    ]
    return _table(head, rows)


def _classes(comparison: comparisons.Comparison) -> list[str]:
    rows = [
        [s.name, *(f"{u.value:.2f} / {p.value:.2f}" for u, p in zip(s.users, s.producers, strict=True))]
        for s in comparison.strategies
    ]
    return _table(["user's / producer's", *comparison.classes], rows)


def _pairs(pairs: Sequence[comparisons.Pair]) -> list[str]:
    head = ["McNemar, paired", "only the first right", "only the second right", "mid-p"]
    rows = [
        [f"{pair.first} against {pair.second}", pair.test.only_first, pair.test.only_second, f"{pair.test.p:.2g}"]
        for pair in pairs
    ]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head, *rows)]
    return [lines[0], "|---" * len(head) + "|", *lines[1:]]


def _shown(estimate: intervals.Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"
