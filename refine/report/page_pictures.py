"""Pictures of a report: arrays to data URIs, colours of classes, imagery of any part of a map."""

from __future__ import annotations

import base64
import collections
import dataclasses
import functools
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyproj
import rasterio
import rasterio.io
from PIL import Image

from builder import progress
from builder.chips import chip, footprint, imagery_toml
from builder.geometry import ellipsoid, lonlat
from builder.imagery import source

JPEG_QUALITY, WEBP_QUALITY = 82, 82
PATCH_PX = 96  # side of the pieces that imagery is read in, at most
SMALLEST_PX = 8  # of a piece as it is read
MOST_PIECES = 4_000  # of one picture: a region of about 110 km; each is a search and a reading
BATCH_PIECES = 256  # read together: near pieces share scenes, and more would only fill the memory
PATCH_MARGIN = 1.1  # a piece is north up, the map is not quite: this much more ground covers the turned square
MOST_NODATA = 0.9  # of a piece: at the edge of the imagery a piece is shown in part
EDGE_STEPS = 16  # along each side, where the outline of a map is followed
WIDEST_PATCH_M = 2_000.0  # wider pieces would strain the plane of a footprint and the reading of one grid


@dataclasses.dataclass(frozen=True)
class Ground:
    """A window of a map on the ground: `transform` (a, b, c, d, e, f) of its own pixels, `shape` (rows, columns)."""

    crs: str
    transform: tuple[float, float, float, float, float, float]
    shape: tuple[int, int]

    @classmethod
    def of(cls, dataset: rasterio.io.DatasetReader) -> Ground:
        """The ground of a raster that is open."""
        return cls(dataset.crs.to_wkt(), tuple(dataset.transform)[:6], dataset.shape)

    def window(self, row0: int, row1: int, col0: int, col1: int) -> Ground:
        """A part of it."""
        a, b, c, d, e, f = self.transform
        return Ground(
            self.crs, (a, b, c + a * col0 + b * row0, d, e, f + d * col0 + e * row0), (row1 - row0, col1 - col0)
        )

    def resampled(self, rows: int, columns: int) -> Ground:
        """The same ground in other pixels."""
        a, b, c, d, e, f = self.transform
        down, across = self.shape[0] / rows, self.shape[1] / columns
        return Ground(self.crs, (a * across, b * down, c, d * across, e * down, f), (rows, columns))

    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y float64[row, column] of the pixel centres, in the CRS."""
        a, b, c, d, e, f = self.transform
        column, row = np.meshgrid(np.arange(self.shape[1]) + 0.5, np.arange(self.shape[0]) + 0.5)
        return a * column + b * row + c, d * column + e * row + f

    def corners_lonlat(self) -> np.ndarray:
        """float64[4, 2] degrees: top left, top right, bottom right, bottom left."""
        rows, columns = self.shape
        return np.column_stack(self._lonlat(np.array([0, columns, columns, 0]), np.array([0, 0, rows, rows])))

    def outline_lonlat(self) -> tuple[np.ndarray, np.ndarray]:
        """(longitude, latitude) float64[n] along its edge in degrees; longitudes run on across 180, without a jump."""
        rows, columns = self.shape
        way = np.linspace(0.0, 1.0, EDGE_STEPS, endpoint=False)
        across = np.concatenate([way, np.ones_like(way), 1.0 - way, np.zeros_like(way)])
        down = np.roll(across, EDGE_STEPS)
        lon, lat = self._lonlat(columns * across, rows * down)
        return np.unwrap(lon, period=360.0), lat

    def _lonlat(self, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, c, d, e, f = self.transform
        lon, lat = _to_degrees(self.crs).transform(a * column + b * row + c, d * column + e * row + f)
        return np.asarray(lon), np.asarray(lat)

    def size_m(self) -> tuple[float, float]:
        """(height, width) through the middle, on the ellipsoid."""
        rows, columns = self.shape
        lon, lat = self._lonlat(
            np.array([0, columns, columns / 2, columns / 2]), np.array([rows / 2, rows / 2, 0, rows])
        )
        _, _, metres = ellipsoid.GEOD.inv(lon[[2, 0]], lat[[2, 0]], lon[[3, 1]], lat[[3, 1]])
        return float(metres[0]), float(metres[1])

    def places(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row, column) float64[n] of places in degrees, counted from the outer corner of the first pixel."""
        a, b, c, d, e, f = self.transform
        if _is_geographic(self.crs):  # a map across 180 degrees counts on: its places must, too
            lon = c + (lon - c) % 360.0
        x, y = _to_degrees(self.crs).transform(lon, lat, direction="INVERSE")
        determinant = a * e - b * d
        column = (e * (x - c) - b * (y - f)) / determinant
        row = (a * (y - f) - d * (x - c)) / determinant
        return row, column


def painted(codes: np.ndarray, colours: Mapping[int, str]) -> np.ndarray:
    """uint8[y, x, rgba] of class codes; a code without a colour is transparent."""
    table = np.zeros((256, 4), np.uint8)
    for code, colour in colours.items():
        table[code] = (*bytes.fromhex(colour.removeprefix("#")), 255)
    return np.asarray(table[codes])


def ramp(values: np.ndarray, stops: Sequence[str], *, low: float, high: float, missing: np.ndarray) -> np.ndarray:
    """uint8[y, x, rgba]: values on a ramp of colours from `low` to `high`; transparent where `missing`."""
    anchors = np.array([list(bytes.fromhex(stop.removeprefix("#"))) for stop in stops], np.float64)
    place = np.clip((values.astype(np.float64) - low) / (high - low), 0.0, 1.0) * (len(stops) - 1)
    rgb = np.stack([np.interp(place, np.arange(len(stops)), anchors[:, band]) for band in range(3)], axis=-1)
    return np.concatenate([np.rint(rgb), np.where(missing, 0, 255)[..., None]], axis=-1).astype(np.uint8)


def dotted(
    shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray, colours: Sequence[str], *, radius_px: int
) -> np.ndarray:
    """uint8[y, x, rgba]: a disc with a dark rim at each place, in order, on nothing."""
    picture = np.zeros((*shape, 4), np.uint8)
    reach = np.arange(-radius_px - 1, radius_px + 2)
    distance = np.hypot(reach[:, None], reach[None, :])
    for row, column, colour in zip(rows, columns, colours, strict=True):
        fill = np.array([*bytes.fromhex(colour.removeprefix("#")), 255], np.uint8)
        y, x = int(row) + reach, int(column) + reach
        inside = ((y >= 0) & (y < shape[0]))[:, None] & ((x >= 0) & (x < shape[1]))[None, :]
        for limit, paint in ((radius_px + 0.8, np.array([20, 20, 20, 255], np.uint8)), (radius_px - 0.2, fill)):
            hit = inside & (distance <= limit)
            picture[np.broadcast_to(y[:, None], hit.shape)[hit], np.broadcast_to(x[None, :], hit.shape)[hit]] = paint
    return picture


def lossless(pixels: np.ndarray) -> str:
    """Data URI of uint8[y, x, rgb or rgba]: exact, for classes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=100, method=4)
    return _data_uri(buffer.getvalue(), "webp")


def photograph(pixels: np.ndarray) -> str:
    """Data URI of uint8[y, x, rgb or rgba] imagery."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=WEBP_QUALITY, method=4)
    return _data_uri(buffer.getvalue(), "webp")


def thumbnail(pixels: np.ndarray, side_px: int) -> str:
    """Data URI of a chip uint8[y, x, rgb], scaled to `side_px`."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((side_px, side_px), Image.Resampling.LANCZOS).save(
        buffer, "JPEG", quality=JPEG_QUALITY
    )
    return _data_uri(buffer.getvalue(), "jpeg")


def file_picture(encoded: bytes, *, widest_px: int) -> str:
    """Data URI of an encoded picture, scaled down to `widest_px` where it is wider."""
    with Image.open(io.BytesIO(encoded)) as picture:
        shown = picture.convert("RGB")
        if shown.width > widest_px:
            shown = shown.resize((widest_px, round(shown.height * widest_px / shown.width)), Image.Resampling.LANCZOS)
        return photograph(np.asarray(shown))


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """Imagery of a ground: uint8[y, x, rgba], the acquisitions it shows, and the pieces that have none, by reason."""

    pixels: np.ndarray
    shown: tuple[source.Acquisition, ...]
    refused: Mapping[str, int]


def imagery(ground: Ground, from_where: imagery_toml.Imagery) -> Picture:
    """The picture of a ground under the date and quality rules of chips.

    It is read in pieces, each the best picture of its place as a chip would be, in about the pixels in which it is
    shown; pieces without one are transparent.

    Raises:
      errors.InputError: if a source cannot be asked at all.
    """
    pixels = np.zeros((*ground.shape, 4), np.uint8)
    side, pixel_m = _piece_side(ground)
    rules = dataclasses.replace(from_where.rules, max_nodata_share=MOST_NODATA)
    size_px = max(SMALLEST_PX, round(side * PATCH_MARGIN))
    size = dataclasses.replace(from_where.chip, size_m=side * pixel_m * PATCH_MARGIN, size_px=size_px)
    asked = dataclasses.replace(from_where, rules=rules, chip=size)
    shown: dict[source.Acquisition, None] = {}
    refused: collections.Counter[str] = collections.Counter()
    every = _pieces(ground)
    with progress.Progress("pictured", pieces(ground), unit="pieces") as bar:
        while batch := list(itertools.islice(every, BATCH_PIECES)):
            requests = [chip.Request(str(i), p.footprint.lon, p.footprint.lat, None) for i, p in enumerate(batch)]
            for piece, outcome in zip(batch, chip.acquire(requests, asked), strict=True):
                if isinstance(outcome.result, chip.Refusal):
                    refused[str(outcome.result.reason)] += 1
                    continue
                shown[outcome.result.acquisition] = None
                _paint(pixels, ground, piece, outcome.result.pixels)
            bar.advance(len(batch))
    return Picture(pixels, tuple(shown), refused)


def pieces(ground: Ground) -> int:
    """How many pieces `imagery` reads."""
    side, _ = _piece_side(ground)
    return -(-ground.shape[0] // side) * -(-ground.shape[1] // side)


def _paint(picture: np.ndarray, ground: Ground, piece: _Piece, pixels: np.ndarray) -> None:
    part = picture[piece.row0 : piece.row1, piece.col0 : piece.col1]
    part[..., :3] = _looked_up(ground, piece, pixels)
    part[..., 3] = np.where(part[..., :3].any(axis=-1), 255, 0)  # chips are black where a scene has no data


@dataclasses.dataclass(frozen=True)
class _Piece:
    """Rows row0..row1 and columns col0..col1 of a picture, and the square of ground that covers them."""

    row0: int
    row1: int
    col0: int
    col1: int
    footprint: footprint.Footprint


def _piece_side(ground: Ground) -> tuple[int, float]:
    """(pixels along the side of a piece, metres of a pixel)."""
    (height_m, width_m), (rows, columns) = ground.size_m(), ground.shape
    pixel_m = max(height_m / rows, width_m / columns)
    return max(1, min(PATCH_PX, int(WIDEST_PATCH_M / PATCH_MARGIN / pixel_m))), pixel_m


def _pieces(ground: Ground) -> Iterator[_Piece]:
    rows, columns = ground.shape
    side, pixel_m = _piece_side(ground)
    for row in range(0, rows, side):
        for col in range(0, columns, side):
            part = ground.window(row, min(row + side, rows), col, min(col + side, columns))
            lon, lat = _middle(part)
            square = footprint.Footprint(lon, lat, side * pixel_m * PATCH_MARGIN)
            yield _Piece(row, row + part.shape[0], col, col + part.shape[1], square)


def _middle(ground: Ground) -> tuple[float, float]:
    x, y = ground.resampled(1, 1).centres()
    lon, lat = _to_degrees(ground.crs).transform(x, y)
    return float(lonlat.wrapped(lon[0, 0])), float(lat[0, 0])  # a map across 180 degrees counts on


def _looked_up(ground: Ground, piece: _Piece, pixels: np.ndarray) -> np.ndarray:
    """The pixels of a piece at the picture's places, nearest.

    The corners are placed exactly in the piece's plane (azimuth and distance from its middle), all between them by
    interpolation: over at most 2 km that is right to well under a metre.
    """
    part = ground.window(piece.row0, piece.row1, piece.col0, piece.col1)
    corners = part.corners_lonlat()
    middle = np.full(4, piece.footprint.lon), np.full(4, piece.footprint.lat)
    azimuth, _, distance = ellipsoid.GEOD.inv(*middle, corners[:, 0], corners[:, 1])
    a, _, c, _, e, f = piece.footprint.affine(len(pixels))
    column = _between((distance * np.sin(np.radians(azimuth)) - c) / a, part.shape)
    row = _between((distance * np.cos(np.radians(azimuth)) - f) / e, part.shape)
    last = len(pixels) - 1
    return np.asarray(pixels[np.clip(row, 0, last).astype(np.int64), np.clip(column, 0, last).astype(np.int64)])


def _between(corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """float64[row, column]: values at pixel centres between those of the corners (order of `corners_lonlat`)."""
    down, across = ((np.arange(size) + 0.5) / size for size in shape)
    left = corners[0] + (corners[3] - corners[0]) * down
    right = corners[1] + (corners[2] - corners[1]) * down
    return np.asarray(left[:, None] + (right - left)[:, None] * across[None, :])


@functools.lru_cache(maxsize=8)
def _is_geographic(crs: str) -> bool:
    return bool(pyproj.CRS.from_user_input(crs).is_geographic)


@functools.lru_cache(maxsize=8)
def _to_degrees(crs: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def _data_uri(encoded: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode('ascii')}"
