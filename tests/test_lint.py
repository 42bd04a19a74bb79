"""The linter of published matrices."""

from __future__ import annotations

import numpy as np
import printed_table
import pytest

from builder import errors
from refine.accuracy import accuracy, lint


def test_the_printed_table_2_is_found_out():
    report = lint.lint(printed_table.confusion(), printed_table.printed())
    assert report.findings == (
        "row bareland: the cells sum to 105, the printed total is 99",
        "row forest: the cells sum to 98, the printed total is 96",
        "row grass_shrub: the cells sum to 102, the printed total is 104",
        "column bareland: the cells sum to 106, the printed total is 100",
        "column water: the cells sum to 100, the printed total is 0",
        "the printed column totals sum to 601, the printed grand total is 701",
        "all cells sum to 707, the printed grand total is 701",
        "overall accuracy: the cells give 0.9038, printed is 0.903",
        "kappa: the cells give 0.8878, printed is 0.887",
    )


def test_the_first_repair_of_table_2_is_the_only_one_that_gives_the_printed_figures():
    best, *others = lint.lint(printed_table.confusion(), printed_table.printed()).proposals
    assert [lint.describe_edit(edit, printed_table.NAMES) for edit in best.repair.edits] == [
        "cell (map bareland, reference bareland): 92 -> 86",
        "cell (map forest, reference snow_ice): 2 -> 0",
        "cell (map grass_shrub, reference snow_ice): 0 -> 2",
        "column total of water: 0 -> 100",
    ]
    assert (round(best.overall, 4), round(best.kappa, 4)) == (0.9030, 0.8868)
    assert all(best.agrees.values())
    assert not any(any(other.agrees.values()) for other in others)
    assert {(round(o.overall, 4), round(o.kappa, 4)) for o in others} >= {(0.9001, 0.8835), (0.9058, 0.8902)}


def test_the_figures_of_table_2_as_printed_and_as_reconstructed():
    assert round(float(accuracy.overall(printed_table.CELLS)), 4) == 0.9038
    assert round(float(accuracy.kappa(printed_table.CELLS)), 4) == 0.8878
    assert round(float(accuracy.chance(printed_table.CELLS)), 4) == 0.1429
    counts = printed_table.repaired().counts
    assert round(float(accuracy.overall(counts)), 5) == 0.90300
    assert round(float(accuracy.kappa(counts)), 5) == 0.88683
    assert round(float(accuracy.macro_f1(counts)), 4) == 0.9037
    assert accuracy.producers(counts).round(3).tolist() == [0.990, 0.860, 0.920, 0.910, 0.810, 0.910, 0.920]
    assert accuracy.users(counts).round(3).tolist() == [0.990, 0.869, 0.829, 0.948, 0.779, 0.948, 0.979]


def test_a_matrix_that_adds_up_has_no_findings():
    counts = np.array([[8, 2], [1, 9]])
    printed = lint.Printed((10, 10), (9, 11), 20, lint.Figure.parse("85%"), lint.Figure.parse("0.70"))
    report = lint.lint(accuracy.Confusion(counts, ("a", "b")), printed)
    assert (report.findings, report.proposals, report.is_transposed) == ((), (), False)


def test_users_and_producers_accuracies_that_fit_the_other_axis_are_a_transposed_matrix():
    counts = np.array([[8, 2, 0], [0, 9, 1], [3, 0, 7]])
    figures = [tuple(lint.Figure.parse(f"{v:.3f}") for v in f(counts)) for f in (accuracy.producers, accuracy.users)]
    report = lint.lint(
        accuracy.Confusion(counts, ("a", "b", "c")), lint.Printed(users=figures[0], producers=figures[1])
    )
    assert report.is_transposed
    assert "transposed" in report.findings[0]
    upright = lint.lint(
        accuracy.Confusion(counts, ("a", "b", "c")), lint.Printed(users=figures[1], producers=figures[0])
    )
    assert upright.findings == ()


def test_printed_users_accuracies_choose_between_repairs():
    # Row a is 1 too long and row b 1 too short: one sample moves down in column a or in column b.
    counts = accuracy.Confusion(np.array([[7, 3], [3, 7]]), ("a", "b"))
    users = (lint.Figure.parse("0.78"), lint.Figure.parse("0.73"))
    report = lint.lint(counts, lint.Printed((9, 11), (10, 10), 20, users=users))
    assert report.proposals[0].repair.counts.tolist() == [[7, 2], [3, 8]]
    assert report.proposals[1].repair.counts.tolist() == [[6, 3], [4, 7]]
    assert report.findings[-1] == "user's accuracy of b: the cells give 0.7000, printed is 0.73"


@pytest.mark.parametrize(
    ("text", "value", "tolerance"),
    [("0.903", 0.903, 5e-4), ("90.3%", 0.903, 5e-4), ("90.3", 0.903, 5e-4), ("1", 1.0, 0.5)],
)
def test_a_printed_share_knows_its_digits(text, value, tolerance):
    figure = lint.Figure.parse(text)
    assert (figure.value, figure.tolerance) == (pytest.approx(value), pytest.approx(tolerance))


@pytest.mark.parametrize("text", ["good", "140%", "9,03"])
def test_a_text_that_is_no_share_is_refused(text):
    with pytest.raises(errors.InputError, match="expected a share"):
        lint.Figure.parse(text, "M.csv")
