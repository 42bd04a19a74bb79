"""The training plan: dataset, settings and digests, recorded before training and compared before it is resumed."""

from __future__ import annotations

import hashlib
import json
import logging
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from builder import atomic, errors, hashing, input_files, output_folders
from refine.artefacts import model_folder
from refine.training import learning_set, resumable_fit, training_settings

FILE = "plan.json"
HEAD, ALL_LAYERS = "head", "all-layers"  # folders of the stages in unfinished work
KIND = output_folders.FolderKind(
    what="an unfinished training",
    mark=FILE,
    files=(FILE, *(f"{stage}/{name}" for stage in (HEAD, ALL_LAYERS) for name in resumable_fit.Stage.FILES)),
)
LOG = logging.getLogger(__name__)


def plan_of(given: learning_set.LearningSet, settings: training_settings.TrainingSettings) -> dict[str, Any]:
    """What is trained on what: the part of training.json that is known before training."""
    return {
        "format": model_folder.FORMAT,
        "dataset": given.dataset.full_name,
        "dataset_sha256": {s.name: s.digest for s in (given.train, given.validation)},
        "examples": {"train": len(given.train), "validation": len(given.validation)},
        "labels_sha256": _sha256_of_arrays(given.train.rows, given.train.labels, given.weights),
        "sources": {option: source.as_json() for option, source in given.sources.items()},
        "settings": settings.as_json(),
        "weights_sha256": _sha256_of_weights(settings.weights),
        "backend": keras.backend.backend(),
    }


def _sha256_of_arrays(*arrays: np.ndarray | None) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def _sha256_of_weights(weights: str) -> str | None:
    """sha256 of a weights file; None for `imagenet` and `none`."""
    path = pathlib.Path(weights)
    return hashing.sha256_of_file(path) if weights not in training_settings.WORDS and path.is_file() else None


def check(work: pathlib.Path, plan: Mapping[str, Any]) -> None:
    """Refuses unfinished work, in the folder `work`, that `plan` cannot resume and that is worth keeping.

    Raises:
      errors.InputError: if the main stage of another plan has kept an epoch, or the folder holds what the project did
        not write.
    """
    output_folders.check(work, KIND, overwrite=True)
    before = _read(work)
    differing = differences(before, plan) if before is not None else ""
    if before is None or not differing:
        return
    main = HEAD if before["settings"].get("strategy") == training_settings.LOGITS else ALL_LAYERS
    if resumable_fit.epochs_kept(work / main):
        raise errors.InputError(
            f"{work} holds an unfinished training that differs in {differing}. Give the same settings to go on "
            "with it, another --out, or remove the folder to start anew."
        )


def claim(work: pathlib.Path, plan: Mapping[str, Any]) -> None:
    """Starts or resumes the unfinished work of exactly this plan in the folder `work`.

    Work of another plan is removed if its main stage has not kept an epoch, so that the advice of an error (a lower
    learning rate, say) can be followed without deleting anything. A warm-up alone is deleted: from cached features it
    takes seconds.

    Raises:
      errors.InputError: as `check`.
    """
    check(work, plan)
    before = _read(work)
    if before is not None and not (differing := differences(before, plan)):
        return
    if before is not None:
        LOG.warning("%s kept no epoch of another training: starting anew, with other %s.", work, differing)
    with atomic.folder(work, overwrite=True) as temporary:
        (temporary / FILE).write_text(json.dumps(plan, indent=1), encoding="utf-8")


def remove(work: pathlib.Path) -> None:
    """Removes the work of a training that has ended, unless someone put a file of their own there."""
    if strangers := list(KIND.strangers(work)):
        LOG.warning("%s is kept: it holds %s, which this project did not write.", work, strangers[0])
    else:
        shutil.rmtree(work)


def _read(work: pathlib.Path) -> dict[str, Any] | None:
    """The plan of unfinished work; None where there is none.

    Raises:
      errors.InputError: if it is not what `claim` wrote.
    """
    file = work / FILE
    if not file.exists():
        return None
    cure = f"Remove {work} to start anew."
    plan = input_files.read_json(file, expected="the plan of an unfinished training", cure=cure)
    if not isinstance(plan.get("settings"), dict):
        raise errors.InputError(f"{file}: expected a plan with settings. {cure}")
    return plan


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two plans, in words; empty where they are equal.

    Files are compared by their sha256, wherever they lie.
    """
    one, two = (_flat(json.loads(json.dumps(plan))) for plan in (before, now))
    names = sorted(one.keys() | two.keys())
    return ", ".join(f"{k} ({one.get(k)} then, {two.get(k)} now)" for k in names if one.get(k) != two.get(k))


def _flat(plan: Mapping[str, Any]) -> dict[str, Any]:
    flat = {k: v for k, v in plan.items() if k not in ("settings", "sources")}
    flat |= {f"settings.{k}": v for k, v in (plan.get("settings") or {}).items()}
    for option, source in (plan.get("sources") or {}).items():
        flat |= {f"{option}.{k}": v for k, v in source.items() if k != "path"}
    if plan.get("weights_sha256"):
        del flat["settings.weights"]
    return flat
