"""Draws over the tiles of a frame's rasters, by Beam: what the workers read, and how their draws add up."""

from __future__ import annotations

import dataclasses
import pathlib
import pickle
import tempfile
from collections.abc import Callable, Iterable, Sequence

import apache_beam as beam
import numpy as np
import rasterio
import rasterio.errors
import rasterio.windows

from builder import atomic, errors, progress
from builder.frame import frame as frames
from builder.geometry import grid
from builder.pipeline import running
from builder.points import sampling

Work = Callable[[sampling.Layers], sampling.Draw]


@dataclasses.dataclass(frozen=True)
class FrameTiles:
    """The rasters of a frame and how they are cut. A `drawing.OverTiles`: call it with the work of a tile.

    Attributes:
      folder: with the three rasters; workers and caller see it under the same path.
      window: the cells that the rasters hold.
      tile_cells: side of a tile. Memory depends on it, the result does not.
      beam_options: as `options.runner_options` takes them.
    """

    folder: pathlib.Path
    window: grid.CellWindow
    tile_cells: int = 360
    beam_options: Sequence[str] = ()

    def __call__(self, work: Work) -> sampling.Draw:
        """The sum of `work` over all tiles."""
        windows = list(self.window.tiles(self.tile_cells))
        with tempfile.TemporaryDirectory(prefix=atomic.TEMPORARY_PREFIX, dir=self.folder) as scratch:
            result = pathlib.Path(scratch) / "draw.pickle"
            with progress.Progress("drawing points", len(windows), unit="tiles") as shown:
                self._run(work, windows, result)
                shown.reach(len(windows))
            draw: sampling.Draw = pickle.loads(result.read_bytes())
            return draw

    def _run(self, work: Work, windows: Sequence[grid.CellWindow], result: pathlib.Path) -> None:
        with running.run(self.beam_options) as pipeline:
            tiles = pipeline | beam.Create(windows)
            _ = tiles | DrawTiles(self, work) | "KeepDraw" >> beam.Map(_keep, result)

    def read(self, tile: grid.CellWindow) -> sampling.Layers:
        """What the rasters hold in `tile`, a part of the window.

        Raises:
          errors.InputError: if a raster is missing, truncated, or has other bands than a frame's.
        """
        frame = frames.Frame(self.folder)
        bands = self._bands(frame.layers_file, tile)
        if len(bands) != len(LAYERS):
            raise errors.InputError(
                f"{frame.layers_file}: expected the bands {', '.join(LAYERS)}; received {len(bands)} bands. Write the "
                "frame anew with `python -m builder points`."
            )
        named = dict(zip(LAYERS, bands, strict=True))
        return sampling.Layers(
            window=tile,
            consensus=self._bands(frame.agreement_file, tile)[0],
            harmonized=self._bands(frame.harmonized_file, tile),
            **{name: named[name] for name in ("state", "votes", "purity", "base", "core", "valid")},
        )

    def _bands(self, path: pathlib.Path, tile: grid.CellWindow) -> np.ndarray:
        rows, columns = tile.shape
        part = rasterio.windows.Window(tile.col0 - self.window.col0, tile.row0 - self.window.row0, columns, rows)
        try:
            with rasterio.open(path) as dataset:
                bands: np.ndarray = dataset.read(window=part)
                return bands
        except rasterio.errors.RasterioError as error:
            raise errors.InputError(
                f"{path}: expected a raster of the frame; it is missing or corrupt ({error}). Write the frame anew "
                "with `python -m builder points`."
            ) from error


LAYERS = ("state", "votes", "purity", "agreeing", "base", "core", "valid")  # the bands of agreement_layers.tif


@dataclasses.dataclass
class DrawTiles(beam.PTransform):  # type: ignore[misc]
    """grid.Window -> one `sampling.Draw`, the sum of `work` over all tiles."""

    tiles: FrameTiles
    work: Work

    def expand(self, windows: beam.PCollection) -> beam.PCollection:
        """The route."""
        return (
            windows
            | "SpreadOverWorkers" >> beam.Reshuffle()
            | "DrawTile" >> beam.Map(draw_tile, self.tiles, self.work)
            | "AddDraws" >> beam.CombineGlobally(SumOfDraws())
        )


class SumOfDraws(beam.CombineFn):  # type: ignore[misc]
    """Adds draws as they come: what is held is one draw, however many tiles there are."""

    def create_accumulator(self) -> sampling.Draw:
        """Nothing drawn."""
        return sampling.Draw()

    def add_input(self, accumulator: sampling.Draw, element: sampling.Draw) -> sampling.Draw:
        """One tile more."""
        return accumulator + element

    def merge_accumulators(self, accumulators: Iterable[sampling.Draw]) -> sampling.Draw:
        """The draws of several workers."""
        return sum(accumulators, sampling.Draw())

    def extract_output(self, accumulator: sampling.Draw) -> sampling.Draw:
        """The draw itself."""
        return accumulator


def draw_tile(window: grid.CellWindow, tiles: FrameTiles, work: Work) -> sampling.Draw:
    """What one tile yields."""
    return work(tiles.read(window))


def _keep(draw: sampling.Draw, path: pathlib.Path) -> None:
    with atomic.file(path) as temporary:
        temporary.write_bytes(pickle.dumps(draw))
