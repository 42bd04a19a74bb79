"""A refined map of one base tile: block by block, resumable, on exactly the base's grid.

base tile + FRAME/agreement_layers.tif --which pixels?--> chips from FRAME/imagery.toml --engine--> refined.tif,
refined_confidence.tif, refined_provenance.tif, refined_changes.csv, refined_changes.png, refined.json (a STAC item)
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import json
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyproj
import rasterio
import rasterio.windows
import shapely

from builder import atomic, errors, progress
from builder.chips import chip, settings
from builder.legend import crosswalk, legend
from builder.maps import cog, grid, known, rasters
from builder.points import frame as frames
from builder.points import region as regions
from refine.mapping import changes, engines, reclassify, stac

BLOCK_PX = 128  # pixels of the base along one side of a block: the unit of work that a killed run loses
GROUP_PX = 16  # chips of GROUP_PX x GROUP_PX base pixels are in memory together; they share most of their imagery
BASE_LEGEND = legend.LEGEND_FILE.with_name("globeland30.toml")
STATE_BAND = 1
CRS = pyproj.CRS


@dataclasses.dataclass(frozen=True)
class MapRequest:
    """What `python -m refine map` was asked for; degrees are EPSG:4326, `min_confidence` is 0..1.

    `block_px` changes what a killed run loses, not the map.
    """

    model: pathlib.Path
    base: pathlib.Path
    frame: pathlib.Path
    out: pathlib.Path
    bbox: tuple[float, float, float, float] | None = None
    aoi: pathlib.Path | None = None
    include_undetermined: bool = False
    min_confidence: float = 0.5
    engine: str = "keras"
    overwrite: bool = False
    block_px: int = BLOCK_PX


@dataclasses.dataclass(frozen=True)
class MapSummary:
    """Pixels by provenance, chips refused by reason, and the change table; `+` adds two maps."""

    pixels: Mapping[int, int]
    refused: Mapping[str, int]
    changed: changes.Changes

    def __add__(self, other: MapSummary) -> MapSummary:
        pixels = collections.Counter(self.pixels) + collections.Counter(other.pixels)
        refused = collections.Counter(self.refused) + collections.Counter(other.refused)
        return MapSummary(dict(pixels), dict(refused), self.changed + other.changed)


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Everything a block needs, opened once."""

    request: MapRequest
    base: rasters.RasterFile
    table: crosswalk.Crosswalk
    layers: rasterio.io.DatasetReader
    imagery: settings.Imagery
    area: shapely.Geometry
    engine: engines.Engine
    to_degrees: pyproj.Transformer
    work: pathlib.Path


def refine_map(request: MapRequest) -> MapSummary:
    """Writes the refined map of one base tile beside its confidence, provenance, change table and STAC item.

    A killed run goes on at the block it was in. Nothing but the hidden block folder exists before all is written.

    Raises:
      errors.InputError: if the base has no CRS, holds unknown codes or does not meet the frame; if the model or the
        frame is not whole; if there is no imagery; if `out` exists and `overwrite` is false.
    """
    if not 0 <= request.min_confidence <= 1:
        raise errors.InputError(f"--min-confidence: expected 0..1; received {request.min_confidence:g}.")
    if request.out.exists() and not request.overwrite:
        raise errors.RefusedOverwrite(request.out)
    job = _open(request)
    with job.layers:
        summary = _blocks(job)
        _write(job, summary)
    for work in request.out.parent.glob(f"{atomic.TEMPORARY_PREFIX}{request.out.stem}.*"):
        shutil.rmtree(work)  # blocks of this map, and of earlier tries with other settings
    return summary


def _open(request: MapRequest) -> Job:
    base = rasters.describe(request.base)
    frame = frames.Frame.open(request.frame, needs_imagery=True)
    if frame.design.is_given:
        raise errors.InputError(
            f"{request.frame}: a frame of given points has no agreement map. "
            "Give the frame that `points --products` wrote."
        )
    imagery = settings.read(frame.imagery_file)
    layers = rasterio.open(frame.layers_file)
    _check_meets(base, layers, request)
    engine = engines.open_engine(request.engine, request.model, chip_px=imagery.chip.size_px)
    unknown = [name for name in engine.labels if name not in legend.seven().names]
    if unknown:
        raise errors.InputError(
            f"{request.model}: the model's classes must be those of the legend; received {', '.join(unknown)}. "
            "Train it with --labels FILE, which maps other labels to the legend."
        )
    work = (
        request.out.parent
        / f"{atomic.TEMPORARY_PREFIX}{request.out.stem}.{_identity(request, base, frame, imagery, engine)}"
    )
    work.mkdir(parents=True, exist_ok=True)
    to_degrees = pyproj.Transformer.from_crs(CRS.from_user_input(base.crs), "EPSG:4326", always_xy=True)
    area = _area(request)
    return Job(request, base, crosswalk.shipped(known.BASE), layers, imagery, area, engine, to_degrees, work)


def _area(request: MapRequest) -> shapely.Geometry:
    """Where to reclassify, in degrees: the box, the area of interest, or the whole globe."""
    if request.bbox is not None and request.aoi is not None:
        raise errors.InputError("--bbox and --aoi: expected one of them; received both.")
    if request.aoi is not None:
        return regions.read_area(request.aoi)
    west, south, east, north = request.bbox or (-180.0, -90.0, 180.0, 90.0)
    grid.window_of_bbox(west, south, east, north)  # refuses a reversed or empty box
    if west < east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east, north))


def _check_meets(base: rasters.RasterFile, layers: rasterio.io.DatasetReader, request: MapRequest) -> None:
    west, south, east, north = rasters.bounds_lonlat(base)
    box = layers.bounds
    if not (west < box.right and east > box.left and south < box.top and north > box.bottom):
        raise errors.InputError(
            f"{request.base} ({west:.3f}, {south:.3f}, {east:.3f}, {north:.3f}) does not meet "
            f"the frame {request.frame} ({box.left:.3f}, {box.bottom:.3f}, {box.right:.3f}, {box.top:.3f}). "
            "Give the tile that the frame covers."
        )


def _identity(
    request: MapRequest,
    base: rasters.RasterFile,
    frame: frames.Frame,
    imagery: settings.Imagery,
    engine: engines.Engine,
) -> str:
    """Digest of everything that could change a pixel: blocks of another map are never taken for this one's."""
    parts = [
        base.sha256,
        rasters.sha256(frame.layers_file),
        imagery.digest,
        engine.digest,
        request.engine,
        str(request.bbox),
    ]
    parts += [
        rasters.sha256(request.aoi) if request.aoi else "",
        str(request.include_undetermined),
        str(request.min_confidence),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _windows(job: Job) -> Iterator[tuple[int, int, int, int]]:
    (rows, columns), side = job.base.shape, job.request.block_px
    for row in range(0, rows, side):
        for column in range(0, columns, side):
            yield row, min(row + side, rows), column, min(column + side, columns)


def _blocks(job: Job) -> MapSummary:
    """Makes every block that is not there yet; returns the sum over all."""
    windows = list(_windows(job))
    total = MapSummary({}, {}, changes.Changes())
    with progress.Progress("refined", len(windows), unit="blocks") as bar:
        for window in windows:
            path = _block_file(job, window)
            if not path.is_file():
                _make_block(job, window, path)
            total += _read_block(path)[1]
            bar.advance()
    return total


def _block_file(job: Job, window: tuple[int, int, int, int]) -> pathlib.Path:
    return job.work / f"{window[0]:06d}_{window[2]:06d}.npz"


def _make_block(job: Job, window: tuple[int, int, int, int], path: pathlib.Path) -> None:
    row0, row1, col0, col1 = window
    base = rasters.read(job.base, row0, row1, col0, col1)
    lon, lat = _centres(job, window)
    state = _states(job.layers, lon, lat)
    inside = shapely.contains_xy(job.area, lon, lat)
    provenance = reclassify.keep_all(base, state, inside, job.table, source=str(job.base.path))
    asked = reclassify.wanted(provenance, include_undetermined=job.request.include_undetermined)
    pictured, probabilities, refused = _classify(job, asked, lon, lat)
    codes = np.array([legend.seven().by_name(name).code for name in job.engine.labels], np.uint8)
    refined = reclassify.decide(
        base, provenance, asked, pictured, probabilities, job.table, codes, min_confidence=job.request.min_confidence
    )
    moved = changes.of_block(base, refined.codes, _pixel_hectares(job, window))
    with atomic.file(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            codes=refined.codes,
            confidence=refined.confidence,
            provenance=refined.provenance,
            changed=np.array(moved.rows(), np.float64).reshape(-1, 4),
            refused=np.array(json.dumps(refused)),
        )


def _read_block(path: pathlib.Path) -> tuple[reclassify.Refined, MapSummary]:
    with np.load(path) as stored:
        refined = reclassify.Refined(stored["codes"], stored["confidence"], stored["provenance"])
        rows = stored["changed"]
        refused = json.loads(str(stored["refused"]))
    values, counts = np.unique(refined.provenance, return_counts=True)
    moved = changes.Changes(
        {(int(a), int(b)): int(n) for a, b, n, _ in rows}, {(int(a), int(b)): float(h) for a, b, _, h in rows}
    )
    return refined, MapSummary({int(v): int(n) for v, n in zip(values, counts, strict=True)}, refused, moved)


def _centres(job: Job, window: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(longitude, latitude), each float64[y, x] in degrees, of the pixel centres of a window."""
    row0, row1, col0, col1 = window
    a, _, c, _, e, f = job.base.transform
    x, y = np.meshgrid(c + a * (np.arange(col0, col1) + 0.5), f + e * (np.arange(row0, row1) + 0.5))
    lon, lat = job.to_degrees.transform(x, y)
    return np.asarray(lon), np.asarray(lat)


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
    job: Job, asked: np.ndarray, lon: np.ndarray, lat: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """(pictured bool[n], probabilities float64[m, class], refusals by reason) of the n asked pixels, row by row."""
    rows, columns = np.nonzero(asked)
    pictured = np.zeros(len(rows), bool)
    probabilities = np.zeros((len(rows), len(job.engine.labels)))
    refused: collections.Counter[str] = collections.Counter()
    groups = rows // GROUP_PX * asked.shape[1] + columns // GROUP_PX
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        wanted = [
            chip.Request(str(i), float(lon[rows[i], columns[i]]), float(lat[rows[i], columns[i]]), None)
            for i in members
        ]
        results = [outcome.result for outcome in chip.acquire(wanted, job.imagery)]
        refused.update(str(r.reason) for r in results if isinstance(r, chip.Refusal))
        taken = np.array([isinstance(r, chip.Chip) for r in results])
        if taken.any():
            pixels = np.stack([r.pixels for r in results if isinstance(r, chip.Chip)])
            pictured[members[taken]] = True
            probabilities[members[taken]] = job.engine.classify(pixels)[1]
    return pictured, probabilities[pictured], dict(refused)


def _pixel_hectares(job: Job, window: tuple[int, int, int, int]) -> float:
    """Mean area of a pixel of the window on the ellipsoid."""
    row0, row1, col0, col1 = window
    a, _, c, _, e, f = job.base.transform
    x = c + a * np.array([col0, col1, col1, col0])
    y = f + e * np.array([row0, row0, row1, row1])
    lon, lat = job.to_degrees.transform(x, y)
    return changes.area_hectares(np.asarray(lon), np.asarray(lat)) / ((row1 - row0) * (col1 - col0))


def _write(job: Job, summary: MapSummary) -> None:
    out = job.request.out
    classes = legend.read(BASE_LEGEND)
    names = {c.code: c.title for c in classes.classes} | {0: "no data", 255: "no data"}
    tags = _tags(job)
    nodata = job.base.nodata
    _write_layer(job, out, "codes", nodata, palette=classes, tags=tags, band="class")
    _write_layer(
        job, beside(out, "provenance"), "provenance", 0, palette=_provenance_legend(), tags=tags, band="provenance"
    )
    _write_layer(
        job,
        beside(out, "confidence"),
        "confidence",
        reclassify.NOT_CLASSIFIED,
        palette=None,
        tags=tags,
        band="probability, percent",
    )
    changes.write_csv(summary.changed, names, beside(out, "changes", ".csv"))
    colours = {c.code: c.colour for c in classes.classes}
    changes.draw(summary.changed, names, colours, beside(out, "changes", ".png"))
    stac.write_item(out, [beside(out, "confidence"), beside(out, "provenance")], job.base, tags, classes)


def beside(out: pathlib.Path, what: str, suffix: str = "") -> pathlib.Path:
    """Where the companion `what` of a refined map lies: refined.tif -> refined_what.tif."""
    return out.with_name(f"{out.stem}_{what}{suffix or out.suffix}")


def _write_layer(
    job: Job,
    path: pathlib.Path,
    layer: str,
    nodata: int | None,
    *,
    palette: legend.Legend | None,
    tags: Mapping[str, str],
    band: str,
) -> None:
    profile = cog.Profile(job.base.crs, job.base.transform, job.base.shape, 1, "uint8", nodata)
    blocks = (
        (window[0], window[2], getattr(_read_block(_block_file(job, window))[0], layer)[np.newaxis])
        for window in _windows(job)
    )
    cog.from_blocks(
        path,
        profile,
        blocks,
        band_names=(band,),
        palette=palette,
        tags=tags,
        overviews="mode" if palette else "average",
    )


def _provenance_legend() -> legend.Legend:
    kinds: Sequence[reclassify.Provenance] = [p for p in reclassify.Provenance if p]
    return legend.Legend(
        "provenance",
        tuple(
            legend.LandCoverClass(
                i, int(p), p.name.lower(), reclassify.PROVENANCE_TITLES[p], "", reclassify.PROVENANCE_COLOURS[p]
            )
            for i, p in enumerate(kinds)
        ),
    )


def _tags(job: Job) -> dict[str, Any]:
    return {
        "GLOBELAND_MODEL_SHA256": job.engine.digest,
        "GLOBELAND_DATASET": job.engine.dataset,
        "GLOBELAND_BASE": job.base.path.name,
        "GLOBELAND_BASE_SHA256": job.base.sha256,
        "GLOBELAND_IMAGERY_RULES": job.imagery.digest,
        "GLOBELAND_MIN_CONFIDENCE": f"{job.request.min_confidence:g}",
        "GLOBELAND_UNDETERMINED": "classified" if job.request.include_undetermined else "kept",
        "GLOBELAND_ENGINE": job.request.engine,
    }
