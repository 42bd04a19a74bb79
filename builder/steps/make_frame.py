"""From products to a sampling frame: agreement, points and settings in one folder, written whole or not at all."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from builder import errors
from builder.chips import imagery_toml
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.frame import frame_folder, points_table
from builder.geometry.lonlat import Bounds
from builder.legend import legend as legends
from builder.maps import agreement, products
from builder.pipeline import agreement_maps as maps_of_frames
from builder.pipeline import point_draws, running
from builder.points import drawing, given, region, shortfalls

_DEFAULT = designs.SamplingDesign()


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameRequest:
    """What `python -m builder points` was asked for; numbers as in `design.SamplingDesign`.

    Attributes:
      products: folder of the products, as `products.find` takes it.
      out: folder of the frame to write.
      imagery: imagery.toml to copy into the frame; its chip size counts.
      bbox: (west, south, east, north) in degrees; west > east crosses 180.
      aoi: vector file of the area of interest. Without bbox and aoi: all that the base product covers.
      min_agreement: products that must hold one class; None asks for all.
      overwrite: replace a frame in `out`; its chips, reviews and imagery.toml are kept.
      dry_run: draw and tell, but write nothing into `out`.
      tile_cells: side of the tiles; memory depends on it, the result does not.
      beam_options: as `options.runner_options` takes them.
    """

    products: pathlib.Path
    out: pathlib.Path
    imagery: pathlib.Path | None = None
    bbox: Bounds | None = None
    aoi: pathlib.Path | None = None
    min_agreement: int | None = None
    per_class: int = _DEFAULT.per_class
    test_per_stratum: int = _DEFAULT.test_per_stratum
    validation_share: float = _DEFAULT.validation_share
    reserve: float = _DEFAULT.reserve
    min_spacing_m: float = _DEFAULT.min_spacing_m
    buffer_m: float = _DEFAULT.buffer_m
    split_block_deg: float = _DEFAULT.split_block_deg
    seed: int = _DEFAULT.seed
    overwrite: bool = False
    dry_run: bool = False
    tile_cells: int = 360
    beam_options: tuple[str, ...] = ()

    def design(self) -> designs.SamplingDesign:
        """The numbers of the design, checked; products and region are still to be found."""
        names = {f.name for f in dataclasses.fields(designs.SamplingDesign)} - {"products", "min_agreement"}
        numbers = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name in names}
        return designs.SamplingDesign(**numbers, chip_size_m=_chip_size_m(self.imagery))


@dataclasses.dataclass(frozen=True, eq=False)
class FrameSummary:
    """What was drawn. `frame` is None after a dry run; `agreement` is None where the points were given.

    `notices` are sentences for people: empty splits, and what is still to be done. `text` is all of it, in lines.
    """

    frame: frames.Frame | None
    points: pa.Table
    metadata: Mapping[str, Any]
    agreement: agreement.AgreementSummary | None
    notices: tuple[str, ...]
    text: str


def make_frame(request: FrameRequest) -> FrameSummary:
    """Compares the products, draws the points, writes the frame and prints a summary.

    Raises:
      errors.InputError: if a number, a product, the region or the output is not as it must be, or no cell has data;
        nothing is left half-written.
    """
    design = request.design()
    running.runner_options(request.beam_options)  # before hours of work
    if not request.dry_run:
        frame_folder.check(request.out, design, overwrite=request.overwrite)
    found = products.find(request.products)
    area = region.of(found.base, bbox=request.bbox, aoi=request.aoi)
    design = dataclasses.replace(
        design,
        products=found.names,
        base=found.base.name,
        min_agreement=agreement.required_votes(len(found.products), request.min_agreement),
        region=area.window.bounds,
        aoi_sha256=area.aoi_sha256,
    )
    if request.dry_run:
        with tempfile.TemporaryDirectory(prefix="globeland-") as scratch:
            summary = _draw_into(pathlib.Path(scratch), request, found, area, design)
    else:
        with frame_folder.written(request.out, overwrite=request.overwrite, imagery=request.imagery) as folder:
            summary = _draw_into(folder, request, found, area, design)
        summary = dataclasses.replace(summary, frame=frames.Frame.open(request.out))
    print(summary.text)
    return summary


def _draw_into(
    folder: pathlib.Path,
    request: FrameRequest,
    found: products.ProductSet,
    area: region.Region,
    design: designs.SamplingDesign,
) -> FrameSummary:
    compared = maps_of_frames.write_agreement(
        found, area.window, folder,
        min_agreement=request.min_agreement, tile_cells=request.tile_cells,
        beam_options=request.beam_options, aoi=area.aoi,
    )  # fmt: skip
    _refuse_all_nodata(compared, request.products)
    drawn = drawing.draw(point_draws.FrameTiles(folder, area.window, request.tile_cells, request.beam_options), design)
    points = drawing.table_of_drawn(drawn, design)
    metadata = _metadata(design) | {
        "products": found.records(),
        "strata": shortfalls.strata(drawn),
        "shortfalls": shortfalls.find(drawn, design),
    }
    points_table.write(folder / frames.POINTS, points, metadata)
    notices = (*shortfalls.empty_splits(drawn, design), *_imagery_notice(request.out, request.imagery))
    lines = [compared.table(legends.seven()), "", *shortfalls.counts_table(drawn, design)]
    lines += [*shortfalls.lines(metadata["shortfalls"]), "", *notices, _outcome(points, request)]
    return FrameSummary(None, points, metadata, compared, notices, "\n".join(lines))


def _refuse_all_nodata(compared: agreement.AgreementSummary, folder: pathlib.Path) -> None:
    if not any(compared.of_state(state) for state in agreement.State if state is not agreement.State.NODATA):
        raise errors.InputError(
            f"{folder}: expected the base product to hold data in the region; every cell is without data. "
            "Choose another --bbox or --aoi, or look at the product's nodata code."
        )


def _outcome(points: pa.Table, request: FrameRequest) -> str:
    if request.dry_run:
        return f"dry run: {points.num_rows:,} points would be ranked; nothing was written into {request.out}."
    return f"{request.out}: {points.num_rows:,} ranked points."


def _imagery_notice(out: pathlib.Path, imagery: pathlib.Path | None) -> tuple[str, ...]:
    if imagery is not None or (out / frames.IMAGERY).is_file():
        return ()
    return (f"no --imagery was given: put {frames.IMAGERY} into {out} before you acquire chips.",)


def frame_of_given_points(
    points_file: pathlib.Path,
    out: pathlib.Path,
    *,
    imagery: pathlib.Path | None = None,
    split_block_deg: float = _DEFAULT.split_block_deg,
    overwrite: bool = False,
    dry_run: bool = False,
) -> FrameSummary:
    """Writes a frame of the points in a CSV or GeoJSON (`given.read`) and prints a summary; it has no rasters.

    Raises:
      errors.InputError: naming file and line, for anything wrong with the points; or if `out` exists.
    """
    points = given.read(points_file, legends.seven())
    design = given.design_of(points, chip_size_m=_chip_size_m(imagery), split_block_deg=split_block_deg)
    rows = given.table_of_given(points, design)
    metadata = _metadata(design) | {"products": [], "strata": {}, "shortfalls": [], "given_file": points_file.name}
    notices = _imagery_notice(out, imagery)
    counts = rows.group_by(["split", "label"], use_threads=False).aggregate([("key", "count")])
    lines = [f"{r['split']:<12}{r['label']:<14}{r['key_count']:>8,}" for r in counts.to_pylist()]
    frame = None
    if not dry_run:
        frame_folder.check(out, design, overwrite=overwrite)
        with frame_folder.written(out, overwrite=overwrite, imagery=imagery) as folder:
            points_table.write(folder / frames.POINTS, rows, metadata)
        frame = frames.Frame.open(out)
    outcome = f"{rows.num_rows:,} given points" + ("; dry run: nothing was written." if dry_run else ".")
    summary = FrameSummary(frame, rows, metadata, None, notices, "\n".join([*lines, *notices, f"{out}: {outcome}"]))
    print(summary.text)
    return summary


def _metadata(design: designs.SamplingDesign) -> dict[str, Any]:
    version = importlib.metadata.version("globeland")
    return {"design": design.to_json(), "design_sha256": design.digest, "created_by": f"globeland {version}"}


def _chip_size_m(imagery: pathlib.Path | None) -> float:
    return _DEFAULT.chip_size_m if imagery is None else imagery_toml.read(imagery).chip.size_m
