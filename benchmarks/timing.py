"""CPU seconds of cases that take turns; a shared machine's wall clock says little."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

Case = Callable[[], np.ndarray | list[np.ndarray]]


@dataclasses.dataclass(frozen=True, eq=False)
class Timed:
    """CPU seconds of every round by case, and what each case returned last."""

    seconds: dict[str, list[float]]
    returned: dict[str, np.ndarray | list[np.ndarray]]

    def median(self, case: str) -> float:
        """Median CPU seconds of a case."""
        return statistics.median(self.seconds[case])

    def ratio(self, one: str, two: str) -> float:
        """Median over the rounds of the seconds of `one` / the seconds of `two`."""
        return statistics.median(a / b for a, b in zip(self.seconds[one], self.seconds[two], strict=True))


def take_turns(cases: Mapping[str, Case], *, rounds: int, warm_up: int = 0) -> Timed:
    """Runs every case once a round, in an order that rotates; the first `warm_up` rounds are not counted."""
    timed = Timed({case: [] for case in cases}, {})
    for turn in range(warm_up + rounds):
        first = turn % len(cases)
        for case in [*list(cases)[first:], *list(cases)[:first]]:
            started = time.process_time()
            timed.returned[case] = cases[case]()
            if turn >= warm_up:
                timed.seconds[case].append(time.process_time() - started)
    return timed
