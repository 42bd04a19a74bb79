"""The blocks of a refined map: made one by one, each kept whole or not at all, so that a killed run loses one block."""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyproj
import rasterio
import rasterio.windows
import shapely

from builder import atomic, progress
from builder.chips import chip, imagery_toml
from builder.geometry import grid, lonlat
from builder.geometry import window as geometry_window
from builder.legend import crosswalk
from builder.maps import rasters
from refine.mapping import changes, engines, prefetch, reclassify

GROUP_PX = 16  # chips of GROUP_PX x GROUP_PX base pixels are asked for together; they share most of their imagery
# So many asked pixels are classified together, or up to a group more: a run of few costs as much as one of many.
# Another group is fetched meanwhile.
WORTH_A_RUN = 4 * engines.CHIPS_PER_RUN
STATE_BAND = 1
Window = tuple[int, int, int, int]  # first and last + 1 row, first and last + 1 column
Group = tuple[np.ndarray, list[chip.Chip | chip.Refusal]]  # numbers of asked pixels, and what came of each


@dataclasses.dataclass(frozen=True)
class MapSummary:
    """Pixels by provenance, chips refused by reason, and the change table; `+` adds two maps."""

    pixels: Mapping[int, int] = dataclasses.field(default_factory=dict)
    refused: Mapping[str, int] = dataclasses.field(default_factory=dict)
    changed: changes.Changes = dataclasses.field(default_factory=changes.Changes)

    def __add__(self, other: MapSummary) -> MapSummary:
        pixels = collections.Counter(self.pixels) + collections.Counter(other.pixels)
        refused = collections.Counter(self.refused) + collections.Counter(other.refused)
        return MapSummary(dict(pixels), dict(refused), self.changed + other.changed)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        pixels = {reclassify.Provenance(p).name.lower(): n for p, n in sorted(self.pixels.items())}
        return {"pixels": pixels, "refused": dict(sorted(self.refused.items())), "changed": self.changed.rows()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> MapSummary:
        """What `as_json` told."""
        pixels = {int(reclassify.Provenance[name.upper()]): int(n) for name, n in told["pixels"].items()}
        return cls(pixels, dict(told["refused"]), changes.Changes.of_rows(told["changed"]))


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything a block needs, opened once; `folder` holds the finished blocks, `rule` decides about each pixel."""

    base: rasters.RasterFile
    table: crosswalk.Crosswalk
    layers: rasterio.io.DatasetReader
    imagery: imagery_toml.Imagery
    area: shapely.Geometry
    engine: engines.Engine
    rule: reclassify.Rule
    include_undetermined: bool
    block_px: int
    folder: pathlib.Path

    def windows(self) -> Iterator[Window]:
        """Every block of the base, row by row."""
        (rows, columns), side = self.base.shape, self.block_px
        for row in range(0, rows, side):
            for column in range(0, columns, side):
                yield row, min(row + side, rows), column, min(column + side, columns)

    def file(self, window: Window) -> pathlib.Path:
        """Where the block of `window` is kept."""
        return self.folder / f"{window[0]:06d}_{window[2]:06d}.npz"

    def to_degrees(self) -> pyproj.Transformer:
        """From the base's CRS to longitude and latitude."""
        return pyproj.Transformer.from_crs(self.base.crs, "EPSG:4326", always_xy=True)


def make_all(job: Job) -> MapSummary:
    """Makes every block that is not there yet; returns the sum over all."""
    windows = list(job.windows())
    total = MapSummary()
    title = f"refined {job.base.path.stem}"
    with progress.Progress(title, len(windows), unit="blocks") as bar, prefetch.Fetcher() as fetcher:
        for window in windows:
            if not job.file(window).is_file():
                _make(job, window, fetcher)
            total += read(job, window)[1]
            bar.advance()
    return total


def read(job: Job, window: Window) -> tuple[reclassify.Refined, MapSummary]:
    """A block that was made."""
    with np.load(job.file(window)) as stored:
        refined = reclassify.Refined(stored["codes"], stored["confidence"], stored["provenance"])
        rows = stored["changed"]
        refused = json.loads(str(stored["refused"]))
    values, counts = np.unique(refined.provenance, return_counts=True)
    pixels = {int(v): int(n) for v, n in zip(values, counts, strict=True)}
    return refined, MapSummary(pixels, refused, changes.Changes.of_rows(rows.tolist()))


def _make(job: Job, window: Window, fetcher: prefetch.Fetcher) -> None:
    base = rasters.read(job.base, geometry_window.Window(*window))
    lon, lat = _centres(job, window)
    state = _states(job.layers, lon, lat)
    inside = shapely.contains_xy(job.area, lon, lat)
    provenance = reclassify.keep_all(base, state, inside, job.table, source=str(job.base.path))
    asked = reclassify.wanted(provenance, include_undetermined=job.include_undetermined)
    pictured, probabilities, refused = _classify(job, asked, lon, lat, fetcher)
    refined = reclassify.decide(base, provenance, asked, pictured, probabilities, job.table, job.rule)
    moved = changes.of_block(base, refined.codes, _pixel_hectares(job, window))
    with atomic.file(job.file(window)) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            codes=refined.codes,
            confidence=refined.confidence,
            provenance=refined.provenance,
            changed=np.array(moved.rows(), np.float64).reshape(-1, 4),
            refused=np.array(json.dumps(refused)),
        )


def _centres(job: Job, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """(longitude, latitude), each float64[y, x] in degrees, of the pixel centres of a window."""
    row0, row1, col0, col1 = window
    a, _, c, _, e, f = job.base.transform
    x, y = np.meshgrid(c + a * (np.arange(col0, col1) + 0.5), f + e * (np.arange(row0, row1) + 0.5))
    lon, lat = job.to_degrees().transform(x, y)
    return lonlat.wrapped(np.asarray(lon)), np.asarray(lat)


def _states(layers: rasterio.io.DatasetReader, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """uint8[y, x]: state of the cell that holds each point, 0 outside the frame."""
    west, north = layers.transform.c, layers.transform.f
    columns = np.floor(((lon - west) % 360.0) * grid.CELLS_PER_DEGREE).astype(np.int64)
    rows = np.floor((north - lat) * grid.CELLS_PER_DEGREE).astype(np.int64)
    inside = (rows >= 0) & (rows < layers.height) & (columns < layers.width)
    states = np.zeros(lon.shape, np.uint8)
    if not inside.any():
        return states
    r0, c0 = rows[inside].min(), columns[inside].min()
    height, width = rows[inside].max() - r0 + 1, columns[inside].max() - c0 + 1
    values = layers.read(STATE_BAND, window=rasterio.windows.Window(c0, r0, width, height))
    states[inside] = values[rows[inside] - r0, columns[inside] - c0]
    return states


def _classify(
    job: Job, asked: np.ndarray, lon: np.ndarray, lat: np.ndarray, fetcher: prefetch.Fetcher
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """(pictured bool[n], probabilities float64[m, class], refusals by reason) of the n asked pixels, row by row."""
    rows, columns = np.nonzero(asked)
    pictured = np.zeros(len(rows), bool)
    probabilities = np.zeros((len(rows), len(job.engine.labels)))
    refused: collections.Counter[str] = collections.Counter()
    for members, results in _gathered(fetcher.ahead(_chips(job, rows, columns, lon, lat))):
        refused.update(str(r.reason) for r in results if isinstance(r, chip.Refusal))
        taken = np.array([isinstance(r, chip.Chip) for r in results])
        if taken.any():
            pixels = np.stack([r.pixels for r in results if isinstance(r, chip.Chip)])
            pictured[members[taken]] = True
            probabilities[members[taken]] = job.engine.classify(pixels)[1]
    return pictured, probabilities[pictured], dict(refused)


def _chips(job: Job, rows: np.ndarray, columns: np.ndarray, lon: np.ndarray, lat: np.ndarray) -> Iterator[Group]:
    """The chip or the refusal of each asked pixel, group by group."""
    groups = rows // GROUP_PX * lon.shape[1] + columns // GROUP_PX
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        wanted = [
            chip.Request(str(i), float(lon[rows[i], columns[i]]), float(lat[rows[i], columns[i]]), None)
            for i in members
        ]
        yield members, [outcome.result for outcome in chip.acquire(wanted, job.imagery)]


def _gathered(groups: Iterator[Group]) -> Iterator[Group]:
    """The same pixels in fewer groups, each worth a run of the network."""
    members: list[np.ndarray] = []
    results: list[chip.Chip | chip.Refusal] = []
    for asked, came in groups:
        members.append(asked)
        results += came
        if len(results) >= WORTH_A_RUN:
            yield np.concatenate(members), results
            members, results = [], []
    if results:
        yield np.concatenate(members), results


def _pixel_hectares(job: Job, window: Window) -> float:
    """Mean area of a pixel of the window on the ellipsoid."""
    row0, row1, col0, col1 = window
    a, _, c, _, e, f = job.base.transform
    x = c + a * np.array([col0, col1, col1, col0])
    y = f + e * np.array([row0, row0, row1, row1])
    lon, lat = job.to_degrees().transform(x, y)
    return changes.area_hectares(np.asarray(lon), np.asarray(lat)) / ((row1 - row0) * (col1 - col0))
