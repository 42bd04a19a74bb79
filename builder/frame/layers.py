"""The three rasters of a frame: their bands, what the values mean, and how they are written and read.

- `agreement.tif`: the consensus class, 0 where there is none.
- `agreement_layers.tif`: the bands of `Band`.
- `harmonized.tif`: one band per product, its strict class; 255 outside the legend, 0 no data.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import rasterio
import rasterio.errors
import rasterio.windows

from builder import errors
from builder.frame import frame as frames
from builder.geometry import grid
from builder.legend import legend as legends
from builder.maps import agreement, cog, compare_products, products


class Band(enum.IntEnum):
    """The bands of `agreement_layers.tif`, numbered from 1 as rasterio reads them."""

    STATE = 1  # see `agreement.State`
    VOTES = 2  # products that hold the most frequent class strictly
    PURITY = 3  # percent of the base's valid pixels that hold the class, see `compare_products.ComparedProducts`
    AGREEING = 4  # bit i is set where product i agrees with the base
    BASE = 5  # the base's dominant class
    CORE = 6  # the class of the base's pixels in the middle of the cell, see `harmonize.core_class`
    VALID = 7  # products with data

    @property
    def title(self) -> str:
        """The name of the band in the file."""
        return self.name.lower()


BANDS = tuple(band.title for band in Band)
CONSENSUS = "consensus"  # the one band of agreement.tif
PRODUCTS_TAG, MIN_AGREEMENT_TAG, LEGEND_TAG = "GLOBELAND_PRODUCTS", "GLOBELAND_MIN_AGREEMENT", "GLOBELAND_LEGEND"


@dataclasses.dataclass(frozen=True, eq=False)
class Tile:
    """The rasters on one window of the grid: uint8[y, x] each, `harmonized` uint8[product, y, x]."""

    window: grid.CellWindow
    consensus: np.ndarray
    harmonized: np.ndarray
    state: np.ndarray
    votes: np.ndarray
    purity: np.ndarray
    agreeing: np.ndarray
    base: np.ndarray
    core: np.ndarray
    valid: np.ndarray


@dataclasses.dataclass(frozen=True)
class Rasters:
    """The rasters in `folder`, which hold the cells of `window`."""

    folder: pathlib.Path
    window: grid.CellWindow

    def read(self, tile: grid.CellWindow) -> Tile:
        """What the rasters hold in `tile`, a part of the window.

        Raises:
          errors.InputError: if a raster is missing, truncated, or has other bands than a frame's.
        """
        frame = frames.Frame(self.folder)
        bands = self._bands(frame.layers_file, tile)
        if len(bands) != len(BANDS):
            raise errors.InputError(
                f"{frame.layers_file}: expected the bands {', '.join(BANDS)}; received {len(bands)} bands. Write the "
                "frame anew with `python -m builder points`."
            )
        return Tile(
            tile,
            consensus=self._bands(frame.agreement_file, tile)[0],
            harmonized=self._bands(frame.harmonized_file, tile),
            **dict(zip(BANDS, bands, strict=True)),
        )

    def _bands(self, path: pathlib.Path, tile: grid.CellWindow) -> np.ndarray:
        """uint8[band, y, x]: all bands of one raster on `tile`."""
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


def arrays_of(compared: compare_products.ComparedProducts) -> dict[str, np.ndarray]:
    """The part of each raster that one comparison fills: file name to uint8[band, y, x]."""
    judged = compared.agreement
    values = {
        Band.STATE: judged.state,
        Band.VOTES: judged.votes,
        Band.PURITY: compared.purity,
        Band.AGREEING: judged.agreeing,
        Band.BASE: judged.base,
        Band.CORE: compared.core,
        Band.VALID: judged.valid,
    }
    return {
        frames.AGREEMENT: judged.consensus[None],
        frames.LAYERS: np.stack([values[band] for band in Band]),
        frames.HARMONIZED: compared.harmonized,
    }


def write(
    folder: pathlib.Path,
    window: grid.CellWindow,
    compared: products.ProductSet,
    votes: int,
    blocks: Callable[[str], Iterable[cog.Block]],
) -> None:
    """Writes the three rasters and their `.aux.xml` into `folder`.

    Args:
      folder: an existing folder.
      window: the cells that the rasters hold.
      compared: the products that were compared, the base first.
      votes: products that had to hold one class strictly.
      blocks: the parts of the raster of a file name, as `arrays_of` makes them.

    Raises:
      errors.InputError: if a file cannot be written.
    """
    tags = {
        PRODUCTS_TAG: json.dumps(compared.records()),
        MIN_AGREEMENT_TAG: str(votes),
        LEGEND_TAG: legends.seven().name,
    }
    for name, meaning in _meanings(compared.names).items():
        profile = cog.of_window(window, bands=len(meaning.bands))
        cog.from_blocks(
            folder / name, profile, blocks(name), band_names=meaning.bands, categories=meaning.categories,
            palette=meaning.palette, tags=tags,
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Meaning:
    """Names of a raster's bands, names of their values by band number, and the colours of a single band."""

    bands: tuple[str, ...]
    categories: Mapping[int, Mapping[int, str]]
    palette: legends.Legend | None = None


def _meanings(names_of_products: Sequence[str]) -> dict[str, _Meaning]:
    """What the values of each raster mean, by file name."""
    classes = cog.class_names(legends.seven())
    with_outside = classes | {legends.OUTSIDE: "outside the legend"}
    states = {int(state): state.title for state in agreement.State}
    of_products = dict.fromkeys(range(1, len(names_of_products) + 1), with_outside)
    return {
        frames.AGREEMENT: _Meaning((CONSENSUS,), {}, legends.seven()),
        frames.LAYERS: _Meaning(BANDS, {Band.STATE: states, Band.BASE: with_outside, Band.CORE: classes}),
        frames.HARMONIZED: _Meaning(tuple(names_of_products), of_products),
    }
