"""One pass over a refined map: pixels and hectares by class, reasons, probabilities, and where most changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import rasterio
import rasterio.windows

from builder import progress
from refine.mapping import changes, reclassify, refine_map
from refine.report import inputs, page_pictures

AREA_PX = refine_map.BLOCK_PX  # pixels of one area: the same blocks as the change table's, so that both tables agree
BLOCK_PX = 8 * AREA_PX  # read at a time
CLOSE_PX = 100  # base pixels along the side of the close-up: 3 km
STEP_PX = 25  # between candidate places of the close-up
UNSEEN = (reclassify.Provenance.NO_DATA, reclassify.Provenance.OUTSIDE_REGION)
PIXEL = tuple[int, int, int, int]  # row0, row1, col0, col1


@dataclasses.dataclass(frozen=True, eq=False)
class MapCounts:
    """Whole-map counts.

    before, after: int64[256], pixels of the region by code.
    before_ha, after_ha: float64[256], the same on the ellipsoid, in hectares.
    provenance: int64[256], pixels by `reclassify.Provenance`; confidence: int64[101], classified pixels by percent.
    seen: the window that holds every pixel of the region.
    changed: int64[y, x], changed pixels per STEP_PX x STEP_PX square of the map.
    """

    before: np.ndarray
    after: np.ndarray
    before_ha: np.ndarray
    after_ha: np.ndarray
    provenance: np.ndarray
    confidence: np.ndarray
    seen: PIXEL
    changed: np.ndarray


def count(files: inputs.Files) -> MapCounts:
    """Reads the map once, by blocks."""
    with (
        rasterio.open(files.refined) as refined,
        rasterio.open(files.base or files.refined) as base,
        rasterio.open(files.provenance) as provenance,
        rasterio.open(files.confidence) as confidence,
        progress.Progress("counted", sum(1 for _ in _blocks(*refined.shape)), unit="blocks") as bar,
    ):
        ground = page_pictures.Ground.of(refined)
        total = _Total.of(refined.shape)
        for window in _blocks(*refined.shape):
            row0, row1, col0, col1 = window
            box = rasterio.windows.Window(col0, row0, col1 - col0, row1 - row0)
            codes = (base.read(1, window=box), refined.read(1, window=box))
            total.take(window, codes, provenance.read(1, window=box), ground)
            percent = confidence.read(1, window=box)
            total.confidence += np.bincount(percent[percent <= 100], minlength=101)
            bar.advance()
    return total.counts()


@dataclasses.dataclass(eq=False)
class _Total:
    """The counts so far. `pixels` int64[before and after, 256], `hectares` float64 of the same form."""

    pixels: np.ndarray
    hectares: np.ndarray
    provenance: np.ndarray
    confidence: np.ndarray
    in_row: np.ndarray
    in_column: np.ndarray
    changed: np.ndarray

    @classmethod
    def of(cls, shape: tuple[int, int]) -> _Total:
        rows, columns = shape
        return cls(
            pixels=np.zeros((2, 256), np.int64),
            hectares=np.zeros((2, 256)),
            provenance=np.zeros(256, np.int64),
            confidence=np.zeros(101, np.int64),
            in_row=np.zeros(rows, bool),
            in_column=np.zeros(columns, bool),
            changed=np.zeros((-(-rows // STEP_PX), -(-columns // STEP_PX)), np.int64),
        )

    def take(
        self, window: PIXEL, codes: tuple[np.ndarray, np.ndarray], reason: np.ndarray, ground: page_pictures.Ground
    ) -> None:
        row0, row1, col0, col1 = window
        shown = ~np.isin(reason, UNSEEN)
        part, hectares = _areas(window, ground)
        for i, values in enumerate(codes):
            by_part = _by_part(part[shown], values[shown], len(hectares))
            self.pixels[i] += by_part.sum(axis=0)
            self.hectares[i] += hectares @ by_part
        self.provenance += np.bincount(reason.ravel(), minlength=256)
        self.in_row[row0:row1] |= shown.any(axis=1)
        self.in_column[col0:col1] |= shown.any(axis=0)
        y, x = np.nonzero(reason == reclassify.Provenance.CHANGED)
        np.add.at(self.changed, ((row0 + y) // STEP_PX, (col0 + x) // STEP_PX), 1)

    def counts(self) -> MapCounts:
        seen = _extent(self.in_row, self.in_column)
        before, after = self.pixels
        before_ha, after_ha = self.hectares
        return MapCounts(before, after, before_ha, after_ha, self.provenance, self.confidence, seen, self.changed)


def closest_look(counts: MapCounts) -> PIXEL | None:
    """The CLOSE_PX x CLOSE_PX pixels that changed most; None where nothing changed or the map is no larger."""
    row0, row1, col0, col1 = counts.seen
    if not counts.changed.any() or (row1 - row0 <= CLOSE_PX and col1 - col0 <= CLOSE_PX):
        return None
    steps = CLOSE_PX // STEP_PX
    padded = np.pad(
        counts.changed, ((0, max(0, steps - len(counts.changed))), (0, max(0, steps - counts.changed.shape[1])))
    )
    sums = np.lib.stride_tricks.sliding_window_view(padded, (steps, steps)).sum(axis=(2, 3))
    row, col = (int(i) * STEP_PX for i in np.unravel_index(sums.argmax(), sums.shape))
    row, col = max(row0, min(row, row1 - CLOSE_PX)), max(col0, min(col, col1 - CLOSE_PX))
    return row, min(row + CLOSE_PX, row1), col, min(col + CLOSE_PX, col1)


def _areas(window: PIXEL, ground: page_pictures.Ground) -> tuple[np.ndarray, np.ndarray]:
    """(number of the area int64[y, x] that holds each pixel, hectares of a pixel float64[area]), on the ellipsoid."""
    row0, row1, col0, col1 = window
    downs, acrosses = range(row0, row1, AREA_PX), range(col0, col1, AREA_PX)
    number = (np.arange(row1 - row0) // AREA_PX)[:, None] * len(acrosses) + np.arange(col1 - col0) // AREA_PX
    hectares = [
        _pixel_hectares(ground.window(down, min(down + AREA_PX, row1), across, min(across + AREA_PX, col1)))
        for down in downs
        for across in acrosses
    ]
    return number, np.array(hectares)


def _pixel_hectares(part: page_pictures.Ground) -> float:
    corners = part.corners_lonlat()
    return changes.area_hectares(corners[:, 0], corners[:, 1]) / (part.shape[0] * part.shape[1])


def _by_part(part: np.ndarray, codes: np.ndarray, parts: int) -> np.ndarray:
    """int64[part, 256]: how often each code occurs in each part."""
    return np.bincount(part * 256 + codes, minlength=parts * 256).reshape(parts, 256)


def _extent(in_row: np.ndarray, in_column: np.ndarray) -> PIXEL:
    if not in_row.any():
        return 0, len(in_row), 0, len(in_column)
    rows, columns = np.flatnonzero(in_row), np.flatnonzero(in_column)
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _blocks(rows: int, columns: int) -> Iterator[PIXEL]:
    for row in range(0, rows, BLOCK_PX):
        for col in range(0, columns, BLOCK_PX):
            yield row, min(row + BLOCK_PX, rows), col, min(col + BLOCK_PX, columns)
