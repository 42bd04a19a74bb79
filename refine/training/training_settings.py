"""The two strategies, and every setting that decides what is learnt."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from builder import errors
from refine.network import losses

STRATEGIES = LOGITS, FIRST_LAYER = "logits", "first-layer"
BATCH_NORMS = FROZEN, TRAIN = "frozen", "train"
PRECISIONS = FULL, BRAIN_HALF, HALF = "float32", "mixed_bfloat16", "mixed_float16"
WORDS = IMAGENET, NO_WEIGHTS = "imagenet", "none"  # values of --weights that are no files
VIEWS = (1, 8)
SEEDS = 2**32  # what NumPy and Keras take
SMALLEST_PX = 75  # below, the last layers of InceptionV3 have no pixels


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides what is learnt.

    Attributes:
      strategy: `logits` trains the head on kept features (default), `first-layer` every layer on pixels.
      weights: `imagenet` (default), `none`, or the path of a Keras weights file of InceptionV3 without top.
      size_px: side of the pictures in pixels, 75 or more (default 299).
      batch_size: examples of a step, 1 or more (default 32).
      batch_norm: `frozen` or `train`; None takes `frozen` with pretrained weights, `train` with none.
      epochs: epochs at most, 1 or more; None takes 200 for `logits`, 30 for `first-layer`.
      warmup_epochs: epochs of the head on kept features before `first-layer`, 0 or more (default 20).
      learning_rate: of the head, above 0 (default 0.001); it rises over the first epoch's steps and falls as a cosine.
      base_share: learning rate of the base as a share of the head's, 0 or more (default 0.1).
      weight_decay: decoupled decay per step as a share of the learning rate, 0 or more (default 0.0001).
      dropout: share of the features left out at each step, 0 to below 1 (default 0.2).
      patience: epochs without progress that end the training, 1 or more (default 8).
      views: dihedral views whose features are kept for `logits`, 1 (default) or 8.
      augment: whether `first-layer` sees each chip under another view in every epoch (default True).
      loss: the loss (default cross-entropy).
      weigh_by: scalar features of the dataset (votes, purity) whose product weighs the examples (default none); where
        one is unknown (NaN, or 0 votes) the example counts as the average.
      validation_share: share held out of train, between 0 and 1, where the dataset has no validation split.
      precision: `float32` (default), `mixed_bfloat16` or `mixed_float16`.
      devices: number of accelerators, 1 or more; None takes all.
      seed: seed of initial weights, order, views and dropout, 0 to 2**32 - 1 (default 0).

    Raises:
      errors.InputError: if a value is out of its range.
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
        check_size(self.size_px)
        self._check_counts()
        self._check_numbers()
        _among("--strategy", self.strategy, STRATEGIES)
        _among("--views", self.views, VIEWS)
        _among("--precision", self.precision, PRECISIONS)
        _among("--batch-norm", self.batch_norm, (None, *BATCH_NORMS))
        if self.weights == NO_WEIGHTS and self.batch_norm == FROZEN:
            raise errors.InputError(
                "--weights none needs --batch-norm train: a random network with frozen statistics does not learn."
            )

    def _check_counts(self) -> None:
        _at_least("--batch-size", self.batch_size, 1)
        _at_least("--warmup-epochs", self.warmup_epochs, 0)
        _at_least("--patience", self.patience, 1)
        if self.epochs is not None:
            _at_least("--epochs", self.epochs, 1)
        if self.devices is not None:
            _at_least("--devices", self.devices, 1)
        if not 0 <= self.seed < SEEDS:
            raise errors.InputError(f"--seed: expected a whole number from 0 to {SEEDS - 1}; received {self.seed}.")

    def _check_numbers(self) -> None:
        _at_least("--base-share", self.base_share, 0)
        _at_least("weight decay", self.weight_decay, 0)
        if not 0 < self.learning_rate < math.inf:
            raise errors.InputError(
                f"--learning-rate: expected a number above 0, for example 0.001; received {self.learning_rate}."
            )
        if not 0 <= self.dropout < 1:
            raise errors.InputError(f"dropout: expected a share from 0 to below 1; received {self.dropout}.")
        if self.validation_share is not None and not 0 < self.validation_share < 1:
            raise errors.InputError(
                f"--validation-share: expected a share between 0 and 1; received {self.validation_share}."
            )

    @property
    def batch_norm_mode(self) -> str:
        """How BatchNormalization of the base is treated: `frozen` or `train`."""
        return self.batch_norm or (TRAIN if self.weights == NO_WEIGHTS else FROZEN)

    @property
    def most_epochs(self) -> int:
        """Epochs of the main stage at most."""
        if self.epochs is not None:
            return self.epochs
        return 200 if self.strategy == LOGITS else 30

    def as_json(self) -> dict[str, Any]:
        """Plain values; None is replaced by what it stands for."""
        return dataclasses.asdict(self) | {"batch_norm": self.batch_norm_mode, "epochs": self.most_epochs}


def check_size(size_px: int) -> None:
    """Refuses input sizes that InceptionV3 cannot take.

    Raises:
      errors.InputError: below 75 pixels.
    """
    if size_px < SMALLEST_PX:
        raise errors.InputError(
            f"--size: InceptionV3 takes pictures of {SMALLEST_PX} pixels a side or more; received {size_px}."
        )


def _at_least(option: str, value: float, least: int) -> None:
    if not least <= value < math.inf:
        raise errors.InputError(f"{option}: expected {least} or more; received {value}.")


def _among(option: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        raise errors.InputError(f"{option}: expected one of {', '.join(map(str, allowed))}; received {value!r}.")
