"""What is wrong with one stored example: its picture, its place, its dates, its resolution."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterator

import numpy as np
import PIL
from PIL import Image

from builder.chips import pictures
from builder.dataset import examples
from builder.geometry import ellipsoid

CORNER_TOLERANCE = 0.01  # of the distance from the centre to a corner
ROUNDING_M = 0.1  # places are stored to 1e-7 degree, 11 mm
RGB = 3  # channels
# What Pillow raises for a damaged picture; the last two, for one with a second header that claims a huge size.
_UNDECODABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclasses.dataclass(frozen=True)
class Expected:
    """What every example of a version promises.

    Attributes:
      size_m: side of a chip on the ground.
      size_px: side of its picture.
      decodes: decode each picture and compare the SHA-256 of its pixels; otherwise only the header of the JPEG is
        read.
    """

    size_m: float
    size_px: int
    decodes: bool


def of_example(stored: examples.Stored, image: bytes, expected: Expected) -> Iterator[str]:
    """A sentence without its full stop for each fault of an example.

    Args:
      stored: what the example says.
      image: its picture, as stored.
      expected: what it promises.
    """
    if what := _of_picture(image, stored.pixels_sha256, expected):
        yield f"the picture {what}"
    if what := _of_place(stored, expected.size_m):
        yield what
    if what := _of_dates(*stored.acquired):
        yield what
    if not (math.isfinite(stored.gsd_m) and stored.gsd_m > 0.0):
        yield f"`gsd_m` is {stored.gsd_m:g}; expected a positive number of metres"


def _of_picture(image: bytes, pixels_sha256: str, expected: Expected) -> str | None:
    of_header = _of_header(image, expected.size_px)
    return of_header or (_of_pixels(image, pixels_sha256) if expected.decodes else None)


def _of_header(image: bytes, size_px: int) -> str | None:
    """Reads no pixels, so that a small file that claims a huge picture costs nothing."""
    shape = pictures.header_shape(image)
    if shape is None:
        return "is no whole JPEG"
    height, width, channels = shape
    if (width, height) != (size_px, size_px):
        return f"has {width} x {height} px instead of {size_px} x {size_px}"
    return None if channels == RGB else f"has {channels} channels instead of {RGB}"


def _of_pixels(image: bytes, pixels_sha256: str) -> str | None:
    try:
        sha256 = pictures.sha256(pictures.decoded(image))
    except _UNDECODABLE as error:
        return f"cannot be decoded ({error})"
    if sha256 == pixels_sha256:
        return None
    return (
        f"has pixels of the SHA-256 {sha256[:16]}, and `pixels_sha256` says {pixels_sha256[:16]!r} "
        f"(decoded by Pillow {PIL.__version__})"
    )


def _of_place(stored: examples.Stored, size_m: float) -> str | None:
    """The corners of a square of `size_m` lie around its centre, half a diagonal away."""
    lon, lat = np.array([stored.lonlat, *zip(stored.corners[::2], stored.corners[1::2], strict=True)]).T
    if np.abs(lon).max() > 180.0 or np.abs(lat).max() > 90.0:
        return "its centre or a corner is not on the globe"
    places = ellipsoid.geocentric(lon, lat)
    reach_m, tolerance_m = size_m / math.sqrt(2.0), CORNER_TOLERANCE * size_m / math.sqrt(2.0) + ROUNDING_M
    apart_m = np.linalg.norm(places[1:] - places[0], axis=1)
    off_m = float(np.linalg.norm(places[1:].mean(axis=0) - places[0]))
    if np.abs(apart_m - reach_m).max() > tolerance_m or off_m > tolerance_m:
        return (
            f"its corners are {apart_m.min():.1f} to {apart_m.max():.1f} m from its centre, which is {off_m:.1f} m off "
            f"their middle; expected {reach_m:.1f} m around it"
        )
    return None


def _of_dates(first: str, last: str) -> str | None:
    try:
        days = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    except ValueError:
        return f"its days of acquisition are {first[:20]!r} and {last[:20]!r}; expected two days, as 2010-07-01"
    return f"it was acquired from {first} to {last}, which is before" if days[0] > days[1] else None
