"""One pass over a refined map: pixels and hectares by class, reasons, probabilities, and where most changed."""

from __future__ import annotations

import dataclasses

import numpy as np
import rasterio

from builder import progress
from builder.geometry import lattice as lattices
from builder.geometry import window as windows
from builder.geometry.window import Window
from refine.artefacts import provenance, refined_map
from refine.report import inputs

AREA_PX = refined_map.BLOCK_PX  # pixels of one area: the change table's blocks, so that both tables agree
BLOCK_PX = 8 * AREA_PX  # read at a time
CLOSE_PX = 100  # base pixels along the side of the close-up: 3 km
STEP_PX = 25  # between candidate places of the close-up
CODES = 256  # values of a byte
PERCENTS = 101  # 0..100


@dataclasses.dataclass(frozen=True, eq=False)
class MapCounts:
    """Counts of a whole map.

    Attributes:
      before, after: int64[256], pixels of the region by code.
      before_ha, after_ha: float64[256], the same on the ellipsoid, in hectares.
      provenance: int64[256], pixels by `provenance.Provenance`.
      confidence: int64[101], classified pixels by the probability, in percent, of the class that the map holds.
      seen: the window that holds every pixel of the region.
      changed: int64[y, x], changed pixels per STEP_PX x STEP_PX square of the map.
    """

    before: np.ndarray
    after: np.ndarray
    before_ha: np.ndarray
    after_ha: np.ndarray
    provenance: np.ndarray
    confidence: np.ndarray
    seen: Window
    changed: np.ndarray


def count(files: inputs.MapFiles) -> MapCounts:
    """The counts of a map, which is read once, by blocks."""
    lattice = files.refined.lattice()
    blocks = list(lattice.whole.tiles(BLOCK_PX))
    total = _Total.of(lattice.shape)
    with (
        rasterio.open(files.refined.path) as refined,
        rasterio.open(files.base or files.refined.path) as base,
        rasterio.open(files.refined.provenance) as reasons,
        rasterio.open(files.refined.confidence) as confidence,
        progress.Progress("counted", len(blocks), unit="blocks") as bar,
    ):
        for block in blocks:
            rasters = (base, refined, reasons, confidence)
            before, after, reason, percent = (raster.read(1, window=block.in_raster) for raster in rasters)
            total.take(block, (before, after), reason, percent, lattice)
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
        """Nothing counted yet, of a map of `shape`."""
        rows, columns = shape
        return cls(
            pixels=np.zeros((2, CODES), np.int64),
            hectares=np.zeros((2, CODES)),
            provenance=np.zeros(CODES, np.int64),
            confidence=np.zeros(PERCENTS, np.int64),
            in_row=np.zeros(rows, bool),
            in_column=np.zeros(columns, bool),
            changed=np.zeros((-(-rows // STEP_PX), -(-columns // STEP_PX)), np.int64),
        )

    def take(
        self,
        block: Window,
        codes: tuple[np.ndarray, np.ndarray],
        reason: np.ndarray,
        percent: np.ndarray,
        lattice: lattices.Lattice,
    ) -> None:
        """Adds a block: uint8[y, x] codes before and after, provenance and confidence."""
        shown = ~np.isin(reason, provenance.UNSEEN)
        part, hectares = _areas(block, lattice)
        for i, values in enumerate(codes):
            by_part = _by_part(part[shown], values[shown], len(hectares))
            self.pixels[i] += by_part.sum(axis=0)
            self.hectares[i] += hectares @ by_part
        self.provenance += np.bincount(reason.ravel(), minlength=CODES)
        self.confidence += np.bincount(percent[percent < PERCENTS], minlength=PERCENTS)
        rows, columns = block.slices
        self.in_row[rows] |= shown.any(axis=1)
        self.in_column[columns] |= shown.any(axis=0)
        y, x = np.nonzero(reason == provenance.Provenance.CHANGED)
        np.add.at(self.changed, ((block.row0 + y) // STEP_PX, (block.col0 + x) // STEP_PX), 1)

    def counts(self) -> MapCounts:
        """All that was counted."""
        seen = _extent(self.in_row, self.in_column)
        before, after = self.pixels
        before_ha, after_ha = self.hectares
        return MapCounts(before, after, before_ha, after_ha, self.provenance, self.confidence, seen, self.changed)


def closest_look(counts: MapCounts) -> Window | None:
    """The CLOSE_PX x CLOSE_PX pixels that changed most; None where nothing changed or the map is no larger."""
    seen = counts.seen
    if not counts.changed.any() or max(seen.shape) <= CLOSE_PX:
        return None
    steps = CLOSE_PX // STEP_PX
    padded = np.pad(
        counts.changed, ((0, max(0, steps - len(counts.changed))), (0, max(0, steps - counts.changed.shape[1])))
    )
    sums = np.lib.stride_tricks.sliding_window_view(padded, (steps, steps)).sum(axis=(2, 3))
    row, col = (int(i) * STEP_PX for i in np.unravel_index(sums.argmax(), sums.shape))
    row, col = max(seen.row0, min(row, seen.row1 - CLOSE_PX)), max(seen.col0, min(col, seen.col1 - CLOSE_PX))
    return Window(row, min(row + CLOSE_PX, seen.row1), col, min(col + CLOSE_PX, seen.col1))


def _areas(block: Window, lattice: lattices.Lattice) -> tuple[np.ndarray, np.ndarray]:
    """(number of the area int64[y, x] that holds each pixel, hectares of a pixel float64[area]), on the ellipsoid."""
    rows, columns = block.shape
    areas = list(block.tiles(AREA_PX))  # row by row: blocks begin at multiples of AREA_PX
    across = -(-columns // AREA_PX)
    number = (np.arange(rows) // AREA_PX)[:, None] * across + np.arange(columns) // AREA_PX
    return number, np.array([lattice.window(area).pixel_hectares() for area in areas])


def _by_part(part: np.ndarray, codes: np.ndarray, parts: int) -> np.ndarray:
    """int64[part, 256]: how often each code occurs in each part."""
    return np.bincount(part * CODES + codes, minlength=parts * CODES).reshape(parts, CODES)


def _extent(in_row: np.ndarray, in_column: np.ndarray) -> Window:
    """The window from the first to the last row and column with pixels of the region; all where there are none."""
    if not in_row.any():
        return windows.of_shape((len(in_row), len(in_column)))
    rows, columns = np.flatnonzero(in_row), np.flatnonzero(in_column)
    return Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
