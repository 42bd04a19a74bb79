"""Agreement of several maps on one grid: the consensus class of each cell, and its state."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping

import numpy as np

from builder import errors
from builder.legend import legend as legends

MAX_PRODUCTS = 8  # the agreeing products are bits of one byte


class State(enum.IntEnum):
    """State of a cell; rasters store the number."""

    NODATA = 0
    CONSISTENT = 1  # enough products hold one class strictly
    INCONSISTENT = 2  # some product contradicts the base
    UNDETERMINED = 3  # nothing contradicts the base, but not enough products hold one class strictly

    @property
    def title(self) -> str:
        """The word for people."""
        return "no data" if self is State.NODATA else self.name.lower()


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Agreement of n products in each cell; every array is uint8[y, x].

    Attributes:
      consensus: class on which enough products agree, 0 where there is none.
      state: a `State`.
      votes: number of products that hold the most frequent class under `strict`.
      agreeing: bit i is set where product i agrees with the base under `dominant`; bit 0 is the base itself.
      base: the base's class under `dominant`, 255 outside, 0 no data.
      valid: number of products with data.
    """

    consensus: np.ndarray
    state: np.ndarray
    votes: np.ndarray
    agreeing: np.ndarray
    base: np.ndarray
    valid: np.ndarray


@dataclasses.dataclass(frozen=True)
class AgreementSummary:
    """Number of cells by (state, class code); summaries of two areas add up.

    A consistent cell counts under its consensus, any other under the base's class (255 outside the legend), and one
    without data under 0.
    """

    cells: Mapping[tuple[State, int], int] = dataclasses.field(default_factory=dict)

    def __add__(self, other: AgreementSummary) -> AgreementSummary:
        keys = sorted(self.cells.keys() | other.cells.keys())
        return AgreementSummary({k: self.cells.get(k, 0) + other.cells.get(k, 0) for k in keys})

    def of_state(self, state: State) -> int:
        """Cells of one state."""
        return sum(n for (s, _), n in self.cells.items() if s is state)

    def of_class(self, state: State, code: int) -> int:
        """Cells of one state and class code."""
        return self.cells.get((state, code), 0)

    def share(self, state: State) -> float:
        """Share of one state, 0..1, among the cells that have data."""
        observed = sum(self.of_state(s) for s in State if s is not State.NODATA)
        return self.of_state(state) / observed if observed else 0.0

    def table(self, legend: legends.Legend) -> str:
        """Text for people: cells of each class and state, and the share of each state."""
        states = (State.CONSISTENT, State.INCONSISTENT, State.UNDETERMINED)
        rows = [(c.name, c.code) for c in legend.classes] + [("outside", legends.OUTSIDE)]
        lines = [f"{'cells':<14}" + "".join(f"{s.title:>14}" for s in states)]
        lines += [f"{name:<14}" + "".join(f"{self.of_class(s, code):>14}" for s in states) for name, code in rows]
        lines.append(f"{'all':<14}" + "".join(f"{self.of_state(s):>14}" for s in states))
        lines.append(f"{'share':<14}" + "".join(f"{self.share(s):>14.1%}" for s in states))
        return "\n".join(lines)


def consensus(strict: np.ndarray, *, min_agreement: int | None = None) -> np.ndarray:
    """Class on which at least `min_agreement` products agree, else 0.

    Cells of 0 (no data) and 255 (outside) give no vote for a class.

    Args:
      strict: uint8[product, y, x], harmonized under `strict`.
      min_agreement: votes required, more than half of the products; None asks for all of them.

    Returns:
      uint8[y, x].

    Raises:
      errors.InputError: if `min_agreement` is not a strict majority of the products.
    """
    winner, votes = _winner(strict)
    return np.where(votes >= required_votes(len(strict), min_agreement), winner, np.uint8(legends.NODATA))


def required_votes(products: int, min_agreement: int | None) -> int:
    """Votes that make a consensus of so many products.

    Raises:
      errors.InputError: if `min_agreement` is not a strict majority of the products.
    """
    if min_agreement is None:
        return products
    if not products // 2 < min_agreement <= products:
        raise errors.InputError(
            f"--min-agreement: expected a strict majority of the {products} products, {products // 2 + 1}..{products}; "
            f"received {min_agreement}. Otherwise two classes could win the same cell."
        )
    return min_agreement


def judge(strict: np.ndarray, dominant: np.ndarray, *, min_agreement: int | None = None) -> Agreement:
    """Consensus and state of each cell; the first product is the base.

    - consistent: at least `min_agreement` products hold one class under `strict` (None: all of them).
    - inconsistent: not consistent, and some product with data differs from the base under `dominant`. 255 differs from
      every class, but not from 255.
    - undetermined: the base has data and no product differs from it, but there is no consensus.
    - no data: all other cells.

    Args:
      strict: uint8[product, y, x], harmonized under `strict`.
      dominant: the same under `dominant`.
      min_agreement: votes required, more than half of the products.

    Raises:
      errors.InputError: if `min_agreement` is not a strict majority, or there are more than eight products.
    """
    if len(strict) > MAX_PRODUCTS:
        raise errors.InputError(
            f"expected at most {MAX_PRODUCTS} products, whose agreement fits one byte; received {len(strict)}. "
            "Leave some out."
        )
    winner, votes = _winner(strict)
    agreed = votes >= required_votes(len(strict), min_agreement)
    base, observed = dominant[0], dominant != legends.NODATA
    same = observed & (dominant == base)
    based = base != legends.NODATA
    differs = based & (observed & ~same).any(axis=0)
    state = np.select(
        [agreed, differs, based],
        [np.uint8(State.CONSISTENT), np.uint8(State.INCONSISTENT), np.uint8(State.UNDETERMINED)],
        np.uint8(State.NODATA),
    )
    bits = np.left_shift(np.uint8(1), np.arange(len(strict), dtype=np.uint8))
    return Agreement(
        consensus=np.where(agreed, winner, np.uint8(legends.NODATA)),
        state=state,
        votes=votes,
        agreeing=(same * bits[:, None, None]).sum(axis=0, dtype=np.uint8),
        base=base,
        valid=observed.sum(axis=0, dtype=np.uint8),
    )


def summarize(result: Agreement) -> AgreementSummary:
    """Cells of `result` by state and class."""
    classes = np.where(result.state == State.CONSISTENT, result.consensus, result.base)
    classes = np.where(result.state == State.NODATA, np.uint8(legends.NODATA), classes)
    keys, cells = np.unique(result.state.astype(np.uint16) * 256 + classes, return_counts=True)
    found = zip(keys.tolist(), cells.tolist(), strict=True)
    return AgreementSummary({(State(key // 256), key % 256): count for key, count in found})


def _winner(strict: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(class that most products hold, number of these products), each uint8[y, x]; of tied classes, the lowest code."""
    winner = np.zeros(strict.shape[1:], np.uint8)
    most = np.zeros(strict.shape[1:], np.uint8)
    for code in np.setdiff1d(strict, [legends.NODATA, legends.OUTSIDE]):
        votes = (strict == code).sum(axis=0, dtype=np.uint8)
        ahead = votes > most
        winner[ahead], most[ahead] = code, votes[ahead]
    return winner, most
