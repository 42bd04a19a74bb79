"""The network: its parts, its start, and what a fit may change."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Iterator

import keras
import numpy as np
import pytest

from builder import errors
from refine.network import devices, model

SIDE_PX = 75


@pytest.fixture(scope="module")
def network() -> model.Network:
    return model.build(classes=3, size_px=SIDE_PX, dropout=0.2, seed=1)


@pytest.fixture
def restored(network: model.Network) -> Iterator[model.Network]:
    before = network.classifier.get_weights()
    yield network
    network.classifier.set_weights(before)


def _pixels(count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE_PX, SIDE_PX, 3)).astype(np.float32)


def _moving_means(network: model.Network) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(layer.moving_mean) for layer in model.batch_norms(network.base)]


def _fit(network: model.Network) -> None:
    network.logits.compile(
        model.LayeredAdam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=devices.compiles(),
    )
    network.logits.fit(_pixels(), np.array([0, 1, 2, 0]), batch_size=4, epochs=1, verbose=0)


@pytest.mark.slow
def test_the_three_views_are_one_set_of_layers(network: model.Network) -> None:
    pixels = _pixels(2)
    logits = network.logits.predict(pixels, verbose=0)
    features = network.features.predict(pixels, verbose=0)
    assert features.shape == (2, model.FEATURES)
    np.testing.assert_allclose(network.head.predict(features, verbose=0), logits, atol=1e-6)
    shares = network.classifier.predict(pixels, verbose=0)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(shares.argmax(axis=1), logits.argmax(axis=1))


def test_the_base_is_inception_v3_and_sees_minus_one_to_one(network: model.Network) -> None:
    assert network.base.count_params() == 21_802_784
    scaled = network.classifier.get_layer("scale")(np.array([[[[0.0, 127.5, 255.0]]]]))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(scaled).ravel(), [-1, 0, 1], atol=1e-6)


def test_the_same_seed_is_the_same_start(network: model.Network) -> None:
    assert model.digest(model.build(classes=3, size_px=SIDE_PX, dropout=0.2, seed=1).base) == model.digest(network.base)


@pytest.mark.slow
def test_frozen_statistics_stay_and_every_other_layer_learns(restored: model.Network) -> None:
    model.set_trainable(restored, base=True, batch_norm="frozen")
    means = _moving_means(restored)
    first = next(layer for layer in restored.base.layers if isinstance(layer, keras.layers.Conv2D))
    kernel = first.get_weights()[0]
    _fit(restored)
    for before, after in zip(means, _moving_means(restored), strict=True):
        np.testing.assert_array_equal(before, after)
    assert not np.array_equal(kernel, first.get_weights()[0])


@pytest.mark.slow
def test_trained_statistics_move(restored: model.Network) -> None:
    model.set_trainable(restored, base=True, batch_norm="train")
    means = _moving_means(restored)
    _fit(restored)
    moved = [not np.array_equal(a, b) for a, b in zip(means, _moving_means(restored), strict=True)]
    assert all(moved) and len(moved) == 94


@pytest.mark.slow
def test_a_base_that_does_not_learn_keeps_every_weight(restored: model.Network) -> None:
    model.set_trainable(restored, base=False, batch_norm="frozen")
    before = model.digest(restored.base)
    _fit(restored)
    assert model.digest(restored.base) == before


def test_statistics_are_those_of_the_last_epoch() -> None:
    """Of what was before an epoch e^-6 = 0.2 % is left; at least about two batches count, at most about ten."""
    assert model.momentum_of(19) ** 19 == pytest.approx(math.exp(-6))
    assert (model.momentum_of(1), model.momentum_of(5000)) == (0.5, 0.9)


def test_settling_makes_the_features_of_a_random_base_tell_pictures_apart(restored: model.Network) -> None:
    pixels = np.concatenate([_pixels(2), _pixels(2) * 0.2])
    before = restored.features.predict(pixels, verbose=0)
    model.settle_statistics(restored, [(pixels, None, None)] * 30, steps=30)
    after = restored.features.predict(pixels, verbose=0)
    spread = [f.std(axis=0).mean() / (np.abs(f).mean() + 1e-12) for f in (before, after)]
    assert spread[1] > 3 * spread[0]


def test_the_base_learns_at_its_share_of_the_rate() -> None:
    seen = keras.Input((2,))
    slow = keras.layers.Dense(2, name="base_layer")(seen)
    trained = keras.Model(seen, keras.layers.Dense(2, name=model.LOGITS)(slow))
    before = [w.copy() for w in trained.get_weights()]
    optimizer = model.LayeredAdam(0.01, weight_decay=0.0, base_share=0.1)
    optimizer.build(trained.trainable_variables)
    gradients = [keras.ops.ones(v.shape) for v in trained.trainable_variables]
    optimizer.apply(gradients, trained.trainable_variables)
    steps = [float(np.abs(a - b).mean()) for a, b in zip(before, trained.get_weights(), strict=True)]
    np.testing.assert_allclose(steps, [0.001, 0.001, 0.01, 0.01], rtol=1e-3)


def test_at_the_full_rate_it_is_adam_with_decoupled_decay_and_a_slow_base_does_not_decay() -> None:
    """Loshchilov & Hutter 2019, as Keras's AdamW does it."""
    schedule = keras.optimizers.schedules.CosineDecay(0.05, decay_steps=6)
    usual = keras.optimizers.AdamW(schedule, weight_decay=0.3, global_clipnorm=1.0)
    ours = model.LayeredAdam(schedule, weight_decay=0.3, global_clipnorm=1.0)
    slow = model.LayeredAdam(schedule, weight_decay=0.3, global_clipnorm=1.0, base_share=0.5)
    undecayed = model.LayeredAdam(schedule, weight_decay=0.0, global_clipnorm=1.0, base_share=0.5)
    after = {}
    for name, optimizer in (("usual", usual), ("ours", ours), ("slow", slow), ("undecayed", undecayed)):
        weights = [keras.Variable([[2.0, -3.0]], name=n) for n in ("kernel", "bias")]
        optimizer.build(weights)
        for step in range(5):
            optimizer.apply([keras.ops.ones((1, 2)) * (step + 1), keras.ops.ones((1, 2))], weights)
        after[name] = np.array([keras.ops.convert_to_numpy(w) for w in weights])
    np.testing.assert_allclose(after["ours"], after["usual"], rtol=1e-6)
    np.testing.assert_allclose(after["slow"], after["undecayed"], rtol=1e-6)
    assert np.abs(after["ours"] - after["undecayed"]).max() > 0.1


def test_weights_of_a_file_are_taken_whole(network: model.Network, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "base.weights.h5"
    network.base.save_weights(file)
    other = model.build(classes=3, size_px=SIDE_PX, dropout=0.2, seed=9)
    assert model.digest(other.base) != model.digest(network.base)
    model.load_weights(other.base, str(file))
    assert model.digest(other.base) == model.digest(network.base)


def test_weights_of_another_architecture_are_refused(network: model.Network, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(file)
    with pytest.raises(errors.InputError, match=r"21,802,784 parameters of InceptionV3 without top; received 15"):
        model.load_weights(network.base, str(file))


def test_a_file_of_the_right_size_but_other_layers_is_refused(network: model.Network, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((21_802_783,)), keras.layers.Dense(1)]).save_weights(file)
    with pytest.raises(errors.InputError, match="are not those of InceptionV3 without top"):
        model.load_weights(network.base, str(file))


def test_a_damaged_weights_file_is_refused(network: model.Network, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "damaged.weights.h5"
    file.write_bytes(b"not HDF5")
    with pytest.raises(errors.InputError, match="not an HDF5 file, or damaged"):
        model.load_weights(network.base, str(file))


def test_a_weights_file_that_is_not_there_is_refused(network: model.Network) -> None:
    with pytest.raises(errors.InputError, match="expected imagenet, none or a Keras weights file"):
        model.load_weights(network.base, "missing.weights.h5")


def test_without_network_imagenet_names_the_two_alternatives(
    network: model.Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model.digest(network.base)
    if list((pathlib.Path.home() / ".keras" / "models").glob("inception_v3*notop*")):
        pytest.skip("the ImageNet weights are already here")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(errors.InputError, match=r"--weights FILE.*--weights none"):
        model.load_weights(network.base, "imagenet")
    assert model.digest(network.base) == before


def test_the_real_weights_load(network: model.Network, shared_data: pathlib.Path) -> None:
    base = model.build(classes=3, size_px=SIDE_PX, dropout=0.2).base
    model.load_weights(base, str(shared_data / "weights" / "inception_v3_imagenet_2015-12-05_notop.weights.h5"))
    assert model.digest(base) != model.digest(network.base)


def test_mixed_precision_computes_in_half_and_decides_in_single() -> None:
    half = model.build(classes=3, size_px=SIDE_PX, dropout=0.2, precision="mixed_bfloat16")
    assert {layer.compute_dtype for layer in model.batch_norms(half.base)} == {"bfloat16"}
    assert half.classifier.get_layer(model.LOGITS).compute_dtype == "float32"
    assert half.classifier.get_layer(model.LOGITS).variable_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
