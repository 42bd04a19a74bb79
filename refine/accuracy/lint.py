"""Finds contradictions in a published confusion matrix (sums, accuracies, transposed axes) and proposes repairs."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from builder import errors
from refine.accuracy import accuracy, repair

SHOWN_REPAIRS = 5
TURNED = (
    "the printed row totals are the sums of columns and the printed column totals those of rows: the axes are "
    "transposed. Everything else here is about the matrix after it was turned"
)
SWAPPED = (
    "the printed user's accuracies are diagonal / column total and the producer's diagonal / row total: the axes are "
    "transposed, or the two names are swapped"
)


@dataclasses.dataclass(frozen=True)
class Figure:
    """A printed share: its value, and half a unit of its last printed digit."""

    value: float
    tolerance: float

    @classmethod
    def parse(cls, text: str, place: str = "") -> Figure:
        """From `0.903`, `90.3%` or `90.3` (above 1: percent).

        Raises:
          errors.InputError: if the text is no share.
        """
        bare = text.strip().removesuffix("%").strip()
        try:
            number = float(bare)
        except ValueError as error:
            raise errors.InputError(
                f"{place or 'figure'}: expected a share such as 0.903 or 90.3%; received {text!r}."
            ) from error
        scale = 100.0 if text.strip().endswith("%") or number > 1.0 else 1.0
        if not -1.0 <= number / scale <= 1.0:
            raise errors.InputError(f"{place or 'figure'}: expected a share of at most 1 or 100%; received {text!r}.")
        digits = len(bare.partition(".")[2])
        return cls(number / scale, 0.5 * 10.0**-digits / scale)

    def matches(self, value: float) -> bool:
        """Whether `value` rounds to this figure."""
        return not math.isnan(value) and abs(value - self.value) <= self.tolerance * (1.0 + 1e-9)


@dataclasses.dataclass(frozen=True)
class Printed:
    """The totals and accuracies that a publication prints beside the cells; None where it prints none."""

    row_totals: tuple[int, ...] | None = None
    column_totals: tuple[int, ...] | None = None
    total: int | None = None
    overall: Figure | None = None
    kappa: Figure | None = None
    users: tuple[Figure, ...] | None = None
    producers: tuple[Figure, ...] | None = None

    @property
    def margins(self) -> repair.Margins | None:
        """Row, column and grand totals where both kinds of totals are printed."""
        if self.row_totals is None or self.column_totals is None:
            return None
        total = self.total if self.total is not None else sum(self.row_totals)
        return repair.Margins(self.row_totals, self.column_totals, total)


@dataclasses.dataclass(frozen=True, eq=False)
class Proposal:
    """A repair, its accuracy and kappa, and {printed figure: whether the repaired matrix rounds to it}."""

    repair: repair.Repair
    overall: float
    kappa: float
    agrees: dict[str, bool]

    @property
    def rank(self) -> tuple[int, int, int]:
        """Less is better: printed figures missed, numbers changed, size of the changes."""
        return sum(not ok for ok in self.agrees.values()), *self.repair.size


@dataclasses.dataclass(frozen=True, eq=False)
class LintReport:
    """The contradictions of a published matrix, and proposed repairs.

    Where the printed totals belong to the other axis, findings and repairs are those of the turned matrix.

    Attributes:
      findings: one sentence per contradiction; none if everything agrees.
      is_transposed: whether the axes are transposed, or the two kinds of accuracy swapped.
      proposals: the best repairs, best first.
      more: how many repairs are left out of `proposals`.
    """

    findings: tuple[str, ...]
    is_transposed: bool
    proposals: tuple[Proposal, ...]
    more: int = 0


def lint(confusion: accuracy.Confusion, printed: Printed) -> LintReport:
    """The contradictions of the printed matrix, and the smallest repairs."""
    turned = _totals_look_transposed(confusion, printed)
    seen = accuracy.Confusion(confusion.counts.T, confusion.names) if turned else confusion
    swapped = _figures_look_transposed(seen, printed)
    read = dataclasses.replace(printed, users=printed.producers, producers=printed.users) if swapped else printed
    proposals = _proposals(seen, read)
    return LintReport(
        findings=(*[TURNED] * turned, *_sums(seen, read), *[SWAPPED] * swapped, *_figures(seen, read)),
        is_transposed=turned or swapped,
        proposals=tuple(proposals[:SHOWN_REPAIRS]),
        more=len(proposals[SHOWN_REPAIRS:]),
    )


def describe_edit(edit: repair.Edit, names: tuple[str, ...]) -> str:
    """The edit as text: `cell (map forest, reference snow): 2 -> 0`."""
    row = names[edit.row] if edit.row is not None else ""
    column = names[edit.column] if edit.column is not None else ""
    place = {
        "cell": f"cell (map {row}, reference {column})",
        "row total": f"row total of {row}",
        "column total": f"column total of {column}",
        "total": "grand total",
    }[edit.place]
    return f"{place}: {edit.old} -> {edit.new}"


def _sums(confusion: accuracy.Confusion, printed: Printed) -> list[str]:
    found = []
    for kind, totals, sums in (
        ("row", printed.row_totals, confusion.map_totals),
        ("column", printed.column_totals, confusion.reference_totals),
    ):
        for name, given, cells in zip(confusion.names, totals or (), sums.tolist(), strict=False):
            if given != cells:
                found.append(f"{kind} {name}: the cells sum to {cells}, the printed total is {given}")
        if totals is not None and printed.total is not None and sum(totals) != printed.total:
            found.append(f"the printed {kind} totals sum to {sum(totals)}, the printed grand total is {printed.total}")
    if printed.total is not None and confusion.total != printed.total:
        found.append(f"all cells sum to {confusion.total}, the printed grand total is {printed.total}")
    return found


def _figures(confusion: accuracy.Confusion, printed: Printed) -> list[str]:
    """Printed figures that the cells do not give."""
    return [
        f"{label}: the cells give {value:.4f}, printed is {figure.value:.{_digits(figure)}f}"
        for label, figure, value in _comparable(confusion.counts, confusion.names, printed)
        if not figure.matches(value)
    ]


def _comparable(counts: np.ndarray, names: tuple[str, ...], printed: Printed) -> list[tuple[str, Figure, float]]:
    """(label, printed figure, value of the cells) of every printed figure."""
    found = []
    if printed.overall:
        found.append(("overall accuracy", printed.overall, float(accuracy.overall(counts))))
    if printed.kappa:
        found.append(("kappa", printed.kappa, float(accuracy.kappa(counts))))
    for label, figures, values in (
        ("user's accuracy", printed.users, accuracy.users(counts)),
        ("producer's accuracy", printed.producers, accuracy.producers(counts)),
    ):
        found += [(f"{label} of {n}", f, float(v)) for n, f, v in zip(names, figures or (), values, strict=False)]
    return found


def _totals_look_transposed(confusion: accuracy.Confusion, printed: Printed) -> bool:
    """Whether two thirds of the printed totals are sums of the other axis, and more of them than of their own."""
    if printed.row_totals is None or printed.column_totals is None:
        return False
    given = np.array([*printed.row_totals, *printed.column_totals])
    rows, columns = confusion.map_totals, confusion.reference_totals
    as_given, turned = (int((given != np.concatenate(sums)).sum()) for sums in ((rows, columns), (columns, rows)))
    return turned < as_given and turned * 3 <= len(given)


def _figures_look_transposed(confusion: accuracy.Confusion, printed: Printed) -> bool:
    """Whether printed user's and producer's accuracies fit the transposed matrix, and clearly better."""
    only = Printed(users=printed.users, producers=printed.producers)
    as_given, turned = (
        sum(not figure.matches(value) for _, figure, value in _comparable(counts, confusion.names, only))
        for counts in (confusion.counts, confusion.counts.T)
    )
    return turned < as_given and turned * 3 <= len(_comparable(confusion.counts, confusion.names, only))


def _proposals(confusion: accuracy.Confusion, printed: Printed) -> list[Proposal]:
    """Every smallest repair, and the one that believes the cells, each once."""
    margins = printed.margins
    if margins is None:
        return []
    anew = repair.believing_cells(confusion.counts, margins)
    if not anew.edits:
        return []
    repairs = {frozenset(each.edits): each for each in (*repair.smallest(confusion.counts, margins), anew)}
    proposals = [_proposal(each, confusion.names, printed) for each in repairs.values()]
    return sorted(proposals, key=lambda proposal: proposal.rank)


def _proposal(candidate: repair.Repair, names: tuple[str, ...], printed: Printed) -> Proposal:
    agrees = {label: figure.matches(value) for label, figure, value in _comparable(candidate.counts, names, printed)}
    overall, kappa = float(accuracy.overall(candidate.counts)), float(accuracy.kappa(candidate.counts))
    return Proposal(candidate, overall, kappa, agrees)


def _digits(figure: Figure) -> int:
    return max(0, round(-math.log10(2.0 * figure.tolerance)))
