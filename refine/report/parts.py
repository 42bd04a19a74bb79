"""What a report shows beside the artefacts of other commands, as plain values.

A part that is None or empty is left out of the page, with a sentence.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping

from builder.legend import legend
from refine.artefacts import comparison as comparisons
from refine.artefacts import noise_summary, refined_map
from refine.report import map_counts


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

    Attributes:
      name: part of the view's id in the page.
      title: heading.
      layers: the pictures.
      left, right: names of the layers that are shown first.
      shape: (rows, columns) of the map's pixels.
      width_m: of the ground, in metres.
      place: where it is, in words.
      classes: (title, colour) of those that occur.
      overlay: a picture above the others, transparent where it shows nothing.
      blank: what a place without a class means; empty where there are none.
      states: (title, colour) of Key.STATE.
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
class ClassArea:
    """One class of a map, and its hectares before and after."""

    land_cover: legend.LandCoverClass
    before_ha: float
    after_ha: float


@dataclasses.dataclass(frozen=True, eq=False)
class MapPart:
    """The refined map: its views, the areas of its classes, its counts, and how it was made."""

    whole: View
    closeup: View | None
    classes: tuple[ClassArea, ...]
    counts: map_counts.MapCounts
    tags: refined_map.MapTags


@dataclasses.dataclass(frozen=True)
class Change:
    """Pixels that went from one class to another."""

    before: legend.LandCoverClass
    after: legend.LandCoverClass
    pixels: int
    hectares: float


@dataclasses.dataclass(frozen=True)
class ChipPicture:
    """A small picture: `picture` is a data URI, `says` its text for those who do not see it."""

    picture: str
    says: str
    caption: str = ""


@dataclasses.dataclass(frozen=True)
class Sheet:
    """Samples of one class: how many there are, and pictures of some."""

    land_cover: legend.LandCoverClass
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
    """Where points lie.

    Attributes:
      view: the points above the agreement map; None for given points, which have none.
      splits: names, in order.
      counts: ranked points by title of the class and split.
      shown: how many the view shows.
      total: how many there are.
    """

    view: View | None
    splits: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    shown: int
    total: int


@dataclasses.dataclass(frozen=True)
class NoisePart:
    """Doubtful labels of a split: the summary, and the worst chips one by one, or their sheet as one picture."""

    summary: noise_summary.NoiseSummary
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
    comparison: comparisons.Comparison | None
    noise: NoisePart | None
    facts: tuple[FactTable, ...]
    missing: Mapping[str, str]
