"""Overall accuracy by season: of pictures that could be used for mapping, and of the others.

The rules of training may ask for the growing season for grass and water only. Then the date of a picture says something
about its class, and a classifier may learn it. A map is made from pictures in the season of every class, so only the
figure in season predicts its accuracy.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from refine.accuracy import intervals


@dataclasses.dataclass(frozen=True)
class BySeason:
    """Overall accuracy in and out of season, each with Wilson's interval; UNKNOWN where there are no samples."""

    inside_samples: int
    inside: intervals.Estimate
    outside_samples: int
    outside: intervals.Estimate

    def rows(self) -> tuple[tuple[str, int, intervals.Estimate], ...]:
        """(name, samples, overall accuracy) of both parts."""
        return (
            ("in season", self.inside_samples, self.inside),
            ("out of season", self.outside_samples, self.outside),
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; None where there are no samples."""
        return {
            name.replace(" ", "_"): {"samples": samples, **estimate.as_json()}
            for name, samples, estimate in self.rows()
        }


def by_season(is_right: np.ndarray, in_season: np.ndarray, level: float = intervals.LEVEL) -> BySeason:
    """Overall accuracy of both parts of a sample.

    Args:
      is_right: bool[sample], whether map and reference agree.
      in_season: bool[sample], whether the picture was taken in the season of every class.
      level: of the intervals.
    """

    def of(chosen: np.ndarray) -> tuple[int, intervals.Estimate]:
        return int(chosen.sum()), intervals.of_share(int(is_right[chosen].sum()), int(chosen.sum()), level)

    return BySeason(*of(in_season), *of(~in_season))
