"""What is to be trained on what: told before the training starts, and held against work that was begun before."""

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

from builder import atomic, errors, hashing
from refine.artefacts import model_folder
from refine.training import learning_set, resumable_fit, training_settings

FILE = "plan.json"
HEAD, ALL_LAYERS = "head", "all-layers"  # folders of the stages in unfinished work
LOG = logging.getLogger(__name__)


def plan_of(given: learning_set.LearningSet, settings: training_settings.TrainingSettings) -> dict[str, Any]:
    """What is trained on what: the part of training.json that is known before, and that unfinished work must share."""
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
    """sha256 of a weights file; None where a word stands for the weights."""
    path = pathlib.Path(weights)
    return hashing.sha256_of_file(path) if weights not in training_settings.WORDS and path.is_file() else None


def check(work: pathlib.Path, plan: Mapping[str, Any]) -> str:
    """What differs between `plan` and the unfinished work in the folder `work`; empty where nothing does.

    Raises:
      errors.InputError: if the main stage of another plan has kept an epoch.
    """
    file = work / FILE
    if not file.is_file():
        return ""
    before = json.loads(file.read_text(encoding="utf-8"))
    differing = differences(before, plan)
    main = HEAD if before["settings"]["strategy"] == training_settings.LOGITS else ALL_LAYERS
    if differing and resumable_fit.epochs_kept(work / main):
        raise errors.InputError(
            f"{work} holds an unfinished training that differs in {differing}. Give the same settings to go on "
            "with it, another --out, or remove the folder to start anew."
        )
    return differing


def claim(work: pathlib.Path, plan: Mapping[str, Any]) -> None:
    """Starts or takes up the unfinished work of exactly this plan in the folder `work`.

    Work of another plan is removed if its main stage has not kept an epoch: so the cure works that an error names. A
    warm-up is not worth keeping: it takes seconds on features, which stay.

    Raises:
      errors.InputError: as `check`.
    """
    if differing := check(work, plan):
        LOG.warning("%s kept no epoch of another training: starting anew, with other %s.", work, differing)
        shutil.rmtree(work)
    file = work / FILE
    if file.is_file():
        return
    with atomic.file(file) as temporary:
        temporary.write_text(json.dumps(plan, indent=1))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two plans, in words; empty where nothing does.

    A file is what it holds: where its sha256 is recorded, it may lie elsewhere.
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
