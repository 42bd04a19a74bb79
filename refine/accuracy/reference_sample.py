"""A reference sample: what the map and the reference say of each place, and how the places were drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from refine.accuracy import accuracy, seasonal, support

OTHER_CLASS = -1  # in `ReferenceSample.second`: a class that neither the map nor the reference has


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceSample:
    """Places with the class of the map and of the reference; optional attributes are None where they are unknown.

    Attributes:
      names: of the classes.
      strata: str[sample], the stratum each was drawn from.
      mapped: int[sample], index of the map's class.
      reference: int[sample], index of the class on the ground.
      probability: float64[sample], inclusion probabilities.
      blocks: [sample], the spatial block of each, any sortable key.
      population: what the sample was drawn from.
      in_season: bool[sample], whether the picture was taken in the season of every class (see `seasonal`).
      second: int[sample], what a second map says of the same places.
      notes: warnings that hold for the whole sample.
    """

    names: tuple[str, ...]
    strata: tuple[str, ...] | None
    mapped: np.ndarray
    reference: np.ndarray
    probability: np.ndarray | None
    blocks: Sequence[str] | np.ndarray | None
    population: support.Population = support.Population.MAP
    in_season: np.ndarray | None = None
    second: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def confusion(self) -> accuracy.Confusion:
        """Unweighted counts."""
        return accuracy.Confusion.from_pairs(self.mapped, self.reference, self.names)

    @property
    def has_map_strata(self) -> bool:
        """Whether strata are given, and are the map's classes."""
        return self.strata is not None and self.strata == tuple(self.names[i] for i in self.mapped)

    def by_season(self, level: float) -> seasonal.BySeason | None:
        """Overall accuracy in and out of season, where that is known."""
        if self.in_season is None:
            return None
        return seasonal.by_season(self.mapped == self.reference, self.in_season, level)
