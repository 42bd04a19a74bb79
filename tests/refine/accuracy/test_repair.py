"""The search for the smallest repair."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from refine.accuracy import repair


def _margins(counts):
    return repair.Margins(tuple(counts.sum(axis=1).tolist()), tuple(counts.sum(axis=0).tolist()), int(counts.sum()))


MATRICES = hnp.arrays(np.int64, (4, 4), elements=st.integers(0, 30))


@settings(max_examples=40)
@given(
    MATRICES,
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 9)), max_size=3, unique_by=lambda e: e[:2]),
)
def test_a_repair_is_never_larger_than_the_damage_and_adds_up(counts, damage):
    printed = counts.copy()
    for row, column, by in damage:
        printed[row, column] += by
    found = repair.smallest(printed, _margins(counts))
    assert found
    for each in found:
        assert len(each.edits) <= len(damage)
        assert _margins(each.counts) == _margins(counts)
        assert (each.counts >= 0).all()


@settings(max_examples=30)
@given(
    hnp.arrays(np.int64, (3, 3), elements=st.integers(0, 4)), hnp.arrays(np.int64, (3, 3), elements=st.integers(0, 4))
)
def test_the_search_finds_the_smallest_size_that_trying_everything_finds(printed, truth):
    found = repair.smallest(printed, _margins(truth), max_cell_edits=3)
    assert _smallest_by_trial(printed, _margins(truth), 3) == (len(found[0].edits) if found else None)


def _smallest_by_trial(counts, margins, limit):
    """Edits needed, by trying every set of cells: the changes that meet the margins are a linear system."""
    size = len(counts)
    wanted = np.concatenate(
        [np.array(margins.rows) - counts.sum(axis=1), np.array(margins.columns) - counts.sum(axis=0)]
    )
    if not wanted.any():
        return 0
    for edits in range(1, limit + 1):
        for cells in itertools.combinations(list(np.ndindex(size, size)), edits):
            system = np.zeros((2 * size, edits))
            for k, (row, column) in enumerate(cells):
                system[row, k] = system[size + column, k] = 1
            change = np.linalg.lstsq(system, wanted, rcond=None)[0].round().astype(int)
            if (system @ change == wanted).all() and all(
                counts[c] + d >= 0 for c, d in zip(cells, change, strict=True)
            ):
                return edits
    return None


def test_a_wrong_margin_is_corrected_where_the_cells_already_fit():
    counts = np.array([[5, 1], [2, 6]])
    (found,) = repair.smallest(counts, repair.Margins((6, 8), (7, 70), 14))
    assert found.edits == (repair.Edit("column total", None, 1, 70, 7),)


def test_a_wrong_grand_total_is_corrected_alone():
    counts = np.array([[5, 1], [2, 6]])
    (found,) = repair.smallest(counts, repair.Margins((6, 8), (7, 7), 15))
    assert found.edits == (repair.Edit("total", None, None, 15, 14),)


def test_believing_the_cells_writes_every_wrong_margin_anew():
    counts = np.array([[5, 1], [2, 6]])
    edits = repair.believing_cells(counts, repair.Margins((6, 9), (7, 7), 15)).edits
    assert edits == (repair.Edit("row total", 1, None, 9, 8), repair.Edit("total", None, None, 15, 14))


@pytest.mark.timeout(60)
def test_a_large_matrix_in_disorder_ends_without_a_repair():
    rng = np.random.default_rng(0)
    counts, other = rng.integers(0, 99, (15, 15)), rng.integers(0, 99, (15, 15))
    assert repair.smallest(counts, _margins(other)) == []
