"""Confusion counts that add, and the measures of accuracy computed from them.

In the whole project rows are the map and columns the reference. The measures take counts or proportions of any leading
shape, so that a thousand bootstrap draws cost one call. A measure without samples (0 / 0) is NaN.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from builder import errors


@dataclasses.dataclass(frozen=True, eq=False)
class Confusion:
    """counts int64[map, reference] of the classes `names`; `+` adds two."""

    counts: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        size = len(self.names)
        if self.counts.shape != (size, size):
            raise errors.InputError(
                f"expected a square matrix over the {size} classes {', '.join(self.names)}; "
                f"received {' x '.join(map(str, self.counts.shape))} counts. Give one row and one column per class."
            )
        if not np.issubdtype(self.counts.dtype, np.integer) or (self.counts < 0).any():
            raise errors.InputError(
                "expected counts that are whole numbers of at least 0. Give how many samples fall in each cell."
            )
        frozen = self.counts.astype(np.int64)
        frozen.setflags(write=False)
        object.__setattr__(self, "counts", frozen)

    @classmethod
    def from_pairs(cls, mapped: np.ndarray, reference: np.ndarray, names: Sequence[str]) -> Confusion:
        """Counts of paired class indexes 0..len(names)-1, both int[sample].

        Raises:
          errors.InputError: if the two differ in length or an index names no class.
        """
        size = len(names)
        mapped, reference = np.asarray(mapped), np.asarray(reference)
        if mapped.shape != reference.shape or mapped.ndim != 1:
            raise errors.InputError(
                f"expected one map class per reference class; received {mapped.shape} and {reference.shape} of them."
            )
        for what, values in (("map", mapped), ("reference", reference)):
            if values.size and (values.min() < 0 or values.max() >= size):
                raise errors.InputError(
                    f"expected {what} class indexes 0..{size - 1}; received {values.min()}..{values.max()}. "
                    f"Use the positions of {', '.join(names)}."
                )
        cells = mapped.astype(np.int64) * size + reference.astype(np.int64)
        return cls(np.bincount(cells, minlength=size * size).reshape(size, size), tuple(names))

    @classmethod
    def empty(cls, names: Sequence[str]) -> Confusion:
        """Counts of no samples: the zero of `+`."""
        return cls(np.zeros((len(names), len(names)), np.int64), tuple(names))

    def __add__(self, other: Confusion) -> Confusion:
        if self.names != other.names:
            raise errors.InputError(f"only counts of the same classes add up; received {self.names} and {other.names}.")
        return Confusion(self.counts + other.counts, self.names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Confusion) and self.names == other.names and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.names, self.counts.tobytes()))

    @property
    def total(self) -> int:
        """How many samples were counted."""
        return int(self.counts.sum())

    @property
    def map_totals(self) -> np.ndarray:
        """int64[class]: samples per map class (row sums)."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def reference_totals(self) -> np.ndarray:
        """int64[class]: samples per reference class (column sums)."""
        return np.asarray(self.counts.sum(axis=0))

    @property
    def omission_cells(self) -> np.ndarray:
        """int64[class]: samples of each reference class that the map gives to another class."""
        return self.reference_totals - np.diag(self.counts)


def overall(counts: np.ndarray) -> np.ndarray:
    """Share of samples on the diagonal, float64[...]."""
    return _ratio(_diagonal(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def users(counts: np.ndarray) -> np.ndarray:
    """User's accuracy float64[..., class]: share of the samples mapped as the class that are correct."""
    return _ratio(_diagonal(counts), counts.sum(axis=-1))


def producers(counts: np.ndarray) -> np.ndarray:
    """Producer's accuracy float64[..., class]: share of the samples with this reference class that are correct."""
    return _ratio(_diagonal(counts), counts.sum(axis=-2))


def f1(counts: np.ndarray) -> np.ndarray:
    """Harmonic mean of user's and producer's accuracy, float64[..., class]."""
    return _ratio(2.0 * _diagonal(counts), counts.sum(axis=-1) + counts.sum(axis=-2))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean of `f1` over the classes that occur, float64[...]."""
    per_class = f1(counts)
    present = np.isfinite(per_class)
    return _ratio(np.where(present, per_class, 0.0).sum(axis=-1), present.sum(axis=-1))


def chance(counts: np.ndarray) -> np.ndarray:
    """Agreement expected by chance, float64[...]: the sum over classes of map share times reference share."""
    total = counts.sum(axis=(-2, -1)).astype(np.float64)
    return _ratio((counts.sum(axis=-1).astype(np.float64) * counts.sum(axis=-2)).sum(axis=-1), total * total)


def kappa(counts: np.ndarray) -> np.ndarray:
    """Cohen's kappa, float64[...]; for comparison with older papers only (see `quantity` and `allocation`)."""
    expected = chance(counts)
    return _ratio(overall(counts) - expected, 1.0 - expected)


def quantity_by_class(counts: np.ndarray) -> np.ndarray:
    """|map share - reference share| float64[..., class]."""
    total = counts.sum(axis=(-2, -1))[..., None]
    return _ratio(np.abs(counts.sum(axis=-1) - counts.sum(axis=-2)), total)


def allocation_by_class(counts: np.ndarray) -> np.ndarray:
    """Twice the lesser of commission and omission share, float64[..., class]."""
    diagonal = _diagonal(counts)
    lesser = np.minimum(counts.sum(axis=-1) - diagonal, counts.sum(axis=-2) - diagonal)
    return _ratio(2 * lesser, counts.sum(axis=(-2, -1))[..., None])


def quantity(counts: np.ndarray) -> np.ndarray:
    """Disagreement caused by wrong class shares, float64[...]; with `allocation` it sums to 1 - `overall`.

    Source: Pontius & Millones 2011, "Death to Kappa", 10.1080/01431161.2011.552923.
    """
    return np.asarray(quantity_by_class(counts).sum(axis=-1) / 2.0)


def allocation(counts: np.ndarray) -> np.ndarray:
    """Disagreement caused by classes in wrong places, float64[...] (Pontius & Millones 2011)."""
    return np.asarray(allocation_by_class(counts).sum(axis=-1) / 2.0)


def kappa_gradient(proportions: np.ndarray) -> np.ndarray:
    """Derivative of kappa by each cell's proportion, float64[map, reference].

    With po the observed and pe the chance agreement, d pe / d p_ij = p_+i + p_j+: cell (i, j) lies in row i, whose
    total is multiplied by *column* total i, and in column j, multiplied by *row* total j. Printed variance formulas
    that pair p_i+ with p_+j in this place are wrong; the tests compare this one with finite differences and simulation.
    """
    disagreement = 1.0 - float(overall(proportions))
    free = 1.0 - float(chance(proportions))
    rows, columns = proportions.sum(axis=1), proportions.sum(axis=0)
    gradient: np.ndarray = np.eye(len(proportions)) / free - disagreement * (columns[:, None] + rows[None, :]) / free**2
    return gradient


def _diagonal(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    undefined = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    ratio: np.ndarray = np.divide(numerator, denominator, out=undefined, where=denominator != 0)
    return ratio
