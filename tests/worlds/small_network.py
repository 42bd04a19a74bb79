"""A small network under InceptionV3's name, for tests of what trains, keeps and resumes it: seconds instead of minutes.

The real one is built, frozen, exported and mapped with in test_model, test_export, test_jax_backend and test_mapping.
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
    """Two convolutions, normalized as InceptionV3 normalizes, to as many features as it has."""
    seen = deep = keras.Input(input_shape)
    for number, filters in enumerate((16, model.FEATURES)):
        deep = keras.layers.Conv2D(filters, STRIDE, STRIDE, use_bias=False, name=f"conv2d_{number}")(deep)
        deep = keras.layers.BatchNormalization(scale=False, name=f"batch_normalization_{number}")(deep)
        deep = keras.layers.ReLU()(deep)
    return keras.Model(seen, keras.layers.GlobalAveragePooling2D()(deep), name=name)


@contextlib.contextmanager
def in_place_of_inception_v3() -> Iterator[None]:
    """Inside, `refine.network.model.build` builds the small network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "InceptionV3", inception_v3)
        yield
