"""TensorFlow may compute in the memory of a batch: no other batch may share it, nor what batches are made of."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_owned(feed: Any) -> None:
    """Overwrites every batch of `feed`, and expects each to come again as it was."""
    before = [[array.copy() for array in feed[index]] for index in range(feed.num_batches)]
    for index in range(feed.num_batches):
        for array in feed[index]:
            array[:] = 9
    for index, expected in enumerate(before):
        for array, was in zip(feed[index], expected, strict=True):
            np.testing.assert_array_equal(array, was)
