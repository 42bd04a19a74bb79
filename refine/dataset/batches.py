"""Batches of pixels for Keras: decode, resize, turn, shuffle; the same pictures on every backend.

A batch is (pixels float32[n, y, x, rgb] in 0..255, labels int64[n], weights float32[n]). The model scales the pixels.
"""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import PIL.Image

from builder import hashing
from refine.dataset import data, readers

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


def key_bits(split: data.Split) -> np.ndarray:
    """uint64[n]: hashed keys of a split, from which every random choice about an example is made."""
    return np.array([hashing.text_bits(0, key) for key in split.keys], np.uint64)


class AheadFeed(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches by number, made ahead by threads: as many as there are threads, if `AHEAD_BYTES` hold them.

    A subclass sets `num_batches` and `_make`. `begin(epoch)` comes before each epoch.
    """

    def __init__(self, *, size_px: int, batch_size: int) -> None:
        super().__init__(workers=1)
        self._size_px, self._batch_size = size_px, batch_size
        batch_bytes = batch_size * size_px * size_px * 3 * 4
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


class RowFeed(AheadFeed):
    """Batches by row; order and views follow from the epoch's number.

    While training an incomplete last batch is left out (other examples each epoch), so that every batch has one shape.
    """

    def __init__(
        self,
        split: data.Split,
        *,
        size_px: int,
        batch_size: int,
        weights: np.ndarray | None,
        seed: int,
        training: bool,
        augment: bool,
        multiple: int = 1,
    ) -> None:
        super().__init__(size_px=size_px, batch_size=batch_size)
        self._split, self._multiple = split, multiple
        self._weights = np.ones(len(split), np.float32) if weights is None else weights.astype(np.float32)
        self._seed, self._training, self._augment = seed, training, augment
        self._keys = key_bits(split) if training else np.zeros(0, np.uint64)
        self._orders: dict[int, np.ndarray] = {}

    @property
    def num_batches(self) -> int:
        """Batches of one epoch."""
        whole, rest = divmod(len(self._split), self._batch_size)
        return whole if self._training and whole else whole + (rest > 0)

    def for_fit(self, first: int, stop: int) -> RowFeed:
        """Itself: `fit` reads the batches of an epoch by number."""
        return self

    def _order(self, epoch: int) -> np.ndarray:
        if not self._training:
            return np.arange(len(self._split))
        order = self._orders.get(epoch)  # read once: another thread may be at another epoch
        if order is None:
            order = order_of_epoch(self._keys, seed=self._seed, epoch=epoch)
            self._orders = {epoch: order}
        return order

    def _make(self, epoch: int, index: int) -> Batch:
        chosen = self._order(epoch)[index * self._batch_size : (index + 1) * self._batch_size]
        views = np.zeros(len(chosen), np.int64)
        if self._augment:
            views = views_of_epoch(self._keys[chosen], seed=self._seed, epoch=epoch)
        pixels = np.empty((len(chosen), self._size_px, self._size_px, 3), np.float32)
        for i, (row, view) in enumerate(zip(self._split.rows[chosen], views, strict=True)):
            pixels[i] = turned(picture(self._split.reader.encoded(int(row)), self._size_px), int(view))
        return padded((pixels, self._split.labels[chosen], self._weights[chosen]), self._multiple)


class StreamFeed:
    """The same batches from a split that only streams, by tf.data: shuffled within a buffer, epoch after epoch."""

    def __init__(
        self,
        split: data.Split,
        *,
        size_px: int,
        batch_size: int,
        weights: np.ndarray | None,
        seed: int,
        training: bool,
        augment: bool,
        multiple: int = 1,
    ) -> None:
        self._split, self._size_px, self._batch_size, self._multiple = split, size_px, batch_size, multiple
        self._seed, self._training, self._augment = seed, training, augment
        self._keys = key_bits(split)
        stored = int(split.rows.max(initial=-1)) + 1
        # Position in the split of each stored row, -1 for examples that were left out.
        self._position = np.full(stored, -1, np.int64)
        self._position[split.rows] = np.arange(len(split))
        self._weights = np.ones(len(split), np.float32) if weights is None else weights.astype(np.float32)

    @property
    def num_batches(self) -> int:
        """Batches of one epoch."""
        whole, rest = divmod(len(self._split), self._batch_size)
        return whole if self._training and whole else whole + (rest > 0)

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

        count = len(self._split)
        position, labels, weights = (tf.constant(a) for a in (self._position, self._split.labels, self._weights))
        views = tf.zeros(count, tf.int64)
        if self._augment:
            views = tf.constant(views_of_epoch(self._keys, seed=self._seed, epoch=epoch))
        rows = self._split.reader.stream().take(len(self._position)).enumerate()
        examples = rows.map(lambda row, encoded: (position[row], encoded)).filter(lambda at, _: at >= 0)
        if self._training:
            seed = hashing.stream(self._seed, f"order/{epoch}") >> 1
            examples = examples.shuffle(min(count, SHUFFLE_BUFFER), seed=seed)

        def example(at: Any, encoded: Any) -> Any:
            return self._pixels(encoded, views[at]), labels[at], weights[at]

        decoded = examples.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        grouped = decoded.batch(self._batch_size).take(self.num_batches)
        return grouped if self._multiple == 1 else grouped.map(self._padded)

    def _padded(self, pixels: Any, labels: Any, weights: Any) -> Any:
        """What `padded` does."""
        import tensorflow as tf

        lacking = -tf.shape(labels)[0] % self._multiple
        pixels, labels = (tf.concat([a, tf.repeat(a[-1:], lacking, axis=0)], 0) for a in (pixels, labels))
        return pixels, labels, tf.concat([weights, tf.zeros(lacking, weights.dtype)], 0)

    def _pixels(self, encoded: Any, view: Any) -> Any:
        import tensorflow as tf

        # Also decodes PNG. The exact transform is the one that Pillow uses.
        pixels = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
        size = (self._size_px, self._size_px)
        pixels = tf.cond(
            tf.reduce_all(tf.shape(pixels)[:2] == size),
            lambda: tf.cast(pixels, tf.float32),
            # Rounded as a stored picture would be: the mapping resizes whole grey levels.
            lambda: tf.round(tf.image.resize(pixels, size, antialias=True)),
        )
        pixels = tf.cond(view >= 4, lambda: tf.reverse(pixels, [1]), lambda: pixels)
        return tf.ensure_shape(tf.image.rot90(pixels, tf.cast(view % 4, tf.int32)), (*size, 3))


def training_feed(
    split: data.Split,
    *,
    size_px: int,
    batch_size: int,
    weights: np.ndarray | None,
    seed: int,
    augment: bool,
    multiple: int = 1,
) -> RowFeed | StreamFeed:
    """Shuffled batches for `fit`; `weights` float[n] go with the examples.

    Batches that `multiple` devices cannot share evenly are `padded`.
    """
    kind = RowFeed if split.reader.is_random_access else StreamFeed
    return kind(
        split,
        size_px=size_px,
        batch_size=batch_size,
        weights=weights,
        seed=seed,
        training=True,
        augment=augment,
        multiple=multiple,
    )


def plain(split: data.Split, *, size_px: int, batch_size: int, multiple: int = 1) -> Any:
    """Batches in stored order, not turned: what `evaluate` and `predict` take.

    For `multiple` devices batches are a little larger and the last one is `padded`: the first `len(split)` results
    are those of the examples.
    """
    kind = RowFeed if split.reader.is_random_access else StreamFeed
    feed = kind(
        split,
        size_px=size_px,
        batch_size=rounded_up(batch_size, multiple),
        weights=None,
        seed=0,
        training=False,
        augment=False,
        multiple=multiple,
    )
    return feed.for_fit(0, 1)


def rounded_up(batch_size: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `batch_size`."""
    return -(-batch_size // multiple) * multiple


def pictures(split: data.Split, rows: Sequence[int], size_px: int) -> list[np.ndarray]:
    """uint8[size_px, size_px, rgb] of the examples at ascending positions `rows` of the split."""
    stored = [int(split.rows[r]) for r in rows]
    return [picture(encoded, size_px) for encoded in readers.rows_of(split.reader, stored)]
