"""The strategies: only the head learns on kept features (`logits`), or every layer learns (`first-layer`)."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from builder import errors
from refine.artefacts import model_folder
from refine.network import calibration, devices, model, trained_model
from refine.samples import batches, datasets
from refine.training import (
    features,
    initial_network,
    learning_set,
    resumable_fit,
    training_plan,
    training_settings,
    versions,
    write_model,
)

HEAD_BATCH = 1024  # features at once where nothing is learnt


def train(
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    out: pathlib.Path,
    *,
    features_root: pathlib.Path | None = None,
    overwrite: bool = False,
) -> trained_model.TrainedModel:
    """Trains, calibrates and writes the model folder `out`; returns the model.

    Unfinished work waits in `out`.unfinished and is taken up again by the same call. Features are kept under
    `features_root` (beside `out` unless given).

    Raises:
      errors.InputError: if `out` exists, or unfinished work of other settings is in the way, or the training breaks.
    """
    if out.exists() and not overwrite:
        raise errors.RefusedOverwrite(out)
    work = out.with_name(out.name + ".unfinished")
    plan = training_plan.plan_of(given, settings)
    training_plan.check(work, plan)
    root = features_root or out.parent / "features"
    began = time.monotonic()
    devices.chosen(settings.devices)  # too few are told of before the start is computed
    with resumable_fit.memory_errors(settings.batch_size):
        alone = initial_network.started(given.train, settings, root=root)
    training_plan.claim(work, plan)  # whatever is refused until here leaves nothing
    with devices.scope(settings.devices), resumable_fit.memory_errors(settings.batch_size):
        network = initial_network.shared(alone, given.train, settings)
        outcomes = _learn(network, given, settings, work=work, root=root)
        kept_under = root if settings.strategy == training_settings.LOGITS else None
        logits = logits_of(network, given.validation, settings.batch_size, kept_under=kept_under)
    history = [row for outcome in outcomes for row in outcome.history]
    record = plan | {
        "base_sha256": model.digest(network.base),
        "epochs_done": len(history),
        "stopped": outcomes[-1].stopped,
        "stages": [outcome.as_json() for outcome in outcomes],
        "best": outcomes[-1].best,
        "seconds": round(sum(row["seconds"] for row in history), 3),
        "seconds_this_run": round(time.monotonic() - began, 3),
        "images_per_s": round(_images_per_s(outcomes[-1].history), 2),
        "versions": versions.installed(),
    }
    write_model.write(
        out, network.classifier, labels=given.dataset.classes, record=record, history=history,
        fitted=calibration.fit(logits, given.validation.labels), overwrite=overwrite,
    )  # fmt: skip
    shutil.rmtree(work)
    folder = model_folder.ModelFolder.open(out)
    return trained_model.TrainedModel(folder, network) if network is alone else trained_model.load(folder)


def is_broken(record: Mapping[str, Any]) -> bool:
    """Whether a stage of a finished training ended because its loss was no longer a number."""
    return any(stage["stopped"] == resumable_fit.NOT_A_NUMBER for stage in record.get("stages", ()))


def logits_of(
    network: model.Network, split: datasets.Split, batch_size: int = 32, *, kept_under: pathlib.Path | None = None
) -> np.ndarray:
    """float32[n, class] of every example of `split`, in its order.

    With `kept_under` from the features that are kept there (see `features.of_split`): for a base that other models
    share, because only heads were trained on it.
    """
    if kept_under is None:
        predictor = network.logits
        feed = batches.plain(split, size_px=network.size_px, batch_size=batch_size, multiple=devices.sharing())
    else:
        predictor = network.head
        kept = features.of_split(split, network, root=kept_under, batch_size=batch_size)
        feed = features.Feed(kept, split, batch_size=HEAD_BATCH, training=False)
    return np.asarray(predictor.predict(feed, verbose=0), np.float32)[: len(split)]


def logits_of_model(
    loaded: trained_model.TrainedModel, split: datasets.Split, *, features_root: pathlib.Path
) -> np.ndarray:
    """float32[n, class] of a trained model, in batches as large as it was trained with.

    Raises:
      errors.InputError: if memory does not suffice.
    """
    settings = loaded.folder.settings
    batch_size = int(settings["batch_size"])
    kept_under = features_root if settings["strategy"] == training_settings.LOGITS else None
    with resumable_fit.memory_errors(batch_size):
        return logits_of(loaded.network, split, batch_size, kept_under=kept_under)


def fitted_head(
    inputs: np.ndarray, labels: np.ndarray, *, classes: int, epochs: int, settings: training_settings.TrainingSettings
) -> keras.Model:
    """A head (features to logits) fitted for exactly `epochs`, without watching anything."""
    keras.utils.set_random_seed(settings.seed)
    seen = keras.Input((model.FEATURES,))
    dropped = keras.layers.Dropout(settings.dropout, seed=settings.seed)(seen)
    head = keras.Model(seen, keras.layers.Dense(classes, name=model.LOGITS)(dropped))
    sharing = devices.sharing()
    inputs, labels, weights = batches.padded((inputs, labels, np.ones(len(labels), np.float32)), sharing)
    batch_size = batches.rounded_up(settings.batch_size, sharing)
    _compile(head, settings, steps=-(-len(labels) // batch_size), epochs=epochs)
    head.fit(inputs, labels, sample_weight=weights, batch_size=batch_size, epochs=epochs, verbose=0)
    return head


def _learn(
    network: model.Network,
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    *,
    work: pathlib.Path,
    root: pathlib.Path,
) -> list[resumable_fit.StageOutcome]:
    if settings.strategy == training_settings.LOGITS:
        return [_learn_head(network, given, settings, work=work, root=root, epochs=settings.most_epochs)]
    outcomes = []
    if settings.weights != training_settings.NO_WEIGHTS and settings.warmup_epochs:
        plain = dataclasses.replace(settings, views=1)
        outcomes.append(_learn_head(network, given, plain, work=work, root=root, epochs=settings.warmup_epochs))
    outcomes.append(_learn_all(network, given, settings, work=work))
    return outcomes


def _learn_head(
    network: model.Network,
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    *,
    work: pathlib.Path,
    root: pathlib.Path,
    epochs: int,
) -> resumable_fit.StageOutcome:
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
    watched = features.Feed(kept[1], given.validation, batch_size=HEAD_BATCH, training=False)
    # Where validation was held out of train, both lie in one folder.
    seconds = {k.folder: k.seconds for k in sorted(kept, key=lambda k: k.seconds)}
    _compile(network.head, settings, steps=feed.num_batches, epochs=epochs)
    return resumable_fit.run(
        network.head,
        resumable_fit.Stage("head", work / training_plan.HEAD),
        feed=lambda first: feed,
        validation=watched,
        steps=feed.num_batches,
        images=len(given.train),
        epochs=epochs,
        patience=settings.patience,
        batch_size=settings.batch_size,
        seed=settings.seed,
        seconds_before=sum(seconds.values()),
        on_epoch_begin=feed.begin,
    )


def _learn_all(
    network: model.Network,
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    *,
    work: pathlib.Path,
) -> resumable_fit.StageOutcome:
    """Every layer on pixels, the base at its share of the rate."""
    feed = _pixel_feed(given.train, given.weights, settings)
    momentum = model.momentum_of(feed.num_batches)
    model.learn(network, base=True, batch_norm=settings.batch_norm_mode, momentum=momentum)
    share = 1.0 if settings.weights == training_settings.NO_WEIGHTS else settings.base_share
    epochs = settings.most_epochs
    _compile(
        network.logits,
        settings,
        steps=feed.num_batches,
        epochs=epochs,
        base_share=share,
        scales_loss=settings.precision == training_settings.HALF,
    )
    return resumable_fit.run(
        network.logits,
        resumable_fit.Stage("all layers", work / training_plan.ALL_LAYERS),
        feed=lambda first: feed.for_fit(first, epochs),
        validation=batches.plain(
            given.validation,
            size_px=settings.size_px,
            batch_size=settings.batch_size,
            multiple=devices.sharing(),
        ),
        steps=feed.num_batches,
        images=len(given.train),
        epochs=epochs,
        patience=settings.patience,
        batch_size=settings.batch_size,
        seed=settings.seed,
        on_epoch_begin=feed.begin,
    )


def _pixel_feed(
    train: datasets.Split, weights: np.ndarray | None, settings: training_settings.TrainingSettings
) -> batches.RowFeed | batches.StreamFeed:
    passes = batches.Passes(
        train,
        settings.size_px,
        settings.batch_size,
        weights=weights,
        seed=settings.seed,
        training=True,
        augment=settings.augment,
        multiple=devices.sharing(),
    )
    return batches.feed_of(passes)


def _compile(
    trained: keras.Model,
    settings: training_settings.TrainingSettings,
    *,
    steps: int,
    epochs: int,
    base_share: float = 1.0,
    scales_loss: bool = False,
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
        # Gradients of half precision vanish below 6e-8; Keras scales by itself only models built under the policy.
        optimizer=keras.optimizers.LossScaleOptimizer(optimizer) if scales_loss else optimizer,
        loss=settings.loss,
        weighted_metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.MeanMetricWrapper(settings.loss, name=resumable_fit.MEAN_LOSS),
        ],
        jit_compile=devices.compiles(),
    )


def _images_per_s(history: Sequence[Mapping[str, Any]]) -> float:
    """The median rate of the epochs after the first, which also compiles or computes features."""
    later = [row["images_per_s"] for row in history[1:]] or [row["images_per_s"] for row in history]
    return float(np.median(later))
