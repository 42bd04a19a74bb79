"""The network before it learns: pretrained, or random with the statistics of the pictures it will learn from."""

from __future__ import annotations

import hashlib
import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from builder import atomic
from refine.network import devices, model
from refine.samples import batches, datasets, feeds
from refine.training import training_settings

FORMAT = 2
STATISTICS_STEPS = 40  # batches that settle BatchNormalization of a random base


def start_network(
    train: datasets.Split, settings: training_settings.TrainingSettings, *, root: pathlib.Path
) -> model.Network:
    """Builds the network that will learn from `train`, with its first weights.

    The statistics of a random base are kept under `root`/starts, by what they follow from (the base too: another
    backend draws other weights): every training on the same pictures begins with them.

    Args:
      train: what will be learnt from.
      settings: weights, input size, dropout, precision and seed.
      root: where statistics are kept.

    Raises:
      errors.InputError: if the weights are missing or of another architecture.
    """
    network = build_network(train, settings)
    model.load_weights(network.base, settings.weights)
    if settings.weights == training_settings.NO_WEIGHTS:
        kept = root / "starts" / f"{_digest(network, train, settings)}.npz"
        if not kept.is_file():
            model.settle_statistics(network, _pictures(train, settings), steps=STATISTICS_STEPS)
            with atomic.file(kept) as temporary, temporary.open("wb") as stream:
                np.savez(stream, *(np.asarray(v) for v in model.statistics(network.base)))
        else:
            model.set_trainable(network, base=True, batch_norm=training_settings.TRAIN)  # as settling leaves it
            with np.load(kept) as values:
                for variable, name in zip(model.statistics(network.base), values.files, strict=True):
                    variable.assign(values[name])
    return network


def copy_to_devices(
    alone: model.Network, train: datasets.Split, settings: training_settings.TrainingSettings
) -> model.Network:
    """A copy of the single-device network for every device in scope; the network itself where there is one device.

    So initial weights and cached features do not depend on the number of devices.
    """
    if devices.sharing() == 1:
        return alone
    network = build_network(train, settings)
    network.classifier.set_weights(alone.classifier.get_weights())
    return network


def build_network(train: datasets.Split, settings: training_settings.TrainingSettings) -> model.Network:
    """The network with random weights, for the classes of `train`."""
    return model.build(
        classes=len(train.dataset.classes),
        size_px=settings.size_px,
        dropout=settings.dropout,
        precision=settings.precision,
        seed=settings.seed,
    )


def _digest(network: model.Network, train: datasets.Split, settings: training_settings.TrainingSettings) -> str:
    identity: dict[str, Any] = {
        "format": FORMAT,
        "base_sha256": model.digest(network.base),
        "dataset": train.dataset.full_name,
        "split": train.name,
        "split_sha256": train.digest,
        "rows_sha256": hashlib.sha256(np.ascontiguousarray(train.rows, "<i8").tobytes()).hexdigest(),
        "steps": STATISTICS_STEPS,
        **{name: getattr(settings, name) for name in ("size_px", "batch_size", "precision", "seed", "augment")},
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _pictures(train: datasets.Split, settings: training_settings.TrainingSettings) -> Iterator[batches.Batch]:
    """Batches of pictures, epoch after epoch, on one device."""
    feed = feeds.feed_of(
        feeds.Passes(
            train, settings.size_px, settings.batch_size, seed=settings.seed, training=True, augment=settings.augment
        )
    )
    return itertools.chain.from_iterable(feed.for_fit(epoch, epoch + 1) for epoch in itertools.count())
