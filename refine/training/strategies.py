"""The strategies: only the head learns on kept features (`logits`), or every layer learns (`first-layer`)."""

from __future__ import annotations

import dataclasses
import pathlib

import keras
import numpy as np

from refine.network import devices, model
from refine.samples import batches, feeds
from refine.training import features, learning_set, resumable_fit, training_plan, training_settings


def learn(
    network: model.Network,
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    *,
    work: pathlib.Path,
    root: pathlib.Path,
) -> list[resumable_fit.StageOutcome]:
    """Trains `network` by the strategy of `settings`; returns what came of each stage.

    Args:
      network: it holds the best weights afterwards.
      given: what it learns from.
      settings: the strategy, and everything that decides what is learnt.
      work: folder of unfinished work, from which each stage is resumed.
      root: where features are kept.

    Raises:
      errors.InputError: if the first epoch of a stage breaks, or memory does not suffice.
    """
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
    """Trains the head on kept features; the base is not run again."""
    base_digest = model.digest(network.base)
    kept, watched = (
        features.of_split(
            split, network, root=root, views=views, batch_size=settings.batch_size, base_digest=base_digest
        )
        for split, views in ((given.train, settings.views), (given.validation, 1))
    )
    feed = features.FeatureFeed(
        kept, given.train, batch_size=settings.batch_size, weights=given.weights, seed=settings.seed
    )
    # Where validation was held out of train, both lie in one folder, whose seconds count once: those of all views.
    seconds = {k.folder: k.seconds for k in sorted((kept, watched), key=lambda k: k.seconds)}
    compile_network(network.head, settings, steps=feed.num_batches, epochs=epochs)
    return resumable_fit.run(
        network.head,
        resumable_fit.Stage("head", work / training_plan.HEAD),
        feed,
        features.plain(watched, given.validation),
        _fit_settings(given, settings, epochs),
        seconds_before=sum(seconds.values()),
    )


def _learn_all(
    network: model.Network,
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    *,
    work: pathlib.Path,
) -> resumable_fit.StageOutcome:
    """Trains every layer on pixels, the base at its share of the learning rate."""
    feed = pixel_feed(given, settings)
    momentum = model.momentum_of(feed.num_batches)
    model.set_trainable(network, base=True, batch_norm=settings.batch_norm_mode, momentum=momentum)
    compile_network(
        network.logits,
        settings,
        steps=feed.num_batches,
        epochs=settings.most_epochs,
        base_share=1.0 if settings.weights == training_settings.NO_WEIGHTS else settings.base_share,
        scales_loss=settings.precision == training_settings.HALF,
    )
    watched = feeds.plain(
        given.validation, size_px=settings.size_px, batch_size=settings.batch_size, multiple=devices.sharing()
    )
    stage = resumable_fit.Stage("all layers", work / training_plan.ALL_LAYERS)
    bounds = _fit_settings(given, settings, settings.most_epochs)
    return resumable_fit.run(network.logits, stage, feed, watched, bounds)


def _fit_settings(
    given: learning_set.LearningSet, settings: training_settings.TrainingSettings, epochs: int
) -> resumable_fit.FitSettings:
    return resumable_fit.FitSettings(
        epochs=epochs,
        patience=settings.patience,
        batch_size=settings.batch_size,
        images=len(given.train),
        seed=settings.seed,
    )


def pixel_feed(given: learning_set.LearningSet, settings: training_settings.TrainingSettings) -> feeds.Feed:
    """The pictures of train, shuffled and turned as `settings` say, for the devices in scope."""
    passes = feeds.Passes(
        given.train,
        settings.size_px,
        settings.batch_size,
        weights=given.weights,
        seed=settings.seed,
        training=True,
        augment=settings.augment,
        multiple=devices.sharing(),
    )
    return feeds.feed_of(passes)


def fit_head(
    inputs: np.ndarray, labels: np.ndarray, *, classes: int, epochs: int, settings: training_settings.TrainingSettings
) -> keras.Model:
    """Fits a head (features to logits) for exactly `epochs`, without watching anything, and returns it.

    Args:
      inputs: float32[n, 2048], features.
      labels: int64[n], class indexes.
      classes: number of classes.
      epochs: passes over the examples.
      settings: batch size, learning rate, dropout, loss and seed.
    """
    keras.utils.set_random_seed(settings.seed)
    seen = keras.Input((model.FEATURES,))
    dropped = keras.layers.Dropout(settings.dropout, seed=settings.seed)(seen)
    head = keras.Model(seen, keras.layers.Dense(classes, name=model.LOGITS)(dropped))
    sharing = devices.sharing()
    inputs, labels, weights = batches.padded((inputs, labels, np.ones(len(labels), np.float32)), sharing)
    batch_size = batches.rounded_up(settings.batch_size, sharing)
    compile_network(head, settings, steps=-(-len(labels) // batch_size), epochs=epochs)
    head.fit(inputs, labels, sample_weight=weights, batch_size=batch_size, epochs=epochs, verbose=0)
    return head


def compile_network(
    trained: keras.Model,
    settings: training_settings.TrainingSettings,
    *,
    steps: int,
    epochs: int,
    base_share: float = 1.0,
    scales_loss: bool = False,
) -> None:
    """Compiles what will learn: optimizer, loss and metrics.

    Args:
      trained: pixels or features to logits.
      settings: learning rate, weight decay and loss.
      steps: batches of an epoch; the learning rate rises over the first epoch and falls as a cosine over the others.
      epochs: epochs at most.
      base_share: learning rate of the base, as a share of the head's (default 1).
      scales_loss: scales the loss, for half precision (default False).
    """
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
