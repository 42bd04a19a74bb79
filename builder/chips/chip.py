"""One picture of one point: the request, and the chip or refusal that answers it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from builder.chips import footprint, imagery_rules
from builder.geometry import lonlat
from builder.imagery import source

if TYPE_CHECKING:
    from builder.chips import imagery_toml

Reason = imagery_rules.Reason
NODES = 5  # per side of a grid that sources transform exactly


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A wish for a chip centred at (lon, lat) degrees that may carry `label` (a class name; None = any class)."""

    key: str
    lon: float
    lat: float
    label: str | None
    rotation_deg: float = 0.0
    parent: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Chip:
    """Pixels uint8[y, x, rgb], the ground they show, and where they come from."""

    pixels: np.ndarray
    footprint: footprint.Footprint
    acquisition: source.Acquisition


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why there is no chip: the reason of the best candidate, and a sentence that counts all of them."""

    reason: Reason
    detail: str


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """A request and its answer."""

    request: Request
    result: Chip | Refusal


def acquire(requests: Sequence[Request], imagery: imagery_toml.Imagery) -> list[Outcome]:
    """A chip or a refusal for each request, in order.

    Candidates are the acquisition days of each source that pass the rules, the preferred first; scenes of one source
    and day fill one chip together. If the pixels of a candidate fail, the next is tried. Requests of one neighbourhood
    are read together, so ask for many near ones at once (a few hundred; each chip held is size_px x size_px x 3 bytes).
    A request without a label must satisfy the season of every class.

    Raises:
      errors.InputError: if a source cannot be asked at all, or its files lack what imagery.toml must state.
    """
    attempts = _attempts(requests, imagery)
    pending = [attempt for attempt in attempts if not attempt.is_finished]
    while pending:
        wanted: dict[tuple[int, source.Scene], list[_Attempt]] = {}
        for attempt in pending:
            wanted.setdefault(attempt.next_scene, []).append(attempt)
        for (rank, scene), asking in wanted.items():
            patches = imagery.sources[rank].read(scene, [attempt.grid for attempt in asking])
            for attempt, patch in zip(asking, patches, strict=True):
                attempt.take(patch, imagery.rules)
        pending = [attempt for attempt in pending if not attempt.is_finished]
    return [attempt.outcome() for attempt in attempts]


def _attempts(requests: Sequence[Request], imagery: imagery_toml.Imagery) -> list[_Attempt]:
    if not requests:
        return []
    size = imagery.chip
    centres = np.array([(r.lon, r.lat, r.rotation_deg) for r in requests], np.float64)
    nodes = footprint.nodes(centres, size.size_m, NODES)
    areas = [lonlat.bounds_of_ring(*n.reshape(-1, 2).T) for n in nodes]
    found = [s.find(areas) for s in imagery.sources]
    return [
        _Attempt(request, source.GroundGrid(nodes[i], size.size_px, size.size_m), [f[i] for f in found], imagery.rules)
        for i, request in enumerate(requests)
    ]


class _Attempt:
    """One request, its candidates that are left, and the pixels read so far."""

    def __init__(
        self,
        request: Request,
        grid: source.GroundGrid,
        scenes: list[list[source.Scene]],
        rules: imagery_rules.ImageryRules,
    ) -> None:
        self.request, self.grid = request, grid
        self._faults: list[imagery_rules.Fault] = []
        self._candidates = _candidates(request, scenes, rules, self._faults)
        self._pixels: np.ndarray | None = None
        self._valid: np.ndarray | None = None
        self._used: list[source.Scene] = []
        self._scene = 0
        self._is_chip = False
        self._unreadable = ""

    @property
    def is_finished(self) -> bool:
        return self._is_chip or not self._candidates

    @property
    def next_scene(self) -> tuple[int, source.Scene]:
        """(number of the source, scene) to read next."""
        rank, scenes = self._candidates[0]
        return rank, scenes[self._scene]

    def take(self, patch: source.Patch | source.Unreadable, rules: imagery_rules.ImageryRules) -> None:
        """Fills the pixels that are still empty from the patch of `next_scene`; judges after the last scene."""
        if isinstance(patch, source.Unreadable):
            self._unreadable = patch.detail
        elif patch.valid.any():
            self._lay(patch, self.next_scene[1])
        self._scene += 1
        is_full = self._valid is not None and bool(self._valid.all())
        if is_full or self._scene == len(self._candidates[0][1]):
            self._judge(rules)

    def outcome(self) -> Outcome:
        """The request with its chip, or with the reason why there is none."""
        if not self._is_chip or self._pixels is None:
            return Outcome(self.request, Refusal(*imagery_rules.summary(self._faults)))
        square = footprint.Footprint(self.request.lon, self.request.lat, self.grid.size_m, self.request.rotation_deg)
        return Outcome(self.request, Chip(self._pixels, square, mosaic_acquisition(self._used)))

    def _lay(self, patch: source.Patch, scene: source.Scene) -> None:
        if self._pixels is None or self._valid is None:
            self._pixels, self._valid = patch.pixels, patch.valid
            self._used.append(scene)
            return
        fills = patch.valid & ~self._valid
        if fills.any():
            self._pixels = np.where(fills[..., None], patch.pixels, self._pixels)
            self._valid = self._valid | fills
            self._used.append(scene)

    def _judge(self, rules: imagery_rules.ImageryRules) -> None:
        fault = self._pixel_fault(rules)
        if fault is None:
            self._is_chip = True
            return
        self._faults.append(fault)
        del self._candidates[0]
        self._pixels = self._valid = None
        self._used, self._scene, self._unreadable = [], 0, ""

    def _pixel_fault(self, rules: imagery_rules.ImageryRules) -> imagery_rules.Fault | None:
        shape = (self.grid.size_px, self.grid.size_px)
        pixels = self._pixels if self._pixels is not None else np.zeros((*shape, 3), np.uint8)
        valid = self._valid if self._valid is not None else np.zeros(shape, bool)
        fault = imagery_rules.pixel_fault(pixels, valid, rules)
        if fault is not None and fault.reason == Reason.NODATA and self._unreadable:
            return imagery_rules.Fault(Reason.UNREADABLE, self._unreadable)
        return fault


Candidate = tuple[int, list[source.Scene]]


def _candidates(
    request: Request,
    scenes: list[list[source.Scene]],
    rules: imagery_rules.ImageryRules,
    faults: list[imagery_rules.Fault],
) -> list[Candidate]:
    """(number of the source, scenes of one acquisition) in order of preference; appends to `faults` what fails."""
    passed: list[tuple[tuple[int, float, str, str], int, source.Scene]] = []
    for rank, offered in enumerate(scenes):
        for scene in offered:
            fault = imagery_rules.scene_fault(scene, request.label, request.lat, rules)
            if fault is None:
                passed.append((imagery_rules.preference(scene, rank, rules), rank, scene))
            else:
                faults.append(fault)
    passed.sort(key=lambda entry: (entry[0], _layer(entry[2], request)))
    together = itertools.groupby(passed, key=lambda entry: entry[0])
    return [(preference[0], [scene for _, _, scene in group]) for preference, group in together]


def _layer(scene: source.Scene, request: Request) -> tuple[float, float, tuple[str, ...]]:
    """Order within one acquisition: the finer scene on top, then the one whose middle is nearer to the point.

    The distance is a share of the scene's bounds. Two digits of the gsd count: the measured pixel size of equal scenes
    differs with their place in the map projection.
    """
    west, south, east, north = scene.bounds
    width = (east - west) % 360.0 or 360.0
    across = ((request.lon - west) % 360.0) / width
    up = (request.lat - south) / max(north - south, 1e-12)
    gsd_m = float(f"{scene.acquisition.gsd_m:.2g}")
    return gsd_m, max(abs(across - 0.5), abs(up - 0.5)), scene.acquisition.scene_ids


def mosaic_acquisition(scenes: Sequence[source.Scene]) -> source.Acquisition:
    """The acquisition of a chip that shows one or more scenes of one source and day: the coarsest gsd, all ids."""
    first = scenes[0].acquisition
    seen = [scene.acquisition for scene in scenes]
    return dataclasses.replace(
        first,
        sensor="; ".join(dict.fromkeys(a.sensor for a in seen)),
        scene_ids=tuple(dict.fromkeys(name for a in seen for name in a.scene_ids)),
        gsd_m=max(a.gsd_m for a in seen),
        licence="; ".join(dict.fromkeys(a.licence for a in seen)),
        attribution="; ".join(dict.fromkeys(a.attribution for a in seen)),
        url=" ".join(dict.fromkeys(a.url for a in seen)),
        redistribution=min((a.redistribution for a in seen), key=("no", "unknown", "yes").index),
    )
