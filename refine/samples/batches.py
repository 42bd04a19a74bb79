"""What batches of pictures are made of: decode, resize, turn, shuffle; the same pictures on every backend.

A batch is (pixels uint8[n, y, x, rgb], labels int64[n], weights float32[n]). The model makes floats of the pixels, on
its device: a quarter of the bytes to keep ahead, and to bring there.
"""

from __future__ import annotations

import collections
import concurrent.futures
import io
import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import PIL.Image

from builder import hashing
from refine.samples import datasets, readers

VIEWS = 8  # the dihedral group: four quarter turns, each plain or mirrored
PLAIN = 0
THREADS = max(2, min(16, os.cpu_count() or 2))
AHEAD_BYTES = 512 << 20  # of pictures prepared while the model works, at most

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def picture(encoded: bytes, size_px: int) -> np.ndarray:
    """uint8[size_px, size_px, rgb] of an encoded picture."""
    with PIL.Image.open(io.BytesIO(encoded)) as image:
        return resized(np.asarray(image.convert("RGB")), size_px)


def resized(pixels: np.ndarray, size_px: int) -> np.ndarray:
    """uint8[size_px, size_px, rgb]: bilinear, with the triangle widened when shrinking, so that nothing is skipped."""
    if pixels.shape[:2] == (size_px, size_px):
        return pixels
    image = PIL.Image.fromarray(pixels)
    return np.asarray(image.resize((size_px, size_px), PIL.Image.Resampling.BILINEAR))


def turned(pixels: np.ndarray, view: int) -> np.ndarray:
    """View 0..7 of pixels[y, x, ...]: `view % 4` quarter turns counterclockwise, mirrored left to right from 4 on."""
    mirrored = pixels[:, ::-1] if view >= 4 else pixels
    return np.rot90(mirrored, view % 4)


def decoded(encoded: Iterable[bytes], size_px: int) -> Iterator[np.ndarray]:
    """uint8[size_px, size_px, rgb] of each encoded picture, in order, made ahead by threads."""
    most = max(THREADS, AHEAD_BYTES // 2 // (size_px * size_px * 3))
    waiting: collections.deque[concurrent.futures.Future[np.ndarray]] = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for one in encoded:
            waiting.append(pool.submit(picture, one, size_px))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def padded(batch: Batch, multiple: int) -> Batch:
    """`batch` filled up with its last example, of weight 0, until `multiple` devices can share it evenly."""
    values, labels, weights = batch
    lacking = -len(labels) % multiple
    if not lacking:
        return batch
    values, labels = (np.concatenate([a, np.repeat(a[-1:], lacking, axis=0)]) for a in (values, labels))
    return values, labels, np.concatenate([weights, np.zeros(lacking, weights.dtype)])


def views_of_epoch(keys: np.ndarray, *, seed: int, epoch: int, views: int = VIEWS) -> np.ndarray:
    """int64[n]: the view under which each example is seen in one epoch."""
    stream = hashing.stream(seed, f"view/{epoch}")
    return (hashing.bits(stream, keys) % np.uint64(views)).astype(np.int64)


def order_of_epoch(keys: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    """int64[n]: the order in which examples are seen in one epoch."""
    return np.argsort(hashing.bits(hashing.stream(seed, f"order/{epoch}"), keys), kind="stable")


def key_bits(split: datasets.Split) -> np.ndarray:
    """uint64[n]: hashed keys of a split; every random choice about an example follows from them."""
    return np.array([hashing.text_bits(0, key) for key in split.keys], np.uint64)


def rounded_up(batch_size: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `batch_size`."""
    return -(-batch_size // multiple) * multiple


def pictures(split: datasets.Split, rows: Sequence[int], size_px: int) -> list[np.ndarray]:
    """uint8[size_px, size_px, rgb] of the examples at ascending positions `rows` of the split."""
    stored = [int(split.rows[r]) for r in rows]
    return [picture(encoded, size_px) for encoded in readers.rows_of(split.reader, stored)]
