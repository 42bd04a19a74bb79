"""Features: what the base computes from each chip, once, kept on disk.

ROOT/<digest>/view-<v>/part-<first row>.npy: float32[rows, 2048], and beside each a JSON file that says how long it
took. The digest names the pictures (dataset, split, digest of its files), the weights of the base, the input size and
the precision, so features of other pictures or weights are never used.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import typing_extensions

from builder import atomic, progress
from refine.network import devices, model
from refine.samples import batches, datasets, feeds, readers

FORMAT = 2
PART_ROWS = 1024  # what a killed run loses at most
BATCH = 1024  # features at once where nothing is learnt
IN_MEMORY_ROWS = 200_000  # 1.6 GB of plain features; more are read from the maps


@dataclasses.dataclass(frozen=True)
class Features:
    """Features of a split.

    Attributes:
      folder: where they are kept.
      rows: int64[n], positions of the examples in the stored order.
      views: number of dihedral views, the first of which is the plain picture.
      seconds: how long computing them took, now or when they were kept.
    """

    folder: pathlib.Path
    rows: np.ndarray
    views: int
    seconds: float

    @functools.cached_property
    def _parts(self) -> list[list[np.ndarray]]:
        """[view][part]: memory maps, so that memory does not grow with the split."""
        return [
            [np.load(p, mmap_mode="r") for p in _part_files(self.folder, view, int(self.rows.max(initial=-1)) + 1)]
            for view in range(self.views)
        ]

    @functools.cached_property
    def _in_memory(self) -> np.ndarray | None:
        """float32[n, 2048] of every example, not turned, where that is all there is and memory holds it."""
        return self.plain() if self.views == 1 and len(self.rows) <= IN_MEMORY_ROWS else None

    def take(self, positions: np.ndarray, views: np.ndarray) -> np.ndarray:
        """float32[n, 2048] of the examples at `positions` of the split, each under its view; a new array."""
        return self._read(positions, views) if self._in_memory is None else self._in_memory[positions]

    def plain(self) -> np.ndarray:
        """float32[n, 2048] of every example, not turned."""
        everything = np.arange(len(self.rows))
        return self._read(everything, np.full(len(self.rows), batches.PLAIN))

    def _read(self, positions: np.ndarray, views: np.ndarray) -> np.ndarray:
        """What `take` says, from the memory maps."""
        stored = self.rows[positions]
        out = np.empty((len(stored), model.FEATURES), np.float32)
        parts, offsets = np.divmod(stored, PART_ROWS)
        for view, part in {(int(v), int(p)) for v, p in zip(views, parts, strict=True)}:
            chosen = (views == view) & (parts == part)
            out[chosen] = self._parts[view][part][offsets[chosen]]
        return out


def of_split(
    split: datasets.Split,
    network: model.Network,
    *,
    root: pathlib.Path,
    views: int = 1,
    batch_size: int = 32,
    base_digest: str | None = None,
) -> Features:
    """Features of `split`: those kept under `root` are read, the others computed and kept.

    All stored rows up to the last of the split are computed, so a subset of a split shares its features.

    Args:
      split: the examples.
      network: its base computes the features.
      root: where features are kept.
      views: the first so many dihedral views of each picture, 1 (default) to 8.
      batch_size: pictures at once (default 32).
      base_digest: `model.digest` of the base, where it is known already.
    """
    identity = _identity(split, network, base_digest or model.digest(network.base))
    folder = root / hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    stored = int(split.rows.max(initial=-1)) + 1
    missing = [(v, p) for v in range(views) for p in _part_files(folder, v, stored) if not p.is_file()]
    if missing:
        with atomic.file(folder / "identity.json") as temporary:
            temporary.write_text(json.dumps(identity, indent=1, sort_keys=True))
        _compute(split, network, folder=folder, missing=missing, batch_size=batch_size)
    return Features(folder, split.rows, views, _seconds(folder, views, stored))


def _identity(split: datasets.Split, network: model.Network, base_digest: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "dataset": split.dataset.full_name,
        "split": split.name,
        "split_sha256": split.digest,
        "base_sha256": base_digest,
        "size_px": network.size_px,
        "precision": network.base.layers[1].dtype_policy.name,
    }


def _part_files(folder: pathlib.Path, view: int, stored: int) -> list[pathlib.Path]:
    return [folder / f"view-{view}" / f"part-{first:08d}.npy" for first in range(0, stored, PART_ROWS)]


def _seconds(folder: pathlib.Path, views: int, stored: int) -> float:
    """Seconds that the parts took when they were made."""
    parts = itertools.chain(*(_part_files(folder, view, stored) for view in range(views)))
    return sum(float(json.loads(part.with_suffix(".json").read_text(encoding="utf-8"))["seconds"]) for part in parts)


def _compute(
    split: datasets.Split,
    network: model.Network,
    *,
    folder: pathlib.Path,
    missing: Sequence[tuple[int, pathlib.Path]],
    batch_size: int,
) -> None:
    """Writes the missing (view, part) files; each chip is decoded once for all its views."""
    stored = split.dataset.splits[split.name]
    views_of_part: dict[int, list[tuple[int, pathlib.Path]]] = {}
    for view, path in missing:
        views_of_part.setdefault(int(path.stem.removeprefix("part-")), []).append((view, path))
    ranges = {first: range(first, min(stored, first + PART_ROWS)) for first in sorted(views_of_part)}
    encoded = readers.rows_of(split.reader, list(itertools.chain(*ranges.values())))
    pictures = batches.decoded(encoded, network.size_px)
    total = sum(len(ranges[first]) * len(views) for first, views in views_of_part.items())
    predict, began = network.features, time.monotonic()
    with progress.Progress(f"features of {split.name}", total, unit="chips") as bar:
        for first, rows in ranges.items():
            pixels = list(itertools.islice(pictures, len(rows)))
            for view, path in views_of_part[first]:
                values = _predicted(predict, _Turned(pixels, view, batch_size=batch_size), bar)
                began = _keep(path, values, began)


def _predicted(predict: keras.Model, turned: _Turned, bar: progress.Progress) -> np.ndarray:
    shown = keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: bar.advance(turned.real(batch)))
    values = predict.predict(turned, callbacks=[shown], verbose=0)
    return np.asarray(values, np.float32)[: len(turned.pictures)]


def _keep(path: pathlib.Path, values: np.ndarray, began: float) -> float:
    """Writes a part, and before it the seconds since `began`; returns the present time."""
    now = time.monotonic()
    with atomic.file(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({"seconds": round(now - began, 3)}))
    with atomic.file(path) as temporary:
        np.save(temporary, values)
    return now


class _Turned(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of pictures under one view, each filled up to one size, so that one shape is compiled for any devices."""

    def __init__(self, pictures: Sequence[np.ndarray], view: int, *, batch_size: int) -> None:
        super().__init__(workers=1)
        self.pictures, self._view = pictures, view
        self._batch_size = batches.rounded_up(batch_size, devices.sharing())

    @property
    @typing_extensions.override
    def num_batches(self) -> int:
        return -(-len(self.pictures) // self._batch_size)

    def real(self, index: int) -> int:
        """Number of pictures in a batch, without those that fill it up."""
        return min(self._batch_size, len(self.pictures) - index * self._batch_size)

    @typing_extensions.override
    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        chosen = self.pictures[index * self._batch_size :][: self._batch_size]
        full = np.empty((self._batch_size, *chosen[0].shape), np.uint8)
        for i in range(self._batch_size):
            full[i] = batches.turned(chosen[min(i, len(chosen) - 1)], self._view)
        return (full,)


class FeatureFeed:
    """Batches (features, labels, weights) of an epoch, each example under the view of that epoch, in a new order.

    Batches that the devices cannot share evenly are `batches.padded`.
    """

    def __init__(
        self,
        kept: Features,
        split: datasets.Split,
        *,
        batch_size: int,
        weights: np.ndarray | None = None,
        seed: int = 0,
    ) -> None:
        self._kept, self._split, self._batch_size = kept, split, batch_size
        self._multiple = devices.sharing()
        self._weights = np.ones(len(split), np.float32) if weights is None else weights.astype(np.float32)
        keys = batches.key_bits(split)

        def order_and_views(epoch: int) -> tuple[np.ndarray, np.ndarray]:
            order = batches.order_of_epoch(keys, seed=seed, epoch=epoch)
            return order, batches.views_of_epoch(keys, seed=seed, epoch=epoch, views=kept.views)

        self._order_and_views = functools.lru_cache(maxsize=2)(order_and_views)

    @property
    def num_batches(self) -> int:
        """Batches of one epoch."""
        return -(-len(self._split) // self._batch_size)

    def for_fit(self, first: int, stop: int) -> feeds.EpochsInARow:
        """The batches of the epochs first..stop-1, by number."""
        return feeds.EpochsInARow(self._make, per_epoch=self.num_batches, first=first, stop=stop)

    def _make(self, epoch: int, index: int) -> batches.Batch:
        order, views = self._order_and_views(epoch)
        chosen = order[index * self._batch_size : (index + 1) * self._batch_size]
        seen = self._kept.take(chosen, views[chosen])
        return batches.padded((seen, self._split.labels[chosen], self._weights[chosen]), self._multiple)


def plain(kept: Features, split: datasets.Split, *, batch_size: int = BATCH) -> feeds.EpochsInARow:
    """Batches (features, labels, weights 1) in stored order, not turned: what `evaluate` and `predict` take."""
    multiple = devices.sharing()
    size = batches.rounded_up(batch_size, multiple)

    def make(epoch: int, index: int) -> batches.Batch:
        chosen = np.arange(index * size, min((index + 1) * size, len(split)))
        seen = kept.take(chosen, np.full(len(chosen), batches.PLAIN))
        return batches.padded((seen, split.labels[chosen], np.ones(len(chosen), np.float32)), multiple)

    return feeds.EpochsInARow(make, per_epoch=-(-len(split) // size), first=0, stop=1)
