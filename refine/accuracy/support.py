"""What a sample supports: whether its figures are map accuracy, and which of them rest on too few samples."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

import numpy as np

from refine.accuracy import estimators, planning

FEW_OMISSION_CELLS = 5
BALANCED_RATIO = 1.1  # largest over smallest class total up to which a sample counts as balanced
OWN_DATASET = "globeland_samples"


@dataclasses.dataclass(frozen=True)
class Support:
    """Whether the figures are map accuracy, a paragraph with the reason, and warnings about single figures."""

    is_map_accuracy: bool
    statement: str
    warnings: tuple[str, ...]


class Population(enum.StrEnum):
    """What the samples were drawn from."""

    MAP = "the map"
    CONSISTENT = "cells where the products agree"
    INCONSISTENT = "cells where the products disagree"
    PICTURES = "labelled pictures, not drawn from a map by chance"


# Splits of this project's own dataset, by what they were drawn from.
OF_SPLIT = {"test": Population.CONSISTENT, "test_inconsistent": Population.INCONSISTENT}


def population_of(dataset: str, split: str) -> Population:
    """What a split of a dataset (NAME/CONFIG:VERSION, or a folder) was drawn from, judged by its name."""
    is_own = dataset.partition("/")[0].partition(":")[0] == OWN_DATASET
    return OF_SPLIT.get(split, Population.PICTURES) if is_own else Population.PICTURES


def of(
    assessment: estimators.Assessment,
    *,
    population: Population = Population.MAP,
    states_map_strata: bool = False,
    notes: Sequence[str] = (),
) -> Support:
    """What the sample of `assessment` supports.

    Args:
      assessment: estimates and the design they assume.
      population: what was sampled; the split `test` of the dataset holds consistent cells only.
      states_map_strata: the sample itself names the map's classes as its strata, so that the design is not in doubt.
      notes: warnings to begin with.
    """
    verdict = _statement(assessment, states_map_strata=states_map_strata)
    if population is not Population.MAP:
        verdict = False, _OF_POPULATION[population](assessment)
    warnings = (*_unmet_warnings(assessment), *_omission_warnings(assessment), *_size_warnings(assessment))
    return Support(*verdict, (*notes, *warnings))


def _statement_of_consistent_cells(assessment: estimators.Assessment) -> str:
    confusion = assessment.confusion
    balance = "balanced by class, " if _is_balanced(confusion.reference_totals) else ""
    return (
        f"A test set of {confusion.total} samples, {balance}from cells where the products agree. It measures the "
        "classifier on such cells and compares classifiers. It is not map accuracy: the cells that a refined map "
        "changes are those where the products disagree, and they are harder."
    )


def _statement_of_inconsistent_cells(assessment: estimators.Assessment) -> str:
    return (
        f"{assessment.confusion.total} samples from cells where the products disagree, the part of the map "
        "refinement may change. The figures hold for those cells, not for the whole map."
    )


def _statement_of_pictures(assessment: estimators.Assessment) -> str:
    return (
        f"{assessment.confusion.total} labelled pictures that were not drawn from a map by chance. They measure the "
        "classifier on such pictures and compare classifiers. It is not map accuracy."
    )


_OF_POPULATION = {
    Population.CONSISTENT: _statement_of_consistent_cells,
    Population.INCONSISTENT: _statement_of_inconsistent_cells,
    Population.PICTURES: _statement_of_pictures,
}


def _statement(assessment: estimators.Assessment, *, states_map_strata: bool) -> tuple[bool, str]:
    match assessment.design:
        case estimators.Design.MAP_CLASSES:
            return _statement_of_map_classes(assessment, states_map_strata=states_map_strata)
        case estimators.Design.STRATA:
            return True, (
                "Estimates of map accuracy and class areas for strata that are not the map's classes (Stehman 2014), "
                "if the samples were drawn at random within each stratum."
            )
        case estimators.Design.WEIGHTED:
            return True, "Estimates of map accuracy, each sample weighted by 1 / its inclusion probability (Hajek)."
    return _statement_of_bare_counts(assessment)


def _statement_of_map_classes(assessment: estimators.Assessment, *, states_map_strata: bool) -> tuple[bool, str]:
    confusion = assessment.confusion
    by_reference = _is_balanced(confusion.reference_totals) and not _is_balanced(confusion.map_totals)
    if by_reference and not states_map_strata:
        return False, (
            f"Equally many of the {confusion.total} samples per reference class, and not per map class: a set that was "
            "balanced by reference class, not drawn within the classes of the map. Areas do not make that map "
            "accuracy: the figures below would hold if the samples had been drawn at random within each class of the "
            "map. If they were, give them one by one (--sample) with a column `stratum`, the map class each was drawn "
            "in."
        )
    return True, (
        "Area-adjusted estimates of map accuracy and of class areas (Olofsson et al. 2014), if the samples "
        "were drawn at random within each class of this map."
    )


def _statement_of_bare_counts(assessment: estimators.Assessment) -> tuple[bool, str]:
    confusion, total = assessment.confusion, assessment.confusion.total
    cure = "Give the mapped areas (--areas), or the sample with its strata (--sample), if it was drawn by chance."
    if _is_balanced(confusion.reference_totals):
        return False, (
            f"A balanced set: {total} samples, equally many per reference class. Its class shares are the set's, not "
            "the land's, so these figures describe the set and compare classifiers; they are not map accuracy. A map's "
            "accuracy needs a probability sample of the map."
        )
    if _is_balanced(confusion.map_totals):
        return False, (
            f"Equally many of the {total} samples per map class: a sample stratified by map class. Unweighted it gives "
            f"user's accuracies only; overall and producer's accuracy need the class areas. {cure}"
        )
    return False, (
        f"Counts of {total} samples without a stated design. They are map accuracy only if every place of the map had "
        f"the same chance to be drawn. {cure}"
    )


def _is_balanced(totals: np.ndarray) -> bool:
    drawn = totals[totals > 0]
    return len(drawn) > 1 and bool(drawn.max() <= BALANCED_RATIO * drawn.min())


def _unmet_warnings(assessment: estimators.Assessment) -> list[str]:
    """A warning about classes that are mapped and that no reference has."""
    confusion = assessment.confusion
    totals = zip(confusion.names, confusion.map_totals.tolist(), confusion.reference_totals.tolist(), strict=True)
    unmet = [f"{name} ({mapped} samples)" for name, mapped, reference in totals if mapped and not reference]
    if not unmet:
        return []
    return [
        f"mapped, but never the reference class of a sample: {', '.join(unmet)}. The estimate of its area is 0, and "
        "there is none of its producer's accuracy. See whether the reference names it otherwise, or draw more samples."
    ]


def _omission_warnings(assessment: estimators.Assessment) -> list[str]:
    confusion = assessment.confusion
    rare = [
        f"{name} ({omitted})"
        for name, omitted, drawn in zip(
            confusion.names, confusion.omission_cells.tolist(), confusion.reference_totals.tolist(), strict=True
        )
        if drawn and omitted < FEW_OMISSION_CELLS
    ]
    if not rare:
        return []
    return [
        f"fewer than {FEW_OMISSION_CELLS} omission cells (samples of the class that the map calls otherwise): "
        f"{', '.join(rare)}. Producer's accuracy and area of such a class rest on them; "
        "their intervals are wide, and may still be too short."
    ]


def _size_warnings(assessment: estimators.Assessment) -> list[str]:
    """A warning about map classes with too few samples in a survey by map class."""
    if assessment.design is not estimators.Design.MAP_CLASSES:
        return []
    totals = zip(assessment.names, assessment.confusion.map_totals.tolist(), strict=True)
    few = [f"{name} ({drawn})" for name, drawn in totals if 0 < drawn < planning.FEW_SAMPLES]
    if not few:
        return []
    return [
        f"fewer than {planning.FEW_SAMPLES} samples in the map class {', '.join(few)}: intervals there keep their "
        "level poorly."
    ]
