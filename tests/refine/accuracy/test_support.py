"""What a sample supports is said plainly."""

from __future__ import annotations

import numpy as np
import printed_table
import pytest

from refine.accuracy import accuracy, estimators, support


def _of(counts, **options):
    names = tuple("abc"[: len(counts)])
    return support.of(estimators.simple_random(accuracy.Confusion(np.array(counts), names)), **options)


def test_the_papers_table_is_a_balanced_set_and_not_map_accuracy():
    judged = support.of(estimators.simple_random(printed_table.repaired()))
    assert not judged.is_map_accuracy
    assert "balanced set: 701 samples, equally many per reference class" in judged.statement
    assert "not map accuracy" in judged.statement


def test_a_test_set_from_consistent_cells_is_not_map_accuracy_even_with_weights():
    estimates = estimators.weighted(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b"), np.array([0.1, 0.1, 0.1]))
    assert support.of(estimates).is_map_accuracy
    judged = support.of(estimates, population=support.Population.CONSISTENT)
    assert not judged.is_map_accuracy
    assert "cells where the products agree" in judged.statement


def test_a_sample_of_inconsistent_cells_speaks_for_those_cells():
    assert "not for the whole map" in _of([[8, 2], [1, 9]], population=support.Population.INCONSISTENT).statement


def test_equal_rows_are_a_survey_by_map_class_that_lacks_its_areas():
    judged = _of([[40, 10], [0, 50]])
    assert not judged.is_map_accuracy
    assert "user's accuracies only" in judged.statement


def _with_areas(counts, **options):
    names = tuple("abc"[: len(counts)])
    areas = dict(zip(names, (1.0, 9.0, 3.0), strict=False))
    return support.of(estimators.olofsson(accuracy.Confusion(np.array(counts), names), areas), **options)


def test_areas_do_not_make_map_accuracy_of_a_set_balanced_by_reference_class():
    judged = _with_areas([[90, 40], [10, 60]])
    assert not judged.is_map_accuracy
    assert "balanced by reference class" in judged.statement
    assert _with_areas([[90, 40], [10, 60]], states_map_strata=True).is_map_accuracy
    assert _with_areas([[90, 10], [40, 60]]).is_map_accuracy


def test_a_mapped_class_that_the_reference_never_shows_is_warned_about():
    judged = _with_areas([[80, 20, 0], [10, 90, 0], [30, 30, 0]])
    assert judged.warnings[0].startswith("mapped, but never the reference class of a sample: c (60 samples).")


def test_notes_come_before_the_other_warnings():
    assert _of([[60, 5], [4, 90]], notes=("read this",)).warnings[0] == "read this"


@pytest.mark.parametrize(
    ("dataset", "split", "population"),
    [
        ("globeland_samples/rough:1.0.0", "test", support.Population.CONSISTENT),
        ("globeland_samples/rough:1.0.0", "test_inconsistent", support.Population.INCONSISTENT),
        ("globeland_samples/rough:1.0.0", "train", support.Population.PICTURES),
        ("uc_merced:2.0.0", "test", support.Population.PICTURES),
        ("images/globeland_samples", "test", support.Population.PICTURES),
    ],
)
def test_only_the_own_datasets_test_splits_were_drawn_from_cells(dataset, split, population):
    assert support.population_of(dataset, split) is population


def test_pictures_are_no_map_accuracy_nor_cells():
    judged = _of([[50, 1], [2, 50]], population=support.Population.PICTURES)
    assert not judged.is_map_accuracy
    assert "labelled pictures" in judged.statement
    assert "cells where" not in judged.statement


def test_areas_make_it_map_accuracy():
    estimates = estimators.olofsson(accuracy.Confusion(np.array([[45, 10], [5, 50]]), ("a", "b")), {"a": 1.0, "b": 9.0})
    assert support.of(estimates).is_map_accuracy
    assert support.of(estimates).warnings == ()


def test_a_class_with_four_omission_cells_is_warned_about_and_one_with_five_is_not():
    (warning,) = _of([[60, 5], [4, 90]]).warnings
    assert "fewer than 5 omission cells" in warning
    assert "a (4)" in warning
    assert "b (" not in warning


def test_a_class_that_does_not_occur_has_nothing_to_omit():
    assert _of([[50, 9, 0], [9, 80, 0], [0, 0, 0]]).warnings == ()


def test_fewer_than_50_samples_in_a_stratum_are_warned_about():
    counts = accuracy.Confusion(np.array([[30, 9], [6, 50]]), ("a", "b"))
    (warning,) = support.of(estimators.olofsson(counts, {"a": 1.0, "b": 9.0})).warnings
    assert "map class a (39)" in warning
