"""Calibrated probabilities: one temperature, fitted on validation examples."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy.optimize
import scipy.special

COLDEST, HOTTEST = 0.05, 20.0
BINS = 15


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A temperature, and what it changed on the examples it was fitted on.

    Attributes:
      temperature: what logits are divided by, 0.05 to 20.
      examples: number of examples.
      nll_before: mean negative log-likelihood with temperature 1.
      nll_after: the same with the fitted temperature.
      ece_before: expected calibration error with temperature 1.
      ece_after: the same with the fitted temperature.
    """

    temperature: float
    examples: int
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def fit(logits: np.ndarray, labels: np.ndarray) -> Fitted:
    """The temperature under which `logits` (float[n, class]) make `labels` (int[n]) most likely, between 0.05 and 20.

    Each label counts as right with (n + 1) / (n + 2) only, the rest is spread over the other classes: n examples
    without a mistake are no proof that there is none. The plain likelihood would then have confidence 1.

    Source: Guo et al. 2017, "On calibration of modern neural networks"; the targets are those of Platt 1999,
    "Probabilistic outputs for support vector machines", section 2.2.
    """
    logits = logits.astype(np.float64)
    targets = _targets(labels, logits.shape[1])

    def cost(log_temperature: float) -> float:
        return float(-(targets * scipy.special.log_softmax(logits / np.exp(log_temperature), axis=1)).sum())

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    found = scipy.optimize.minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    temperature = float(np.exp(found.x))
    return Fitted(
        temperature=temperature,
        examples=len(labels),
        nll_before=nll(logits, labels),
        nll_after=nll(logits / temperature, labels),
        ece_before=calibration_error(probabilities(logits, 1.0), labels),
        ece_after=calibration_error(probabilities(logits, temperature), labels),
    )


def _targets(labels: np.ndarray, classes: int) -> np.ndarray:
    """float64[n, class]: the label with (n + 1) / (n + 2), the other classes with equal parts of the rest."""
    doubt = 1.0 / (len(labels) + 2.0)
    targets = np.full((len(labels), classes), doubt / max(1, classes - 1))
    targets[np.arange(len(labels)), labels] = 1.0 - doubt
    return targets


def nll(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood of `labels`."""
    return float(-scipy.special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    """float64[n, class]: softmax of logits / temperature."""
    return np.asarray(scipy.special.softmax(logits.astype(np.float64) / temperature, axis=1))


def calibration_error(shares: np.ndarray, labels: np.ndarray) -> float:
    """Mean |confidence - accuracy| over equal-width bins of confidence, weighted by their examples."""
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, confidence - right, BINS)
    return float(np.abs(gap).sum() / len(labels))
