"""When a training ends, which epoch is kept, and what is said when memory does not suffice."""

from __future__ import annotations

import dataclasses
import io
import pathlib

import keras
import numpy as np
import pytest

from builder import errors, progress
from refine.samples import batches, feeds
from refine.training import resumable_fit, training_history


def _history(losses: list[float], accuracies: list[float]) -> list[training_history.Row]:
    return [
        {"epoch": i + 1, "loss": loss, "val_accuracy": accuracy, "val_loss": 1.0}
        for i, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True))
    ]


def test_a_training_is_stable_when_neither_loss_nor_accuracy_moves() -> None:
    assert training_history.is_stable(_history([1, 0.5, 0.5, 0.5], [0.5, 0.8, 0.8, 0.8]), patience=2)
    assert not training_history.is_stable(_history([1, 0.5, 0.4, 0.3], [0.5, 0.8, 0.8, 0.8]), patience=2)
    assert not training_history.is_stable(_history([1, 0.5, 0.5, 0.5], [0.5, 0.8, 0.8, 0.9]), patience=2)
    assert not training_history.is_stable(_history([1, 1], [0.5, 0.5]), patience=2)


def test_the_best_epoch_is_the_most_accurate_and_among_equals_the_surest() -> None:
    history = _history([1, 1, 1, 1], [0.5, 0.9, 0.9, 0.8])
    history[2]["val_loss"] = 0.5
    assert training_history.best_epoch(history) == 2


def _linear(learning_rate: float = 0.1) -> keras.Model:
    keras.utils.set_random_seed(0)
    trained = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5, seed=0), keras.layers.Dense(2)])
    trained.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    return trained


@dataclasses.dataclass(frozen=True)
class _Feed:
    """Four batches; from the epoch `breaks_at` on the inputs are not numbers."""

    breaks_at: int | None = None
    num_batches: int = 4

    def for_fit(self, first: int, stop: int) -> feeds.EpochsInARow:
        return feeds.EpochsInARow(self._make, per_epoch=self.num_batches, first=first, stop=stop)

    def _make(self, epoch: int, index: int) -> batches.Batch:
        inputs = np.random.default_rng(index).normal(size=(8, 3)).astype(np.float32)
        if self.breaks_at is not None and epoch >= self.breaks_at:
            inputs = inputs * np.nan
        return inputs, (np.nan_to_num(inputs[:, 0]) > 0).astype(np.int64), np.ones(8, np.float32)


def _run(
    folder: pathlib.Path, *, epochs: int, patience: int = 100, breaks_at: int | None = None, learning_rate: float = 0.1
) -> resumable_fit.StageOutcome:
    settings = resumable_fit.FitSettings(epochs=epochs, patience=patience, batch_size=8, images=32)
    stage = resumable_fit.Stage("head", folder)
    return resumable_fit.run(_linear(learning_rate), stage, _Feed(breaks_at), _Feed().for_fit(0, 1), settings)


def _as_a_kill_leaves_it(folder: pathlib.Path) -> None:
    """The last epoch is kept; that it was the last is not yet written."""
    resumable_fit.Stage("head", folder).finish(None)  # type: ignore[arg-type]


def test_a_stage_taken_up_again_ends_as_if_it_had_never_stopped(tmp_path: pathlib.Path) -> None:
    straight = _run(tmp_path / "straight", epochs=6)
    _run(tmp_path / "resumed", epochs=3)
    _as_a_kill_leaves_it(tmp_path / "resumed")
    resumed = _run(tmp_path / "resumed", epochs=6)
    assert [r["epoch"] for r in resumed.history] == [1, 2, 3, 4, 5, 6]
    for before, after in zip(straight.history, resumed.history, strict=True):
        assert before["loss"] == pytest.approx(after["loss"], abs=1e-6)


def test_a_finished_stage_is_not_run_again(tmp_path: pathlib.Path) -> None:
    first = _run(tmp_path, epochs=3)
    again = _run(tmp_path, epochs=3, breaks_at=0)
    assert again == first


def test_a_broken_epoch_is_thrown_away_and_the_last_good_one_kept(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = _run(tmp_path, epochs=9, breaks_at=3)
    assert outcome.stopped == resumable_fit.NOT_A_NUMBER
    assert len(outcome.history) == 3
    assert "epoch 4" in caplog.text and "--learning-rate" in caplog.text


def test_a_stage_that_breaks_at_once_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="not a number in the first epoch"):
        _run(tmp_path, epochs=9, breaks_at=0)


def test_a_stable_stage_stops_early(tmp_path: pathlib.Path) -> None:
    outcome = _run(tmp_path, epochs=2000, patience=3, learning_rate=3.0)
    assert outcome.stopped == resumable_fit.STABLE and len(outcome.history) < 2000


def test_a_stage_that_was_stable_when_it_was_killed_trains_no_epoch_more(tmp_path: pathlib.Path) -> None:
    outcome = _run(tmp_path, epochs=2000, patience=3, learning_rate=3.0)
    _as_a_kill_leaves_it(tmp_path)
    assert _run(tmp_path, epochs=2000, patience=3, learning_rate=3.0, breaks_at=0) == outcome


def test_every_epoch_has_dropout_masks_of_its_own_that_follow_from_the_seed() -> None:
    trained = _linear()

    def masks(epoch: int) -> bytes:
        resumable_fit.reseed_dropout(trained, seed=3, epoch=epoch)
        return np.asarray(trained(np.ones((9, 3), np.float32), training=True)).tobytes()

    assert masks(0) == masks(0) != masks(1)


def test_progress_after_a_kill_counts_only_what_this_run_did(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    stream = io.StringIO()
    progress.Progress("all layers", 3000, unit="batches", stream=stream, done=2000).reach(2100)
    assert stream.getvalue() == "all layers: 2100/3000 batches, 10.0/s, 1 min 30 s left\n"


def test_at_most_two_epochs_of_weights_lie_on_disk(tmp_path: pathlib.Path) -> None:
    _run(tmp_path, epochs=7)
    assert len(list(tmp_path.glob("*.weights.h5"))) <= 2


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory while allocating")])
def test_out_of_memory_names_a_batch_size_to_try(error: Exception) -> None:
    with (
        pytest.raises(errors.InputError, match="--batch-size 64: try --batch-size 32"),
        resumable_fit.memory_errors(64),
    ):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="else"), resumable_fit.memory_errors(64):
        raise RuntimeError("something else")


def test_history_is_read_as_it_was_written(tmp_path: pathlib.Path) -> None:
    outcome = _run(tmp_path / "stage", epochs=2)
    training_history.write(tmp_path / "history.csv", outcome.history)
    assert training_history.read(tmp_path / "history.csv") == list(outcome.history)
