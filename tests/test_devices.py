"""Several devices share each batch; fewer than wanted is an error."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from builder import errors
from refine.models import devices

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCRIPT = """
import keras, numpy as np
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from refine.models import devices, losses, model
inputs = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
labels = (inputs[:, 0] > 0).astype(np.int64)
for count in (1, 2):
    with devices.scope(count):
        keras.utils.set_random_seed(0)
        trained = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, name=model.LOGITS)])
        trained.compile(model.LayeredAdam(0.1, base_share=0.1), losses.Loss(), jit_compile=devices.compiles())
        history = trained.fit(inputs, labels, batch_size=16, epochs=3, shuffle=False, verbose=0).history["loss"]
        print(" ".join(f"{loss:.5f}" for loss in history))
"""


def _losses(backend: str) -> list[str]:
    more = {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=os.environ | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-2:]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_learn_what_one_learns(backend: str) -> None:
    pytest.importorskip(backend)
    alone, together = _losses(backend)
    assert alone == together


def test_more_devices_than_there_are_is_an_error() -> None:
    with pytest.raises(errors.InputError, match=r"--devices 99: there are \d+"), devices.scope(99):
        pass
