"""One product on the 1/360 degree grid: classes by exact counting, and how pure each cell is.

Native codes are recoded first, then counted, so that two kinds of forest count as one. Harmonized values are 0 (nothing
observed), 255 (observed, but outside the legend, or tied), or the code of a class.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from builder.geometry import ellipsoid, grid, lonlat
from builder.geometry.window import Window
from builder.legend import crosswalk as crosswalks
from builder.legend import legend as legends
from builder.maps import placement, products, rasters

MIN_VALID_SHARE = 0.5  # of a cell's area; below it the cell has no data
TOUCH = 0.01  # cells: how far from the centre the four samples of the touching rule lie
CORE_OFFSETS_M = (-30.0, 0.0, 30.0)  # the 3 x 3 pixels of 30 m under a 90 m chip
MARGIN_DEG = 1e-6  # so that a single point has a box
BAND_ROWS = 60  # cell rows sampled at once, so that memory does not grow with the window


@dataclasses.dataclass(frozen=True)
class Harmonized:
    """The classes of one product on a window of cells.

    Attributes:
      classes: uint8[y, x], class code, 0 or 255.
      purity: float32[y, x], share 0..1 of the cell's valid pixels that hold the most frequent class; 0 without data.
    """

    classes: np.ndarray
    purity: np.ndarray


@dataclasses.dataclass(frozen=True)
class PixelCounts:
    """How many pixels of each class a cell holds, counted once for both uses of the crosswalk.

    Attributes:
      pixels: int64[y, x, slot]. Of n classes, slots 0..n-1 hold a class under both uses, n..2n-1 a class under
        `dominant` that is outside under `strict`, and 2n what is outside under both.
      share: float64[y, x], share of the cell's area with data.
      codes: class codes of the slots 0..n-1.
    """

    pixels: np.ndarray
    share: np.ndarray
    codes: tuple[int, ...]

    def of(self, use: crosswalks.Use) -> np.ndarray:
        """int64[y, x, class..., outside]: pixels of each class for one use."""
        n = len(self.codes)
        both, contested, outside = self.pixels[..., :n], self.pixels[..., n : 2 * n], self.pixels[..., 2 * n :]
        if use == "strict":
            return np.concatenate([both, contested.sum(axis=-1, keepdims=True) + outside], axis=-1)
        return np.concatenate([both + contested, outside], axis=-1)


def harmonize(product: products.Product, window: grid.CellWindow, use: crosswalks.Use) -> Harmonized:
    """`product` on the cells of `window`.

    Products with `sampling`
    - "mode" (finer than the grid): the class of most pixels whose centre falls in the cell, over all files. Outside
      pixels take part as one class; a tie is 255. Where files overlap, the first that has data counts.
    - "centre" (coarser, or the grid itself): the pixel that holds the cell's centre; a centre on a border belongs to
      the pixel east or south of it.
    - "touching" (GlobCover, whose centres fall on cell corners): the four pixels that touch the cell's centre must
      agree, else 255. Those without data are left out as long as two remain.
    Less than half of the area with data is no data.

    Raises:
      errors.InputError: if a file holds a code that the crosswalk lacks, or cannot be read.
    """
    return decide(count(product, window), use, unanimous=product.sampling == "touching")


def count(product: products.Product, window: grid.CellWindow) -> PixelCounts:
    """Pixels of every class in each cell, for both uses, while the files are read once (see `harmonize`)."""
    if product.sampling == "mode":
        return _count_pixels(product, window)
    offsets = [(-TOUCH, -TOUCH), (-TOUCH, TOUCH), (TOUCH, -TOUCH), (TOUCH, TOUCH)]
    return _count_samples(product, window, offsets if product.sampling == "touching" else [(0.0, 0.0)])


def decide(counts: PixelCounts, use: crosswalks.Use, *, unanimous: bool = False) -> Harmonized:
    """The most frequent class of each cell; 255 where it is outside, tied or, if `unanimous`, contradicted."""
    pixels = counts.of(use)
    values = np.array([*counts.codes, legends.OUTSIDE], np.uint8)
    valid, top = pixels.sum(axis=-1), pixels.max(axis=-1)
    beaten = top < valid if unanimous else (pixels == top[..., None]).sum(axis=-1) > 1
    classes = np.where(beaten, np.uint8(legends.OUTSIDE), values[pixels.argmax(axis=-1)])
    empty = (valid == 0) | (counts.share < MIN_VALID_SHARE)
    classes[empty] = legends.NODATA
    purity = np.where(empty, 0.0, top / np.maximum(valid, 1)).astype(np.float32)
    return Harmonized(classes, purity)


def core_class(product: products.Product, window: grid.CellWindow) -> np.ndarray:
    """The strict class that all nine pixels of 30 m round the cell's centre hold, else 0: uint8[y, x].

    The nine lie at -30, 0 and +30 m east and north of the centre: the ground of a 90 m chip, whatever the resolution
    of the product.
    """
    codes = _codes(product)
    core = np.zeros(window.shape, np.uint8)
    values = np.array([legends.NODATA, *codes] + [legends.NODATA] * (len(codes) + 1), np.uint8)
    for band in _bands(window):
        lon, lat = (a.ravel() for a in np.meshgrid(*centres(band)))
        found = values[_slots_at(product, product.files, lon, lat)]
        for east_m in CORE_OFFSETS_M:
            for north_m in CORE_OFFSETS_M:
                rest = np.flatnonzero(found)
                moved = ellipsoid.moved(lon[rest], lat[rest], east_m, north_m)
                found[rest[values[_slots_at(product, product.files, *moved)] != found[rest]]] = legends.NODATA
        core[band.row0 - window.row0 : band.row1 - window.row0] = found.reshape(band.shape)
    return core


def _codes(product: products.Product) -> tuple[int, ...]:
    return tuple(sorted(set(product.crosswalk.dominant.values()) - {legends.NODATA, legends.OUTSIDE}))


def _slots(native: np.ndarray, product: products.Product, file: rasters.RasterFile) -> np.ndarray:
    """uint8 of the shape of `native`: 0 no data, else 1 + slot of `PixelCounts`."""
    codes = _codes(product)
    source = str(file.path)
    strict = crosswalks.recode(native, product.crosswalk, "strict", source=source)
    dominant = crosswalks.recode(native, product.crosswalk, "dominant", source=source)
    table = np.zeros(256, np.uint8)
    table[list(codes)] = np.arange(1, len(codes) + 1)
    table[legends.OUTSIDE] = 2 * len(codes) + 1
    contested: np.ndarray = (strict != dominant) * np.uint8(len(codes))
    contested += np.take(table, dominant)
    return contested


def _count_pixels(product: products.Product, window: grid.CellWindow) -> PixelCounts:
    codes = _codes(product)
    rows, columns = window.shape
    slots = 2 * len(codes) + 2
    total = np.zeros((rows, columns, slots - 1), np.int64)
    share = np.zeros((rows, columns))
    earlier: list[tuple[rasters.RasterFile, np.ndarray]] = []
    for file in product.files_over(window.bounds):
        with_rim = _count_file(product, file, window, slots, earlier).reshape(rows + 2, columns + 2, slots)
        pixels = with_rim[1:-1, 1:-1, 1:]
        valid = pixels.sum(axis=-1)
        if not valid.any():
            continue
        total += pixels
        share += valid / placement.pixels_per_cell(file, window)
        earlier.append((file, np.pad(valid > 0, 1).ravel()))
    return PixelCounts(total, share, codes)


def _count_file(
    product: products.Product,
    file: rasters.RasterFile,
    window: grid.CellWindow,
    slots: int,
    earlier: list[tuple[rasters.RasterFile, np.ndarray]],
) -> np.ndarray:
    """int64[cell with rim * slot]: pixels of `file` on ground for which no earlier file has data."""
    width = window.shape[1] + 2
    total = np.zeros((window.shape[0] + 2) * width * slots, np.int64)
    for chunk in placement.chunks(file, window):
        seen = _slots(rasters.read(file, chunk), product, file)
        cells = placement.cells(file, chunk, window)
        for other, touched in earlier:
            rows, columns = np.nonzero(touched[cells] & (seen != 0))
            lon, lat = placement.pixel_centres(file, chunk.row0 + rows, chunk.col0 + columns)
            shared = _slots_at(product, (other,), lon, lat) != 0
            seen[rows[shared], columns[shared]] = 0
        first = int(cells.min()) * slots
        cells *= np.int32(slots)
        cells += seen
        cells -= np.int32(first)
        counted = np.bincount(cells.ravel())
        total[first : first + len(counted)] += counted
    return total


def _count_samples(
    product: products.Product, window: grid.CellWindow, offsets: list[tuple[float, float]]
) -> PixelCounts:
    """Counts at points of each cell, offset from its centre by (east, north) in cells."""
    codes = _codes(product)
    slots = 2 * len(codes) + 2
    counted = []
    for band in _bands(window):
        lon, lat = (a.ravel() for a in np.meshgrid(*centres(band)))
        pixels = np.zeros((lon.size, slots), np.int64)
        for east, north in offsets:
            moved = lon + east / grid.CELLS_PER_DEGREE, lat + north / grid.CELLS_PER_DEGREE
            pixels[np.arange(lon.size), _slots_at(product, product.files, *moved)] += 1
        counted.append(pixels.reshape(*band.shape, slots)[..., 1:])
    pixels = np.concatenate(counted)
    return PixelCounts(pixels, pixels.sum(axis=-1) / len(offsets), codes)


def _slots_at(
    product: products.Product, files: tuple[rasters.RasterFile, ...], lon: np.ndarray, lat: np.ndarray
) -> np.ndarray:
    """uint8[point]: 0 no data, else 1 + slot, of the first file that has data at each point."""
    found = np.zeros(lon.shape, np.uint8)
    if not lon.size:
        return found
    box = float(lon.min()), float(lat.min()) - MARGIN_DEG, float(lon.max()) + MARGIN_DEG, float(lat.max())
    for file in files:
        open_points = np.flatnonzero(found == 0)
        if open_points.size and lonlat.overlaps(file.bounds_lonlat, box):
            native, inside = _read_points(file, lon[open_points], lat[open_points])
            if inside.any():
                found[open_points[inside]] = _slots(native, product, file)
    return found


def _read_points(file: rasters.RasterFile, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Native codes at the points inside `file`, and which points those are (bool[point])."""
    column, row = placement.pixel_position(file, lon, lat)
    rows, columns = file.shape
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    row, column = np.floor(row[inside]).astype(np.int64), np.floor(column[inside]).astype(np.int64)
    native = np.zeros(row.shape, file.dtype)
    west_half = column < columns // 2  # across the antimeridian both ends of a global file are read, not all of it
    for part in (np.flatnonzero(west_half), np.flatnonzero(~west_half)):
        if part.size:
            held = Window(
                int(row[part].min()), int(row[part].max()) + 1, int(column[part].min()), int(column[part].max()) + 1
            )
            native[part] = rasters.read(file, held)[row[part] - held.row0, column[part] - held.col0]
    return native, inside


def _bands(window: grid.CellWindow) -> list[grid.CellWindow]:
    starts = range(window.row0, window.row1, BAND_ROWS)
    return [grid.CellWindow(row, min(row + BAND_ROWS, window.row1), window.col0, window.col1) for row in starts]


def centres(window: grid.CellWindow) -> tuple[np.ndarray, np.ndarray]:
    """(longitudes float64[x], latitudes float64[y]) of the window's cell centres; longitudes run on past 180."""
    lon = (np.arange(window.col0, window.col1) + 0.5) / grid.CELLS_PER_DEGREE - 180.0
    lat = 90.0 - (np.arange(window.row0, window.row1) + 0.5) / grid.CELLS_PER_DEGREE
    return lon, lat
