"""Feeds: what Keras learns from, epoch after epoch, by row or streamed; the same examples on every backend."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import keras
import numpy as np
import typing_extensions

from builder import hashing
from refine.samples import batches, datasets, readers

SHUFFLE_BUFFER = 4096  # encoded chips; the stored order is already shuffled by key
_STREAMED_AHEAD = 4  # batches that tf.data keeps ready

Batches = Iterable[Any]  # what Keras's fit, evaluate and predict take: a PyDataset or a `tf.data.Dataset`
Make = Callable[[int, int], batches.Batch]  # a batch, by its epoch and its number in the epoch


class Feed(Protocol):
    """Examples to learn from, epoch after epoch."""

    @property
    def num_batches(self) -> int:
        """Batches of one epoch."""

    def for_fit(self, first: int, stop: int) -> Batches:
        """The batches of the epochs first..stop-1 in a row, `num_batches` of each."""


class EpochsInARow(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of the epochs first..stop-1, numbered through.

    Args:
      make: makes new arrays: TensorFlow reads them in place where they are aligned, and may compute in their memory.
      per_epoch: batches of one epoch.
      first: number of the first epoch, from 0.
      stop: number of the epoch after the last.
    """

    def __init__(self, make: Make, *, per_epoch: int, first: int, stop: int) -> None:
        super().__init__(workers=1)
        self._make, self._per_epoch, self._first = make, per_epoch, first
        self._count = per_epoch * (stop - first)

    @property
    @typing_extensions.override
    def num_batches(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[batches.Batch]:
        return (self[index] for index in range(self._count))

    @typing_extensions.override
    def __getitem__(self, index: int) -> batches.Batch:
        epoch, number = divmod(index, self._per_epoch)
        return self._make(self._first + epoch, number)


class MadeAhead(EpochsInARow):
    """The same batches, made ahead by threads.

    Args:
      make: called by the threads of `pool`.
      per_epoch: batches of one epoch.
      first: number of the first epoch, from 0.
      stop: number of the epoch after the last.
      pool: threads.
      most: so many batches are made ahead.
    """

    def __init__(
        self, make: Make, *, per_epoch: int, first: int, stop: int, pool: concurrent.futures.Executor, most: int
    ) -> None:
        super().__init__(make, per_epoch=per_epoch, first=first, stop=stop)
        self._pool, self._most = pool, most
        self._ahead: dict[int, concurrent.futures.Future[batches.Batch]] = {}

    @typing_extensions.override
    def __getitem__(self, index: int) -> batches.Batch:
        for i in range(index, min(index + 1 + self._most, self._count)):
            if i not in self._ahead:
                self._ahead[i] = self._pool.submit(super().__getitem__, i)
        return self._ahead.pop(index).result()


class AheadFeed:
    """A feed whose batches threads make ahead: as many as there are threads, if `batches.AHEAD_BYTES` hold them.

    A subclass has `num_batches` and `_make`, which makes new arrays (see `EpochsInARow`).
    """

    num_batches: int

    def __init__(self, *, size_px: int, batch_size: int) -> None:
        batch_bytes = batch_size * size_px * size_px * 3
        self._most_ahead = max(2, min(batches.THREADS, batches.AHEAD_BYTES // batch_bytes))
        self._pool = concurrent.futures.ThreadPoolExecutor(batches.THREADS)

    def for_fit(self, first: int, stop: int) -> MadeAhead:
        """The batches of the epochs first..stop-1, by number."""
        return MadeAhead(
            self._make, per_epoch=self.num_batches, first=first, stop=stop, pool=self._pool, most=self._most_ahead
        )

    def _make(self, epoch: int, index: int) -> batches.Batch:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, eq=False)
class Passes:
    """How a split is gone through, epoch after epoch; every choice follows from the seed and the examples' keys.

    Attributes:
      split: the examples.
      size_px: side of the pictures in pixels.
      batch_size: examples of a batch.
      weights: float[n] of the examples; None: 1 each.
      seed: seed of the order and of the views (default 0).
      training: shuffled, and an incomplete last batch is left out (other examples each epoch), so that every batch has
        one shape; else in stored order (default).
      augment: each example under another view in each epoch (default: not turned).
      multiple: batches that so many devices cannot share evenly are `batches.padded` (default 1).
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
        """uint64[n], see `batches.key_bits`."""
        return batches.key_bits(self.split)

    @functools.cached_property
    def example_weights(self) -> np.ndarray:
        """float32[n]."""
        return np.ones(len(self.split), np.float32) if self.weights is None else self.weights.astype(np.float32)

    def order(self, epoch: int) -> np.ndarray:
        """int64[n]: the order of the examples in one epoch."""
        if not self.training:
            return np.arange(len(self.split))
        return batches.order_of_epoch(self.keys, seed=self.seed, epoch=epoch)

    def views(self, epoch: int) -> np.ndarray:
        """int64[n]: the view of each example in one epoch."""
        if not self.augment:
            return np.full(len(self.split), batches.PLAIN, np.int64)
        return batches.views_of_epoch(self.keys, seed=self.seed, epoch=epoch)


class RowFeed(AheadFeed):
    """Batches of a split that is read by row."""

    def __init__(self, passes: Passes, reader: readers.RowReader) -> None:
        super().__init__(size_px=passes.size_px, batch_size=passes.batch_size)
        self.num_batches = passes.num_batches
        self._passes, self._reader = passes, reader
        # Two epochs: threads are at the next one while the last batches of an epoch are taken.
        self._order_and_views = functools.lru_cache(maxsize=2)(lambda epoch: (passes.order(epoch), passes.views(epoch)))

    @typing_extensions.override
    def _make(self, epoch: int, index: int) -> batches.Batch:
        passes, (order, views) = self._passes, self._order_and_views(epoch)
        chosen = order[index * passes.batch_size : (index + 1) * passes.batch_size]
        pixels = np.empty((len(chosen), passes.size_px, passes.size_px, 3), np.uint8)
        for i, example in enumerate(chosen):
            encoded = self._reader.encoded(int(passes.split.rows[example]))
            pixels[i] = batches.turned(batches.picture(encoded, passes.size_px), int(views[example]))
        return batches.padded((pixels, passes.split.labels[chosen], passes.example_weights[chosen]), passes.multiple)


class StreamFeed:
    """The same batches from a split that only streams, by tf.data: shuffled within a buffer, epoch after epoch."""

    def __init__(self, passes: Passes, reader: readers.StreamReader) -> None:
        self._passes, self._reader, rows = passes, reader, passes.split.rows
        # Position in the split of each stored row, -1 for examples that were left out.
        self._position = np.full(int(rows.max(initial=-1)) + 1, -1, np.int64)
        self._position[rows] = np.arange(len(passes.split))

    @property
    def num_batches(self) -> int:
        """Batches of one epoch."""
        return self._passes.num_batches

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
        rows = self._reader.stream().take(len(self._position)).enumerate()
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
        """What `batches.padded` does."""
        import tensorflow as tf

        lacking = -tf.shape(labels)[0] % self._passes.multiple
        pixels, labels = (tf.concat([a, tf.repeat(a[-1:], lacking, axis=0)], 0) for a in (pixels, labels))
        return pixels, labels, tf.concat([weights, tf.zeros(lacking, weights.dtype)], 0)

    def _pixels(self, encoded: Any, view: Any) -> Any:
        """What `batches.picture` and `batches.turned` do."""
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


def feed_of(passes: Passes) -> Feed:
    """The feed that suits the split's reader."""
    reader = passes.split.reader
    return RowFeed(passes, reader) if isinstance(reader, readers.RowReader) else StreamFeed(passes, reader)


def plain(split: datasets.Split, *, size_px: int, batch_size: int, multiple: int = 1) -> Batches:
    """Batches in stored order, not turned: what `evaluate` and `predict` take.

    For `multiple` devices batches are a little larger and the last one is `batches.padded`: the first `len(split)`
    results are those of the examples.
    """
    passes = Passes(split, size_px, batches.rounded_up(batch_size, multiple), multiple=multiple)
    return feed_of(passes).for_fit(0, 1)
