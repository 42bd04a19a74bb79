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


def _three_classes():
    return accuracy.Confusion(np.array([[50, 30, 1], [0, 20, 40], [2, 7, 55]]), ("a", "b", "c"))


def test_totals_that_belong_to_the_other_axis_are_a_transposed_matrix_and_nothing_to_repair():
    report = lint.lint(_three_classes(), lint.Printed((52, 57, 96), (81, 60, 64), 205))
    assert (report.findings, report.is_transposed, report.proposals) == ((lint.TURNED,), True, ())


def test_what_is_wrong_beside_transposed_totals_is_said_of_the_turned_matrix():
    report = lint.lint(_three_classes(), lint.Printed((52, 57, 97), (81, 60, 64), 205))
    assert report.findings[:2] == (lint.TURNED, "row c: the cells sum to 96, the printed total is 97")
    assert report.proposals[0].repair.edits[-1].new == 96


def test_a_symmetric_disagreement_is_not_taken_for_transposed_axes():
    report = lint.lint(_three_classes(), lint.Printed((1, 2, 3), (3, 2, 1), 6))
    assert not report.is_transposed


def test_transposed_accuracies_do_not_hide_that_overall_accuracy_and_kappa_are_wrong():
    counts = _three_classes()
    users, producers = (
        tuple(lint.Figure.parse(f"{100 * v:.1f}%") for v in f(counts.counts))
        for f in (accuracy.producers, accuracy.users)
    )
    wrong = lint.Figure.parse("0.99")
    report = lint.lint(counts, lint.Printed(overall=wrong, kappa=wrong, users=users, producers=producers))
    assert report.findings == (
        lint.SWAPPED,
        "overall accuracy: the cells give 0.6098, printed is 0.99",
        "kappa: the cells give 0.4194, printed is 0.99",
    )


def test_no_repair_comes_twice_and_five_are_shown():
    # One sample too many in row a, one too few in row b, and the columns agree: any column can give it back.
    names = tuple("abcdefgh")
    margins = np.full((8, 8), 5), np.eye(8, dtype=int)[0] - np.eye(8, dtype=int)[1]
    counts = accuracy.Confusion(margins[0], names)
    rows = tuple((counts.map_totals - margins[1]).tolist())
    report = lint.lint(counts, lint.Printed(rows, tuple(counts.reference_totals.tolist()), counts.total))
    assert len(report.proposals) == lint.SHOWN_REPAIRS
    assert report.more == 8 + 1 - lint.SHOWN_REPAIRS  # eight columns, and the one that believes the cells
    assert len({frozenset(p.repair.edits) for p in report.proposals}) == lint.SHOWN_REPAIRS


def test_believing_the_cells_is_not_listed_beside_the_same_smallest_repair():
    counts = accuracy.Confusion(np.array([[5, 1], [2, 6]]), ("a", "b"))
    (proposal,) = lint.lint(counts, lint.Printed((6, 8), (7, 70), 14)).proposals
    assert lint.describe_edit(proposal.repair.edits[0], counts.names) == "column total of b: 70 -> 7"


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
