"""Accuracy in and out of season."""

from __future__ import annotations

import numpy as np
import pytest

from refine.accuracy import seasonal


def test_each_part_has_its_own_accuracy_and_interval() -> None:
    is_right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 2)
    judged = seasonal.by_season(is_right, np.arange(15) < 10)
    assert (judged.inside_samples, judged.outside_samples) == (10, 5)
    assert (judged.inside.value, judged.outside.value) == (0.9, 0.6)
    assert judged.inside.low == pytest.approx(0.5958, abs=1e-4)  # Wilson, 9 of 10


def test_a_part_without_samples_says_nothing_and_is_null_in_json() -> None:
    judged = seasonal.by_season(np.array([True, False]), np.array([True, True]))
    values = judged.as_json()
    assert values["out_of_season"] == {"samples": 0, "value": None, "standard_error": None, "low": None, "high": None}
    assert values["in_season"]["value"] == 0.5
