"""The blocks of a refined map: each is made and kept whole or not at all, so that a killed run loses one block."""

from __future__ import annotations

import collections
import dataclasses
import json
import logging
import pathlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping

import numpy as np
import rasterio
import shapely

from builder import atomic, errors, progress
from builder.chips import chip
from builder.frame import layers as frame_layers
from builder.geometry import grid, lonlat
from builder.geometry.window import Window
from builder.maps import rasters
from refine.artefacts import changes, refined_map
from refine.mapping import engines, map_inputs, prefetch, reclassify

LOG = logging.getLogger(__name__)
GROUP_PX = 16  # chips of GROUP_PX x GROUP_PX base pixels are asked for together; they share most of their imagery
# Pixels are classified in runs of at least this many: a small run costs as much as a large one. The next group is
# fetched meanwhile.
WORTH_A_RUN = 4 * engines.CHIPS_PER_RUN
Group = tuple[np.ndarray, list[chip.Chip | chip.Refusal]]  # numbers of pixels to classify, and a result for each


@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """A finished block: its pixels, chips refused by reason, and its change table."""

    refined: reclassify.Refined
    refused: Mapping[str, int]
    changed: changes.Changes

    @property
    def summary(self) -> refined_map.MapSummary:
        """The counts of the block; those of all blocks add up to the map's."""
        values, counts = np.unique(self.refined.provenance, return_counts=True)
        pixels = {int(v): int(n) for v, n in zip(values, counts, strict=True)}
        return refined_map.MapSummary(pixels, self.refused, self.changed)


@dataclasses.dataclass(frozen=True, eq=False)
class _Tools:
    """What is opened once for all blocks: the frame's layers, the network, the thread that fetches chips."""

    layers: rasterio.io.DatasetReader
    engine: engines.Engine
    fetcher: prefetch.Fetcher


def windows(job: map_inputs.Job) -> list[Window]:
    """Every block of the base, row by row."""
    return list(job.base.lattice.whole.tiles(job.request.block_px))


def file(job: map_inputs.Job, window: Window) -> pathlib.Path:
    """Where the block of `window` is kept."""
    return job.folder / f"{window.row0:06d}_{window.col0:06d}.npz"


def make_all(job: map_inputs.Job, engine: engines.Engine) -> None:
    """Makes every block that is not there yet, and those that are damaged."""
    wanted = windows(job)
    with (
        rasterio.open(job.frame.layers_file) as layers,
        progress.Progress(f"refined {job.base.path.stem}", len(wanted), unit="blocks") as bar,
        prefetch.Fetcher() as fetcher,
    ):
        tools = _Tools(layers, engine, fetcher)
        for window in wanted:
            if not _is_whole(job, window):
                _write(_make(job, tools, window), file(job, window))
            bar.advance()


def read_all(job: map_inputs.Job) -> Iterator[tuple[Window, Block]]:
    """Every block with its window, row by row.

    Raises:
      errors.InputError: if a block is damaged; the next run makes it again.
    """
    for window in windows(job):
        try:
            yield window, read(job, window)
        except _DAMAGES as error:
            raise errors.InputError(
                f"{file(job, window)}: expected a finished block; it is damaged ({error}). Run the same command again."
            ) from error


def read(job: map_inputs.Job, window: Window) -> Block:
    """The block of `window`, from its file.

    Raises:
      OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error: if it is missing or damaged.
    """
    with np.load(file(job, window)) as stored:
        refined = reclassify.Refined(stored["codes"], stored["confidence"], stored["provenance"])
        changed = changes.Changes.of_rows(stored["changed"].tolist())
        refused = json.loads(str(stored["refused"]))
    if any(layer.shape != window.shape for layer in (refined.codes, refined.confidence, refined.provenance)):
        raise ValueError(f"expected {window.shape} pixels; received {refined.codes.shape}")
    return Block(refined, refused, changed)


_DAMAGES = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def _is_whole(job: map_inputs.Job, window: Window) -> bool:
    """Whether the block of `window` is there and can be read; says so if it is there and cannot."""
    if not file(job, window).is_file():
        return False
    try:
        read(job, window)
    except _DAMAGES as error:
        LOG.warning("%s is damaged (%s): the block is made again.", file(job, window), error)
        return False
    return True


def _write(block: Block, path: pathlib.Path) -> None:
    with atomic.file(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            codes=block.refined.codes,
            confidence=block.refined.confidence,
            provenance=block.refined.provenance,
            changed=np.array(block.changed.rows(), np.float64).reshape(-1, 4),
            refused=np.array(json.dumps(block.refused)),
        )


def _make(job: map_inputs.Job, tools: _Tools, window: Window) -> Block:
    base = rasters.read(job.base, window)
    lon, lat = job.base.lattice.centres_lonlat(window)
    lon = lonlat.wrapped(lon)
    state = _states(tools.layers, lon, lat)
    inside = shapely.contains_xy(job.area, lon, lat)
    provenance = reclassify.provenance_before(base, state, inside, job.table, source=str(job.base.path))
    asked = reclassify.to_classify(provenance, include_undetermined=job.request.include_undetermined)
    pictured, probabilities, refused = _classify(job, tools, asked, lon, lat)
    refined = reclassify.decide(base, provenance, asked, pictured, probabilities, job.table, job.rule)
    changed = changes.of_block(base, refined.codes, job.base.lattice.pixel_hectares(window))
    return Block(refined, refused, changed)


def _states(layers: rasterio.io.DatasetReader, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """uint8[y, x]: `agreement.State` of the cell that holds each point, 0 outside the frame."""
    west, north = layers.transform.c, layers.transform.f
    columns = np.floor(((lon - west) % 360.0) * grid.CELLS_PER_DEGREE).astype(np.int64)
    rows = np.floor((north - lat) * grid.CELLS_PER_DEGREE).astype(np.int64)
    inside = (rows >= 0) & (rows < layers.height) & (columns < layers.width)
    states = np.zeros(lon.shape, np.uint8)
    if not inside.any():
        return states
    rows, columns = rows[inside], columns[inside]
    met = Window(int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
    values = layers.read(frame_layers.Band.STATE, window=met.in_raster)
    states[inside] = values[rows - met.row0, columns - met.col0]
    return states


def _classify(
    job: map_inputs.Job, tools: _Tools, asked: np.ndarray, lon: np.ndarray, lat: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """(pictured bool[n], probabilities float64[m, class], refusals by reason) of the n asked pixels, row by row."""
    rows, columns = np.nonzero(asked)
    pictured = np.zeros(len(rows), bool)
    probabilities = np.zeros((len(rows), len(tools.engine.labels)))
    refused: collections.Counter[str] = collections.Counter()
    for members, results in _gathered(tools.fetcher.ahead(_chips(job, rows, columns, lon, lat))):
        refused.update(str(r.reason) for r in results if isinstance(r, chip.Refusal))
        taken = np.array([isinstance(r, chip.Chip) for r in results])
        if taken.any():
            pixels = np.stack([r.pixels for r in results if isinstance(r, chip.Chip)])
            pictured[members[taken]] = True
            probabilities[members[taken]] = tools.engine.classify(pixels)[1]
    return pictured, probabilities[pictured], dict(refused)


def _chips(
    job: map_inputs.Job, rows: np.ndarray, columns: np.ndarray, lon: np.ndarray, lat: np.ndarray
) -> Iterator[Group]:
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
    for asked, received in groups:
        members.append(asked)
        results += received
        if len(results) >= WORTH_A_RUN:
            yield np.concatenate(members), results
            members, results = [], []
    if results:
        yield np.concatenate(members), results
