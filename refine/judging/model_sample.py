"""A trained model on a split of a dataset, as a sample that the estimators understand."""

from __future__ import annotations

import pathlib

import numpy as np

from refine.accuracy import reference_sample, support
from refine.network import trained_model
from refine.samples import datasets, places, seasons
from refine.training import predictions

STRATUM, STATE, CHANCE = "stratum", "state", "inclusion_probability"
OF_STATE = {"consistent": support.Population.CONSISTENT, "inconsistent": support.Population.INCONSISTENT}
LEARNT_FROM = {
    "train": "the model has learnt from this split: these figures flatter it. Give --split test.",
    "validation": "the model's training ended by this split, and its probabilities were fitted on it: these figures "
    "flatter it. Give --split test.",
}


def sample_of_model(
    model: pathlib.Path,
    *,
    dataset: str | None,
    data_dir: pathlib.Path | None,
    split: str,
    labels: pathlib.Path | None = None,
) -> reference_sample.ReferenceSample:
    """The predictions of a model for each example of `split`, with strata, inclusion probabilities and blocks.

    Args:
      model: folder written by `train`.
      dataset: NAME/CONFIG:VERSION; None takes the one the model was trained on.
      data_dir: where the dataset lies.
      split: its split to judge on.
      labels: CSV that maps the dataset's labels to the model's classes, as `train` takes it.

    Raises:
      errors.InputError: if the folder is not a whole model, or the dataset or split is missing or does not fit it.
    """
    loaded = trained_model.load(model)
    opened = datasets.open_dataset(dataset or loaded.folder.dataset, data_dir=data_dir, labels=labels)
    loaded.check_fits(opened)
    test = opened.split(split)
    logits = predictions.logits_of_model(loaded, test, features_root=model.parent / "features")
    return reference_sample.ReferenceSample(
        names=loaded.folder.labels,
        strata=tuple(test.column(STRATUM).astype(str)) if test.has(STRATUM) else None,
        mapped=logits.argmax(axis=1),
        reference=test.labels,
        probability=_probabilities(test),
        blocks=places.blocks_for_bootstrap(test),
        population=population_of(test),
        in_season=seasons.in_every_season(test),
        notes=_notes(loaded.folder.dataset, test),
    )


def population_of(test: datasets.Split) -> support.Population:
    """What the examples were drawn from: what the states of their cells say, else the name of dataset and split.

    Another dataset's pictures were not drawn from a map, whatever its splits are called.
    """
    if test.has(STRATUM, STATE):
        states = set(test.column(STATE).astype(str).tolist())
        if states <= set(OF_STATE):
            return OF_STATE[states.pop()] if len(states) == 1 else support.Population.PICTURES
    return support.population_of(test.dataset.full_name, test.name)


def _notes(trained_on: str, test: datasets.Split) -> tuple[str, ...]:
    """A warning where the model has seen the examples that it is judged on."""
    judged = test.dataset.full_name
    is_release = test.dataset.version != ""  # configs and versions of a release hold the same places
    same = trained_on.partition("/")[0].partition(":")[0] == judged.partition("/")[0].partition(":")[0]
    if trained_on != judged and not (is_release and same):
        return ()
    return (LEARNT_FROM[test.name],) if test.name in LEARNT_FROM else ()


def _probabilities(test: datasets.Split) -> np.ndarray | None:
    """Inclusion probabilities, if the split is a probability sample: known for every example."""
    chances = test.known_columns(CHANCE).get(CHANCE)
    if chances is None:
        return None
    chances = chances.astype(np.float64)
    return chances if bool((np.isfinite(chances) & (chances > 0)).all()) else None
