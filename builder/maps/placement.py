"""Finds the cell of a window that each pixel of a map falls in, exactly and fast, whatever the map's projection.

A pixel belongs to the cell that holds its centre. Positions are counted in cells from the window's north-west corner:
x to the east, y to the south. The cells of a window carry a rim one cell wide (index 0 and size + 1), which takes all
pixels outside the window, so that no mask is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from builder.geometry import grid
from builder.geometry import lattice as lattices
from builder.geometry.window import Window
from builder.maps import rasters

CHUNK_ROWS, CHUNK_COLUMNS = 512, 4096  # pixels held at once; multiples of usual block sizes
NODE_STEP = 32  # pixels between exactly projected nodes
SNAP = 1e-6  # of a cell or pixel: origins are written with few decimals, and a border must stay a border
EDGE_SAMPLES = 65
Runs = list[tuple[int, int]]  # starts and ends


def chunks(file: rasters.RasterFile, window: grid.CellWindow) -> Iterator[Window]:
    """The parts of `file` that hold every pixel whose centre may lie in `window`."""
    rows, columns = _ranges_lonlat(file, window) if lattices.is_lonlat(file.crs) else _ranges_projected(file, window)
    for row0, row1 in rows:
        for col0, col1 in columns:
            yield from Window(row0, row1, col0, col1).tiles(CHUNK_ROWS, CHUNK_COLUMNS)


def cells(file: rasters.RasterFile, chunk: Window, window: grid.CellWindow) -> np.ndarray:
    """Index of the cell of each pixel, in the window with its rim: (row + 1) * (columns + 2) + column + 1.

    Equal to projecting every pixel centre on its own. Where the projection is curved, only every 32nd pixel is
    projected, and the positions between are interpolated. A pixel so near to a border that the error of interpolation
    may matter is projected as well.

    Returns:
      int32[y, x], of the chunk's shape.
    """
    if lattices.is_lonlat(file.crs):
        x, y = _axes(file, window)
        row, column = _with_rim(y[chunk.row0 : chunk.row1], x[chunk.col0 : chunk.col1], window)
        index: np.ndarray = row[:, None] * np.int32(window.shape[1] + 2) + column[None, :]
        return index
    return _projected_cells(file, chunk, window)


def pixels_per_cell(file: rasters.RasterFile, window: grid.CellWindow) -> np.ndarray:
    """How many source pixels the area of each cell holds: float64[y, x], or [1, 1] where it is the same for all."""
    if lattices.is_lonlat(file.crs):
        width, height = file.lattice.pixel_size
        return np.array([[1.0 / (width * height) / grid.CELLS_PER_DEGREE**2]])
    west, _, _, north = window.bounds
    rows, columns = window.shape
    lon = west + np.arange(columns + 1) / grid.CELLS_PER_DEGREE
    lat = north - np.arange(rows + 1) / grid.CELLS_PER_DEGREE
    x, y = pixel_position(file, *np.meshgrid(lon, lat))
    # Half the cross product of the diagonals: the area of a quadrangle.
    down_x, down_y = x[1:, 1:] - x[:-1, :-1], y[1:, 1:] - y[:-1, :-1]
    up_x, up_y = x[1:, :-1] - x[:-1, 1:], y[1:, :-1] - y[:-1, 1:]
    pixels: np.ndarray = np.abs(down_x * up_y - up_x * down_y) / 2.0
    return pixels


def pixel_centres(file: rasters.RasterFile, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(longitude, latitude) in degrees of the centres of pixels; infinite where the projection has no answer."""
    return file.lattice.lonlat(columns + 0.5, rows + 0.5)


def pixel_position(file: rasters.RasterFile, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(column, row) of points in degrees, counted in pixels from the file's corner; infinite where there is none.

    In files of longitude and latitude, points are found in any turn of the globe, whether the file counts from -180 or
    from 0.
    """
    x, y = lattices.from_lonlat(file.crs).transform(lon, lat)
    left, _, _, top = file.lattice.bounds
    width, height = file.lattice.pixel_size
    with np.errstate(invalid="ignore"):
        column, row = _snap((np.asarray(x) - left) / width), _snap((top - np.asarray(y)) / height)
        if lattices.is_lonlat(file.crs):
            column = np.mod(column, _snap(np.array(360.0 / width)))
    return column, row


def _snap(position: np.ndarray) -> np.ndarray:
    nearest: np.ndarray = np.round(position)
    return np.where(np.abs(position - nearest) < SNAP, nearest, position)


def _axes(file: rasters.RasterFile, window: grid.CellWindow) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the pixel centres along both axes, x in 0..COLUMNS."""
    left, _, _, top = file.lattice.bounds
    width, height = file.lattice.pixel_size
    rows, columns = file.shape
    lon, lat = left + (np.arange(columns) + 0.5) * width, top - (np.arange(rows) + 0.5) * height
    x = _snap((lon + 180.0) * grid.CELLS_PER_DEGREE - window.col0) % grid.COLUMNS
    y = _snap((90.0 - lat) * grid.CELLS_PER_DEGREE - window.row0)
    return x, y


def _ranges_lonlat(file: rasters.RasterFile, window: grid.CellWindow) -> tuple[Runs, Runs]:
    x, y = _axes(file, window)
    rows, columns = window.shape
    return _runs((y >= 0) & (y < rows)), _runs(x < columns)


def _runs(inside: np.ndarray) -> Runs:
    """Start and end of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _ranges_projected(file: rasters.RasterFile, window: grid.CellWindow) -> tuple[Runs, Runs]:
    """Rows and columns around the projected outline of the window, with room for its bend between the samples."""
    west, south, east, north = window.bounds
    lon, lat = np.linspace(west, east, EDGE_SAMPLES), np.linspace(south, north, EDGE_SAMPLES)
    outline_lon = np.concatenate([lon, lon, np.full_like(lat, west), np.full_like(lat, east)])
    outline_lat = np.concatenate([np.full_like(lon, south), np.full_like(lon, north), lat, lat])
    column, row = pixel_position(file, outline_lon, outline_lat)
    known = np.isfinite(column) & np.isfinite(row)
    if not known.any():
        return [], []
    return _padded(row[known], file.shape[0]), _padded(column[known], file.shape[1])


def _padded(positions: np.ndarray, size: int) -> Runs:
    low, high = float(positions.min()), float(positions.max())
    pad = 2.0 + (high - low) / EDGE_SAMPLES
    first, last = max(math.floor(low - pad), 0), min(math.ceil(high + pad), size)
    return [(first, last)] if first < last else []


def _with_rim(y: np.ndarray, x: np.ndarray, window: grid.CellWindow) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = window.shape
    row = (np.clip(y, -1, rows) + 1).astype(np.int32)
    column = (np.clip(x, -1, columns) + 1).astype(np.int32)
    return row, column


def _window_position(lon: np.ndarray, lat: np.ndarray, window: grid.CellWindow) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of points, without a jump within half the globe of the window; -inf where there is no projection."""
    half = window.shape[1] / 2.0
    with np.errstate(invalid="ignore"):
        x = (lon + 180.0) * grid.CELLS_PER_DEGREE - window.col0 - half
        x = x - grid.COLUMNS * np.round(x / grid.COLUMNS) + half
        y = (90.0 - lat) * grid.CELLS_PER_DEGREE - window.row0
    return np.nan_to_num(x, nan=-np.inf), np.nan_to_num(y, nan=-np.inf)


def _exact_cells(
    file: rasters.RasterFile, rows: np.ndarray, columns: np.ndarray, window: grid.CellWindow
) -> np.ndarray:
    x, y = _window_position(*pixel_centres(file, rows, columns), window)
    row, column = _with_rim(y, x, window)
    index: np.ndarray = row * np.int32(window.shape[1] + 2) + column
    return index


def _projected_cells(file: rasters.RasterFile, chunk: Window, window: grid.CellWindow) -> np.ndarray:
    node_rows, node_columns = _nodes(chunk.shape[0]), _nodes(chunk.shape[1])
    grid_rows, grid_columns = np.meshgrid(chunk.row0 + node_rows, chunk.col0 + node_columns, indexing="ij")
    x, y = _window_position(*pixel_centres(file, grid_rows, grid_columns), window)
    tolerance = max(_interpolation_error(x), _interpolation_error(y))
    if not tolerance < 0.25:  # a pole or the edge of the projection: nothing to interpolate
        rows, columns = np.mgrid[chunk.row0 : chunk.row1, chunk.col0 : chunk.col1]
        return _exact_cells(file, rows, columns, window)
    column, near_column = _split(_interpolated(x, chunk.shape, window.shape[1]), tolerance)
    row, near_row = _split(_interpolated(y, chunk.shape, window.shape[0]), tolerance)
    row *= np.int32(window.shape[1] + 2)
    row += column
    rows, columns = np.divmod(np.flatnonzero(near_row | near_column), chunk.shape[1])  # faster than nonzero of 2-D
    row[rows, columns] = _exact_cells(file, chunk.row0 + rows, chunk.col0 + columns, window)
    return row


def _split(position: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """int32 whole part of positions (overwritten), and whether they may lie beyond the next border."""
    whole = np.floor(position)
    position -= whole
    position -= np.float32(0.5)
    arithmetic = 1e-6 * float(whole.max())  # 32 bits: sixteen roundings of the largest position
    return whole.astype(np.int32), np.abs(position, out=position) > 0.5 - tolerance - arithmetic


def _nodes(size: int) -> np.ndarray:
    """Offsets of nodes that enclose 0..size - 1: an odd number of them, at least three."""
    intervals = 2 * math.ceil(size / (2 * NODE_STEP))
    return np.arange(intervals + 1) * NODE_STEP


def _interpolation_error(nodes: np.ndarray) -> float:
    """Bound on the error of interpolating between nodes: the error of interpolating between every second one.

    The error of linear interpolation grows with the square of the step, so this is about four times too large. Each
    direction has its own term: in conformal projections their curvatures cancel at the middle of a patch.
    """
    with np.errstate(invalid="ignore"):
        along_rows = np.abs((nodes[:-2:2] + nodes[2::2]) / 2.0 - nodes[1::2]).max()
        along_columns = np.abs((nodes[:, :-2:2] + nodes[:, 2::2]) / 2.0 - nodes[:, 1::2]).max()
    return float(along_rows + along_columns)


def _interpolated(nodes: np.ndarray, shape: tuple[int, int], size: int) -> np.ndarray:
    """float32[y, x]: position of each pixel, the rim included: below 1 lies before the window, size + 1 behind it."""
    rows, columns = shape
    across = _along_rows(np.ascontiguousarray(nodes.T, np.float32))[:columns].T
    position = _along_rows(np.ascontiguousarray(across))[:rows]
    np.clip(position, -0.5, size + 0.5, out=position)  # half a cell from any border
    position += np.float32(1.0)
    return position


def _along_rows(nodes: np.ndarray) -> np.ndarray:
    """float32[(nodes - 1) * NODE_STEP, x] from float32[node, x]: straight lines between nodes."""
    part = (np.arange(NODE_STEP, dtype=np.float32) / NODE_STEP)[None, :, None]
    between = nodes[:-1, None] + part * (nodes[1:, None] - nodes[:-1, None])
    positions: np.ndarray = between.reshape(-1, nodes.shape[1])
    return positions
