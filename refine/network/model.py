"""InceptionV3 with a head: the network, its first weights, and which of its parts learn."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import math
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import typing_extensions

from builder import errors
from refine.network import weights_file

BASE, DROPOUT, LOGITS, PROBABILITIES = "inception_v3", "dropout", "logits", "probabilities"
FEATURES = 2048
# Share that BatchNormalization keeps of its moving statistics at each step. InceptionV3's own 0.99 suits epochs of
# thousands of steps; in a short training its statistics would still be those of much earlier weights.
FASTEST, SLOWEST = 0.5, 0.9
FORGETTING = 6.0  # of the statistics before an epoch, exp(-FORGETTING) is left after it


@dataclasses.dataclass(frozen=True)
class Network:
    """One set of layers under several views.

    Attributes:
      classifier: pixels (uint8[n, y, x, rgb], or floats in 0..255) to probabilities float32[n, class].
      logits: the same pixels to logits float32[n, class].
      base: InceptionV3 without top: pixels in -1..1 to features float32[n, 2048].
      head: features float32[n, 2048] to logits.
    """

    classifier: keras.Model
    logits: keras.Model
    base: keras.Model
    head: keras.Model

    @property
    def size_px(self) -> int:
        """Side of the pictures in pixels."""
        return int(self.classifier.input_shape[1])

    @functools.cached_property
    def features(self) -> keras.Model:
        """Pixels to features. It is one model, so that it is compiled once."""
        return keras.Model(self.classifier.input, self.head_input())

    def head_input(self) -> Any:
        """The tensor of features inside `classifier`."""
        return self.classifier.get_layer(DROPOUT).input


def build(*, classes: int, size_px: int, dropout: float, precision: str = "float32", seed: int = 0) -> Network:
    """The network with random weights, the same for the same seed.

    Args:
      classes: number of classes.
      size_px: side of the pictures in pixels, 75 or more.
      dropout: share of the features that are left out at each step, 0 to below 1.
      precision: dtype policy of the base, `float32` (default), `mixed_bfloat16` or `mixed_float16`; scaling and head
        are always float32.
      seed: seed of the weights and of dropout (default 0).
    """
    keras.utils.set_random_seed(seed)
    with _precision(precision):
        pixels = keras.Input((size_px, size_px, 3), name="pixels")
        scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale", dtype="float32")(pixels)
        base = keras.applications.InceptionV3(
            include_top=False, weights=None, input_shape=(size_px, size_px, 3), pooling="avg", name=BASE
        )
        features = base(scaled)
        logits = keras.layers.Dense(classes, name=LOGITS, dtype="float32")(
            keras.layers.Dropout(dropout, seed=seed, name=DROPOUT, dtype="float32")(features)
        )
        shares = keras.layers.Softmax(name=PROBABILITIES, dtype="float32")(logits)
    return network_of(keras.Model(pixels, shares, name="classifier"))


def network_of(classifier: keras.Model) -> Network:
    """The network whose classifier `build` made."""
    drop, dense = classifier.get_layer(DROPOUT), classifier.get_layer(LOGITS)
    features = keras.Input((FEATURES,), name="features")
    return Network(
        classifier=classifier,
        logits=keras.Model(classifier.input, dense.output, name="logits_of_pixels"),
        base=classifier.get_layer(BASE),
        head=keras.Model(features, dense(drop(features)), name="head"),
    )


def load_weights(base: keras.Model, weights: str) -> None:
    """Gives `base` its first weights.

    Args:
      base: InceptionV3 without top.
      weights: `imagenet`, `none` (keeps the random ones), or the path of a Keras weights file.

    Raises:
      errors.InputError: if `imagenet` cannot be fetched, or the file is missing or of another architecture.
    """
    if weights == "none":
        return
    if weights == "imagenet":
        base.set_weights(_imagenet(base.input_shape[1:]))
        return
    path = pathlib.Path(weights)
    if not path.is_file():
        raise errors.InputError(
            f"--weights: expected imagenet, none or a Keras weights file; received {weights!r}, which is no file."
        )
    weights_file.check(path, parameters=base.count_params())
    try:
        base.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise errors.InputError(
            f"--weights {path}: its layers are not those of InceptionV3 without top. {weights_file.WANTED} Keras says: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error


def _imagenet(shape: tuple[int, ...]) -> list[np.ndarray]:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras reports there what it fetches
            published = keras.applications.InceptionV3(
                include_top=False, weights="imagenet", input_shape=shape, pooling="avg"
            )
    except Exception as error:
        raise errors.InputError(
            f"--weights imagenet: Keras could not fetch its weights ({error}). Give --weights FILE, a Keras weights "
            "file of InceptionV3 without top that you have, or --weights none to train from random weights."
        ) from error
    return list(published.get_weights())


def set_trainable(network: Network, *, base: bool, batch_norm: str, momentum: float = SLOWEST) -> None:
    """Sets what `fit` may change; the head always learns.

    Args:
      network: what will learn.
      base: whether the base learns.
      batch_norm: `train` if the BatchNormalization of a base that learns gathers statistics, `frozen` if not.
      momentum: share of the moving statistics that a step keeps, where `train` (default 0.9; see `momentum_of`).

    Only `layer.trainable = False` keeps a BatchNormalization from updating its statistics: Keras 3 overrides
    `base(x, training=False)` inside `fit` (keras-team/keras#20285).
    """
    network.base.trainable = base
    for layer in batch_norms(network.base):
        layer.trainable = base and batch_norm == "train"
        if batch_norm == "train":
            layer.momentum = momentum


def momentum_of(steps: int) -> float:
    """The momentum, 0.5 to 0.9, under which moving statistics are those of the last epoch, of `steps` batches.

    Those of a longer epoch are of its last batches.
    """
    return min(SLOWEST, max(FASTEST, math.exp(-FORGETTING / steps)))


def batch_norms(base: keras.Model) -> list[Any]:
    """Every BatchNormalization layer of the base."""
    return [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)]


def statistics(base: keras.Model) -> list[Any]:
    """The moving mean and variance of every BatchNormalization layer of the base, in order."""
    return [v for layer in batch_norms(base) for v in (layer.moving_mean, layer.moving_variance)]


def settle_statistics(network: Network, batches: Any, *, steps: int) -> None:
    """Runs `steps` batches through the base so that its BatchNormalization holds the statistics of these pictures.

    For a random base that is not trained: with BatchNormalization's initial statistics its features would not separate
    the classes.
    """
    set_trainable(network, base=True, batch_norm="train")
    pixels = ((batch[0],) for batch in itertools.islice(batches, steps))
    _Settling(network).predict(pixels, steps=steps, verbose=0)


class _Settling(keras.Model):  # type: ignore[misc]
    """Features as in training: `predict` compiles the step and keeps the statistics that it updates."""

    def __init__(self, network: Network) -> None:
        super().__init__(name="settling")
        self._base, self._scale = network.base, network.classifier.get_layer("scale")

    @typing_extensions.override
    def call(self, pixels: Any) -> Any:
        return self._base(self._scale(pixels), training=True)


def digest(model: keras.Model) -> str:
    """sha256 over the weights, in the model's order."""
    total = hashlib.sha256()
    for values in model.get_weights():
        total.update(np.ascontiguousarray(values, np.float32).tobytes())
    return total.hexdigest()


def learning_rate_shares(variables: Sequence[Any], *, base_share: float) -> list[float]:
    """The share of the learning rate that each variable gets: 1 in the head, `base_share` in the base."""
    return [1.0 if v.path.startswith(f"{LOGITS}/") else base_share for v in variables]


@contextlib.contextmanager
def _precision(policy: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@keras.saving.register_keras_serializable("globeland")
class LayeredAdam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam whose base learns at `base_share` of the rate; what learns at the full rate also decays, as in AdamW.

    Adam is invariant to scaled gradients, so the rate itself is scaled, variable by variable. Keras's own decay asks
    the schedule for the rate once per variable, which makes InceptionV3's training step twice as large.

    Args:
      base_share: learning rate of the base as a share of the head's, 0 or more (default 1).
      weight_decay: decoupled decay per step as a share of the learning rate, 0 or more (default 0).
      args, kwargs: as `keras.optimizers.Adam` takes them.
    """

    def __init__(self, *args: Any, base_share: float = 1.0, weight_decay: float = 0.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.base_share, self.decay = base_share, weight_decay

    @typing_extensions.override
    def build(self, variables: Sequence[Any]) -> None:
        self._shares = learning_rate_shares(variables, base_share=self.base_share)
        super().build(variables)

    @typing_extensions.override
    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        share = self._shares[self._get_variable_index(variable)]
        if self.decay and share == 1:
            rate = keras.ops.cast(learning_rate * self.decay, variable.dtype)
            self.assign_sub(variable, keras.ops.multiply(variable, rate))
        super().update_step(gradient, variable, learning_rate * share)

    @typing_extensions.override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "base_share": self.base_share, "weight_decay": self.decay}
