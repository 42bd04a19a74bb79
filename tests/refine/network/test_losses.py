"""Losses against numbers a reader can check, and against Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from builder import errors
from refine.network import losses

LABELS = np.array([0, 1])
LOGITS = np.log(np.array([[0.7, 0.3], [0.2, 0.8]], np.float32))


def _mean(loss: losses.Loss, labels: np.ndarray = LABELS, logits: np.ndarray = LOGITS) -> float:
    return float(np.mean(keras.ops.convert_to_numpy(loss(labels, logits))))


def test_generalized_cross_entropy_of_the_published_example() -> None:
    assert _mean(losses.Loss("generalized", q=0.7)) == pytest.approx(0.261112, abs=1e-6)


def test_cross_entropy_is_minus_the_log_of_the_probability() -> None:
    assert _mean(losses.Loss()) == pytest.approx(-(np.log(0.7) + np.log(0.8)) / 2, abs=1e-6)


def test_smoothing_is_that_of_keras() -> None:
    one_hot = keras.ops.one_hot(LABELS, 2)
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)(one_hot, np.exp(LOGITS))
    assert _mean(losses.Loss("smoothing", smoothing=0.1)) == pytest.approx(float(theirs), abs=1e-5)


def test_generalized_cross_entropy_is_that_of_keras() -> None:
    theirs = keras.losses.CategoricalGeneralizedCrossEntropy(q=0.3)(LABELS, np.exp(LOGITS))
    assert _mean(losses.Loss("generalized", q=0.3)) == pytest.approx(float(theirs), abs=1e-5)


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-30, 30, width=32)))
def test_generalized_cross_entropy_lies_between_absolute_error_and_cross_entropy(logits: np.ndarray) -> None:
    labels = np.array([0, 1, 3])
    values = [
        keras.ops.convert_to_numpy(losses.Loss(kind, q=q)(labels, logits))
        for kind, q in (("generalized", 1.0), ("generalized", 0.5), ("cross-entropy", 0.7))
    ]
    assert (values[0] <= values[1] + 1e-5).all() and (values[1] <= values[2] + 1e-5).all()


@pytest.mark.parametrize(
    ("kind", "smoothing", "q"), [("hinge", 0.1, 0.7), ("smoothing", 1.0, 0.7), ("generalized", 0.1, 0)]
)
def test_a_loss_that_makes_no_sense_is_refused(kind: str, smoothing: float, q: float) -> None:
    with pytest.raises(errors.InputError, match="expected"):
        losses.Loss(kind, smoothing, q)
