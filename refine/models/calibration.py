"""Confidence that means what it says: one temperature, fitted on validation examples."""

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
    """`temperature` divides the logits. `nll_*`: mean negative log-likelihood; `ece_*`: expected calibration error."""

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
    """The temperature with the highest likelihood of `labels` (int[n]) given `logits` (float[n, class]).

    Between 0.05 and 20: where every example is right, the likelihood would have it 0.

    Source: Guo et al. 2017, "On calibration of modern neural networks".
    """
    logits = logits.astype(np.float64)
    bounds = (np.log(COLDEST), np.log(HOTTEST))
    found = scipy.optimize.minimize_scalar(
        lambda t: nll(logits / np.exp(t), labels), bounds=bounds, method="bounded", options={"xatol": 1e-6}
    )
    temperature = float(np.exp(found.x))
    return Fitted(
        temperature=temperature,
        examples=len(labels),
        nll_before=nll(logits, labels),
        nll_after=nll(logits / temperature, labels),
        ece_before=calibration_error(probabilities(logits, 1.0), labels),
        ece_after=calibration_error(probabilities(logits, temperature), labels),
    )


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
