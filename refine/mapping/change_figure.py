"""From what to what, how many pixels, how many hectares: the change table of a refined map and its figure."""

from __future__ import annotations

import collections
import csv
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyproj

from builder import atomic

GEOD = pyproj.Geod(ellps="WGS84")
SQUARE_METRES_PER_HECTARE = 10_000.0


@dataclasses.dataclass(frozen=True)
class Changes:
    """Pixels and hectares (on the ellipsoid) that went from one base code to another code; `+` adds two tables."""

    pixels: Mapping[tuple[int, int], int] = dataclasses.field(default_factory=dict)
    hectares: Mapping[tuple[int, int], float] = dataclasses.field(default_factory=dict)

    def __add__(self, other: Changes) -> Changes:
        pixels = collections.Counter(self.pixels) + collections.Counter(other.pixels)
        hectares = collections.Counter(self.hectares) + collections.Counter(other.hectares)
        return Changes(dict(pixels), dict(hectares))

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[float]]) -> Changes:
        """The table of (from, to, pixels, hectares)."""
        told = [((int(before), int(after)), int(pixels), float(area)) for before, after, pixels, area in rows]
        return cls({pair: pixels for pair, pixels, _ in told}, {pair: area for pair, _, area in told})

    def rows(self) -> list[tuple[int, int, int, float]]:
        """(from, to, pixels, hectares), the largest change first."""
        return sorted(
            ((a, b, n, self.hectares[a, b]) for (a, b), n in self.pixels.items()),
            key=lambda row: (-row[2], row[0], row[1]),
        )


def of_block(before: np.ndarray, after: np.ndarray, pixel_hectares: float) -> Changes:
    """The changes of one block: uint8[y, x] before and after, one area for every pixel of it."""
    moved = before != after
    codes = before[moved].astype(np.int64) * 256 + after[moved]
    values, counts = np.unique(codes, return_counts=True)
    pixels = {(int(v) // 256, int(v) % 256): int(n) for v, n in zip(values, counts, strict=True)}
    return Changes(pixels, {pair: n * pixel_hectares for pair, n in pixels.items()})


def area_hectares(ring_lon: np.ndarray, ring_lat: np.ndarray) -> float:
    """Area on the WGS84 ellipsoid of a ring of longitudes and latitudes in degrees, in hectares, never negative."""
    area_m2, _ = GEOD.polygon_area_perimeter(ring_lon, ring_lat)
    return abs(float(area_m2)) / SQUARE_METRES_PER_HECTARE


def write_csv(changes: Changes, names: Mapping[int, str], path: pathlib.Path) -> None:
    """Writes from, to (codes and names), pixels and hectares, the largest change first."""
    with atomic.file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["from_code", "from", "to_code", "to", "pixels", "hectares"])
        for before, after, pixels, hectares in changes.rows():
            rows.writerow([before, names[before], after, names[after], pixels, f"{hectares:.2f}"])


def draw(changes: Changes, names: Mapping[int, str], colours: Mapping[int, str], path: pathlib.Path) -> None:
    """Draws the change table as a matrix of hectares (rows from, columns to) into a PNG."""
    import matplotlib.figure

    before = sorted({a for a, _ in changes.pixels})
    after = sorted({b for _, b in changes.pixels})
    if not before:
        _draw_nothing(path)
        return
    hectares = np.array([[changes.hectares.get((a, b), 0.0) for b in after] for a in before])
    figure = matplotlib.figure.Figure(figsize=(1.8 + 1.15 * len(after), 1.6 + 0.6 * len(before)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(hectares, cmap="Purples", aspect="auto")
    for (row, column), value in np.ndenumerate(hectares):
        if value > 0:
            dark = value > 0.6 * hectares.max()
            axes.text(
                column, row, f"{value:,.1f}", ha="center", va="center", color="white" if dark else "black", fontsize=9
            )
    axes.set_xticks(range(len(after)), [names[c] for c in after], rotation=30, ha="right")
    axes.set_yticks(range(len(before)), [names[c] for c in before])
    for labels, codes in ((axes.get_xticklabels(), after), (axes.get_yticklabels(), before)):
        for label, code in zip(labels, codes, strict=True):
            label.set_bbox({"facecolor": colours.get(code, "#ffffff"), "edgecolor": "none", "alpha": 0.45, "pad": 2})
    axes.set(xlabel="to (refined map)", ylabel="from (base map)", title="Changed area, hectares on the ellipsoid")
    with atomic.file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _draw_nothing(path: pathlib.Path) -> None:
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(4, 1), layout="constrained")
    figure.text(0.5, 0.5, "No pixel changed its class.", ha="center", va="center")
    with atomic.file(path) as temporary:
        figure.savefig(temporary, dpi=150)
