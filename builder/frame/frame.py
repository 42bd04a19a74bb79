"""The sampling frame: the one folder between the maps, the chips, the dataset and the refinement."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import Any

import pyarrow as pa

from builder import errors
from builder.frame import design as designs
from builder.frame import points_table
from builder.legend import legend

AGREEMENT = "agreement.tif"
LAYERS = "agreement_layers.tif"
HARMONIZED = "harmonized.tif"
POINTS = "points.parquet"
IMAGERY = "imagery.toml"
CHIPS = "chips"
REVIEWS = "reviews.parquet"
RASTERS = (AGREEMENT, LAYERS, HARMONIZED)
KEPT = (IMAGERY, CHIPS, REVIEWS)  # what `--overwrite` keeps: people and the network made them


@dataclasses.dataclass(frozen=True)
class Frame:
    """A folder with the files below. `Frame.open` checks it; the constructor only names it."""

    path: pathlib.Path

    @classmethod
    def open(cls, path: pathlib.Path | str, *, needs_imagery: bool = False) -> Frame:
        """The frame in `path`, checked.

        Raises:
          errors.InputError: if the folder, its points or its rasters are missing or not ours, or `needs_imagery` and
            there is no imagery.toml; the text says what to put where. A frame of given points needs no rasters.
        """
        frame = cls(pathlib.Path(path))
        if not frame.path.is_dir():
            raise errors.InputError(
                f"{frame.path}: expected the folder of a sampling frame; found none. {_how_to(frame.path)}"
            )
        needed = [POINTS] if not frame.points_file.is_file() or frame.design.is_given else [POINTS, *RASTERS]
        needed += [IMAGERY] if needs_imagery else []
        missing = [name for name in needed if not (frame.path / name).is_file()]
        if missing:
            raise errors.InputError(
                f"{frame.path}: expected a sampling frame with {', '.join(needed)}; missing {', '.join(missing)}. "
                f"{_how_to(frame.path)}"
            )
        return frame

    def __reduce__(self) -> tuple[type[Frame], tuple[pathlib.Path]]:
        return Frame, (self.path,)  # workers read the points themselves: a pickled frame is only its path

    @property
    def agreement_file(self) -> pathlib.Path:
        """COG, uint8: consensus class code, 0 = none."""
        return self.path / AGREEMENT

    @property
    def layers_file(self) -> pathlib.Path:
        """COG, uint8 bands: state, votes, purity (%), agreeing, base, core, valid."""
        return self.path / LAYERS

    @property
    def harmonized_file(self) -> pathlib.Path:
        """COG, uint8, one band per product: strict class code, 0 = no data, 255 = outside the legend."""
        return self.path / HARMONIZED

    @property
    def points_file(self) -> pathlib.Path:
        """GeoParquet of `table.SCHEMA`."""
        return self.path / POINTS

    @property
    def imagery_file(self) -> pathlib.Path:
        """Which imagery to ask, and the rules a chip must meet."""
        return self.path / IMAGERY

    @property
    def chips_folder(self) -> pathlib.Path:
        """The chip store."""
        return self.path / CHIPS

    @property
    def reviews_file(self) -> pathlib.Path:
        """Labels that people gave; may be missing."""
        return self.path / REVIEWS

    @functools.cached_property
    def _table(self) -> pa.Table:
        return points_table.read(self.points_file, legend.seven())

    def points(self) -> pa.Table:
        """Every ranked point, as `table.SCHEMA`."""
        return self._table

    @functools.cached_property
    def metadata(self) -> dict[str, Any]:
        """Design, products with their digests, strata and shortfalls, as `builder.steps.make_frame` wrote them."""
        return points_table.metadata_of(self._table, self.points_file)

    @functools.cached_property
    def design(self) -> designs.SamplingDesign:
        """How the points were drawn."""
        design = self.metadata.get("design")
        if not isinstance(design, dict):
            raise errors.InputError(
                f"{self.points_file}: expected the sampling design in its metadata. {points_table.CURE}"
            )
        return designs.from_json(design)


def _how_to(path: pathlib.Path) -> str:
    return (
        f"Write it with `python -m builder points --products PRODUCTS --out {path} --imagery imagery.toml` "
        f"(or `--from POINTS.csv` for your own points), then "
        f"`tfds build datasets/globeland_samples --manual_dir {path}`. "
        f"It holds {POINTS}, {', '.join(RASTERS)} (not for given points), {IMAGERY}, and later {CHIPS}/ and {REVIEWS}."
    )
