"""Trains a model and writes its folder; a training that was killed is resumed by the same call."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from builder import errors, output_folders
from refine.artefacts import model_folder
from refine.network import calibration, devices, model, trained_model
from refine.training import (
    initial_network,
    learning_set,
    package_versions,
    predictions,
    resumable_fit,
    strategies,
    training_plan,
    training_settings,
    write_model,
)

FEATURES = "features"  # folder of kept features, beside the models that share them


def train(
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    out: pathlib.Path,
    *,
    features_root: pathlib.Path | None = None,
    overwrite: bool = False,
) -> trained_model.TrainedModel:
    """Trains, calibrates and writes the model folder `out`; returns the model.

    Unfinished work waits in `out`.unfinished; the same call resumes it.

    Args:
      given: what the model learns from.
      settings: everything that decides what is learnt.
      out: model folder to write.
      features_root: where features are kept (default: the folder `features` beside `out`).
      overwrite: replaces a model folder that exists, with nothing in it that the project did not write (default False).

    Raises:
      errors.InputError: if `out` exists, or unfinished work of other settings is in the way, or the training breaks.
    """
    root, began = features_root or out.parent / FEATURES, time.monotonic()
    _check_out(out, root, overwrite=overwrite)
    work = model_folder.work_folder(out)
    plan = training_plan.plan_of(given, settings)
    training_plan.check(work, plan)
    devices.check_devices(settings.devices)  # before minutes are spent on the network
    with resumable_fit.memory_errors(settings.batch_size):
        alone = initial_network.start_network(given.train, settings, root=root)
    training_plan.claim(work, plan)  # whatever is refused until here leaves nothing
    network, outcomes, fitted = _learn(alone, given, settings, work=work, root=root)
    write_model.write(
        out,
        network.classifier,
        labels=given.dataset.classes,
        record=plan | _record(network, outcomes, seconds_this_run=time.monotonic() - began),
        history=[row for outcome in outcomes for row in outcome.history],
        fitted=fitted,
        overwrite=overwrite,
    )
    training_plan.remove(work)
    folder = model_folder.ModelFolder.open(out)
    return trained_model.TrainedModel(folder, network) if network is alone else trained_model.load(folder)


def train_once(
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    out: pathlib.Path,
    *,
    features_root: pathlib.Path | None = None,
) -> trained_model.TrainedModel:
    """The model of the folder `out`, trained unless the folder already holds what this training would make.

    Args:
      given: what the model learns from.
      settings: everything that decides what is learnt.
      out: model folder to read, or to write.
      features_root: where features are kept (default: the folder `features` beside `out`).

    Raises:
      errors.InputError: if `out` holds something else, or the training breaks.
    """
    folder = find_trained(given, settings, out)
    if folder is not None:
        return trained_model.load(folder)
    return train(given, settings, out, features_root=features_root)


def find_trained(
    given: learning_set.LearningSet, settings: training_settings.TrainingSettings, out: pathlib.Path
) -> model_folder.ModelFolder | None:
    """The model folder `out` if it holds what this training would make; None if there is nothing.

    Raises:
      errors.InputError: if it holds something else.
    """
    if not out.exists():
        return None
    folder = model_folder.ModelFolder.open(out)
    wanted = training_plan.plan_of(given, settings)
    differing = training_plan.differences({key: folder.record.get(key) for key in wanted}, wanted)
    if differing:
        raise errors.InputError(
            f"{out} holds a model that differs in {differing}. Give another --out, or remove the folder to train anew."
        )
    return folder


def _learn(
    alone: model.Network,
    given: learning_set.LearningSet,
    settings: training_settings.TrainingSettings,
    *,
    work: pathlib.Path,
    root: pathlib.Path,
) -> tuple[model.Network, list[resumable_fit.StageOutcome], calibration.Fitted]:
    """Trains and calibrates a copy of `alone` on every device; returns it, what came of each stage, the calibration."""
    with devices.scope(settings.devices), resumable_fit.memory_errors(settings.batch_size):
        network = initial_network.copy_to_devices(alone, given.train, settings)
        outcomes = strategies.learn(network, given, settings, work=work, root=root)
        kept_under = root if settings.strategy == training_settings.LOGITS else None
        logits = predictions.logits_of(network, given.validation, settings.batch_size, kept_under=kept_under)
    return network, outcomes, calibration.fit(logits, given.validation.labels)


def _check_out(out: pathlib.Path, root: pathlib.Path, *, overwrite: bool) -> None:
    output_folders.check(out, model_folder.KIND, overwrite=overwrite)
    if out.resolve() == root.resolve():
        raise errors.InputError(
            f"--out {out}: expected a folder of its own; received the one where features are kept. Name another --out."
        )


def is_broken(record: Mapping[str, Any]) -> bool:
    """Whether a stage of a finished training ended because its loss was no longer a number."""
    return any(stage["stopped"] == resumable_fit.NOT_A_NUMBER for stage in record.get("stages", ()))


def _record(
    network: model.Network, outcomes: Sequence[resumable_fit.StageOutcome], *, seconds_this_run: float
) -> dict[str, Any]:
    """What training.json holds beside the plan."""
    history = [row for outcome in outcomes for row in outcome.history]
    return {
        "base_sha256": model.digest(network.base),
        "epochs_done": len(history),
        "stopped": outcomes[-1].stopped,
        "stages": [outcome.as_json() for outcome in outcomes],
        "best": outcomes[-1].best,
        "seconds": round(sum(row["seconds"] for row in history), 3),
        "seconds_this_run": round(seconds_this_run, 3),
        "images_per_s": round(_images_per_s(outcomes[-1].history), 2),
        "versions": package_versions.installed(),
    }


def _images_per_s(history: Sequence[Mapping[str, Any]]) -> float:
    """The median rate of the epochs after the first, which also compiles or computes features."""
    later = [row["images_per_s"] for row in history[1:]] or [row["images_per_s"] for row in history]
    return float(np.median(later))
