"""A small network in place of InceptionV3, so that tests of training and resuming take seconds instead of minutes.

The tests of the model, of exports, of the JAX backend and of mapping use the real one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import pytest

from refine.network import model

STRIDE = 5


def inception_v3(*, input_shape: tuple[int, int, int], name: str = model.BASE, **_: Any) -> keras.Model:
    """Two convolutions with the normalization and the number of features of InceptionV3."""
    seen = deep = keras.Input(input_shape)
    for number, filters in enumerate((16, model.FEATURES)):
        deep = keras.layers.Conv2D(filters, STRIDE, STRIDE, use_bias=False, name=f"conv2d_{number}")(deep)
        deep = keras.layers.BatchNormalization(scale=False, name=f"batch_normalization_{number}")(deep)
        deep = keras.layers.ReLU()(deep)
    return keras.Model(seen, keras.layers.GlobalAveragePooling2D()(deep), name=name)


@contextlib.contextmanager
def in_place_of_inception_v3() -> Iterator[None]:
    """While the block runs, `refine.network.model.build` builds the small network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "InceptionV3", inception_v3)
        yield
