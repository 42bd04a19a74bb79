"""Pictures of a page: arrays to data URIs, classes and values to colours."""

from __future__ import annotations

import base64
import io
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from builder import errors

JPEG_QUALITY, WEBP_QUALITY = 82, 82


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


def file_picture(path: pathlib.Path, *, widest_px: int) -> str:
    """Data URI of a picture in a file, scaled down to `widest_px` where it is wider.

    Raises:
      errors.InputError: if the file holds no picture.
    """
    try:
        with Image.open(path) as picture:
            shown = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's, of damaged files
        raise errors.InputError(
            f"{path}: expected a picture; {error}. Write it again with the command that made it, or remove it."
        ) from error
    if shown.width > widest_px:
        shown = shown.resize((widest_px, round(shown.height * widest_px / shown.width)), Image.Resampling.LANCZOS)
    return photograph(np.asarray(shown))


def _data_uri(encoded: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode('ascii')}"
