"""A `fit` that is kept after every epoch, resumed after a kill, and stopped when it is stable or broken."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import math
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import typing_extensions

from builder import atomic, errors, hashing, input_files, progress
from refine.network import devices
from refine.samples import feeds
from refine.training import training_history

STABLE, LAST_EPOCH, NOT_A_NUMBER = "stable", "last epoch", "loss is not a number"
# Keras's own mean counts the examples that fill up a batch; this weighted metric does not.
MEAN_LOSS = "mean_loss"
LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class StageOutcome:
    """History of a stage, and why it ended; the model holds the best weights."""

    history: tuple[training_history.Row, ...]
    stopped: str

    def as_json(self) -> dict[str, Any]:
        """Plain values: how long the stage was, and why it ended."""
        return {"stage": self.history[0]["stage"], "epochs": len(self.history), "stopped": self.stopped}

    @property
    def best(self) -> training_history.Row:
        """The epoch whose weights are kept."""
        return self.history[training_history.best_epoch(self.history)]


class Stage:
    """The files of one stage in `folder`: state.json names the weights of the last epoch and of the best."""

    STATE = "state.json"
    WEIGHTS = "epoch-{}.weights.h5"
    FILES = (STATE, WEIGHTS.format("*"), f"{atomic.TEMPORARY_PREFIX}*")

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self.name, self._folder = name, folder
        folder.mkdir(parents=True, exist_ok=True)
        atomic.remove_litter(folder)
        state = _read_state(folder)
        self.history: list[training_history.Row] = state.get("history", [])
        self.stopped: str | None = state.get("stopped")

    def _weights(self, epoch: int) -> pathlib.Path:
        return self._folder / self.WEIGHTS.format(f"{epoch:04d}")

    def keep(self, model: keras.Model, row: training_history.Row) -> None:
        """Keeps the epoch that just ended: weights first, then the state that names them."""
        with atomic.file(self._weights(row["epoch"])) as temporary:
            model.save_weights(temporary)
        self.history.append(row)
        self._write_state()
        wanted = {row["epoch"], self.history[training_history.best_epoch(self.history)]["epoch"]}
        for path in self._folder.glob(self.WEIGHTS.format("*")):
            if int(path.name[6:10]) not in wanted:
                path.unlink()

    def finish(self, stopped: str) -> None:
        """Marks the stage as ended."""
        self.stopped = stopped
        self._write_state()

    def _write_state(self) -> None:
        with atomic.file(self._folder / self.STATE) as temporary:
            temporary.write_text(json.dumps({"history": self.history, "stopped": self.stopped}, indent=1))

    def restore_last(self, model: keras.Model) -> int:
        """Loads weights and optimizer of the last kept epoch into `model`; returns how many epochs were kept."""
        if self.history:
            self._restore(model, self.history[-1]["epoch"])
        return len(self.history)

    def restore_best(self, model: keras.Model) -> None:
        """Loads the weights of the best epoch into `model`."""
        self._restore(model, self.history[training_history.best_epoch(self.history)]["epoch"])

    def _restore(self, model: keras.Model, epoch: int) -> None:
        build_optimizer(model)
        model.load_weights(self._weights(epoch))


def build_optimizer(model: keras.Model) -> None:
    """Makes the optimizer's variables; inside the first step of `fit` that would take fifteen times as long."""
    if not model.optimizer.built:  # the loss scaling of half precision would be built twice
        model.optimizer.build(model.trainable_variables)


def epochs_kept(folder: pathlib.Path) -> int:
    """How many epochs the stage in `folder` has kept."""
    return len(_read_state(folder).get("history", []))


def _read_state(folder: pathlib.Path) -> dict[str, Any]:
    """What state.json of a stage holds; empty before the first epoch is kept."""
    file = folder / Stage.STATE
    if not file.exists():
        return {}
    cure = f"Remove {folder.parent} to start anew."
    state = input_files.read_json(file, expected="the epochs of an unfinished training", cure=cure)
    if not isinstance(state.get("history", []), list):
        raise errors.InputError(f"{file}: expected a list of epochs. {cure}")
    return state


@dataclasses.dataclass(frozen=True)
class FitSettings:
    """What bounds a fit, and what an epoch is.

    Attributes:
      epochs: at most so many.
      patience: epochs without progress that end it.
      batch_size: examples of a batch, for the advice where memory does not suffice.
      images: examples of an epoch, for the rate.
      seed: seed of dropout (default 0); with the epoch's number, so that an epoch is the same after a kill.
    """

    epochs: int
    patience: int
    batch_size: int
    images: int
    seed: int = 0


def run(
    model: keras.Model,
    stage: Stage,
    feed: feeds.Feed,
    validation: feeds.Batches,
    settings: FitSettings,
    *,
    seconds_before: float = 0.0,
) -> StageOutcome:
    """Fits the compiled `model` from the last kept epoch on, and gives it the best weights.

    Args:
      model: what learns.
      stage: the files in which epochs are kept.
      feed: what it learns from.
      validation: what each epoch is judged on.
      settings: how long it learns.
      seconds_before: time already spent for the first epoch (features), counted into it (default 0).

    Raises:
      errors.InputError: if the first epoch breaks, or memory does not suffice.
    """
    build_optimizer(model)
    done = stage.restore_last(model)
    # A kill may come between the last epoch and the note that it was the last.
    stable = training_history.is_stable(stage.history, settings.patience)
    ended = stage.stopped or (STABLE if stable else LAST_EPOCH if done >= settings.epochs else None)
    if ended is None:
        ended = _fit(model, stage, feed, validation, settings, done=done, seconds_before=seconds_before)
    if ended == NOT_A_NUMBER and stage.stopped is None:
        _report_broken(stage)
    if ended != stage.stopped:
        stage.finish(ended)
    stage.restore_best(model)
    return StageOutcome(tuple(stage.history), ended)


def _fit(
    model: keras.Model,
    stage: Stage,
    feed: feeds.Feed,
    validation: feeds.Batches,
    settings: FitSettings,
    *,
    done: int,
    seconds_before: float,
) -> str:
    """Fits the epochs after the first `done`; returns why it ended."""
    steps = feed.num_batches
    bar = progress.Progress(stage.name, steps * settings.epochs, unit="batches", done=steps * done)
    watch = _Watch(stage, settings, bar, steps=steps, seconds_before=seconds_before)
    with memory_errors(settings.batch_size), bar:
        model.fit(
            feed.for_fit(done, settings.epochs),
            steps_per_epoch=steps,
            validation_data=validation,
            initial_epoch=done,
            epochs=settings.epochs,
            callbacks=[watch],
            shuffle=False,  # the feeds shuffle, by hashes
            verbose=0,
        )
    return watch.stopped


def _report_broken(stage: Stage) -> None:
    good = len(stage.history)
    if not good:
        raise errors.InputError(f"{stage.name}: the loss is not a number in the first epoch. {WHAT_TO_TRY}")
    LOG.warning(
        "%s: the loss is not a number in epoch %d; epoch %d is kept. %s", stage.name, good + 1, good, WHAT_TO_TRY
    )


WHAT_TO_TRY = (
    "Try a lower --learning-rate (a tenth), --precision float32, or look for chips without contrast or weights of 0."
)


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps each epoch, shows progress, and decides when to stop."""

    def __init__(
        self, stage: Stage, settings: FitSettings, bar: progress.Progress, *, steps: int, seconds_before: float
    ) -> None:
        super().__init__()
        self._stage, self._settings, self._bar = stage, settings, bar
        self._steps, self._seconds_before = steps, seconds_before
        self.stopped = LAST_EPOCH

    @typing_extensions.override
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.monotonic()
        self._epoch = epoch
        reseed_dropout(self.model, seed=self._settings.seed, epoch=epoch)

    def _break(self) -> None:
        self.stopped = NOT_A_NUMBER
        self.model.stop_training = True

    @typing_extensions.override
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._bar.reach(self._epoch * self._steps + batch + 1)
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            self._break()

    @typing_extensions.override
    def on_test_begin(self, logs: Any = None) -> None:
        devices.average(_statistics(self.model))  # so that the validation judges the weights that are kept

    @typing_extensions.override
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = _measured(logs or {})
        if self.stopped == NOT_A_NUMBER or not math.isfinite(logs["val_loss"]):
            self._break()
            return
        seconds = time.monotonic() - self._began + (self._seconds_before if epoch == 0 else 0.0)
        self._stage.keep(self.model, self._row(epoch, logs, seconds))
        if training_history.is_stable(self._stage.history, self._settings.patience):
            self.stopped = STABLE
            self.model.stop_training = True

    def _row(self, epoch: int, logs: dict[str, float], seconds: float) -> training_history.Row:
        shown = {name: round(logs[name], 6) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        return {
            "stage": self._stage.name, "epoch": epoch + 1, **shown, "learning_rate": rate,
            "seconds": round(seconds, 3), "images_per_s": round(self._settings.images / seconds, 1),
        }  # fmt: skip


def _measured(logs: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of an epoch, with MEAN_LOSS instead of Keras's own mean where it was measured."""
    values = {name: float(value) for name, value in logs.items()}
    better = {name.replace(MEAN_LOSS, "loss"): value for name, value in values.items() if MEAN_LOSS in name}
    return values | better


def reseed_dropout(model: keras.Model, *, seed: int, epoch: int) -> None:
    """Seeds every Dropout of `model` for one epoch: Keras does not save the state of its generators."""
    dropouts = (layer for layer in _layers(model) if isinstance(layer, keras.layers.Dropout) and layer.rate > 0)
    for number, layer in enumerate(dropouts):
        bits = hashing.stream(seed, f"dropout/{number}/{epoch}")
        layer.seed_generator.state.assign(np.array([bits % 2**32, bits >> 32], np.uint32))


def _statistics(model: keras.Model) -> list[Any]:
    """The statistics of each BatchNormalization that learns, which every device gathers for itself."""
    learning = (c for c in _layers(model) if isinstance(c, keras.layers.BatchNormalization) and c.trainable)
    return [variable for layer in learning for variable in layer.non_trainable_variables]


def _layers(model: keras.Model) -> Iterator[Any]:
    """All layers, those of nested models too."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


@contextlib.contextmanager
def memory_errors(batch_size: int) -> Iterator[None]:
    """Turns the backends' out-of-memory errors into advice.

    Args:
      batch_size: examples of a batch, for which half as many are advised.

    Raises:
      errors.InputError: if memory does not suffice for what is done inside.
    """
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory(batch_size) from error
        raise


def is_out_of_memory(error: BaseException) -> bool:
    """True for TensorFlow's ResourceExhaustedError, XLA's RESOURCE_EXHAUSTED and Python's MemoryError.

    XLA has one class for all its errors; only the text tells them apart.
    """
    text = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or "ResourceExhausted" in text or "RESOURCE_EXHAUSTED" in text


def out_of_memory(batch_size: int) -> errors.InputError:
    """The advice for a batch that does not fit."""
    if batch_size == 1:
        return errors.InputError("out of memory with a batch of one chip: give a smaller --size.")
    return errors.InputError(
        f"out of memory with --batch-size {batch_size}: try --batch-size {batch_size // 2}, or a smaller --size."
    )
