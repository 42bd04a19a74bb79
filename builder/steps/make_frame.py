"""From products, or from given points, to a sampling frame: one folder, written whole or not at all."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from builder import code_version, errors
from builder.chips import imagery_toml
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.frame import frame_folder, layers, points_table
from builder.geometry.lonlat import Bounds
from builder.legend import legend as legends
from builder.maps import agreement, products
from builder.pipeline import agreement_maps, point_draws, running
from builder.points import drawing, given, region, shortfalls


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameRequest:
    """The input of `make_frame`, as `python -m builder points --products` reads it.

    Attributes:
      products: folder of the products, as `products.find` takes it.
      out: folder of the frame to write.
      design: the numbers of the sampling design. What the products, the region and imagery.toml say is filled in.
      imagery: imagery.toml to copy into the frame; its chip size counts.
      bbox: (west, south, east, north) in degrees; west > east crosses 180.
      aoi: vector file of the area of interest. Without bbox and aoi: all that the base product covers.
      min_agreement: products that must hold one class; None asks for all.
      overwrite: replace a frame in `out`; its chips, reviews and imagery.toml are kept.
      dry_run: draw and print, but write nothing into `out`.
      tile_cells: side of the tiles; memory depends on it, the result does not.
      beam_options: as `running.runner_options` takes them.
    """

    products: pathlib.Path
    out: pathlib.Path
    design: designs.SamplingDesign = dataclasses.field(default_factory=designs.SamplingDesign)
    imagery: pathlib.Path | None = None
    bbox: Bounds | None = None
    aoi: pathlib.Path | None = None
    min_agreement: int | None = None
    overwrite: bool = False
    dry_run: bool = False
    tile_cells: int = 360
    beam_options: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class GivenRequest:
    """The input of `frame_of_given_points`, as `python -m builder points --from` reads it.

    Attributes:
      points_file: CSV or GeoJSON of points, as `given.read` takes it.
      out: folder of the frame to write.
      imagery: imagery.toml to copy into the frame; its chip size counts.
      split_block_deg: side of a block in degrees, in which points are requested together.
      overwrite: replace a frame in `out`; its chips, reviews and imagery.toml are kept.
      dry_run: read and print, but write nothing into `out`.
    """

    points_file: pathlib.Path
    out: pathlib.Path
    imagery: pathlib.Path | None = None
    split_block_deg: float = designs.SamplingDesign.split_block_deg
    overwrite: bool = False
    dry_run: bool = False


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
    out, imagery, tile_cells, beam_options = request.out, request.imagery, request.tile_cells, request.beam_options
    design = _of_imagery(request.design, imagery)
    running.check_options(beam_options)  # before hours of work
    if not request.dry_run:
        frame_folder.check(out, design, overwrite=request.overwrite)
    found = products.find(request.products)
    area = region.of(found.base, bbox=request.bbox, aoi=request.aoi)
    votes = agreement.required_votes(len(found.products), request.min_agreement)
    design = _of_products(design, found, area, votes)
    with frame_folder.written(out, imagery=imagery, overwrite=request.overwrite, dry_run=request.dry_run) as folder:
        compared = agreement_maps.write_agreement(
            found, area.window, folder,
            min_agreement=votes, tile_cells=tile_cells, beam_options=beam_options, aoi=area.aoi,
        )  # fmt: skip
        _refuse_all_nodata(compared, request.products)
        rasters = layers.Rasters(folder, area.window)
        drawn = drawing.draw(point_draws.FrameTiles(rasters, tile_cells, beam_options), design)
        points = drawing.table_of_drawn(drawn, design)
        account = shortfalls.account(drawn, design)
        metadata = _metadata(design, found.records(), account.strata, account.shortfalls)
        notices = (*account.empty_splits, *_imagery_notice(out, imagery))
        points_table.write(folder / frames.POINTS, points, metadata)
        frames.seal(folder)
    text = "\n".join(
        [compared.table(legends.seven()), "", *account.lines, "", *notices, _outcome(request, points.num_rows)]
    )
    print(text)
    frame = None if request.dry_run else frames.Frame.open(out)
    return FrameSummary(frame, points, metadata, compared, notices, text)


def _outcome(request: FrameRequest, ranked: int) -> str:
    if request.dry_run:
        return f"dry run: {ranked:,} points would be ranked; nothing was written into {request.out}."
    return f"{request.out}: {ranked:,} ranked points."


def _of_imagery(design: designs.SamplingDesign, imagery: pathlib.Path | None) -> designs.SamplingDesign:
    """The design for the chips that an imagery.toml asks for."""
    return design if imagery is None else dataclasses.replace(design, chip_size_m=chip_size_m(imagery))


def _of_products(
    design: designs.SamplingDesign, found: products.ProductSet, area: region.Region, votes: int
) -> designs.SamplingDesign:
    """The design with what is known once the products and the region are found."""
    return dataclasses.replace(
        design,
        products=found.names,
        base=found.base.name,
        min_agreement=votes,
        region=area.window.bounds,
        aoi_sha256=area.aoi_sha256,
    )


def _refuse_all_nodata(compared: agreement.AgreementSummary, folder: pathlib.Path) -> None:
    if not any(compared.of_state(state) for state in agreement.State if state is not agreement.State.NODATA):
        raise errors.InputError(
            f"{folder}: expected the base product to hold data in the region; every cell is without data. "
            "Choose another --bbox or --aoi, or look at the product's nodata code."
        )


def _imagery_notice(out: pathlib.Path, imagery: pathlib.Path | None) -> tuple[str, ...]:
    if imagery is not None or (out / frames.IMAGERY).is_file():
        return ()
    return (f"no --imagery was given: put {frames.IMAGERY} into {out} before you acquire chips.",)


def frame_of_given_points(request: GivenRequest) -> FrameSummary:
    """Writes a frame of the points in a CSV or GeoJSON and prints a summary; it has no rasters.

    Raises:
      errors.InputError: naming file and line, for anything wrong with the points; or if `out` exists.
    """
    out, imagery, dry_run = request.out, request.imagery, request.dry_run
    points = given.read(request.points_file, legends.seven())
    size_m = chip_size_m(imagery)
    design = given.design_of(points, chip_size_m=size_m, split_block_deg=request.split_block_deg)
    rows = given.table_of_given(points, design)
    metadata = _metadata(design, [], {}, []) | {"given_file": request.points_file.name}
    notices = _imagery_notice(out, imagery)
    if not dry_run:
        frame_folder.check(out, design, overwrite=request.overwrite)
    with frame_folder.written(out, imagery=imagery, overwrite=request.overwrite, dry_run=dry_run) as folder:
        points_table.write(folder / frames.POINTS, rows, metadata)
        frames.seal(folder)
    counts = rows.group_by(["split", "label"], use_threads=False).aggregate([("key", "count")])
    lines = [f"{r['split']:<12}{r['label']:<14}{r['key_count']:>8,}" for r in counts.to_pylist()]
    outcome = f"{out}: {rows.num_rows:,} given points" + ("; dry run: nothing was written." if dry_run else ".")
    text = "\n".join([*lines, *notices, outcome])
    print(text)
    frame = None if dry_run else frames.Frame.open(out)
    return FrameSummary(frame, rows, metadata, None, notices, text)


def _metadata(
    design: designs.SamplingDesign,
    records: Sequence[Mapping[str, Any]],
    strata: Mapping[str, Any],
    short: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The metadata of points.parquet, as JSON values."""
    how = {"design": design.to_json(), "design_sha256": design.digest, "created_by": code_version.created_by()}
    return how | {"products": records, "strata": strata, "shortfalls": short}


def chip_size_m(imagery: pathlib.Path | None) -> float:
    """Side of the chips that an imagery.toml asks for, in metres; the usual one without imagery.toml.

    Raises:
      errors.InputError: if the file is missing or wrong.
    """
    return designs.SamplingDesign.chip_size_m if imagery is None else imagery_toml.read(imagery).chip.size_m
