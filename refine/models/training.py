"""The strategies: only the head learns on kept features (`logits`), or every layer learns (`first-layer`)."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from builder import atomic, errors
from refine.dataset import batches, data
from refine.models import calibration, devices, examples, export, features, model, stages, strategies

STATISTICS_STEPS = 40  # batches that settle BatchNormalization of a random base


def train(
    given: examples.Examples,
    settings: strategies.Settings,
    out: pathlib.Path,
    *,
    features_root: pathlib.Path | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Trains, calibrates and writes the model folder `out`; returns it.

    Unfinished work waits in `out`.unfinished and is taken up again by the same call. Features are kept under
    `features_root` (beside `out` unless given).

    Raises:
      errors.InputError: if `out` exists, or unfinished work of other settings is in the way, or the training breaks.
    """
    if out.exists() and not overwrite:
        raise errors.RefusedOverwrite(out)
    work = out.with_name(out.name + ".unfinished")
    plan = plan_of(given, settings)
    _claim(work, plan)
    root = features_root or out.parent / "features"
    began = time.monotonic()
    with devices.scope(settings.devices), stages.memory_errors(settings.batch_size):
        network = started(given.train, settings)
        outcomes = _learn(network, given, settings, work=work, root=root)
        validation_logits = logits_of(network, given.validation, settings.batch_size)
    history = [row for outcome in outcomes for row in outcome.history]
    record = plan | {
        "base_sha256": model.digest(network.base),
        "epochs_done": len(history),
        "stopped": outcomes[-1].stopped,
        "best": outcomes[-1].best,
        "seconds": round(sum(row["seconds"] for row in history), 3),
        "seconds_this_run": round(time.monotonic() - began, 3),
        "images_per_s": round(_images_per_s(outcomes[-1].history), 2),
        "versions": export.versions(),
    }
    fitted = calibration.fit(validation_logits, given.validation.labels)
    export.write_model(
        out, network.classifier, labels=given.dataset.classes, record=record, history=history, fitted=fitted,
        overwrite=overwrite,
    )  # fmt: skip
    shutil.rmtree(work)
    return out


def logits_of(network: model.Network, split: data.Split, batch_size: int = 32) -> np.ndarray:
    """float32[n, class] of every example of `split`, in its order."""
    pixels = batches.plain(split, size_px=network.size_px, batch_size=batch_size)
    return np.asarray(network.logits.predict(pixels, verbose=0), np.float32)


def started(train: data.Split, settings: strategies.Settings) -> model.Network:
    """The network before it learns from `train`: pretrained, or random with the statistics of these pictures."""
    network = model.build(
        classes=len(train.dataset.classes),
        size_px=settings.size_px,
        dropout=settings.dropout,
        precision=settings.precision,
        seed=settings.seed,
    )
    model.start(network.base, settings.weights)
    if settings.weights == strategies.NO_WEIGHTS:
        pictures = _pixel_feed(train, None, settings).for_fit(0, 1)
        model.settle_statistics(network, pictures, steps=STATISTICS_STEPS)
    return network


def fitted_head(
    inputs: np.ndarray, labels: np.ndarray, *, classes: int, epochs: int, settings: strategies.Settings
) -> keras.Model:
    """A head (features to logits) fitted for exactly `epochs`, without watching anything."""
    keras.utils.set_random_seed(settings.seed)
    seen = keras.Input((model.FEATURES,))
    dropped = keras.layers.Dropout(settings.dropout, seed=settings.seed)(seen)
    head = keras.Model(seen, keras.layers.Dense(classes, name=model.LOGITS)(dropped))
    _compile(head, settings, steps=-(-len(labels) // settings.batch_size), epochs=epochs, base_share=1.0)
    head.fit(inputs, labels, batch_size=settings.batch_size, epochs=epochs, verbose=0)
    return head


def _learn(
    network: model.Network,
    given: examples.Examples,
    settings: strategies.Settings,
    *,
    work: pathlib.Path,
    root: pathlib.Path,
) -> list[stages.Outcome]:
    if settings.strategy == strategies.LOGITS:
        return [_learn_head(network, given, settings, work=work, root=root, epochs=settings.most_epochs)]
    outcomes = []
    if settings.weights != strategies.NO_WEIGHTS and settings.warmup_epochs:
        plain = dataclasses.replace(settings, views=1)
        outcomes.append(_learn_head(network, given, plain, work=work, root=root, epochs=settings.warmup_epochs))
    outcomes.append(_learn_all(network, given, settings, work=work))
    return outcomes


def _learn_head(
    network: model.Network,
    given: examples.Examples,
    settings: strategies.Settings,
    *,
    work: pathlib.Path,
    root: pathlib.Path,
    epochs: int,
) -> stages.Outcome:
    """The head on kept features; the base is not run again."""
    base_digest = model.digest(network.base)
    kept = [
        features.of_split(
            split, network, root=root, views=views, batch_size=settings.batch_size, base_digest=base_digest
        )
        for split, views in ((given.train, settings.views), (given.validation, 1))
    ]
    feed = features.Feed(
        kept[0], given.train, batch_size=settings.batch_size, weights=given.weights, seed=settings.seed
    )
    _compile(network.head, settings, steps=feed.num_batches, epochs=epochs, base_share=1.0)
    return stages.run(
        network.head,
        stages.Stage("head", work / "head"),
        feed=lambda first: feed,
        validation=(kept[1].plain(), given.validation.labels),
        steps=feed.num_batches,
        images=len(given.train),
        epochs=epochs,
        patience=settings.patience,
        batch_size=settings.batch_size,
        seconds_before=sum(k.seconds for k in kept),
        on_epoch_begin=feed.begin,
    )


def _learn_all(
    network: model.Network, given: examples.Examples, settings: strategies.Settings, *, work: pathlib.Path
) -> stages.Outcome:
    """Every layer on pixels, the base at its share of the rate."""
    model.learn(network, base=True, batch_norm=settings.batch_norm_mode)
    feed = _pixel_feed(given.train, given.weights, settings)
    share = 1.0 if settings.weights == strategies.NO_WEIGHTS else settings.base_share
    epochs = settings.most_epochs
    _compile(network.logits, settings, steps=feed.num_batches, epochs=epochs, base_share=share)
    return stages.run(
        network.logits,
        stages.Stage("all layers", work / "all-layers"),
        feed=lambda first: feed.for_fit(first, epochs),
        validation=batches.plain(given.validation, size_px=settings.size_px, batch_size=settings.batch_size),
        steps=feed.num_batches,
        images=len(given.train),
        epochs=epochs,
        patience=settings.patience,
        batch_size=settings.batch_size,
        on_epoch_begin=feed.begin,
    )


def _pixel_feed(
    train: data.Split, weights: np.ndarray | None, settings: strategies.Settings
) -> batches.RowFeed | batches.StreamFeed:
    return batches.training_feed(
        train,
        size_px=settings.size_px,
        batch_size=settings.batch_size,
        weights=weights,
        seed=settings.seed,
        augment=settings.augment,
    )


def _compile(
    trained: keras.Model, settings: strategies.Settings, *, steps: int, epochs: int, base_share: float
) -> None:
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=settings.learning_rate * 0.1,
        warmup_target=settings.learning_rate,
        warmup_steps=steps,
        decay_steps=max(1, steps * (epochs - 1)),
        alpha=0.01,
    )
    optimizer = model.LayeredAdam(
        schedule, weight_decay=settings.weight_decay, global_clipnorm=1.0, base_share=base_share
    )
    trained.compile(
        optimizer=optimizer,
        loss=settings.loss,
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=devices.compiles(),
    )


def _images_per_s(history: Sequence[Mapping[str, Any]]) -> float:
    """The median rate of the epochs after the first, which also compiles or computes features."""
    later = [row["images_per_s"] for row in history[1:]] or [row["images_per_s"] for row in history]
    return float(np.median(later))


def plan_of(given: examples.Examples, settings: strategies.Settings) -> dict[str, Any]:
    """What is trained on what: the part of training.json that is known before, and that unfinished work must share."""
    return {
        "format": export.FORMAT,
        "dataset": given.dataset.full_name,
        "dataset_sha256": {s.name: s.digest for s in (given.train, given.validation)},
        "examples": {"train": len(given.train), "validation": len(given.validation)},
        "labels_sha256": export.sha256_of_arrays(given.train.rows, given.train.labels, given.weights),
        "settings": settings.as_json(),
        "backend": keras.backend.backend(),
    }


def _claim(work: pathlib.Path, plan: dict[str, Any]) -> None:
    """Starts or takes up the unfinished work of exactly this plan."""
    file = work / "plan.json"
    plan = json.loads(json.dumps(plan))
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        if before != plan:
            raise errors.InputError(
                f"{work} holds an unfinished training that differs in {differences(before, plan)}. Give the same "
                "settings to go on with it, another --out, or remove the folder to start anew."
            )
        return
    with atomic.file(file) as temporary:
        temporary.write_text(json.dumps(plan, indent=1))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two plans, in words."""
    flat = [{**p, **{f"settings.{k}": v for k, v in p["settings"].items()}} for p in (before, now)]
    names = sorted(k for k in flat[0].keys() | flat[1].keys() if k != "settings")
    return ", ".join(
        f"{k} ({flat[0].get(k)} then, {flat[1].get(k)} now)" for k in names if flat[0].get(k) != flat[1].get(k)
    )
