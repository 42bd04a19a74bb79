"""One temperature that makes confidence mean what it says."""

from __future__ import annotations

import numpy as np
import pytest

from refine.network import calibration


def _examples(temperature: float, size: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times too sure, with labels drawn from the true probabilities."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (size, 5))
    shares = calibration.probabilities(logits, 1.0)
    labels = (random.random((size, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    return logits * temperature, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    fitted = calibration.fit(*_examples(temperature))
    assert fitted.temperature == pytest.approx(temperature, rel=0.03)
    assert fitted.nll_after <= fitted.nll_before
    assert fitted.ece_after < 0.02


def test_calibration_never_changes_the_decision() -> None:
    logits, _ = _examples(1.0, 100)
    decisions = [calibration.probabilities(logits, t).argmax(axis=1) for t in (0.2, 1, 5)]
    assert (decisions[0] == decisions[1]).all() and (decisions[1] == decisions[2]).all()


@pytest.mark.parametrize("size", [3, 30, 300])
def test_without_a_mistake_confidence_grows_with_the_number_of_examples(size: int) -> None:
    logits = np.tile(np.eye(3) * 5, (size // 3, 1))
    fitted = calibration.fit(logits, np.tile(np.arange(3), size // 3))
    confidence = calibration.probabilities(logits, fitted.temperature).max(axis=1)
    np.testing.assert_allclose(confidence, (size + 1) / (size + 2), rtol=1e-4)  # Platt: one more right, one wrong


def test_the_calibration_error_of_a_known_case() -> None:
    shares = np.array([[0.9, 0.1]] * 10)
    assert calibration.calibration_error(shares, np.array([0] * 6 + [1] * 4)) == pytest.approx(0.3)
