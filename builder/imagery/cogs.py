"""Windowed reading of GeoTIFFs: samples of a file on ground grids, as uint8 red, green, blue and a valid mask.

The pixel centres of a grid become places in the file by a polynomial fitted to exactly transformed nodes; then the
samples are resampled once. Near grids of one file share one read, so that no block is decoded twice.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import rasterio
import rasterio.errors
from PIL import Image
from rasterio.enums import MaskFlags, Resampling

from builder import errors
from builder.geometry.window import Window
from builder.imagery import geotiffs, http, source

LARGEST_MISFIT_PX = 0.05
FIT_TOLERANCE_PX = 0.01  # of the file's pixels: where a plane fit is farther off, the grid is bent in cells
EDGE_TOLERANCE_PX = 0.05  # two files that meet leave no seam between them
CACHE_BYTES = 64 << 20  # GDAL's, per process, for decoded blocks; its own default grows with the machine's memory
CELLS = 4  # per side of a bent grid
SHARED_READ_PX = 1536  # side of the area within which grids share one read, in samples as read
SHARED_READ_GAIN = 0.5  # share one read if the grids fill at least this part of it
SMOOTH_ABOVE = 1.25  # file pixels per chip pixel beyond which four samples are averaged per chip pixel


def read(pixels: source.PixelFile, grids: Sequence[source.GroundGrid]) -> list[source.Patch | source.Unreadable]:
    """The file's pixels on each grid, in order; `source.Unreadable` where the file or a block of it cannot be read.

    Pixels of the grid outside the file, or without data in it, are black and not valid.

    Raises:
      errors.InputError: if the file lacks the bands, or has more than 8 bits and no stretch is stated.
    """
    try:
        remote = http.GDAL_REMOTE if pixels.path.startswith("/vsi") else {}
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, **remote):
            file = geotiffs.open_file(pixels.path)
            _check_bands(file.reader, pixels)
            return _sampled(file.reader, pixels, _placed(grids, file))
    except rasterio.errors.RasterioIOError as error:
        geotiffs.forget(pixels.path)
        return [source.Unreadable(f"{pixels.path}: {error}")] * len(grids)


def _check_bands(file: rasterio.DatasetReader, pixels: source.PixelFile) -> None:
    if max(pixels.bands) > file.count:
        raise errors.InputError(
            f"{pixels.path}: expected bands {pixels.bands} (red, green, blue); the file has {file.count}. "
            "State bands in imagery.toml, as bands = [1, 1, 1] for a panchromatic scene, or leave the source out."
        )
    kinds = {file.dtypes[band - 1] for band in pixels.bands}
    if kinds != {"uint8"} and pixels.stretch is None:
        raise errors.InputError(
            f"{pixels.path}: samples are {', '.join(sorted(kinds))}, not uint8. "
            "State stretch = [low, high] for the source in imagery.toml: the values that become black and white."
        )


# --- Places in the file -----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class _Placed:
    """A grid placed in the file: coefficients of polynomials of (u, v) in -1..1 for (column, row), and its box."""

    grid: source.GroundGrid
    plane: np.ndarray  # float64[3, 2]: 1, u, v
    bent: np.ndarray  # float64[6, 2]: 1, u, v, u u, u v, v v
    is_plane: bool
    scale: float  # file pixels per grid pixel
    box: tuple[float, float, float, float]  # first column, first row, last column, last row

    @property
    def decimation(self) -> int:
        """The power of two by which the file is read coarser, so that 1 to 2 samples remain per grid pixel."""
        return 1 << max(0, math.floor(math.log2(max(self.scale, 1.0)) + 1e-9))


def _placed(grids: Sequence[source.GroundGrid], file: geotiffs.OpenFile) -> list[_Placed | source.Unreadable]:
    """Where each grid lies in the file; unreadable where the file's CRS bends the ground too much."""
    lengths = [grid.nodes.shape[0] ** 2 for grid in grids]
    lon_lat = np.concatenate([grid.nodes.reshape(-1, 2) for grid in grids])
    places = np.split(file.places(lon_lat), np.cumsum(lengths)[:-1])
    return [_fitted(grid, at) for grid, at in zip(grids, places, strict=True)]


def _fitted(grid: source.GroundGrid, places: np.ndarray) -> _Placed | source.Unreadable:
    plane_terms, bent_terms, plane_fit, bent_fit = _fits(grid.nodes.shape[0])
    plane, bent = plane_fit @ places, bent_fit @ places
    if not np.abs(bent_terms @ bent - places).max() <= LARGEST_MISFIT_PX:  # also where a place is not finite
        return source.Unreadable("the CRS of the file cannot show this place undistorted")
    is_plane = bool(np.abs(plane_terms @ plane - bent_terms @ bent).max() <= FIT_TOLERANCE_PX)
    scale = math.sqrt(abs(plane[1, 0] * plane[2, 1] - plane[1, 1] * plane[2, 0])) * 2.0 / grid.size_px
    return _Placed(grid, plane, bent, is_plane, scale, (*places.min(axis=0), *places.max(axis=0)))


@functools.cache
def _fits(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(plane terms, bent terms, least squares of each) for `count` x `count` nodes over -1..1."""
    axis = np.linspace(-1.0, 1.0, count)
    u, v = (a.ravel() for a in np.meshgrid(axis, axis))
    bent = _terms(u, v)
    return bent[:, :3], bent, np.linalg.pinv(bent[:, :3]), np.linalg.pinv(bent)


def _terms(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=-1)


def places_of_pixels(grid: source.GroundGrid, path: str) -> np.ndarray:
    """float64[y, x, 2]: (column, row) in the file at which each pixel centre of the grid is sampled."""
    (placed,) = _placed([grid], geotiffs.open_file(path))
    if isinstance(placed, source.Unreadable):
        raise errors.InputError(f"{path}: {placed.detail}.")
    return _places(placed, np.arange(grid.size_px) + 0.5)


def _places(placed: _Placed, at: np.ndarray) -> np.ndarray:
    """float64[n, n, 2]: places of the grid's positions `at` x `at`, in pixels from its outer corner."""
    axis = at * (2.0 / placed.grid.size_px) - 1.0
    terms = _terms(*np.meshgrid(axis, axis))
    return np.asarray(terms[..., :3] @ placed.plane if placed.is_plane else terms @ placed.bent)


# --- Windows ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Decimated(Window):
    """Pixels of the file, from multiples of `factor` to multiples of it or the file's edge, read `factor` coarser."""

    factor: int

    @property
    def samples(self) -> tuple[int, int]:
        """(rows, columns) as read."""
        rows, columns = self.shape
        return math.ceil(rows / self.factor), math.ceil(columns / self.factor)


def _window(placed: _Placed, file: rasterio.DatasetReader) -> _Decimated | None:
    """The window that resampling needs, or None where the grid is beside the file."""
    factor = placed.decimation
    margin = factor + 1
    left, top, right, bottom = placed.box
    col0, row0 = (max(0, math.floor((v - margin) / factor) * factor) for v in (left, top))
    col1 = min(file.width, math.ceil((right + margin) / factor) * factor)
    row1 = min(file.height, math.ceil((bottom + margin) / factor) * factor)
    outside = right <= 0 or bottom <= 0 or left >= file.width or top >= file.height
    return None if outside or col0 >= col1 or row0 >= row1 else _Decimated(row0, row1, col0, col1, factor)


def _shares(windows: dict[int, _Decimated]) -> Iterator[tuple[_Decimated, list[int]]]:
    """(window to read, numbers of the grids in it): one read for near grids, if they fill it well."""
    places: dict[tuple[int, int, int], list[int]] = collections.defaultdict(list)
    for number, window in windows.items():
        side = SHARED_READ_PX * window.factor
        places[window.factor, window.row0 // side, window.col0 // side].append(number)
    for place in sorted(places):
        numbers = places[place]
        together = functools.reduce(_Decimated.joined, (windows[n] for n in numbers))
        if sum(windows[n].size for n in numbers) >= SHARED_READ_GAIN * together.size:
            yield together, numbers
        else:
            yield from ((windows[n], [n]) for n in sorted(numbers, key=lambda n: (windows[n].row0, windows[n].col0)))


def _sampled(
    file: rasterio.DatasetReader, pixels: source.PixelFile, answers: Sequence[_Placed | source.Unreadable]
) -> list[source.Patch | source.Unreadable]:
    placed = {n: answer for n, answer in enumerate(answers) if isinstance(answer, _Placed)}
    patches = {n: answer for n, answer in enumerate(answers) if isinstance(answer, source.Unreadable)} | {
        n: _nothing(place.grid) for n, place in placed.items()
    }
    windows = {n: window for n, place in placed.items() if (window := _window(place, file)) is not None}
    for window, numbers in _shares(windows):
        patches.update(_of_window(file, pixels, window, {n: placed[n] for n in numbers}, windows))
    return [patches[n] for n in range(len(answers))]


def _of_window(
    file: rasterio.DatasetReader,
    pixels: source.PixelFile,
    window: _Decimated,
    placed: dict[int, _Placed],
    windows: dict[int, _Decimated],
) -> Iterator[tuple[int, source.Patch | source.Unreadable]]:
    """Patches of the grids in one window; if it cannot be read whole, each grid is tried by itself."""
    try:
        samples = _samples(file, pixels, window)
    except rasterio.errors.RasterioIOError as error:
        if len(placed) == 1:
            yield next(iter(placed)), source.Unreadable(f"{pixels.path}: {error.__cause__ or error}")
            return
        for number, place in placed.items():
            yield from _of_window(file, pixels, windows[number], {number: place}, windows)
        return
    for number, place in placed.items():
        yield number, _resampled(samples, place)


def _nothing(grid: source.GroundGrid) -> source.Patch:
    shape = (grid.size_px, grid.size_px)
    return source.Patch(np.zeros((*shape, 3), np.uint8), np.zeros(shape, bool))


# --- Samples ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class _Samples:
    """The samples of one window: images of colour and validity (None = all valid), one sample wider on each side."""

    colour: Image.Image
    valid: Image.Image | None
    origin: tuple[float, float]  # file column and row of the image's outer corner
    step: tuple[float, float]  # file columns and rows per sample
    file_size: tuple[int, int]


def _samples(file: rasterio.DatasetReader, pixels: source.PixelFile, window: _Decimated) -> _Samples:
    height, width = window.samples
    kind = file.dtypes[pixels.bands[0] - 1]
    padded = np.empty((height + 2, width + 2, 3), kind)
    file.read(
        pixels.bands, window=window.in_raster, out=padded[1:-1, 1:-1].transpose(2, 0, 1), resampling=Resampling.average
    )
    _repeat_edges(padded)
    valid = _valid(file, pixels, window, padded)
    colour = padded if kind == "uint8" and pixels.stretch is None else _stretched(padded, pixels)
    rows, columns = window.shape
    step = (columns / width, rows / height)
    return _Samples(
        Image.fromarray(colour),
        None if valid is None or valid.all() else Image.fromarray(valid.astype(np.uint8) * 255),
        (window.col0 - step[0], window.row0 - step[1]),
        step,
        (file.width, file.height),
    )


def _valid(
    file: rasterio.DatasetReader, pixels: source.PixelFile, window: Window, padded: np.ndarray
) -> np.ndarray | None:
    """bool[y, x] where the padded samples hold data, or None if all do."""
    nodata = pixels.nodata
    flags = set().union(*(file.mask_flag_enums[band - 1] for band in pixels.bands)) if pixels.mask else set()
    if nodata is None and MaskFlags.nodata in flags:
        nodata = file.nodata
    if nodata is not None:
        holds = ~np.isnan(padded) if math.isnan(nodata) else padded != nodata
        return np.asarray(holds.any(axis=2))
    if MaskFlags.per_dataset not in flags:
        return None
    valid = np.empty(padded.shape[:2], np.uint8)
    file.dataset_mask(window=window.in_raster, out=valid[1:-1, 1:-1])
    _repeat_edges(valid)
    # Not "== 255": four-band NAIP files often call their near infrared band alpha.
    return np.asarray(valid > 0)


def _repeat_edges(padded: np.ndarray) -> None:
    padded[0], padded[-1] = padded[1], padded[-2]
    padded[:, 0], padded[:, -1] = padded[:, 1], padded[:, -2]


def _stretched(values: np.ndarray, pixels: source.PixelFile) -> np.ndarray:
    low, high = pixels.stretch or (0.0, 255.0)
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    return np.asarray(np.rint(np.clip(np.nan_to_num(scaled), 0.0, 255.0)).astype(np.uint8))


# --- Resampling -------------------------------------------------------------------------------------------------


def _resampled(samples: _Samples, placed: _Placed) -> source.Patch:
    smooth = 2 if placed.scale / samples.step[0] > SMOOTH_ABOVE else 1
    colour = _transformed(samples.colour, samples, placed, smooth)
    pixels = np.asarray(colour)
    valid = np.ones(pixels.shape[:2], bool)
    if samples.valid is not None:
        valid = np.asarray(_transformed(samples.valid, samples, placed, smooth)) == 255
    left, top, right, bottom = placed.box
    if left < 1 or top < 1 or right > samples.file_size[0] - 1 or bottom > samples.file_size[1] - 1:
        valid = valid & _inside(placed, samples.file_size)
    if not valid.all():
        pixels = np.where(valid[..., None], pixels, np.uint8(0))
    return source.Patch(pixels, valid)


def _transformed(image: Image.Image, samples: _Samples, placed: _Placed, smooth: int) -> Image.Image:
    """The image on the grid, bilinear; `smooth` 2 takes four samples per pixel and averages them."""
    size = placed.grid.size_px * smooth
    if placed.is_plane:
        whole = image.transform(
            (size, size), Image.Transform.AFFINE, _affine(samples, placed, size), Image.Resampling.BILINEAR
        )
    else:
        whole = image.transform(
            (size, size), Image.Transform.MESH, _mesh(samples, placed, smooth), Image.Resampling.BILINEAR
        )
    return whole.reduce(smooth) if smooth > 1 else whole


def _affine(samples: _Samples, placed: _Placed, size: int) -> tuple[float, ...]:
    """(a, b, c, d, e, f) of output pixels, counted from the outer corner, to image samples."""
    rows = []
    for axis in (0, 1):
        constant, along_u, along_v = placed.plane[:, axis] / samples.step[axis]
        offset = constant - along_u - along_v - samples.origin[axis] / samples.step[axis]
        rows += [along_u * 2.0 / size, along_v * 2.0 / size, offset]
    return tuple(rows)


def _mesh(samples: _Samples, placed: _Placed, smooth: int) -> list[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
    """Cells of the output and the quadrilaterals of the image that fill them."""
    edges = np.rint(np.linspace(0, placed.grid.size_px, CELLS + 1)).astype(int)
    corners = (_places(placed, edges.astype(np.float64)) - samples.origin) / samples.step
    at = edges * smooth
    cells = []
    for y in range(CELLS):
        for x in range(CELLS):
            quad = (corners[y, x], corners[y + 1, x], corners[y + 1, x + 1], corners[y, x + 1])
            box = (int(at[x]), int(at[y]), int(at[x + 1]), int(at[y + 1]))
            cells.append((box, tuple(float(v) for corner in quad for v in corner)))
    return cells


def _inside(placed: _Placed, file_size: tuple[int, int]) -> np.ndarray:
    """bool[y, x]: whether each pixel centre is on the file's ground."""
    places = _places(placed, np.arange(placed.grid.size_px) + 0.5)
    low, high = -EDGE_TOLERANCE_PX, np.array(file_size) + EDGE_TOLERANCE_PX
    return np.asarray(((places >= low) & (places < high)).all(axis=2))
