"""TensorFlow may compute in the memory of a batch: no other batch may share it, nor what batches are made of."""

from __future__ import annotations

import numpy as np

from refine.samples import feeds


def check_owned(epoch: feeds.EpochsInARow) -> None:
    """Overwrites every batch of `epoch`, and expects each to come again as it was."""
    before = [[array.copy() for array in epoch[index]] for index in range(epoch.num_batches)]
    for index in range(epoch.num_batches):
        for array in epoch[index]:
            array[:] = 9
    for index, expected in enumerate(before):
        for array, was in zip(epoch[index], expected, strict=True):
            np.testing.assert_array_equal(array, was)
