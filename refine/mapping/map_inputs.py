"""The inputs of a refined map: every check of a request, and the opened job that the other modules work on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
from typing import Any

import numpy as np
import rasterio
import shapely

from builder import errors, hashing
from builder.chips import imagery_toml
from builder.frame import frame as frames
from builder.geometry import grid, lonlat
from builder.legend import crosswalk, legend
from builder.maps import known_products, rasters
from builder.points import region as regions
from refine.artefacts import model_folder, refined_map
from refine.mapping import engines, map_request, reclassify, work_folder

LARGEST_BYTE = 255
CHECK_ROWS = 512  # of the base, read at a time when its codes are checked
BLOCKS_FORMAT = 3  # raise it when the same request yields other blocks
SUFFIXES = (".tif", ".tiff")
BASE_YEAR = 2010  # of a base whose year the frame does not state
GLOBE = (-180.0, -90.0, 180.0, 90.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """A map to make: the request, and its inputs, each opened and checked once."""

    request: map_request.MapRequest
    model: model_folder.ModelFolder
    frame: frames.Frame
    imagery: imagery_toml.Imagery
    base: rasters.RasterFile
    area: shapely.Geometry

    @functools.cached_property
    def table(self) -> crosswalk.Crosswalk:
        """GlobeLand30's crosswalk, where the code that the base itself declares as nodata means no data."""
        table, nodata = crosswalk.shipped(known_products.BASE), self.base.nodata
        return table if nodata is None or nodata in table.names else table.with_nodata(nodata)

    @functools.cached_property
    def identity(self) -> str:
        """Digest of everything that could change a pixel; blocks are kept under it, so no other map uses them."""
        parts = [
            BLOCKS_FORMAT,
            self.base.sha256,
            self.table.sha256,
            hashing.sha256_of_file(self.frame.layers_file),
            self.imagery.digest,
            [source.fingerprint() for source in self.imagery.sources],
            self.model.digest,
            self.request.engine,
            shapely.to_wkb(self.area).hex(),
            self.request.include_undetermined,
            self.request.min_confidence,
            self.request.base_trust,
            self.request.block_px,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def folder(self) -> pathlib.Path:
        """The hidden folder beside the output that holds finished blocks."""
        return work_folder.of(self.request.out, self.identity)

    @property
    def rule(self) -> reclassify.Rule:
        """When a prediction replaces the code of the base map."""
        codes = np.array([legend.seven().by_name(name).code for name in self.model.labels], np.uint8)
        return reclassify.Rule(codes, self.request.base_trust, self.request.min_confidence)

    @property
    def year(self) -> int:
        """The year that the base describes, as the frame says."""
        products: list[dict[str, Any]] = self.frame.metadata["products"]
        years = [int(p["year"]) for p in products if p["name"] == self.frame.design.base and p.get("year")]
        return years[0] if years else BASE_YEAR

    @property
    def tags(self) -> refined_map.MapTags:
        """How the map is made, for its files."""
        return refined_map.MapTags(
            identity=self.identity,
            model_sha256=self.model.digest,
            dataset=self.model.dataset,
            base=self.base.path.name,
            base_sha256=self.base.sha256,
            imagery_rules=self.imagery.digest,
            min_confidence=self.request.min_confidence,
            base_trust=self.request.base_trust,
            undetermined="classified" if self.request.include_undetermined else "kept",
            engine=self.request.engine,
        )


def open_job(request: map_request.MapRequest) -> Job:
    """The job of a request whose inputs fit together; the network is not loaded.

    Raises:
      errors.InputError: if the output is no GeoTIFF, is the base, cannot be written or exists without `overwrite`; if
        the base has no CRS, holds unknown codes or does not meet the frame or the region; if the model or the frame is
        not whole.
    """
    _check_request(request)
    frame = frames.Frame.open(request.frame, needs_imagery=True)
    job = Job(
        request=request,
        model=model_folder.ModelFolder.open(request.model),
        frame=frame,
        imagery=imagery_toml.read(frame.imagery_file),
        base=_describe(request.base),
        area=_area(request),
    )
    _check_model(job.model)
    _check_frame(job.frame)
    _check_nodata(job.base)
    _check_meets(job)
    _check_free(job)
    _check_codes(job)
    return job


def check(request: map_request.MapRequest) -> None:
    """Refuses a request before any work is done for it.

    Raises:
      errors.InputError: as `open_job` does.
    """
    open_job(request)


def _check_request(request: map_request.MapRequest) -> None:
    """Refuses settings that no map has, and an output that is no GeoTIFF, the base itself, or cannot be written."""
    for name, share in (("--min-confidence", request.min_confidence), ("--base-trust", request.base_trust)):
        if not 0 <= share <= 1:
            raise errors.InputError(f"{name}: expected 0..1; received {share:g}. Give such a probability.")
    if request.engine not in engines.ENGINES:
        raise errors.InputError(f"--engine: expected {' or '.join(engines.ENGINES)}; received {request.engine!r}.")
    if request.bbox is not None and request.aoi is not None:
        raise errors.InputError("--bbox and --aoi: expected one of them; received both. Leave one out.")
    out = request.out
    if out.suffix.lower() not in SUFFIXES or out.is_dir():
        raise errors.InputError(f"--out: expected the name of a GeoTIFF to write, as refined.tif; received {out}.")
    if out.resolve() == request.base.resolve():
        raise errors.InputError(f"--out {out} is the base map itself: name another file.")
    parent = next(path for path in out.resolve().parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise errors.InputError(f"--out {out}: expected a place that can be written; {parent} cannot. Name another.")


def _describe(path: pathlib.Path) -> rasters.RasterFile:
    """The base map; where it has no CRS, the error says how to write one into it."""
    try:
        return rasters.describe(path)
    except errors.NoCrs as error:
        raise errors.NoCrs(
            f"{path}: expected a base map with a coordinate reference system; it has none. Write it into the file, "
            f"e.g. `gdal_edit.py -a_srs EPSG:32649 {path.name}`."
        ) from error


def _area(request: map_request.MapRequest) -> shapely.Geometry:
    """Where to reclassify, in degrees -180..180: the box, the area of interest, or the whole globe."""
    if request.aoi is not None:
        return regions.read_area(request.aoi)
    west, south, east, north = request.bbox or GLOBE
    grid.check_bbox(west, south, east, north)
    regions.refuse_swapped(west, south, east, north)
    if west < east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180.0, north), shapely.box(-180.0, south, east, north))


def _check_model(model: model_folder.ModelFolder) -> None:
    unknown = [name for name in model.labels if name not in legend.seven().names]
    if unknown:
        raise errors.InputError(
            f"{model.path}: the model's classes must be those of the legend; received {', '.join(unknown)}. "
            "Train it with --labels FILE, which maps other labels to the legend."
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


def _check_nodata(base: rasters.RasterFile) -> None:
    """Refuses a nodata value that the refined map, which is of bytes, cannot keep."""
    if base.nodata is not None and base.nodata > LARGEST_BYTE:
        raise errors.InputError(
            f"{base.path}: expected a nodata value of 0..{LARGEST_BYTE}, which a map of bytes can keep; it declares "
            f"another. Give it one, e.g. `gdalwarp -ot Byte -dstnodata 0 {base.path.name} bytes.tif`."
        )


def _check_meets(job: Job) -> None:
    """Refuses a base that does not meet the frame, and a region that does not meet the base."""
    request, base = job.request, job.base
    here = "{:.3f}, {:.3f}, {:.3f}, {:.3f}".format(*base.bounds_lonlat)
    with rasterio.open(job.frame.layers_file) as layers:
        box = layers.bounds
    if not lonlat.overlaps(base.bounds_lonlat, (box.left, box.bottom, box.right, box.top)):
        raise errors.InputError(
            f"{request.base} ({here}) does not meet the frame {request.frame} "
            f"({box.left:.3f}, {box.bottom:.3f}, {box.right:.3f}, {box.top:.3f}). Give the tile that the frame covers."
        )
    if not any(
        lonlat.overlaps(base.bounds_lonlat, tuple(shapely.bounds(part).tolist()))
        for part in shapely.get_parts(job.area)
    ):
        asked = f"--aoi {request.aoi}" if request.aoi else "--bbox"
        west, south, east, north = shapely.bounds(job.area).tolist()
        raise errors.InputError(
            f"{asked} ({west:.3f}, {south:.3f}, {east:.3f}, {north:.3f}) does not meet {request.base} ({here}): "
            "nothing would be reclassified. Choose a region within the tile."
        )


def _check_free(job: Job) -> None:
    """Refuses to replace files of others, and without `overwrite` those of an earlier map, too.

    Files that a killed run of this very map has moved to their place are its own.
    """
    refined = refined_map.RefinedMap(job.request.out)
    own = work_folder.published(refined) if work_folder.is_staged(job.folder) else frozenset()
    existing = [path for path in refined.outputs if path.exists() and path not in own]
    if existing and not job.request.overwrite:
        raise errors.RefusedOverwrite(existing[0])
    if existing and refined.identity() is None and not work_folder.staged(refined.path):
        raise errors.InputError(
            f"--out {refined.path}: --overwrite would replace {existing[0]}, which is no file of a refined map. Move "
            "it elsewhere, or name another --out."
        )


def _check_codes(job: Job) -> None:
    """Looks at every code of the base before the first picture is asked for."""
    base, known = job.base, job.table.names
    for part in base.lattice.whole.tiles(CHECK_ROWS, base.shape[1]):
        codes = rasters.read(base, part)
        if unknown := sorted(set(np.unique(codes).tolist()) - known.keys()):
            raise errors.InputError(
                f"{base.path} holds codes that are not {known_products.BASE}'s: {', '.join(map(str, unknown))} (from "
                f"row {part.row0} on); expected {', '.join(map(str, sorted(known)))}. Give a tile of "
                f"{known_products.BASE}; if the code means no data, "
                f"declare it: `gdal_edit.py -a_nodata {unknown[0]} {base.path.name}`."
            )
