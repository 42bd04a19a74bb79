"""Points drawn from the tiles of a frame's rasters through Beam."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Sequence

import apache_beam as beam
from typing_extensions import override

from builder import atomic, progress
from builder.frame import layers
from builder.geometry import grid
from builder.pipeline import running
from builder.points import sampling

Work = Callable[[layers.Tile], sampling.Draw]


@dataclasses.dataclass(frozen=True)
class FrameTiles:
    """The tiles of a frame's rasters. A `drawing.OverTiles`: call it with the work of a tile.

    Attributes:
      rasters: of the frame; workers and caller see their folder under the same path.
      tile_cells: side of a tile. Memory depends on it, the result does not.
      beam_options: as `running.runner_options` takes them.
    """

    rasters: layers.Rasters
    tile_cells: int = 360
    beam_options: Sequence[str] = ()

    def __call__(self, work: Work) -> sampling.Draw:
        """The sum of `work` over all tiles."""
        windows = list(self.rasters.window.tiles(self.tile_cells))
        with tempfile.TemporaryDirectory(prefix=atomic.TEMPORARY_PREFIX, dir=self.rasters.folder) as scratch:
            with progress.Progress("drawing points", len(windows), unit="tiles") as shown:
                with running.run(self.beam_options) as pipeline:
                    drawn = pipeline | beam.Create(windows) | DrawTiles(self.rasters, work)
                    result = running.collected(drawn, pathlib.Path(scratch))
                shown.reach(len(windows))
            draw: sampling.Draw = result.value()
            return draw


@dataclasses.dataclass
class DrawTiles(beam.PTransform):  # type: ignore[misc]
    """CellWindow -> one `sampling.Draw`, the sum of `work` over all tiles."""

    rasters: layers.Rasters
    work: Work

    @override
    def expand(self, windows: beam.PCollection) -> beam.PCollection:
        drawn = windows | "Draw" >> running.Each("DrawTile", draw_tile, self.rasters, self.work)
        return drawn | "AddDraws" >> beam.CombineGlobally(running.Sum(sampling.Draw()))


def draw_tile(window: grid.CellWindow, rasters: layers.Rasters, work: Work) -> sampling.Draw:
    """What one tile yields."""
    return work(rasters.read(window))
