"""The maps of a sampling frame: products harmonized, compared and written as COGs, tile by tile through Beam."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import shapely

from builder import atomic, progress
from builder.geometry import grid
from builder.legend import crosswalk as crosswalks
from builder.legend import legend as legends
from builder.maps import agreement, cog, harmonize, products
from builder.pipeline import running

AgreementSummary = agreement.AgreementSummary

AGREEMENT, LAYERS, HARMONIZED = "agreement.tif", "agreement_layers.tif", "harmonized.tif"
LAYER_NAMES = ("state", "votes", "purity", "agreeing", "base", "core", "valid")
POLL_S = 0.5


@dataclasses.dataclass(frozen=True)
class TileMaps:
    """What a frame holds of one tile, uint8[band, y, x]: bands as in the three files (see `write_agreement`)."""

    agreement: np.ndarray
    layers: np.ndarray
    harmonized: np.ndarray
    summary: AgreementSummary


@dataclasses.dataclass(frozen=True)
class TileWork:
    """All that a worker needs beside the tile; plain values. `aoi` is a shapely geometry in degrees, or None."""

    products: tuple[products.Product, ...]
    min_agreement: int | None
    aoi: shapely.Geometry | None
    folder: pathlib.Path

    def file(self, window: grid.CellWindow) -> pathlib.Path:
        """Where the maps of a tile wait for their turn."""
        return self.folder / f"{window.row0}_{window.col0}.npz"


@dataclasses.dataclass
class CompareProducts(beam.PTransform):  # type: ignore[misc]
    """grid.Window -> the tile's maps as a file in `work.folder`, and one `AgreementSummary` of them all."""

    work: TileWork

    def expand(self, tiles: beam.PCollection) -> beam.PCollection:
        """The route."""
        return (
            tiles
            | "SpreadOverWorkers" >> beam.Reshuffle()
            | "CompareTile" >> beam.Map(write_tile, self.work)
            | "Summarize" >> beam.CombineGlobally(total)
        )


def write_agreement(
    product_set: products.ProductSet,
    window: grid.CellWindow,
    out: pathlib.Path,
    *,
    min_agreement: int | None = None,
    tile_cells: int = 360,
    beam_options: Sequence[str] = (),
    aoi: shapely.Geometry | None = None,
) -> AgreementSummary:
    """Writes the three maps of a frame into the folder `out`, all or none; returns the cells by state and class.

    - `agreement.tif`: the consensus class, 0 where there is none.
    - `agreement_layers.tif`: state (`agreement.State`), votes, purity (percent of the base's valid pixels that hold the
      class: its strict class in consistent cells, its dominant class in others), agreeing (bit i: product i agrees with
      the base), base (its dominant class), core (`harmonize.core_class`), valid (products with data).
    - `harmonized.tif`: the strict class of every product, one band each; 255 outside, 0 no data.

    Args:
      product_set: the base first.
      window: the cells to compare.
      out: folder to write into; made if need be.
      min_agreement: products that must hold one class strictly; None asks for all.
      tile_cells: side of a tile. Memory depends on it, the result does not.
      beam_options: as `options.runner_options` takes them. Workers and caller must see `out` under the same path.
      aoi: area of interest in degrees; cells whose centre it does not hold have no data.

    Raises:
      errors.InputError: if a product cannot be read, holds unknown codes, or `min_agreement` is no strict majority.
    """
    agreement.required_votes(len(product_set.products), min_agreement)
    out.mkdir(parents=True, exist_ok=True)
    tiles = list(window.tiles(tile_cells))
    with tempfile.TemporaryDirectory(prefix=atomic.TEMPORARY_PREFIX, dir=out) as scratch:
        work = TileWork(product_set.products, min_agreement, aoi, pathlib.Path(scratch) / "tiles")
        work.folder.mkdir()
        summary_file = pathlib.Path(scratch) / "summary.json"
        with _watched(work.folder, len(tiles)), running.run(beam_options) as pipeline:
            summary = pipeline | beam.Create(tiles) | CompareProducts(work)
            _ = summary | "KeepSummary" >> beam.Map(write_summary, summary_file)
        _assemble(product_set, window, tiles, work, pathlib.Path(scratch))
        result = read_summary(summary_file)
        for name in (AGREEMENT, LAYERS, HARMONIZED):
            for finished in (f"{name}.aux.xml", name):
                (pathlib.Path(scratch) / finished).replace(out / finished)
    return result


def compare(work: TileWork, window: grid.CellWindow) -> TileMaps:
    """The maps of one tile: every product on the grid, and where they agree."""
    inside = _inside(work.aoi, window)
    if not inside.any():
        return _nothing(window, len(work.products))
    counts = [harmonize.count(product, window) for product in work.products]
    strict = [_decide(p, c, "strict") for p, c in zip(work.products, counts, strict=True)]
    dominant = [_decide(p, c, "dominant") for p, c in zip(work.products, counts, strict=True)]
    harmonized = np.stack([h.classes for h in strict]) * inside
    judged = agreement.judge(
        harmonized, np.stack([h.classes for h in dominant]) * inside, min_agreement=work.min_agreement
    )
    consistent = judged.state == agreement.State.CONSISTENT
    purity = np.where(consistent, strict[0].purity, dominant[0].purity)
    core = harmonize.core_class(work.products[0], window)
    layers = {
        "state": judged.state,
        "votes": judged.votes,
        "purity": np.rint(purity * 100).astype(np.uint8) * inside,
        "agreeing": judged.agreeing,
        "base": judged.base,
        "core": core * inside,
        "valid": judged.valid,
    }
    return TileMaps(
        agreement=judged.consensus[None],
        layers=np.stack([layers[name] for name in LAYER_NAMES]),
        harmonized=harmonized,
        summary=agreement.summarize(judged),
    )


def write_tile(window: grid.CellWindow, work: TileWork) -> AgreementSummary:
    """Keeps the maps of one tile as a file; returns its summary."""
    maps = compare(work, window)
    with atomic.file(work.file(window)) as path, path.open("wb") as stream:
        np.savez_compressed(stream, agreement=maps.agreement, layers=maps.layers, harmonized=maps.harmonized)
    return maps.summary


def total(summaries: Iterable[AgreementSummary]) -> AgreementSummary:
    """Sum of summaries."""
    return sum(summaries, AgreementSummary())


def write_summary(summary: AgreementSummary, path: pathlib.Path) -> None:
    """Keeps a summary as JSON: [state, class code, cells] each."""
    rows = [[int(state), int(code), cells] for (state, code), cells in summary.cells.items()]
    with atomic.file(path) as temporary:
        temporary.write_text(json.dumps(rows), encoding="utf-8")


def read_summary(path: pathlib.Path) -> AgreementSummary:
    """What `write_summary` kept."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return AgreementSummary({(agreement.State(state), code): cells for state, code, cells in rows})


def _decide(product: products.Product, counts: harmonize.PixelCounts, use: crosswalks.Use) -> harmonize.Harmonized:
    return harmonize.decide(counts, use, unanimous=product.sampling == "touching")


def _nothing(window: grid.CellWindow, bands: int) -> TileMaps:
    empty = np.zeros((max(bands, len(LAYER_NAMES)), *window.shape), np.uint8)
    summary = AgreementSummary({(agreement.State.NODATA, legends.NODATA): empty[0].size})
    return TileMaps(empty[:1], empty[: len(LAYER_NAMES)], empty[:bands], summary)


def _inside(aoi: shapely.Geometry | None, window: grid.CellWindow) -> np.ndarray:
    """uint8[y, x]: 1 where the cell's centre lies in the area, in whatever turn of the globe that is given."""
    if aoi is None:
        return np.ones(window.shape, np.uint8)
    lon, lat = np.meshgrid(*harmonize.centres(window))
    shapely.prepare(aoi)
    turns = (shapely.intersects_xy(aoi, lon + turn, lat) for turn in (-360.0, 0.0, 360.0))
    inside: np.ndarray = np.logical_or.reduce(list(turns))
    return inside.astype(np.uint8)


def _assemble(
    product_set: products.ProductSet,
    window: grid.CellWindow,
    tiles: Sequence[grid.CellWindow],
    work: TileWork,
    folder: pathlib.Path,
) -> None:
    legend = legends.seven()
    tags = {
        "GLOBELAND_PRODUCTS": json.dumps(product_set.records()),
        "GLOBELAND_MIN_AGREEMENT": str(agreement.required_votes(len(product_set.products), work.min_agreement)),
        "GLOBELAND_LEGEND": legend.name,
    }
    classes = cog.class_names(legend)
    with_outside = classes | {legends.OUTSIDE: "outside the legend"}
    states = {int(state): state.title for state in agreement.State}
    named = {"state": states, "base": with_outside, "core": classes}
    cog.from_blocks(
        folder / AGREEMENT, cog.of_window(window), _blocks("agreement", window, tiles, work), palette=legend, tags=tags,
        band_names=("consensus",),
    )  # fmt: skip
    cog.from_blocks(
        folder / LAYERS,
        cog.of_window(window, bands=len(LAYER_NAMES)),
        _blocks("layers", window, tiles, work),
        band_names=LAYER_NAMES,
        categories={i: named[name] for i, name in enumerate(LAYER_NAMES, start=1) if name in named},
        tags=tags,
    )
    names = product_set.names
    cog.from_blocks(
        folder / HARMONIZED,
        cog.of_window(window, bands=len(names)),
        _blocks("harmonized", window, tiles, work),
        band_names=names,
        categories=dict.fromkeys(range(1, len(names) + 1), with_outside),
        tags=tags,
    )


def _blocks(
    name: str, window: grid.CellWindow, tiles: Sequence[grid.CellWindow], work: TileWork
) -> Iterator[cog.Block]:
    for tile in tiles:
        with np.load(work.file(tile)) as stored:
            yield tile.row0 - window.row0, tile.col0 - window.col0, stored[name]


@contextlib.contextmanager
def _watched(folder: pathlib.Path, tiles: int) -> Iterator[None]:
    """Shows how many tiles are done; counts files, since workers may run in other processes."""
    done = threading.Event()
    with progress.Progress("comparing products", tiles, unit="tiles") as shown:

        def watch() -> None:
            while not done.wait(POLL_S):
                shown.reach(sum(1 for _ in folder.glob("*.npz")))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            shown.reach(sum(1 for _ in folder.glob("*.npz")))
