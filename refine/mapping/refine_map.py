"""A refined map of one base tile: block by block, resumable, on exactly the base's grid.

base tile + FRAME/agreement_layers.tif --which pixels?--> chips from FRAME/imagery.toml --engine--> refined.tif,
refined_confidence.tif, refined_provenance.tif, refined_changes.csv, refined_changes.png, refined.json (a STAC item)
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import pathlib
import re
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import rasterio
import shapely

from builder import atomic, errors, hashing
from builder.chips import imagery_toml
from builder.frame import frame as frames
from builder.geometry import grid, lonlat
from builder.geometry.window import Window
from builder.legend import crosswalk, legend
from builder.maps import known_products, rasters
from builder.points import region as regions
from refine.mapping import blocks, engines, reclassify, writing

BLOCK_PX = 128  # pixels of the base along one side of a block: the unit of work that a killed run loses
LOG = logging.getLogger(__name__)
LARGEST_BYTE = 255
CHECK_ROWS = 512  # of the base, read at a time when its codes are checked
BLOCKS_FORMAT = 2  # raise it when the same request yields other blocks
SUFFIXES = (".tif", ".tiff")
BASE_YEAR = 2010  # of a base whose year the frame does not tell


@dataclasses.dataclass(frozen=True)
class MapRequest:
    """What `python -m refine map` was asked for; degrees are EPSG:4326, shares are 0..1.

    `block_px` changes what a killed run loses, not the map.
    """

    model: pathlib.Path
    base: pathlib.Path
    frame: pathlib.Path
    out: pathlib.Path
    bbox: tuple[float, float, float, float] | None = None
    aoi: pathlib.Path | None = None
    include_undetermined: bool = False
    min_confidence: float = reclassify.MIN_CONFIDENCE
    base_trust: float = reclassify.BASE_TRUST
    engine: str = "keras"
    overwrite: bool = False
    block_px: int = BLOCK_PX


@dataclasses.dataclass(frozen=True, eq=False)
class MapPlan:
    """A request whose inputs were looked at: what the map will be made of, before the model is loaded."""

    request: MapRequest
    base: rasters.RasterFile
    table: crosswalk.Crosswalk
    frame: frames.Frame
    imagery: imagery_toml.Imagery
    area: shapely.Geometry
    model_sha256: str
    dataset: str

    @property
    def identity(self) -> str:
        """Digest of everything that could change a pixel: blocks of another map are never taken for this one's."""
        parts = [
            BLOCKS_FORMAT,
            self.base.sha256,
            self.table.sha256,
            hashing.sha256_of_file(self.frame.layers_file),
            self.imagery.digest,
            [source.fingerprint() for source in self.imagery.sources],
            self.model_sha256,
            self.request.engine,
            shapely.to_wkb(self.area).hex(),
            self.request.include_undetermined,
            self.request.min_confidence,
            self.request.base_trust,
            self.request.block_px,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def year(self) -> int:
        """The year that the base describes, as the frame says."""
        products: list[dict[str, Any]] = self.frame.metadata["products"]
        years = [int(p["year"]) for p in products if p["name"] == self.frame.design.base and p.get("year")]
        return years[0] if years else BASE_YEAR

    def tags(self) -> Mapping[str, str]:
        """What every file of the map says of itself."""
        return {
            writing.IDENTITY_TAG: self.identity,
            "GLOBELAND_MODEL_SHA256": self.model_sha256,
            "GLOBELAND_DATASET": self.dataset,
            "GLOBELAND_BASE": self.base.path.name,
            "GLOBELAND_BASE_SHA256": self.base.sha256,
            "GLOBELAND_IMAGERY_RULES": self.imagery.digest,
            "GLOBELAND_MIN_CONFIDENCE": f"{self.request.min_confidence:g}",
            "GLOBELAND_BASE_TRUST": f"{self.request.base_trust:g}",
            "GLOBELAND_UNDETERMINED": "classified" if self.request.include_undetermined else "kept",
            "GLOBELAND_ENGINE": self.request.engine,
        }


def refine_map(request: MapRequest) -> blocks.MapSummary:
    """Writes the refined map of one base tile beside its confidence, provenance, change table and STAC item.

    A killed run goes on at the block it was in. Nothing but the hidden block folder exists before all is written.

    Raises:
      errors.InputError: if the base has no CRS, holds unknown codes or does not meet the frame or the region; if the
        model or the frame is not whole; if no pixel has imagery; if an output exists and `overwrite` is false.
    """
    check_out(request)
    plan = plan_of(request)
    with rasterio.open(plan.frame.layers_file) as layers:
        job = _job(plan, layers)
        summary = blocks.make_all(job)
        _check_classified(summary, request)
        writing.write(job, summary, request.out, plan.tags(), year=plan.year)
    remove_blocks(request.out)
    return summary


def check_out(request: MapRequest) -> None:
    """Refuses an output that is no GeoTIFF, is the base itself, or exists.

    Raises:
      errors.InputError: naming it.
    """
    out = request.out
    if out.suffix.lower() not in SUFFIXES or out.is_dir():
        raise errors.InputError(f"--out: expected the name of a GeoTIFF to write, as refined.tif; received {out}.")
    if out.resolve() == request.base.resolve():
        raise errors.InputError(f"--out {out} is the base map itself: name another file.")
    existing = [path for path in writing.outputs(out) if path.exists()]
    if existing and not request.overwrite:
        raise errors.RefusedOverwrite(existing[0])


def plan_of(request: MapRequest) -> MapPlan:
    """The plan of a request whose inputs fit together; the model is not loaded.

    Raises:
      errors.InputError: as `refine_map` does, but for missing imagery.
    """
    from refine.export import exporting

    for name, share in (("--min-confidence", request.min_confidence), ("--base-trust", request.base_trust)):
        if not 0 <= share <= 1:
            raise errors.InputError(f"{name}: expected 0..1; received {share:g}.")
    if request.engine not in engines.ENGINES:
        raise errors.InputError(f"--engine: expected {' or '.join(engines.ENGINES)}; received {request.engine!r}.")
    record = exporting.read_record(request.model)
    frame = frames.Frame.open(request.frame, needs_imagery=True)
    _check_frame(frame)
    imagery = imagery_toml.read(frame.imagery_file)
    base = _described(request.base)
    _check_nodata(base)
    table = _table(base)
    area = _area(request)
    _check_meets(base, area, request)
    _check_codes(base, table)
    return MapPlan(request, base, table, frame, imagery, area, record["files"][exporting.MODEL], record["dataset"])


def remove_blocks(out: pathlib.Path) -> None:
    """Removes the block folders of the map `out`, those of earlier tries with other settings too."""
    ours = re.compile(re.escape(_block_folder(out, "")) + "[0-9a-f]{16}")
    for path in out.parent.iterdir():
        if ours.fullmatch(path.name):
            shutil.rmtree(path)


def _block_folder(out: pathlib.Path, identity: str) -> str:
    return f"{atomic.TEMPORARY_PREFIX}{out.stem}.{identity}"


def _job(plan: MapPlan, layers: rasterio.io.DatasetReader) -> blocks.Job:
    request = plan.request
    engine = engines.open_engine(request.engine, request.model)
    unknown = [name for name in engine.labels if name not in legend.seven().names]
    if unknown:
        raise errors.InputError(
            f"{request.model}: the model's classes must be those of the legend; received {', '.join(unknown)}. "
            "Train it with --labels FILE, which maps other labels to the legend."
        )
    codes = np.array([legend.seven().by_name(name).code for name in engine.labels], np.uint8)
    folder = request.out.parent / _block_folder(request.out, plan.identity)
    folder.mkdir(parents=True, exist_ok=True)
    return blocks.Job(
        base=plan.base,
        table=plan.table,
        layers=layers,
        imagery=plan.imagery,
        area=plan.area,
        engine=engine,
        rule=reclassify.Rule(codes, request.base_trust, request.min_confidence),
        include_undetermined=request.include_undetermined,
        block_px=request.block_px,
        folder=folder,
    )


def _check_frame(frame: frames.Frame) -> None:
    if frame.design.is_given:
        raise errors.InputError(
            f"{frame.path}: a frame of given points has no agreement map. "
            "Give the frame that `points --products` wrote."
        )
    if frame.design.base != known_products.BASE:
        raise errors.InputError(
            f"{frame.path}: its strata and disagreement are those of the base {frame.design.base!r}; a refined map is "
            f"written in the codes of {known_products.BASE}. Give a frame whose base is {known_products.BASE}."
        )


def _described(path: pathlib.Path) -> rasters.RasterFile:
    try:
        return rasters.describe(path)
    except errors.InputError as error:
        if "coordinate reference system" not in str(error):
            raise
        raise errors.InputError(
            f"{path}: expected a base map with a coordinate reference system; it has none. Write it into the file, "
            f"e.g. `gdal_edit.py -a_srs EPSG:32649 {path.name}`."
        ) from error


def _check_nodata(base: rasters.RasterFile) -> None:
    """The refined map keeps the base's nodata, and is of bytes."""
    if base.nodata is not None and base.nodata > LARGEST_BYTE:
        raise errors.InputError(
            f"{base.path}: expected a nodata value of 0..{LARGEST_BYTE}, which a map of bytes can keep; it declares "
            f"another. Give it one, e.g. `gdalwarp -ot Byte -dstnodata 0 {base.path.name} bytes.tif`."
        )


def _table(base: rasters.RasterFile) -> crosswalk.Crosswalk:
    """GlobeLand30's crosswalk; what the file itself declares as nodata is none of its classes."""
    table = crosswalk.shipped(known_products.BASE)
    return table if base.nodata is None or base.nodata in table.names else table.with_nodata(base.nodata)


def _check_codes(base: rasters.RasterFile, table: crosswalk.Crosswalk) -> None:
    """Looks at every code of the base before the first picture is asked for."""
    rows, columns = base.shape
    for row in range(0, rows, CHECK_ROWS):
        codes = rasters.read(base, Window(row, min(row + CHECK_ROWS, rows), 0, columns))
        if unknown := sorted(set(np.unique(codes).tolist()) - table.names.keys()):
            raise errors.InputError(
                f"{base.path} holds codes that are not {known_products.BASE}'s: {', '.join(map(str, unknown))} (from "
                f"row {row} on); expected {', '.join(map(str, sorted(table.names)))}. Give a tile of "
                f"{known_products.BASE}; if the code means no data, "
                f"declare it: `gdal_edit.py -a_nodata {unknown[0]} {base.path.name}`."
            )


def _area(request: MapRequest) -> shapely.Geometry:
    """Where to reclassify, in degrees -180..180: the box, the area of interest, or the whole globe."""
    if request.bbox is not None and request.aoi is not None:
        raise errors.InputError("--bbox and --aoi: expected one of them; received both.")
    if request.aoi is not None:
        return regions.read_area(request.aoi)
    west, south, east, north = request.bbox or (-180.0, -90.0, 180.0, 90.0)
    grid.window_of_bbox(west, south, east, north)  # refuses a reversed or empty box
    regions.refuse_swapped(west, south, east, north)
    if west < east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east, north))


def _check_meets(base: rasters.RasterFile, area: shapely.Geometry, request: MapRequest) -> None:
    here = "{:.3f}, {:.3f}, {:.3f}, {:.3f}".format(*base.bounds_lonlat)
    with rasterio.open(frames.Frame(request.frame).layers_file) as layers:
        box = layers.bounds
    if not lonlat.overlaps(base.bounds_lonlat, tuple(box)):
        raise errors.InputError(
            f"{request.base} ({here}) does not meet the frame {request.frame} "
            f"({box.left:.3f}, {box.bottom:.3f}, {box.right:.3f}, {box.top:.3f}). Give the tile that the frame covers."
        )
    if not any(lonlat.overlaps(base.bounds_lonlat, shapely.bounds(part).tolist()) for part in shapely.get_parts(area)):
        asked = f"--aoi {request.aoi}" if request.aoi else "--bbox"
        west, south, east, north = shapely.bounds(area).tolist()
        raise errors.InputError(
            f"{asked} ({west:.3f}, {south:.3f}, {east:.3f}, {north:.3f}) does not meet {request.base} ({here}): "
            "nothing would be reclassified. Choose a region within the tile."
        )


def _check_classified(summary: blocks.MapSummary, request: MapRequest) -> None:
    """Says where no pixel was to be classified; refuses a map whose every wanted pixel lacks a picture."""
    counted = {p: summary.pixels.get(p, 0) for p in reclassify.Provenance}
    classified = sum(counted[p] for p in reclassify.CLASSIFIED)
    if classified:
        return
    if not counted[reclassify.Provenance.NO_IMAGERY]:
        LOG.warning(
            "%s: no pixel of the region lies in an inconsistent cell of the frame, so nothing is reclassified: the map "
            "is the base map again.", request.base,
        )  # fmt: skip
        return
    reasons = ", ".join(f"{reason} ({count:,} pixels)" for reason, count in sorted(summary.refused.items()))
    remove_blocks(request.out)
    raise errors.InputError(
        f"{request.frame / frames.IMAGERY}: no pixel of the {counted[reclassify.Provenance.NO_IMAGERY]:,} to "
        f"reclassify has imagery: {reasons}. Every picture must satisfy the season of every class here, since the "
        "class is not known. Add imagery, widen the rules, or choose another region."
    )
