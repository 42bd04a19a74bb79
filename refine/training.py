"""The strategies: only the head learns on kept features (`logits`), or every layer learns (`first-layer`)."""

from __future__ import annotations

import csv
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
from refine import batches, calibration, data, devices, export, features, losses, model, stages

STRATEGIES = LOGITS, FIRST_LAYER = "logits", "first-layer"
STATISTICS_STEPS = 40  # batches that settle BatchNormalization of a random base


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides what is learnt.

    Attributes:
      strategy: `logits` or `first-layer`.
      weights: `imagenet`, `none`, or a Keras weights file of InceptionV3 without top.
      batch_norm: `frozen` or `train`; None takes `frozen` with pretrained weights, `train` with none.
      epochs: at most; None takes 200 for `logits`, 30 for `first-layer`.
      warmup_epochs: of the head on kept features, before `first-layer`.
      learning_rate: of the head; it rises over the first epoch's steps and falls as a cosine.
      base_share: learning rate of the base, as a share of the head's.
      patience: epochs without progress that end the training.
      views: dihedral views whose features are kept for `logits`: 1 or 8.
      augment: `first-layer` sees each chip under a view of its own in every epoch.
      weigh_by: scalar features of the dataset (votes, purity) whose product weighs the examples.
      validation_share: held out of train when the dataset has no validation split.
      devices: how many; None takes all accelerators.
    """

    strategy: str = LOGITS
    weights: str = "imagenet"
    size_px: int = 299
    batch_size: int = 32
    batch_norm: str | None = None
    epochs: int | None = None
    warmup_epochs: int = 20
    learning_rate: float = 1e-3
    base_share: float = 0.1
    weight_decay: float = 1e-4
    dropout: float = 0.2
    patience: int = 8
    views: int = 1
    augment: bool = True
    loss: losses.Loss = dataclasses.field(default_factory=losses.Loss)
    weigh_by: tuple[str, ...] = ()
    validation_share: float | None = None
    precision: str = "float32"
    devices: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        batches.check_size(self.size_px)
        _among("--strategy", self.strategy, STRATEGIES)
        _among("--views", self.views, (1, batches.VIEWS))
        _among("--precision", self.precision, model.PRECISIONS)
        if self.batch_norm is not None:
            _among("--batch-norm", self.batch_norm, model.BATCH_NORMS)
        if self.weights == "none" and self.batch_norm == "frozen":
            raise errors.InputError(
                "--weights none needs --batch-norm train: a random network with frozen statistics does not learn."
            )

    @property
    def batch_norm_mode(self) -> str:
        """`frozen` or `train`."""
        return self.batch_norm or ("train" if self.weights == "none" else "frozen")

    @property
    def most_epochs(self) -> int:
        """Epochs of the main stage, at most."""
        return self.epochs or (200 if self.strategy == LOGITS else 30)

    def as_json(self) -> dict[str, Any]:
        """Plain values, with what the defaults came to."""
        return dataclasses.asdict(self) | {"batch_norm": self.batch_norm_mode, "epochs": self.most_epochs}


@dataclasses.dataclass(frozen=True)
class Examples:
    """What is learnt from, and on what the training is watched. `weights` float32[n] go with `train`."""

    train: data.Split
    validation: data.Split
    weights: np.ndarray | None

    @property
    def dataset(self) -> data.Dataset:
        """The dataset that both come from."""
        return self.train.dataset


def examples_of(
    dataset: data.Dataset,
    settings: Settings,
    *,
    without_doubtful: pathlib.Path | None = None,
    weight_by: pathlib.Path | None = None,
) -> Examples:
    """Training and validation examples of `dataset`.

    `without_doubtful` leaves out the examples that a table of `refine noise` names; `weight_by` weighs each example by
    the table's column `weight`.

    Raises:
      errors.InputError: if a split or feature is missing, or a table names examples that are not there.
    """
    train = dataset.split("train", columns=settings.weigh_by)
    if "validation" in dataset.splits and settings.validation_share is None:
        validation = dataset.split("validation")
    elif settings.validation_share is not None:
        train, validation = data.held_out(train, share=settings.validation_share, seed=settings.seed)
    else:
        validation = dataset.split("validation")  # says which splits there are
    if without_doubtful is not None:
        doubtful = _keyed_column(without_doubtful, "doubtful", train)
        train = train.where(~np.isin(train.keys, [k for k, v in doubtful.items() if v > 0]))
    weights = _weights(train, settings.weigh_by)
    if weight_by is not None:
        table = _keyed_column(weight_by, "weight", train)
        given = np.array([table.get(k, 1.0) for k in train.keys], np.float32)
        weights = given if weights is None else weights * given
    _check_enough(train, validation)
    return Examples(train, validation, weights)


def train(
    examples: Examples,
    settings: Settings,
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
    plan = _plan(examples, settings)
    _claim(work, plan)
    root = features_root or out.parent / "features"
    began = time.monotonic()
    with devices.scope(settings.devices), stages.memory_errors(settings.batch_size):
        network = _started(examples, settings)
        outcomes = _learn(network, examples, settings, work=work, root=root)
        validation_logits = logits_of(network, examples.validation, settings.batch_size)
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
    fitted = calibration.fit(validation_logits, examples.validation.labels)
    export.write_model(
        out, network.classifier, labels=examples.dataset.classes, record=record, history=history, fitted=fitted,
        overwrite=overwrite,
    )  # fmt: skip
    shutil.rmtree(work)
    return out


def logits_of(network: model.Network, split: data.Split, batch_size: int = 32) -> np.ndarray:
    """float32[n, class] of every example of `split`, in its order."""
    pixels = batches.plain(split, size_px=network.size_px, batch_size=batch_size)
    return np.asarray(network.logits.predict(pixels, verbose=0), np.float32)


def _started(examples: Examples, settings: Settings) -> model.Network:
    network = model.build(
        classes=len(examples.dataset.classes),
        size_px=settings.size_px,
        dropout=settings.dropout,
        precision=settings.precision,
        seed=settings.seed,
    )
    model.start(network.base, settings.weights)
    if settings.weights == "none" and settings.strategy == LOGITS:
        feed = _pixel_feed(examples, settings)
        model.settle_statistics(network, _iterate(feed), steps=STATISTICS_STEPS)
    return network


def _learn(
    network: model.Network, examples: Examples, settings: Settings, *, work: pathlib.Path, root: pathlib.Path
) -> list[stages.Outcome]:
    if settings.strategy == LOGITS:
        return [_learn_head(network, examples, settings, work=work, root=root, epochs=settings.most_epochs)]
    outcomes = []
    if settings.weights != "none" and settings.warmup_epochs:
        plain = dataclasses.replace(settings, views=1)
        outcomes.append(_learn_head(network, examples, plain, work=work, root=root, epochs=settings.warmup_epochs))
    outcomes.append(_learn_all(network, examples, settings, work=work))
    return outcomes


def _learn_head(
    network: model.Network,
    examples: Examples,
    settings: Settings,
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
        for split, views in ((examples.train, settings.views), (examples.validation, 1))
    ]
    feed = features.Feed(
        kept[0], examples.train, batch_size=settings.batch_size, weights=examples.weights, seed=settings.seed
    )
    _compile(network.head, settings, steps=feed.num_batches, epochs=epochs, base_share=1.0)
    return stages.run(
        network.head,
        stages.Stage("head", work / "head"),
        feed=lambda first: feed,
        validation=(kept[1].plain(), examples.validation.labels),
        steps=feed.num_batches,
        images=len(examples.train),
        epochs=epochs,
        patience=settings.patience,
        batch_size=settings.batch_size,
        seconds_before=sum(k.seconds for k in kept),
        on_epoch_begin=feed.begin,
    )


def _learn_all(network: model.Network, examples: Examples, settings: Settings, *, work: pathlib.Path) -> stages.Outcome:
    """Every layer on pixels, the base at its share of the rate."""
    model.learn(network, base=True, batch_norm=settings.batch_norm_mode)
    feed = _pixel_feed(examples, settings)
    share = 1.0 if settings.weights == "none" else settings.base_share
    epochs = settings.most_epochs
    _compile(network.logits, settings, steps=feed.num_batches, epochs=epochs, base_share=share)
    return stages.run(
        network.logits,
        stages.Stage("all layers", work / "all-layers"),
        feed=lambda first: feed if isinstance(feed, batches.RowFeed) else feed.epochs(first, epochs),
        validation=batches.plain(examples.validation, size_px=settings.size_px, batch_size=settings.batch_size),
        steps=feed.num_batches,
        images=len(examples.train),
        epochs=epochs,
        patience=settings.patience,
        batch_size=settings.batch_size,
        on_epoch_begin=feed.begin,
    )


def _pixel_feed(examples: Examples, settings: Settings) -> batches.RowFeed | batches.StreamFeed:
    return batches.training_feed(
        examples.train, size_px=settings.size_px, batch_size=settings.batch_size, weights=examples.weights,
        seed=settings.seed, augment=settings.augment,
    )  # fmt: skip


def _iterate(feed: batches.RowFeed | batches.StreamFeed) -> Any:
    if isinstance(feed, batches.RowFeed):
        return (feed[i] for i in range(feed.num_batches))
    return feed.epochs(0, 1)


def _compile(trained: keras.Model, settings: Settings, *, steps: int, epochs: int, base_share: float) -> None:
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


def _plan(examples: Examples, settings: Settings) -> dict[str, Any]:
    """What is trained on what: the part of training.json that is known before, and that unfinished work must share."""
    return {
        "format": export.FORMAT,
        "dataset": examples.dataset.full_name,
        "dataset_sha256": {s.name: s.digest for s in (examples.train, examples.validation)},
        "examples": {"train": len(examples.train), "validation": len(examples.validation)},
        "labels_sha256": export.sha256_of_arrays(examples.train.rows, examples.train.labels, examples.weights),
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
                f"{work} holds an unfinished training that differs in {_differences(before, plan)}. Give the same "
                "settings to go on with it, another --out, or remove the folder to start anew."
            )
        return
    with atomic.file(file) as temporary:
        temporary.write_text(json.dumps(plan, indent=1))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    flat = [{**p, **{f"settings.{k}": v for k, v in p["settings"].items()}} for p in (before, now)]
    names = sorted(k for k in flat[0].keys() | flat[1].keys() if k != "settings")
    return ", ".join(
        f"{k} ({flat[0].get(k)} then, {flat[1].get(k)} now)" for k in names if flat[0].get(k) != flat[1].get(k)
    )


def _weights(split: data.Split, names: Sequence[str]) -> np.ndarray | None:
    """float32[n] with mean 1, proportional to the product of the named features; None without names."""
    if not names:
        return None
    product = np.prod([split.columns[n].astype(np.float64) for n in names], axis=0)
    if not np.all(np.isfinite(product)) or product.min() < 0 or product.sum() == 0:
        raise errors.InputError(
            f"--weigh-by {','.join(names)}: expected values of 0 or more, not all 0, in {split.dataset.full_name}; "
            f"received {product.min()}..{product.max()}."
        )
    weights: np.ndarray = (product / product.mean()).astype(np.float32)
    return weights


def _keyed_column(path: pathlib.Path, column: str, split: data.Split) -> dict[str, float]:
    if not path.is_file():
        raise errors.InputError(f"{path} is not a file; `refine noise` writes it.")
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"key", column} <= set(rows[0]):
        raise errors.InputError(f"{path}: expected the columns key,{column} of a table that `refine noise` writes.")
    table = {row["key"]: float(row[column]) for row in rows}
    if not set(table) & set(split.keys.tolist()):
        raise errors.InputError(f"{path}: none of its keys is in {split.dataset.full_name}, split {split.name}.")
    return table


def _check_enough(train_split: data.Split, validation: data.Split) -> None:
    for split in (train_split, validation):
        if len(split) == 0:
            raise errors.InputError(f"{split.dataset.full_name}: no example is left in {split.name}.")
    if len(np.unique(train_split.labels)) < 2:
        raise errors.InputError(f"{train_split.dataset.full_name}: train holds one class only; nothing can be learnt.")


def _among(option: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        raise errors.InputError(f"{option}: expected one of {', '.join(map(str, allowed))}; received {value!r}.")
