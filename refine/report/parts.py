"""What a report shows, as plain values: everything but the page itself. None or empty = left out, with a sentence."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping

import numpy as np

from refine.accuracy import intervals


class Key(enum.StrEnum):
    """Which legend explains a layer."""

    CLASSES = "classes"
    CONFIDENCE = "confidence"
    PROVENANCE = "provenance"
    STATE = "state"
    IMAGERY = "imagery"


@dataclasses.dataclass(frozen=True)
class Layer:
    """One picture of a view: `picture` is a data URI, `says` its text for those who do not see it."""

    name: str
    title: str
    picture: str
    says: str
    key: Key
    is_photograph: bool = False


@dataclasses.dataclass(frozen=True)
class View:
    """Layers of the same ground under a swipe.

    `place` says where it is, `classes` (title, colour) are those that occur; `overlay` is transparent but for points.
    `blank` says what a place without a class means, `states` (title, colour) are those of Key.STATE.
    """

    name: str
    title: str
    layers: tuple[Layer, ...]
    left: str
    right: str
    shape: tuple[int, int]
    width_m: float
    place: str
    classes: tuple[tuple[str, str], ...]
    overlay: Layer | None = None
    blank: str = ""
    states: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class ClassRow:
    """One class of a map: colour #rrggbb and hectares before and after."""

    title: str
    colour: str
    definition: str
    before_ha: float
    after_ha: float


@dataclasses.dataclass(frozen=True)
class ProvenanceRow:
    """Why pixels are as they are: how many."""

    title: str
    colour: str
    pixels: int


@dataclasses.dataclass(frozen=True, eq=False)
class MapPart:
    """The refined map.

    confidence: int64[101], classified pixels by the probability, in percent, of the class that the map holds.
    min_confidence, base_trust: 0..1, as the map was made with; None where it does not say.
    """

    whole: View
    closeup: View | None
    classes: tuple[ClassRow, ...]
    provenance: tuple[ProvenanceRow, ...]
    confidence: np.ndarray
    min_confidence: float | None
    base_trust: float | None


@dataclasses.dataclass(frozen=True)
class Change:
    """Pixels that went from one class to another."""

    before: str
    after: str
    before_colour: str
    after_colour: str
    pixels: int
    hectares: float


@dataclasses.dataclass(frozen=True)
class ChipPicture:
    """A small picture and what is said of it."""

    picture: str
    says: str
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Samples of one class."""

    title: str
    colour: str
    definition: str
    total: int
    chips: tuple[ChipPicture, ...]


@dataclasses.dataclass(frozen=True)
class SheetsPart:
    """Sheets of samples of `split` of `dataset`."""

    dataset: str
    split: str
    sheets: tuple[Sheet, ...]


@dataclasses.dataclass(frozen=True)
class SamplingPart:
    """Where points lie: a view, points by class and split, and what fell short."""

    view: View | None
    splits: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]  # class title -> split -> ranked points
    shown: int
    total: int


@dataclasses.dataclass(frozen=True, eq=False)
class Strategy:
    """One way of training, judged on the test split. `counts` int64[map, reference].

    `by_season`: (part, samples, overall accuracy) of the samples in and out of season; empty where it is not known.
    """

    name: str
    overall: intervals.Estimate
    kappa: intervals.Estimate
    users: tuple[intervals.Estimate, ...]
    producers: tuple[intervals.Estimate, ...]
    counts: np.ndarray
    minutes: float
    images_per_s: float
    epochs: int
    examples: int
    size_px: int | None
    by_season: tuple[tuple[str, int, intervals.Estimate], ...] = ()


@dataclasses.dataclass(frozen=True)
class Pair:
    """McNemar's test of two strategies on the same samples."""

    first: str
    second: str
    only_first: int
    only_second: int
    p: float


@dataclasses.dataclass(frozen=True)
class ComparisonPart:
    """The strategies on one test split, what that split supports, and the paired tests."""

    test: str
    samples: int
    classes: tuple[str, ...]
    strategies: tuple[Strategy, ...]
    pairs: tuple[Pair, ...]
    statement: str
    warnings: tuple[str, ...]

    @property
    def best(self) -> Strategy:
        """The strategy of the highest overall accuracy."""
        return max(self.strategies, key=lambda strategy: strategy.overall.value)


@dataclasses.dataclass(frozen=True)
class NoiseRate:
    """Share of doubtful labels of one class, with its interval."""

    title: str
    examples: int
    rate: intervals.Estimate
    doubtful: int
    mostly: str


@dataclasses.dataclass(frozen=True)
class NoisePart:
    """Doubtful labels of a split: rates, the worst chips, or the sheet as one picture."""

    dataset: str
    split: str
    examples: int
    doubtful: int
    rates: tuple[NoiseRate, ...]
    worst: tuple[ChipPicture, ...]
    sheet: ChipPicture | None


@dataclasses.dataclass(frozen=True)
class FactTable:
    """A titled list of facts: (what, value) pairs; or a table with a header row where `header` is given."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    header: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class PageContent:
    """All that a page shows. `missing` holds a sentence for each part that is left out, by the part's name."""

    title: str
    subtitle: str
    notes: tuple[str, ...]
    map: MapPart | None
    changes: tuple[Change, ...] | None
    sheets: SheetsPart | None
    sampling: SamplingPart | None
    comparison: ComparisonPart | None
    noise: NoisePart | None
    facts: tuple[FactTable, ...]
    missing: Mapping[str, str]
