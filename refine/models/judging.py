"""A trained model on a split of a dataset, as a sample that the estimators understand."""

from __future__ import annotations

import pathlib

import numpy as np

from refine.accuracy import matrix_files, support
from refine.dataset import data, seasons
from refine.models import compare, export

DESIGN_COLUMNS = ("stratum", "inclusion_probability")


def sample_of_model(
    model: pathlib.Path, *, dataset: str | None, data_dir: pathlib.Path | None, split: str
) -> matrix_files.Sample:
    """What the model of a folder says of each example of `split`, with strata and inclusion probabilities.

    Args:
      model: folder written by `train`.
      dataset: NAME/CONFIG:VERSION; None takes the one the model was trained on.
      data_dir: where the dataset lies.
      split: its split to judge on.

    Raises:
      errors.InputError: if the folder is not a whole model, or the dataset or split is missing or does not fit it.
    """
    loaded = export.load_model(model)
    opened = data.open_dataset(dataset or loaded.dataset, data_dir=data_dir)
    loaded.check_fits(opened)
    design = [name for name in DESIGN_COLUMNS if name in opened.scalars]
    test = opened.split(split, columns=[*design, *seasons.columns(opened)])
    logits = compare.test_logits(loaded, test, features_root=model.parent / "features")
    return matrix_files.Sample(
        names=loaded.labels,
        strata=tuple(test.columns["stratum"].astype(str)) if "stratum" in test.columns else None,
        mapped=logits.argmax(axis=1),
        reference=test.labels,
        probability=_probabilities(test),
        blocks=None,
        population=support.OF_SPLIT.get(split, support.Population.MAP),
        in_season=seasons.in_every_season(test),
    )


def _probabilities(test: data.Split) -> np.ndarray | None:
    """Inclusion probabilities, if the split is a probability sample: known for every example."""
    chances = test.columns.get("inclusion_probability")
    if chances is None:
        return None
    chances = chances.astype(np.float64)
    return chances if bool((np.isfinite(chances) & (chances > 0)).all()) else None
