"""What `python -m refine map` is asked for. Its defaults stand here; importing it is cheap."""

from __future__ import annotations

import dataclasses
import pathlib

from refine.artefacts import refined_map
from refine.mapping import reclassify


@dataclasses.dataclass(frozen=True)
class MapRequest:
    """What `python -m refine map` was asked for, for one base tile.

    Attributes:
      model: folder that `train` wrote.
      base: GlobeLand30 tile to refine.
      frame: folder of the sampling frame, which says which cells to reclassify and which imagery to ask.
      out: GeoTIFF to write.
      bbox: region (west, south, east, north) in degrees of EPSG:4326; west > east crosses 180 degrees.
      aoi: region as a file of polygons; at most one of `bbox` and `aoi`.
      include_undetermined: whether undetermined cells are reclassified, too.
      min_confidence: 0..1, see `reclassify.Rule`.
      base_trust: 0..1, see `reclassify.Rule`.
      engine: one of `engines.ENGINES`.
      overwrite: whether an earlier map at `out` is replaced.
      block_px: pixels along one side of a block. It changes how much work a killed run loses, not the map.
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
    block_px: int = refined_map.BLOCK_PX
