"""Chips as stored: JPEG bytes, the digest of what a reader decodes, and a perceptual hash."""

from __future__ import annotations

import functools
import hashlib
import io
import struct

import numpy as np
from PIL import Image

CHROMA_HALVED = 2  # Pillow's number for 4:2:0: the colour of imagery is coarser than a chip's pixels anyway
_START, _END, _MARKER = b"\xff\xd8", b"\xff\xd9", 0xFF
_FRAME_MARKERS = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_HASH_SIDE, _HASH_FACTOR = 8, 4


def encoded(pixels: np.ndarray, quality: int) -> bytes:
    """JPEG (4:2:0) of uint8[y, x, rgb]."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=CHROMA_HALVED)
    return buffer.getvalue()


def decoded(image: bytes) -> np.ndarray:
    """uint8[y, x, rgb] of a JPEG."""
    with Image.open(io.BytesIO(image)) as picture:
        return np.asarray(picture.convert("RGB"))


def header_shape(image: bytes) -> tuple[int, int, int] | None:
    """(height, width, channels) that the header of a JPEG states; None where `image` is no whole JPEG.

    Nothing is decoded: a picture with a sound header may still be damaged inside.
    """
    if not (image.startswith(_START) and image.endswith(_END)):
        return None
    at = len(_START)
    while at + 10 <= len(image) and image[at] == _MARKER:
        if image[at + 1] in _FRAME_MARKERS:
            height, width, channels = struct.unpack_from(">HHB", image, at + 5)
            return height, width, channels
        at += 2 + int.from_bytes(image[at + 2 : at + 4], "big")
    return None


def sha256(pixels: np.ndarray) -> str:
    """Hex digest of uint8[y, x, rgb], row by row."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def phash(pixels: np.ndarray) -> int:
    """Signed 64-bit perceptual hash: which of the 8 x 8 lowest frequencies of the grey picture exceed their median.

    The number of differing bits of two hashes says how unlike the pictures are: 0 for copies, about 32 for strangers.

    Source: the DCT hash of Zauner 2010, section 3.2.1, in the form of the Python package imagehash.
    """
    side = _HASH_SIDE * _HASH_FACTOR
    grey = Image.fromarray(pixels).convert("L").resize((side, side), Image.Resampling.LANCZOS)
    cosines = _cosines(side)
    low = cosines @ np.asarray(grey, np.float64) @ cosines.T
    bits = (low > np.median(low)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big", signed=True)


def hamming(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Number of differing bits of int64 hashes, elementwise, 0..64."""
    return np.asarray(np.bitwise_count(np.bitwise_xor(first, second).view(np.uint64)))


@functools.cache
def _cosines(side: int) -> np.ndarray:
    """float64[8, side]: the lowest cosines of the discrete cosine transform, type II."""
    frequency, place = np.arange(_HASH_SIDE)[:, None], np.arange(side)[None, :]
    return np.asarray(np.cos(np.pi * frequency * (2 * place + 1) / (2.0 * side)))
