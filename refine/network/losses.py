"""Losses on logits, one value per example, that differ in their robustness to wrong labels."""

from __future__ import annotations

import dataclasses
from typing import Any

from builder import errors

KINDS = ("cross-entropy", "smoothing", "generalized")


@dataclasses.dataclass(frozen=True)
class Loss:
    """A loss and its parameter.

    Attributes:
      kind: `cross-entropy` (default), `smoothing` (cross-entropy with smoothed labels) or `generalized`.
      smoothing: share of certainty that label smoothing spreads over all classes, 0 to below 1 (default 0.1).
      q: exponent of the generalized cross-entropy (1 - p^q) / q, above 0 to 1 (default 0.7). Towards 0 it is
        cross-entropy, at 1 the mean absolute error.

    Source: Zhang & Sabuncu 2018, "Generalized cross entropy loss for training deep neural networks with noisy labels".
    """

    kind: str = "cross-entropy"
    smoothing: float = 0.1
    q: float = 0.7

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise errors.InputError(f"--loss: expected one of {', '.join(KINDS)}; received {self.kind!r}.")
        if not 0 <= self.smoothing < 1:
            raise errors.InputError(f"--smoothing: expected a share from 0 to below 1; received {self.smoothing}.")
        if not 0 < self.q <= 1:
            raise errors.InputError(f"--q: expected a number above 0, at most 1; received {self.q}.")

    def __call__(self, labels: Any, logits: Any) -> Any:
        """float32[n] for int labels[n] and logits[n, class]."""
        logits = _ops().cast(logits, "float32")
        labels = _ops().reshape(labels, (-1,))
        if self.kind == "smoothing":
            return smoothed(labels, logits, smoothing=self.smoothing)
        if self.kind == "generalized":
            return generalized(labels, logits, q=self.q)
        return -_log_likelihood(labels, logits)


def smoothed(labels: Any, logits: Any, *, smoothing: float) -> Any:
    """Cross-entropy against (1 - smoothing) * one-hot + smoothing / classes."""
    log_shares = _ops().log_softmax(logits)
    return -(1 - smoothing) * _log_likelihood(labels, logits) - smoothing * _ops().mean(log_shares, axis=-1)


def generalized(labels: Any, logits: Any, *, q: float) -> Any:
    """(1 - p^q) / q, where p is the probability of the label."""
    return -_ops().expm1(q * _log_likelihood(labels, logits)) / q


def _log_likelihood(labels: Any, logits: Any) -> Any:
    chosen = _ops().one_hot(labels, logits.shape[-1])
    return _ops().sum(chosen * _ops().log_softmax(logits), axis=-1)


def _ops() -> Any:
    """`keras.ops`, imported when a loss is computed, so that the settings can be read without Keras."""
    import keras

    return keras.ops
