"""One `fit` that survives: kept after every epoch, resumed after a kill, stopped when stable or broken."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import math
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from builder import atomic, errors, hashing, progress
from refine.network import devices
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

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self.name, self._folder = name, folder
        folder.mkdir(parents=True, exist_ok=True)
        atomic.remove_litter(folder)
        state = self._folder / "state.json"
        kept = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else {}
        self.history: list[training_history.Row] = kept.get("history", [])
        self.stopped: str | None = kept.get("stopped")

    def _weights(self, epoch: int) -> pathlib.Path:
        return self._folder / f"epoch-{epoch:04d}.weights.h5"

    def keep(self, model: keras.Model, row: training_history.Row) -> None:
        """Keeps the epoch that just ended: weights first, then the state that names them."""
        with atomic.file(self._weights(row["epoch"])) as temporary:
            model.save_weights(temporary)
        self.history.append(row)
        self._write_state()
        wanted = {row["epoch"], self.history[training_history.best_epoch(self.history)]["epoch"]}
        for path in self._folder.glob("epoch-*.weights.h5"):
            if int(path.name[6:10]) not in wanted:
                path.unlink()

    def finish(self, stopped: str) -> None:
        """Marks the stage as ended."""
        self.stopped = stopped
        self._write_state()

    def _write_state(self) -> None:
        with atomic.file(self._folder / "state.json") as temporary:
            temporary.write_text(json.dumps({"history": self.history, "stopped": self.stopped}, indent=1))

    def restore_last(self, model: keras.Model) -> int:
        """Puts weights and optimizer of the last kept epoch into `model`; returns how many epochs were kept."""
        if self.history:
            self._restore(model, self.history[-1]["epoch"])
        return len(self.history)

    def restore_best(self, model: keras.Model) -> None:
        """Puts the weights of the best epoch into `model`."""
        self._restore(model, self.history[training_history.best_epoch(self.history)]["epoch"])

    def _restore(self, model: keras.Model, epoch: int) -> None:
        build_optimizer(model)
        model.load_weights(self._weights(epoch))


def build_optimizer(model: keras.Model) -> None:
    """Makes the optimizer's variables now: inside the first step of `fit` that takes fifteen times as long."""
    if not model.optimizer.built:  # the loss scaling of half precision would be built twice
        model.optimizer.build(model.trainable_variables)


def epochs_kept(folder: pathlib.Path) -> int:
    """How many epochs the stage in `folder` has kept."""
    state = folder / "state.json"
    return len(json.loads(state.read_text(encoding="utf-8"))["history"]) if state.is_file() else 0


def run(
    model: keras.Model,
    stage: Stage,
    *,
    feed: Any,
    validation: Any,
    steps: int,
    images: int,
    epochs: int,
    patience: int,
    batch_size: int,
    seed: int = 0,
    seconds_before: float = 0.0,
    on_epoch_begin: Callable[[int], None] = lambda epoch: None,
) -> StageOutcome:
    """Fits the compiled `model` for at most `epochs`, from the last kept epoch on, and gives it the best weights.

    Args:
      feed: called with the first epoch to come; what `fit` takes.
      steps: batches of an epoch, of `images` chips.
      seed: dropout follows from it and the epoch's number, so that an epoch is the same after a kill.
      seconds_before: time already spent for the first epoch (features), counted into it.
      on_epoch_begin: called with the epoch's number, from 0.

    Raises:
      errors.InputError: if the first epoch breaks, or memory does not suffice.
    """
    build_optimizer(model)
    done = stage.restore_last(model)
    # A kill may come between the last epoch and the note that it was the last.
    stable = training_history.is_stable(stage.history, patience)
    ended = stage.stopped or (STABLE if stable else LAST_EPOCH if done >= epochs else None)
    if ended is None:
        watch = _Watch(
            stage, images=images, steps=steps, epochs=epochs, patience=patience, seed=seed, first_s=seconds_before
        )
        begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: on_epoch_begin(epoch))
        bar = progress.Progress(stage.name, steps * epochs, unit="batches", done=steps * done)
        with memory_errors(batch_size), bar:
            watch.bar = bar
            batches = feed(done)
            model.fit(
                batches,
                steps_per_epoch=None if isinstance(batches, keras.utils.PyDataset) else steps,
                validation_data=validation,
                initial_epoch=done,
                epochs=epochs,
                callbacks=[begin, watch],
                shuffle=False,  # the feeds shuffle, by hashes
                verbose=0,
            )
        ended = watch.stopped
        if ended == NOT_A_NUMBER:
            _tell_broken(stage)
    if ended != stage.stopped:
        stage.finish(ended)
    stage.restore_best(model)
    return StageOutcome(tuple(stage.history), ended)


def _tell_broken(stage: Stage) -> None:
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

    bar: progress.Progress

    def __init__(
        self, stage: Stage, *, images: int, steps: int, epochs: int, patience: int, seed: int, first_s: float
    ) -> None:
        super().__init__()
        self._stage, self._images, self._steps = stage, images, steps
        self._epochs, self._patience, self._seed, self._first_s = epochs, patience, seed, first_s
        self.stopped = LAST_EPOCH

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.monotonic()
        self._epoch = epoch
        reseed_dropout(self.model, seed=self._seed, epoch=epoch)

    def _break(self) -> None:
        self.stopped = NOT_A_NUMBER
        self.model.stop_training = True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.reach(self._epoch * self._steps + batch + 1)
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            self._break()

    def on_test_begin(self, logs: Any = None) -> None:
        devices.average(_statistics(self.model))  # what is watched and kept is what one model would predict

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = _measured(logs or {})
        if self.stopped == NOT_A_NUMBER or not math.isfinite(logs["val_loss"]):
            self._break()
            return
        seconds = time.monotonic() - self._began + (self._first_s if epoch == 0 else 0.0)
        self._stage.keep(self.model, self._row(epoch, logs, seconds))
        if training_history.is_stable(self._stage.history, self._patience):
            self.stopped = STABLE
            self.model.stop_training = True

    def _row(self, epoch: int, logs: dict[str, float], seconds: float) -> training_history.Row:
        shown = {name: round(logs[name], 6) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        return {
            "stage": self._stage.name, "epoch": epoch + 1, **shown, "learning_rate": rate,
            "seconds": round(seconds, 3), "images_per_s": round(self._images / seconds, 1),
        }  # fmt: skip


def _measured(logs: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of an epoch, MEAN_LOSS in the place of Keras's own mean where it was measured."""
    values = {name: float(value) for name, value in logs.items()}
    better = {name.replace(MEAN_LOSS, "loss"): value for name, value in values.items() if MEAN_LOSS in name}
    return values | better


def reseed_dropout(model: keras.Model, *, seed: int, epoch: int) -> None:
    """Lets every Dropout of `model` draw the masks of one epoch: Keras does not save which ones would come next."""
    dropouts = (layer for layer in _layers(model) if isinstance(layer, keras.layers.Dropout) and layer.rate > 0)
    for number, layer in enumerate(dropouts):
        bits = hashing.stream(seed, f"dropout/{number}/{epoch}")
        layer.seed_generator.state.assign(np.array([bits % 2**32, bits >> 32], np.uint32))


def _statistics(model: keras.Model) -> list[Any]:
    """Variables that every device gathers for itself: the statistics of each BatchNormalization that learns."""
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
    """Turns the backends' out-of-memory errors into advice."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory(batch_size) from error
        raise


def is_out_of_memory(error: BaseException) -> bool:
    """True for TensorFlow's ResourceExhaustedError, XLA's RESOURCE_EXHAUSTED and Python's MemoryError."""
    text = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or "ResourceExhausted" in text or "RESOURCE_EXHAUSTED" in text


def out_of_memory(batch_size: int) -> errors.InputError:
    """The advice for a batch that does not fit."""
    if batch_size == 1:
        return errors.InputError("out of memory with a batch of one chip: give a smaller --size.")
    return errors.InputError(
        f"out of memory with --batch-size {batch_size}: try --batch-size {batch_size // 2}, or a smaller --size."
    )
