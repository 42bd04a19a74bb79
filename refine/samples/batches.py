"""Batches of pixels for Keras: decode, resize, turn, shuffle; the same pictures on every backend.

A batch is (pixels uint8[n, y, x, rgb], labels int64[n], weights float32[n]). The model makes floats of the pixels, on
its device: a quarter of the bytes to keep ahead, and to bring there.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import functools
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import PIL.Image

from builder import hashing
from refine.samples import datasets, readers

VIEWS = 8  # the dihedral group: four quarter turns, each plain or mirrored
PLAIN = 0
SHUFFLE_BUFFER = 4096  # encoded chips; the stored order is already shuffled by key
THREADS = max(2, min(16, os.cpu_count() or 2))
AHEAD_BYTES = 512 << 20  # of pictures prepared while the model works, at most
_STREAMED_AHEAD = 4  # batches that tf.data keeps ready

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
    """uint64[n]: hashed keys of a split, from which every random choice about an example is made."""
    return np.array([hashing.text_bits(0, key) for key in split.keys], np.uint64)


class AheadFeed(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches by number, made ahead by threads: as many as there are threads, if `AHEAD_BYTES` hold them.

    A subclass sets `num_batches` and `_make`, which makes new arrays: TensorFlow reads them in place where they are
    aligned, and may compute in their memory. `begin(epoch)` comes before each epoch.
    """

    def __init__(self, *, size_px: int, batch_size: int) -> None:
        super().__init__(workers=1)
        self._size_px, self._batch_size = size_px, batch_size
        batch_bytes = batch_size * size_px * size_px * 3
        self._most_ahead = max(2, min(THREADS, AHEAD_BYTES // batch_bytes))
        self._pool = concurrent.futures.ThreadPoolExecutor(THREADS)
        self._ahead: dict[tuple[int, int], concurrent.futures.Future[Batch]] = {}
        self._epoch = 0

    def begin(self, epoch: int) -> None:
        """Sets the epoch whose batches come next."""
        self._epoch = epoch
        self._ahead.clear()

    def __iter__(self) -> Iterator[Batch]:
        return (self[index] for index in range(self.num_batches))

    def __getitem__(self, index: int) -> Batch:
        epoch = self._epoch
        for i in range(index, min(index + 1 + self._most_ahead, self.num_batches)):
            if (epoch, i) not in self._ahead:
                self._ahead[epoch, i] = self._pool.submit(self._make, epoch, i)
        return self._ahead.pop((epoch, index)).result()

    def _make(self, epoch: int, index: int) -> Batch:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, eq=False)
class Passes:
    """How a split is gone through, epoch after epoch; every choice follows from the seed and the examples' keys.

    Attributes:
      weights: float[n] of the examples; None: 1 each.
      training: shuffled, and an incomplete last batch is left out (other examples each epoch), so that every batch has
        one shape; else in stored order.
      augment: each example under another view in each epoch.
      multiple: batches that so many devices cannot share evenly are `padded`.
    """

    split: datasets.Split
    size_px: int
    batch_size: int
    weights: np.ndarray | None = None
    seed: int = 0
    training: bool = False
    augment: bool = False
    multiple: int = 1

    @property
    def num_batches(self) -> int:
        """Batches of one epoch."""
        whole, rest = divmod(len(self.split), self.batch_size)
        return whole if self.training and whole else whole + (rest > 0)

    @functools.cached_property
    def keys(self) -> np.ndarray:
        """uint64[n], see `key_bits`."""
        return key_bits(self.split)

    @functools.cached_property
    def example_weights(self) -> np.ndarray:
        """float32[n]."""
        return np.ones(len(self.split), np.float32) if self.weights is None else self.weights.astype(np.float32)

    def views(self, epoch: int) -> np.ndarray:
        """int64[n]: the view of each example in one epoch."""
        if not self.augment:
            return np.full(len(self.split), PLAIN, np.int64)
        return views_of_epoch(self.keys, seed=self.seed, epoch=epoch)


class RowFeed(AheadFeed):
    """Batches by row."""

    def __init__(self, passes: Passes) -> None:
        super().__init__(size_px=passes.size_px, batch_size=passes.batch_size)
        self._passes = passes
        self._orders: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def num_batches(self) -> int:
        """Batches of one epoch."""
        return self._passes.num_batches

    def for_fit(self, first: int, stop: int) -> RowFeed:
        """Itself: `fit` reads the batches of an epoch by number."""
        return self

    def _order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The examples of an epoch in their order, and the view of each example."""
        known = self._orders.get(epoch)  # read once: another thread may be at another epoch
        if known is None:
            passes = self._passes
            order = np.arange(len(passes.split))
            if passes.training:
                order = order_of_epoch(passes.keys, seed=passes.seed, epoch=epoch)
            known = order, passes.views(epoch)
            self._orders = {epoch: known}
        return known

    def _make(self, epoch: int, index: int) -> Batch:
        passes, (order, views) = self._passes, self._order(epoch)
        chosen = order[index * passes.batch_size : (index + 1) * passes.batch_size]
        pixels = np.empty((len(chosen), passes.size_px, passes.size_px, 3), np.uint8)
        for i, example in enumerate(chosen):
            encoded = passes.split.reader.encoded(int(passes.split.rows[example]))
            pixels[i] = turned(picture(encoded, passes.size_px), int(views[example]))
        return padded((pixels, passes.split.labels[chosen], passes.example_weights[chosen]), passes.multiple)


class StreamFeed:
    """The same batches from a split that only streams, by tf.data: shuffled within a buffer, epoch after epoch."""

    def __init__(self, passes: Passes) -> None:
        self._passes, rows = passes, passes.split.rows
        # Position in the split of each stored row, -1 for examples that were left out.
        self._position = np.full(int(rows.max(initial=-1)) + 1, -1, np.int64)
        self._position[rows] = np.arange(len(passes.split))

    @property
    def num_batches(self) -> int:
        """Batches of one epoch."""
        return self._passes.num_batches

    def begin(self, epoch: int) -> None:
        """Nothing to set: the stream itself goes from epoch to epoch."""

    def for_fit(self, first: int, stop: int) -> Any:
        """`tf.data.Dataset` of the batches of the epochs first..stop-1."""
        import tensorflow as tf

        epochs = functools.reduce(lambda one, two: one.concatenate(two), map(self._epoch, range(first, stop)))
        # Without it Keras warns at the end that the data ran out.
        epochs = epochs.apply(tf.data.experimental.assert_cardinality(self.num_batches * (stop - first)))
        return epochs.prefetch(_STREAMED_AHEAD)

    def _epoch(self, epoch: int) -> Any:
        import tensorflow as tf

        passes = self._passes
        arrays = self._position, passes.split.labels, passes.example_weights, passes.views(epoch)
        position, labels, weights, views = (tf.constant(a) for a in arrays)
        rows = passes.split.reader.stream().take(len(self._position)).enumerate()
        examples = rows.map(lambda row, encoded: (position[row], encoded)).filter(lambda at, _: at >= 0)
        if passes.training:
            seed = hashing.stream(passes.seed, f"order/{epoch}") >> 1
            examples = examples.shuffle(min(len(passes.split), SHUFFLE_BUFFER), seed=seed)

        def example(at: Any, encoded: Any) -> Any:
            return self._pixels(encoded, views[at]), labels[at], weights[at]

        decoded = examples.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        grouped = decoded.batch(passes.batch_size).take(self.num_batches)
        return grouped if passes.multiple == 1 else grouped.map(self._padded)

    def _padded(self, pixels: Any, labels: Any, weights: Any) -> Any:
        """What `padded` does."""
        import tensorflow as tf

        lacking = -tf.shape(labels)[0] % self._passes.multiple
        pixels, labels = (tf.concat([a, tf.repeat(a[-1:], lacking, axis=0)], 0) for a in (pixels, labels))
        return pixels, labels, tf.concat([weights, tf.zeros(lacking, weights.dtype)], 0)

    def _pixels(self, encoded: Any, view: Any) -> Any:
        import tensorflow as tf

        # Also decodes PNG. The exact transform is the one that Pillow uses.
        pixels = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
        size = (self._passes.size_px, self._passes.size_px)
        pixels = tf.cond(
            tf.reduce_all(tf.shape(pixels)[:2] == size),
            lambda: pixels,
            # Rounded as a stored picture would be: the mapping resizes whole grey levels.
            lambda: tf.cast(tf.round(tf.image.resize(pixels, size, antialias=True)), tf.uint8),
        )
        pixels = tf.cond(view >= 4, lambda: tf.reverse(pixels, [1]), lambda: pixels)
        return tf.ensure_shape(tf.image.rot90(pixels, tf.cast(view % 4, tf.int32)), (*size, 3))


def feed_of(passes: Passes) -> RowFeed | StreamFeed:
    """The feed that suits the split's reader."""
    return (RowFeed if passes.split.reader.is_random_access else StreamFeed)(passes)


def plain(split: datasets.Split, *, size_px: int, batch_size: int, multiple: int = 1) -> Any:
    """Batches in stored order, not turned: what `evaluate` and `predict` take.

    For `multiple` devices batches are a little larger and the last one is `padded`: the first `len(split)` results
    are those of the examples.
    """
    passes = Passes(split, size_px, rounded_up(batch_size, multiple), multiple=multiple)
    return feed_of(passes).for_fit(0, 1)


def rounded_up(batch_size: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `batch_size`."""
    return -(-batch_size // multiple) * multiple


def pictures(split: datasets.Split, rows: Sequence[int], size_px: int) -> list[np.ndarray]:
    """uint8[size_px, size_px, rgb] of the examples at ascending positions `rows` of the split."""
    stored = [int(split.rows[r]) for r in rows]
    return [picture(encoded, size_px) for encoded in readers.rows_of(split.reader, stored)]
