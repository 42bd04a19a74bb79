"""Several devices share each batch; what does not divide is filled up, not refused; fewer than wanted is an error."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import small_release
from checkout import ROOT

from builder import errors
from refine.network import devices

TWO_DEVICES = """
import json, pathlib, sys
import keras, numpy as np
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from refine.samples import datasets, feeds
from refine.network import devices, losses, model
from refine.training import features, initial_network, predictions, resumable_fit, strategies, training_settings
root = pathlib.Path(sys.argv[1])
"""
EVEN = """
inputs = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
labels = (inputs[:, 0] > 0).astype(np.int64)
for count in (1, 2):
    with devices.scope(count):
        keras.utils.set_random_seed(0)
        trained = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2, name=model.LOGITS)])
        trained.compile(model.LayeredAdam(0.1, base_share=0.1), losses.Loss(), jit_compile=devices.compiles())
        history = trained.fit(inputs, labels, batch_size=16, epochs=3, shuffle=False, verbose=0).history["loss"]
        print(json.dumps([round(loss, 5) for loss in history]))
"""
# 33 examples: two batches of 16 and one of a single example; validation is one odd batch.
ODD = """
values = np.random.default_rng(0).normal(size=(33, model.FEATURES)).astype(np.float32)
(root / "view-0").mkdir()
np.save(root / "view-0" / "part-00000000.npy", values)
dataset = datasets.Dataset("d", "1.0.0", {"train": 33}, (), ("a", "b"), (0, 1), ("a", "b"), None)
keys = np.array([f"k{i}" for i in range(33)])
split = datasets.Split(dataset, "train", None, np.arange(33), keys, (values[:, 0] > 0).astype(np.int64), {})
kept = features.Features(root, split.rows, 1, 0.0)
settings = training_settings.TrainingSettings(weights="none", batch_size=16, dropout=0.5, learning_rate=1e-3)
for count in (1, 2):
    with devices.scope(count):
        keras.utils.set_random_seed(0)
        seen = keras.Input((model.FEATURES,))
        dropped = keras.layers.Dropout(settings.dropout, seed=0)(seen)
        head = keras.Model(seen, keras.layers.Dense(2, name=model.LOGITS)(dropped))
        feed = features.FeatureFeed(kept, split, batch_size=16)
        watched = features.plain(kept, split, batch_size=33)
        strategies.compile_network(head, settings, steps=feed.num_batches, epochs=4)
        bounds = resumable_fit.FitSettings(epochs=4, patience=9, batch_size=16, images=33)
        outcome = resumable_fit.run(
            head, resumable_fit.Stage("head", root / f"stage-{count}"), feed, watched, bounds
        )
        logits = np.asarray(head.predict(watched, verbose=0))[:33]
    own = float(np.mean(keras.ops.convert_to_numpy(settings.loss(split.labels, logits))))
    print(json.dumps({"loss": [r["loss"] for r in outcome.history], "val": outcome.best["val_loss"], "own": own}))
"""

# Copies of a model see different halves of each batch of bytes; BatchNormalization is watched as it will be saved.
STATISTICS = """
inputs = np.random.default_rng(0).integers(0, 256, size=(64, 5)).astype(np.uint8)
labels = (inputs[:, 0] > 127).astype(np.int64)
class Feed(feeds.AheadFeed):
    num_batches = 4
    def _make(self, epoch, index):
        part = slice(index * 16, index * 16 + 16)
        return inputs[part].copy(), labels[part].copy(), np.ones(16, np.float32)
feed = Feed(size_px=1, batch_size=16)
settings = training_settings.TrainingSettings(weights="none", batch_size=16, dropout=0.5, learning_rate=0.1)
with devices.scope(2):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dense(2, name=model.LOGITS)]
    trained = keras.Sequential([keras.Input((5,)), *layers])
    strategies.compile_network(trained, settings, steps=4, epochs=3)
    bounds = resumable_fit.FitSettings(epochs=3, patience=9, batch_size=16, images=64)
    outcome = resumable_fit.run(
        trained, resumable_fit.Stage("all", root / "stage"), feed, (inputs, labels), bounds
    )
    keras.Model(trained.inputs, trained.outputs).save(root / "saved.keras")
again = keras.saving.load_model(root / "saved.keras", compile=False)
own = float(np.mean(keras.ops.convert_to_numpy(settings.loss(labels, again.predict(inputs, verbose=0)))))
print(json.dumps({"val": outcome.best["val_loss"], "own": own}))
"""

# Batches of 5 pictures on two devices: each is filled up.
PICTURES = """
sys.path.insert(0, "tests/worlds")
import small_network
keras.applications.InceptionV3 = small_network.inception_v3
validation = datasets.open_dataset("small_samples/rough", data_dir=root / "data").split("validation")
settings = training_settings.TrainingSettings(weights="none", size_px=75, batch_size=5)
alone = initial_network.build_network(validation, settings)
alone.base.set_weights([w * 1.5 for w in alone.base.get_weights()])  # no longer what the seed alone gives
logits = predictions.logits_of(alone, validation, 5)
expected = features.of_split(validation, alone, root=root / "alone", batch_size=5).plain()
with devices.scope(2):
    shared = initial_network.copy_to_devices(alone, validation, settings)
    together = predictions.logits_of(shared, validation, 5)
    kept = features.of_split(validation, shared, root=root / "shared", batch_size=5).plain()
print(json.dumps({
    "shape": logits.shape,
    "same digest": model.digest(alone.base) == model.digest(shared.base),
    "logits": float(np.abs(logits - together).max() / np.abs(logits).max()),
    "features": float(np.abs(kept - expected).max() / np.abs(expected).max()),
}))
"""


def _run(script: str, backend: str, root: pathlib.Path) -> list[Any]:
    """What the script prints, line by line, on two processors that count as devices."""
    pytest.importorskip(backend)
    more = {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES + script, str(root)],
        cwd=ROOT, env=os.environ | more, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "["))]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_learn_what_one_learns(backend: str, tmp_path: pathlib.Path) -> None:
    alone, together = _run(EVEN, backend, tmp_path)
    assert alone == together


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_examples_that_do_not_divide_are_learnt_and_watched_exactly(backend: str, tmp_path: pathlib.Path) -> None:
    alone, together = _run(ODD, backend, tmp_path)
    for found in (alone, together):
        assert found["val"] == pytest.approx(found["own"], rel=1e-4, abs=1e-6)
        assert found["loss"][-1] < found["loss"][0]
    np.testing.assert_allclose(alone["val"], together["val"], rtol=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_what_is_watched_on_two_devices_is_what_is_saved(backend: str, tmp_path: pathlib.Path) -> None:
    (found,) = _run(STATISTICS, backend, tmp_path)
    assert found["val"] == pytest.approx(found["own"], rel=1e-4, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_see_in_pictures_what_one_sees(backend: str, tmp_path: pathlib.Path) -> None:
    small_release.write(tmp_path / "data")
    (found,) = _run(PICTURES, backend, tmp_path)
    assert found["shape"] == [14, 7]
    assert found["same digest"]
    assert found["logits"] < 1e-5
    assert found["features"] < 1e-5


def test_more_devices_than_there_are_is_an_error() -> None:
    with pytest.raises(errors.InputError, match=r"--devices 99: there are \d+"), devices.scope(99):
        pass
