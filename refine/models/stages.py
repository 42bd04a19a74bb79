"""One `fit` that survives: kept after every epoch, resumed after a kill, stopped when stable or broken."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import logging
import math
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from builder import atomic, errors, progress

STABLE, LAST_EPOCH, NOT_A_NUMBER = "stable", "last epoch", "loss is not a number"
HISTORY_COLUMNS = (
    "stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds", "images_per_s",
)  # fmt: skip
# Smaller changes than these are not progress.
LOSS_FALL, LOSS_FALL_SHARE, ACCURACY_RISE = 0.001, 0.01, 0.002

Row = dict[str, Any]
LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """History of a stage, and why it ended; the model holds the best weights."""

    history: tuple[Row, ...]
    stopped: str

    @property
    def best(self) -> Row:
        """The epoch whose weights are kept."""
        return self.history[best_epoch(self.history)]


def best_epoch(history: Sequence[Row]) -> int:
    """Position of the highest validation accuracy; among equals the lowest validation loss."""
    return max(range(len(history)), key=lambda i: (history[i]["val_accuracy"], -history[i]["val_loss"]))


def is_stable(history: Sequence[Row], patience: int) -> bool:
    """True when in the last `patience` epochs neither the training loss fell nor the validation accuracy rose."""
    if len(history) <= patience:
        return False
    before, after = history[:-patience], history[-patience:]
    lowest = min(r["loss"] for r in before)
    highest = max(r["val_accuracy"] for r in before)
    fell = min(r["loss"] for r in after) < lowest * (1 - LOSS_FALL_SHARE) - LOSS_FALL
    rose = max(r["val_accuracy"] for r in after) > highest + ACCURACY_RISE
    return not fell and not rose


class Stage:
    """The files of one stage in `folder`: state.json names the weights of the last epoch and of the best."""

    def __init__(self, name: str, folder: pathlib.Path) -> None:
        self.name, self._folder = name, folder
        folder.mkdir(parents=True, exist_ok=True)
        atomic.remove_litter(folder)
        state = self._folder / "state.json"
        kept = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else {}
        self.history: list[Row] = kept.get("history", [])
        self.stopped: str | None = kept.get("stopped")

    def _weights(self, epoch: int) -> pathlib.Path:
        return self._folder / f"epoch-{epoch:04d}.weights.h5"

    def keep(self, model: keras.Model, row: Row) -> None:
        """Keeps the epoch that just ended: weights first, then the state that names them."""
        with atomic.file(self._weights(row["epoch"])) as temporary:
            model.save_weights(temporary)
        self.history.append(row)
        self._write_state()
        wanted = {row["epoch"], self.history[best_epoch(self.history)]["epoch"]}
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
            model.optimizer.build(model.trainable_variables)
            model.load_weights(self._weights(self.history[-1]["epoch"]))
        return len(self.history)

    def restore_best(self, model: keras.Model) -> None:
        """Puts the weights of the best epoch into `model`."""
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self._weights(self.history[best_epoch(self.history)]["epoch"]))


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
    seconds_before: float = 0.0,
    on_epoch_begin: Callable[[int], None] = lambda epoch: None,
) -> Outcome:
    """Fits the compiled `model` for at most `epochs`, from the last kept epoch on, and gives it the best weights.

    Args:
      feed: called with the first epoch to come; what `fit` takes.
      steps: batches of an epoch, of `images` chips.
      seconds_before: time already spent for the first epoch (features), counted into it.
      on_epoch_begin: called with the epoch's number, from 0.

    Raises:
      errors.InputError: if the first epoch breaks, or memory does not suffice.
    """
    done = stage.restore_last(model)
    if stage.stopped is None and done < epochs:
        watch = _Watch(stage, images=images, steps=steps, epochs=epochs, patience=patience, first_s=seconds_before)
        begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: on_epoch_begin(epoch))
        with memory_errors(batch_size), progress.Progress(stage.name, steps * epochs, unit="batches") as bar:
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
        if watch.broken and not stage.history:
            raise errors.InputError(f"{stage.name}: the loss is not a number in the first epoch. {WHAT_TO_TRY}")
        if watch.broken:
            good = len(stage.history)
            LOG.warning(
                "%s: the loss is not a number in epoch %d; epoch %d is kept. %s",
                stage.name,
                good + 1,
                good,
                WHAT_TO_TRY,
            )
        stage.finish(watch.stopped)
    stage.restore_best(model)
    return Outcome(tuple(stage.history), stage.stopped or LAST_EPOCH)


WHAT_TO_TRY = (
    "Try a lower --learning-rate (a tenth), --precision float32, or look for chips without contrast or weights of 0."
)


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps each epoch, shows progress, and decides when to stop."""

    bar: progress.Progress

    def __init__(self, stage: Stage, *, images: int, steps: int, epochs: int, patience: int, first_s: float) -> None:
        super().__init__()
        self._stage, self._images, self._steps = stage, images, steps
        self._epochs, self._patience, self._first_s = epochs, patience, first_s
        self.broken = False
        self.stopped = LAST_EPOCH

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._began = time.monotonic()
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.reach(self._epoch * self._steps + batch + 1)
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            self.broken, self.stopped = True, NOT_A_NUMBER
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = {name: float(value) for name, value in (logs or {}).items()}
        if self.broken or not math.isfinite(logs.get("val_loss", 0.0)):
            self.broken, self.stopped = True, NOT_A_NUMBER
            self.model.stop_training = True
            return
        seconds = time.monotonic() - self._began + (self._first_s if epoch == 0 else 0.0)
        self._stage.keep(self.model, self._row(epoch, logs, seconds))
        if is_stable(self._stage.history, self._patience):
            self.stopped = STABLE
            self.model.stop_training = True

    def _row(self, epoch: int, logs: dict[str, float], seconds: float) -> Row:
        shown = {name: round(logs[name], 6) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        return {
            "stage": self._stage.name, "epoch": epoch + 1, **shown, "learning_rate": rate,
            "seconds": round(seconds, 3), "images_per_s": round(self._images / seconds, 1),
        }  # fmt: skip


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
    return errors.InputError(f"out of memory with --batch-size {batch_size}: try --batch-size {batch_size // 2}.")


def write_history(path: pathlib.Path, history: Sequence[Row]) -> None:
    """history.csv: one row per epoch."""
    with atomic.file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, HISTORY_COLUMNS)
        table.writeheader()
        table.writerows(history)


def read_history(path: pathlib.Path) -> list[Row]:
    """The rows that `write_history` wrote."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [{k: v if k == "stage" else int(v) if k == "epoch" else float(v) for k, v in row.items()} for row in rows]
