"""The learning set: training and validation examples, and the weights of the former."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from builder import errors
from refine.artefacts import csv_rows
from refine.samples import class_table, datasets, held_out
from refine.training import training_settings


@dataclasses.dataclass(frozen=True)
class LearningSet:
    """What a model learns from.

    Attributes:
      train: examples to learn from.
      validation: examples on which each epoch is judged and probabilities are calibrated.
      weights: float32[n], weights of `train`; None: 1 each.
      sources: tables that decided about examples or weights, by the option that named them.
    """

    train: datasets.Split
    validation: datasets.Split
    weights: np.ndarray | None
    sources: Mapping[str, class_table.SourceFile] = dataclasses.field(default_factory=dict)

    @property
    def dataset(self) -> datasets.Dataset:
        """The dataset that both come from."""
        return self.train.dataset


def learning_set_of(
    dataset: datasets.Dataset,
    settings: training_settings.TrainingSettings,
    *,
    without_doubtful: pathlib.Path | None = None,
    weight_by: pathlib.Path | None = None,
) -> LearningSet:
    """Training and validation examples of `dataset`, with their weights.

    Args:
      dataset: where they come from.
      settings: which features weigh the examples, and the share that is held out for validation.
      without_doubtful: table of `refine noise`, whose examples are left out.
      weight_by: table of `refine noise`, whose column `weight` weighs its examples; all others weigh 1.

    Raises:
      errors.InputError: if a split or feature is missing, or a table lists examples that are not there.
    """
    train, validation = _splits(dataset, settings)
    sources = {} if dataset.labels_file is None else {"labels": dataset.labels_file}
    if without_doubtful is not None:
        doubtful = list(_weight_of_key(without_doubtful, (train, validation)))
        sources["without_doubtful"] = class_table.SourceFile.of(without_doubtful, len(doubtful))
        train, validation = (split.where(~np.isin(split.keys, doubtful)) for split in (train, validation))
    weights = _weights(train, settings.weigh_by)
    if weight_by is not None:
        table = _weight_of_key(weight_by, (train, validation))
        sources["weight_by"] = class_table.SourceFile.of(weight_by, len(table))
        listed = np.array([table.get(key, 1.0) for key in train.keys], np.float32)
        weights = listed if weights is None else weights * listed
    _check_enough(train, validation, weights)
    return LearningSet(train, validation, weights, sources)


def _splits(
    dataset: datasets.Dataset, settings: training_settings.TrainingSettings
) -> tuple[datasets.Split, datasets.Split]:
    """Train and validation; the latter is held out of train where the dataset has none and a share is given."""
    if settings.validation_share is None:
        return dataset.split("train"), dataset.split("validation")
    if "validation" in dataset.splits:
        raise errors.InputError(
            f"--validation-share: {dataset.full_name} has a validation split of {dataset.splits['validation']} "
            "examples. Leave the option out: it is for datasets without one."
        )
    return held_out.hold_out(dataset.split("train"), share=settings.validation_share, seed=settings.seed)


def _weights(split: datasets.Split, names: Sequence[str]) -> np.ndarray | None:
    """float32[n] with mean 1, proportional to the product of the named features; None without names.

    An example of which one is unknown (NaN, or 0) weighs as the average.
    """
    if not names:
        return None
    product = np.prod([split.column(name).astype(np.float64) for name in names], axis=0)
    known = np.isfinite(product) & (product > 0)
    if (product < 0).any() or not known.any():
        raise errors.InputError(
            f"--weigh-by {','.join(names)}: expected positive values in {split.dataset.full_name}; received "
            f"{np.nanmin(product)}..{np.nanmax(product)}."
        )
    weights: np.ndarray = np.where(known, product / product[known].mean(), 1.0).astype(np.float32)
    return weights


def _weight_of_key(path: pathlib.Path, splits: Sequence[datasets.Split]) -> dict[str, float]:
    """The weight of each key that a table lists, all of them in `splits`."""
    rows = csv_rows.read(
        path,
        ("key", "weight"),
        expected="a table of doubtful examples with the columns key and weight",
        cure="Give the table that `refine noise` wrote.",
    )
    table = {row["key"]: _weight(row["weight"], f"{path}, line {line}") for line, row in enumerate(rows, start=2)}
    unknown = sorted(table.keys() - {key for split in splits for key in split.keys.tolist()})
    if unknown:
        raise errors.InputError(
            f"{path}: {len(unknown)} of its {len(table)} keys are not in {splits[0].dataset.full_name}, for example "
            f"{', '.join(unknown[:3])}. Give the table that `refine noise` made of this version of train."
        )
    return table


def _weight(text: str, place: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise errors.InputError(f"{place}: expected a weight of 0 or more; received {text!r}.")
    return weight


def _check_enough(train: datasets.Split, validation: datasets.Split, weights: np.ndarray | None) -> None:
    for split in (train, validation):
        if len(split) == 0:
            raise errors.InputError(f"{split.dataset.full_name}: no example is left in {split.name}.")
    if len(np.unique(train.labels)) < 2:
        raise errors.InputError(f"{train.dataset.full_name}: train holds one class only; nothing can be learnt.")
    if weights is not None and not (weights > 0).any():
        raise errors.InputError(f"{train.dataset.full_name}: every example of train weighs 0; nothing can be learnt.")
