"""Products compared tile by tile through Beam, and written as the rasters of a frame."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import shapely
from typing_extensions import override

from builder import atomic
from builder.frame import frame as frames
from builder.frame import layers
from builder.geometry import grid
from builder.maps import agreement, cog, compare_products, products
from builder.pipeline import running


@dataclasses.dataclass(frozen=True)
class TileWork:
    """All that a worker needs beside the tile; plain values.

    Attributes:
      products: the base first.
      votes: products that must hold one class strictly.
      aoi: area of interest in degrees; None is everywhere.
      folder: where the arrays of the tiles wait until the rasters are written.
    """

    products: tuple[products.Product, ...]
    votes: int
    aoi: shapely.Geometry | None
    folder: pathlib.Path

    def file(self, window: grid.CellWindow) -> pathlib.Path:
        """Where the arrays of a tile wait until the rasters are written."""
        return self.folder / f"{window.row0}_{window.col0}.npz"


@dataclasses.dataclass
class CompareProducts(beam.PTransform):  # type: ignore[misc]
    """CellWindow -> one `AgreementSummary` of all tiles; the arrays of each tile are a file in `work.folder`."""

    work: TileWork

    @override
    def expand(self, tiles: beam.PCollection) -> beam.PCollection:
        compared = tiles | "Compare" >> running.Each("CompareTile", compare_tile, self.work)
        return compared | "Summarize" >> beam.CombineGlobally(running.Sum(agreement.AgreementSummary()))


def compare_tile(window: grid.CellWindow, work: TileWork) -> agreement.AgreementSummary:
    """Keeps what the rasters hold in one tile as a file; returns its summary."""
    compared = compare_products.compare(work.products, window, min_agreement=work.votes, aoi=work.aoi)
    with atomic.file(work.file(window)) as path, path.open("wb") as stream:
        np.savez_compressed(stream, **layers.arrays_of(compared))  # type: ignore[arg-type]
    return agreement.summarize(compared.agreement)


def write_agreement(
    product_set: products.ProductSet,
    window: grid.CellWindow,
    out: pathlib.Path,
    *,
    min_agreement: int | None = None,
    tile_cells: int = 360,
    beam_options: Sequence[str] = (),
    aoi: shapely.Geometry | None = None,
) -> agreement.AgreementSummary:
    """Writes the three rasters of a frame into the folder `out`, all or none; returns the cells by state and class.

    Args:
      product_set: the base first.
      window: the cells to compare.
      out: folder to write into; made if need be.
      min_agreement: products that must hold one class strictly; None asks for all.
      tile_cells: side of a tile. Memory depends on it, the result does not.
      beam_options: as `running.runner_options` takes them. Workers and caller must see `out` under the same path.
      aoi: area of interest in degrees; cells whose centre it does not hold have no data.

    Raises:
      errors.InputError: if a product cannot be read, holds unknown codes, or `min_agreement` is no strict majority.
    """
    votes = agreement.required_votes(len(product_set.products), min_agreement)
    out.mkdir(parents=True, exist_ok=True)
    tiles = list(window.tiles(tile_cells))
    with tempfile.TemporaryDirectory(prefix=atomic.TEMPORARY_PREFIX, dir=out) as name:
        scratch = pathlib.Path(name)
        work = TileWork(product_set.products, votes, aoi, scratch / "tiles")
        work.folder.mkdir()
        with (
            running.watched("comparing products", len(tiles), lambda: _finished(work.folder), unit="tiles"),
            running.run(beam_options) as pipeline,
        ):
            summary = running.collected(pipeline | beam.Create(tiles) | CompareProducts(work), scratch)
        layers.write(scratch, window, product_set, votes, lambda raster: _blocks(raster, window, tiles, work))
        for raster in frames.RASTERS:
            for finished in (f"{raster}.aux.xml", raster):
                (scratch / finished).replace(out / finished)
        result: agreement.AgreementSummary = summary.value()
    return result


def _finished(folder: pathlib.Path) -> int:
    """How many tiles are there; files are counted, since workers may run in other processes."""
    return sum(1 for _ in folder.glob("[!.]*.npz"))


def _blocks(
    raster: str, window: grid.CellWindow, tiles: Sequence[grid.CellWindow], work: TileWork
) -> Iterator[cog.Block]:
    for tile in tiles:
        with np.load(work.file(tile)) as stored:
            yield tile.row0 - window.row0, tile.col0 - window.col0, stored[raster]
