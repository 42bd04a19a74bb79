from __future__ import annotations

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from builder import errors
from builder.legend import legend as legends
from builder.maps import agreement
from builder.maps.agreement import State

stacks = hnp.arrays(np.uint8, (5, 3, 4), elements=st.sampled_from([0, 10, 20, 60, 255]))


def cell(*labels: int) -> np.ndarray:
    return np.array(labels, np.uint8).reshape(-1, 1, 1)


def state(strict: np.ndarray, dominant: np.ndarray | None = None, min_agreement: int | None = None) -> State:
    judged = agreement.judge(strict, strict if dominant is None else dominant, min_agreement=min_agreement)
    return State(judged.state.item())


def test_four_of_five_agree() -> None:
    labels = cell(20, 20, 20, 20, 60)
    assert agreement.consensus(labels, min_agreement=4).item() == 20
    assert agreement.consensus(labels).item() == 0


def test_outside_and_no_data_never_win() -> None:
    assert agreement.consensus(cell(255, 255, 255, 255, 10), min_agreement=3).item() == 0
    assert agreement.consensus(cell(0, 0, 0, 0, 0)).item() == 0


@pytest.mark.parametrize("votes", [0, 2, 6])
def test_anything_but_a_strict_majority_is_refused(votes: int) -> None:
    with pytest.raises(errors.InputError, match=r"expected a strict majority of the 5 products, 3\.\.5"):
        agreement.consensus(cell(1, 1, 1, 1, 1), min_agreement=votes)


@given(stacks, st.permutations(range(5)), st.sampled_from([3, 4, 5, None]))
def test_the_order_of_products_is_irrelevant_to_the_consensus(
    labels: np.ndarray, order: list[int], votes: int | None
) -> None:
    np.testing.assert_array_equal(
        agreement.consensus(labels, min_agreement=votes), agreement.consensus(labels[order], min_agreement=votes)
    )


@given(stacks, st.permutations(range(1, 5)))
def test_the_order_of_the_others_is_irrelevant_to_the_state(labels: np.ndarray, order: list[int]) -> None:
    one, other = agreement.judge(labels, labels), agreement.judge(labels[[0, *order]], labels[[0, *order]])
    np.testing.assert_array_equal(one.state, other.state)
    np.testing.assert_array_equal(one.votes, other.votes)


@given(stacks, st.sampled_from([3, 4, 5]))
def test_consensus_equals_a_tally_of_each_cell(labels: np.ndarray, votes: int) -> None:
    got = agreement.consensus(labels, min_agreement=votes)
    for row, column in np.ndindex(3, 4):
        tally = collections.Counter(v for v in labels[:, row, column].tolist() if v not in (0, 255))
        winner, most = tally.most_common(1)[0] if tally else (0, 0)
        assert got[row, column] == (winner if most >= votes else 0)


@given(stacks)
def test_a_lower_threshold_keeps_what_a_higher_one_found(labels: np.ndarray) -> None:
    strict, loose = agreement.consensus(labels, min_agreement=5), agreement.consensus(labels, min_agreement=3)
    assert ((strict == 0) | (strict == loose)).all()


def test_all_alike_is_consistent() -> None:
    assert state(cell(10, 10, 10)) is State.CONSISTENT


def test_one_product_without_data_prevents_full_consensus_but_contradicts_nothing() -> None:
    assert state(cell(10, 10, 0)) is State.UNDETERMINED
    assert state(cell(10, 10, 0), min_agreement=2) is State.CONSISTENT


def test_a_product_that_differs_makes_a_cell_inconsistent() -> None:
    assert state(cell(10, 10, 20)) is State.INCONSISTENT
    assert state(cell(10, 10, 20), min_agreement=2) is State.CONSISTENT


def test_agreement_under_dominant_only_is_undetermined() -> None:
    assert state(cell(10, 255, 10), cell(10, 10, 10)) is State.UNDETERMINED


def test_outside_differs_from_every_class_but_not_from_outside() -> None:
    assert state(cell(255, 10, 255)) is State.INCONSISTENT
    assert state(cell(10, 255, 10)) is State.INCONSISTENT
    assert state(cell(255, 255, 255)) is State.UNDETERMINED


def test_without_the_base_there_is_nothing_to_contradict() -> None:
    assert state(cell(0, 10, 20)) is State.NODATA
    assert state(cell(0, 10, 10), min_agreement=2) is State.CONSISTENT


def test_the_bits_say_who_agrees_with_the_base() -> None:
    judged = agreement.judge(cell(10, 10, 0, 20, 10), cell(10, 10, 0, 20, 10))
    assert (judged.agreeing.item(), judged.votes.item(), judged.valid.item()) == (0b10011, 3, 4)


def test_more_than_eight_products_do_not_fit() -> None:
    with pytest.raises(errors.InputError, match="at most 8 products"):
        agreement.judge(cell(*[10] * 9), cell(*[10] * 9))


@given(stacks)
def test_every_cell_has_one_state_and_the_states_hold_what_they_say(labels: np.ndarray) -> None:
    judged = agreement.judge(labels, labels)
    assert ((judged.consensus != 0) == (judged.state == State.CONSISTENT)).all()
    assert (judged.base[judged.state == State.INCONSISTENT] != 0).all()
    assert (judged.base[judged.state == State.NODATA] == 0).all()
    assert ((judged.agreeing & 1) == (judged.base != 0)).all()


@given(stacks, stacks)
def test_summaries_of_parts_add_up_to_that_of_the_whole(one: np.ndarray, other: np.ndarray) -> None:
    whole = np.concatenate([one, other], axis=1)
    parts = agreement.summarize(agreement.judge(one, one)) + agreement.summarize(agreement.judge(other, other))
    assert parts == agreement.summarize(agreement.judge(whole, whole))
    assert sum(parts.of_state(s) for s in State) == 24


def test_the_summary_counts_by_consensus_or_base() -> None:
    labels = np.array([[[10, 20, 255, 0]], [[10, 10, 255, 20]]], np.uint8)
    summary = agreement.summarize(agreement.judge(labels, labels))
    assert summary.of_class(State.CONSISTENT, 10) == 1
    assert summary.of_class(State.INCONSISTENT, 20) == 1
    assert summary.of_class(State.UNDETERMINED, 255) == 1
    assert summary.of_class(State.NODATA, 0) == 1
    assert summary.share(State.CONSISTENT) == pytest.approx(1 / 3)
    assert "cultivated                 1             0             0" in summary.table(legends.seven())


def test_no_cells_at_all_have_no_shares() -> None:
    assert agreement.AgreementSummary().share(State.CONSISTENT) == 0.0
