"""Logits of every example of a split."""

from __future__ import annotations

import pathlib

import numpy as np

from refine.network import devices, model, trained_model
from refine.samples import datasets, feeds
from refine.training import features, resumable_fit, training_settings


def logits_of(
    network: model.Network,
    split: datasets.Split,
    batch_size: int = trained_model.BATCH,
    *,
    kept_under: pathlib.Path | None = None,
) -> np.ndarray:
    """float32[n, class]: logits of every example of `split`, in its order.

    Args:
      network: what computes them.
      split: the examples.
      batch_size: pictures at once (default 32).
      kept_under: the folder of kept features (see `features.of_split`) to compute them from, for a base that other
        models share because only heads were trained on it; None computes them from the pictures (default).
    """
    if kept_under is None:
        feed = feeds.plain(split, size_px=network.size_px, batch_size=batch_size, multiple=devices.sharing())
        return np.asarray(network.logits.predict(feed, verbose=0), np.float32)[: len(split)]
    kept = features.of_split(split, network, root=kept_under, batch_size=batch_size)
    return np.asarray(network.head.predict(features.plain(kept, split), verbose=0), np.float32)[: len(split)]


def logits_of_model(
    trained: trained_model.TrainedModel, split: datasets.Split, *, features_root: pathlib.Path
) -> np.ndarray:
    """float32[n, class]: logits of a trained model, in batches as large as it was trained with.

    Args:
      trained: the model.
      split: the examples.
      features_root: where features are kept, for a model of which only the head was trained.

    Raises:
      errors.InputError: if memory does not suffice.
    """
    settings = trained.folder.settings
    batch_size = int(settings["batch_size"])
    kept_under = features_root if settings["strategy"] == training_settings.LOGITS else None
    with resumable_fit.memory_errors(batch_size):
        return logits_of(trained.network, split, batch_size, kept_under=kept_under)
