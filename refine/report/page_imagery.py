"""Imagery of any part of a map, in pieces that are taken as chips are."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from builder import progress
from builder.chips import chip, footprint, imagery_toml
from builder.geometry import ellipsoid, lattice, lonlat
from builder.geometry.window import Window
from builder.imagery import source

PATCH_PX = 96  # side of the pieces that imagery is read in, at most
SMALLEST_PX = 8  # side of a piece, at least
MOST_PIECES = 4_000  # of one picture: a region of about 110 km; each is a search and a reading
BATCH_PIECES = 256  # read together: near pieces share scenes, and more would only fill the memory
PATCH_MARGIN = 1.1  # a piece is north up, the map is not quite: this much more ground covers the turned square
MOST_NODATA = 0.9  # of a piece: at the edge of the imagery a piece is shown in part
WIDEST_PATCH_M = 2_000.0  # wider pieces would strain the plane of a footprint and the reading of one grid


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """Imagery of a ground: uint8[y, x, rgba], the acquisitions it shows, and the pieces that have none, by reason."""

    pixels: np.ndarray
    shown: tuple[source.Acquisition, ...]
    refused: Mapping[str, int]


def imagery(ground: lattice.Lattice, from_where: imagery_toml.Imagery) -> Picture:
    """The picture of a ground under the date and quality rules of chips.

    It is read in pieces, each the best picture of its place as a chip would be, in about the pixels in which it is
    shown; pieces without one are transparent.

    Raises:
      errors.InputError: if a source cannot be asked at all.
    """
    pixels = np.zeros((*ground.shape, 4), np.uint8)
    asked = _as_pieces(from_where, *_piece_side(ground))
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


def _as_pieces(imagery: imagery_toml.Imagery, side: int, pixel_m: float) -> imagery_toml.Imagery:
    """The imagery asked for pieces of `side` pixels of `pixel_m` metres instead of chips."""
    rules = dataclasses.replace(imagery.rules, max_nodata_share=MOST_NODATA)
    size_px = max(SMALLEST_PX, round(side * PATCH_MARGIN))
    size = dataclasses.replace(imagery.chip, size_m=side * pixel_m * PATCH_MARGIN, size_px=size_px)
    return dataclasses.replace(imagery, rules=rules, chip=size)


def pieces(ground: lattice.Lattice) -> int:
    """How many pieces `imagery` reads."""
    side, _ = _piece_side(ground)
    return -(-ground.shape[0] // side) * -(-ground.shape[1] // side)


def _paint(picture: np.ndarray, ground: lattice.Lattice, piece: _Piece, pixels: np.ndarray) -> None:
    part = picture[piece.window.slices]
    part[..., :3] = _looked_up(ground, piece, pixels)
    part[..., 3] = np.where(part[..., :3].any(axis=-1), 255, 0)  # chips are black where a scene has no data


@dataclasses.dataclass(frozen=True)
class _Piece:
    """A window of a picture, and the square of ground that covers it."""

    window: Window
    footprint: footprint.Footprint


def _piece_side(ground: lattice.Lattice) -> tuple[int, float]:
    """(pixels along the side of a piece, metres of a pixel)."""
    (height_m, width_m), (rows, columns) = ground.size_m(), ground.shape
    pixel_m = max(height_m / rows, width_m / columns)
    return max(1, min(PATCH_PX, int(WIDEST_PATCH_M / PATCH_MARGIN / pixel_m))), pixel_m


def _pieces(ground: lattice.Lattice) -> Iterator[_Piece]:
    side, pixel_m = _piece_side(ground)
    for part in ground.whole.tiles(side):
        lon, lat = _middle(ground.window(part))
        yield _Piece(part, footprint.Footprint(lon, lat, side * pixel_m * PATCH_MARGIN))


def _middle(ground: lattice.Lattice) -> tuple[float, float]:
    lon, lat = ground.resampled(1, 1).centres_lonlat()
    return float(lonlat.wrapped(lon[0, 0])), float(lat[0, 0])  # a map across 180 degrees counts on


def _looked_up(ground: lattice.Lattice, piece: _Piece, pixels: np.ndarray) -> np.ndarray:
    """The pixels of a piece at the picture's places, nearest.

    The corners are placed exactly in the piece's plane (azimuth and distance from its middle), all between them by
    interpolation: over at most 2 km that is right to well under a metre.
    """
    part = ground.window(piece.window)
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
