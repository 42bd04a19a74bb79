"""Cloud optimized GeoTIFFs of classes: written by blocks, with overviews by mode, colours and class names."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping

import affine
import numpy as np
import rasterio
import rasterio.errors
import rasterio.io
import rasterio.shutil
from rasterio._err import CPLE_BaseError  # what copying raises; rasterio has no public name for it

from builder import atomic, code_version, errors
from builder.geometry import grid
from builder.geometry.lattice import Lattice
from builder.geometry.window import Window
from builder.legend import legend as legends
from builder.maps import pam

BLOCK_SIZE = 512
CACHE_BYTES = 256 << 20  # GDAL's, for blocks that are not yet whole
Block = tuple[int, int, np.ndarray]  # row, column of the north-west pixel, array[band, y, x]
WriteBlock = Callable[[Block], None]


@dataclasses.dataclass(frozen=True)
class Profile:
    """The pixels of a raster on the ground, and the values they may hold."""

    lattice: Lattice
    bands: int = 1
    dtype: str = "uint8"
    nodata: float | None = None


def of_window(window: grid.CellWindow, *, bands: int = 1, nodata: float | None = legends.NODATA) -> Profile:
    """Profile of uint8 bands on the cells of `window`."""
    return Profile(window.lattice, bands, "uint8", nodata)


def from_blocks(
    path: pathlib.Path,
    profile: Profile,
    blocks: Iterable[Block],
    *,
    band_names: tuple[str, ...] = (),
    categories: Mapping[int, Mapping[int, str]] | None = None,
    palette: legends.Legend | None = None,
    tags: Mapping[str, str] | None = None,
    overviews: str = "mode",
) -> None:
    """Writes a COG and its `.aux.xml` from `blocks`, both or neither; memory does not grow.

    Args:
      path: the .tif to write; an existing one is replaced.
      profile: grid and values.
      blocks: parts of any size in any order, as they come.
      band_names: see `open_writer`, as for all that follow.
      categories: names of values by band.
      palette: colours and names of band 1.
      tags: metadata of the file.
      overviews: GDAL's resampling.

    Raises:
      errors.InputError, ValueError: as `open_writer` does.
    """
    writer = open_writer(
        path, profile, band_names=band_names, categories=categories, palette=palette, tags=tags, overviews=overviews
    )
    with writer as write:
        for block in blocks:
            write(block)


@contextlib.contextmanager
def open_writer(
    path: pathlib.Path,
    profile: Profile,
    *,
    band_names: tuple[str, ...] = (),
    categories: Mapping[int, Mapping[int, str]] | None = None,
    palette: legends.Legend | None = None,
    tags: Mapping[str, str] | None = None,
    overviews: str = "mode",
) -> Iterator[WriteBlock]:
    """What writes one block of a COG, which appears with its `.aux.xml` when the context ends well, both or neither.

    Blocks are of any size and come in any order; what no block covers holds `nodata` (0 if there is none). Memory does
    not grow with the raster. Several writers may be open at once, to be fed in step.

    Args:
      path: the .tif to write; an existing one is replaced.
      profile: grid and values.
      band_names: one description per band, shown by GDAL and QGIS.
      categories: band number (from 1) to class names by value.
      palette: colours and names of band 1; needs a single band of uint8, since GDAL drops the colours of others.
      tags: metadata of the file.
      overviews: GDAL's resampling of overviews: "mode" for classes, "average" for quantities.

    Raises:
      errors.InputError: if the file cannot be written (no space, no permission).
      ValueError: if palette or band names do not fit the profile, or a block does not fit the raster.
    """
    if palette is not None and (profile.bands, profile.dtype) != (1, "uint8"):
        raise ValueError(f"a palette needs one band of uint8; received {profile.bands} of {profile.dtype}.")
    if band_names and len(band_names) != profile.bands:
        raise ValueError(f"expected {profile.bands} band names; received {band_names}.")
    names = dict(categories or {})
    if palette is not None:
        names.setdefault(1, class_names(palette))
    sidecar = path.with_name(path.name + ".aux.xml")
    with _explained(path), atomic.file(path) as finished, atomic.file(sidecar) as described:
        with _scratch(path) as plain, rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, GDAL_PAM_ENABLED=False):
            with rasterio.open(plain, "w", **_creation(profile)) as dataset:
                _describe(dataset, band_names, palette, tags or {})
                yield lambda block: _write(dataset, path, profile, block)
            _translate(plain, finished, profile, overviews)
        described.write_bytes(pam.document([names.get(i + 1, {}) for i in range(profile.bands)], palette))


def class_names(palette: legends.Legend) -> dict[int, str]:
    """Names by value of a raster of class codes, 0 included."""
    return {legends.NODATA: "no data"} | {c.code: c.title for c in palette.classes}


def _describe(
    dataset: rasterio.io.DatasetWriter,
    band_names: tuple[str, ...],
    palette: legends.Legend | None,
    tags: Mapping[str, str],
) -> None:
    dataset.update_tags(TIFFTAG_SOFTWARE=code_version.created_by(), **tags)
    for number, name in enumerate(band_names, start=1):
        dataset.set_band_description(number, name)
    if palette is not None:
        dataset.write_colormap(1, _colours(palette))


def _write(dataset: rasterio.io.DatasetWriter, path: pathlib.Path, profile: Profile, block: Block) -> None:
    row, column, array = block
    bands, height, width = array.shape
    window = Window(row, row + height, column, column + width)
    if bands != profile.bands or not profile.lattice.whole.holds(window):
        raise ValueError(f"expected a block inside {profile}; received {array.shape} at row {row}, column {column}.")
    with _explained(path):
        dataset.write(array.astype(profile.dtype, copy=False), window=window.in_raster)


def _creation(profile: Profile) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "crs": profile.lattice.crs,
        "transform": affine.Affine(*profile.lattice.transform),
        "height": profile.lattice.shape[0],
        "width": profile.lattice.shape[1],
        "count": profile.bands,
        "dtype": profile.dtype,
        "nodata": profile.nodata,
        "tiled": True,
        "blockxsize": BLOCK_SIZE,
        "blockysize": BLOCK_SIZE,
        "compress": "lzw",
        "interleave": "band",
        "sparse_ok": True,
        "bigtiff": "if_safer",
    }


def _translate(plain: pathlib.Path, finished: pathlib.Path, profile: Profile, overviews: str) -> None:
    predictor = {} if profile.dtype == "uint8" else {"predictor": "yes"}
    rasterio.shutil.copy(
        plain,
        finished,
        driver="COG",
        blocksize=BLOCK_SIZE,
        compress="deflate",
        overview_resampling=overviews,
        bigtiff="if_safer",
        num_threads="all_cpus",
        **predictor,
    )


def _colours(palette: legends.Legend) -> dict[int, tuple[int, int, int, int]]:
    return {legends.NODATA: (0, 0, 0, 0)} | {c.code: (*c.rgb, 255) for c in palette.classes}


@contextlib.contextmanager
def _scratch(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A name for the raster before it is a COG; removed at the end."""
    with tempfile.TemporaryDirectory(prefix=atomic.TEMPORARY_PREFIX, dir=path.parent) as folder:
        yield pathlib.Path(folder) / path.name


@contextlib.contextmanager
def _explained(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except (rasterio.errors.RasterioError, CPLE_BaseError, OSError) as error:
        raise errors.InputError(
            f"{path}: cannot write it: {error}. Check the free space and the permissions of {path.parent}."
        ) from error
