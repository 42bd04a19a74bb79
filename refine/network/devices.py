"""Accelerators: how many there are, and one copy of the model on each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from builder import errors


@contextlib.contextmanager
def scope(wanted: int | None) -> Iterator[None]:
    """Models that are built inside run on `wanted` devices.

    With several devices each batch is shared among copies of the model: `tf.distribute.MirroredStrategy` on TensorFlow,
    `keras.distribution.DataParallel` on JAX.

    Args:
      wanted: how many devices; None takes all accelerators, or the processor where there is none.

    Raises:
      errors.InputError: if there are fewer.
    """
    check_devices(wanted)
    names = available()[:wanted]
    if len(names) == 1:
        yield
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy(names).scope():
            yield
    else:
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)


def check_devices(wanted: int | None) -> None:
    """Refuses to use more devices than there are.

    Args:
      wanted: how many; None stands for all.

    Raises:
      errors.InputError: if there are fewer.
    """
    names = available()
    if wanted is not None and wanted > len(names):
        raise errors.InputError(
            f"--devices {wanted}: there are {len(names)}: {', '.join(names)}. Give at most as many, or leave it out."
        )


def sharing() -> int:
    """Number of devices that share each batch inside the present `scope`."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return int(tf.distribute.get_strategy().num_replicas_in_sync)
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.device_mesh.devices.size)


def average(variables: Iterable[Any]) -> None:
    """Gives each device the mean of each variable over the devices that share batches in the present `scope`.

    TensorFlow's copies of a model gather statistics from their own share of each batch; the first copy's are saved.
    """
    if keras.backend.backend() != "tensorflow" or sharing() == 1:
        return
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    for variable in variables:
        variable.assign(tf.reduce_mean(tf.stack(strategy.experimental_local_results(variable.value)), axis=0))


def available() -> list[str]:
    """Accelerators; without any, the (logical) processors."""
    return accelerators() or list(keras.distribution.list_devices("cpu"))


def accelerators() -> list[str]:
    """GPUs, else TPUs."""
    for kind in ("gpu", "tpu"):
        with contextlib.suppress(RuntimeError):  # JAX raises for kinds it was not built for
            found = list(keras.distribution.list_devices(kind))
            if found:
                return found
    return []


def compiles() -> bool:
    """Whether `fit` compiles with XLA: JAX always; TensorFlow only on a single accelerator, where it pays and works."""
    return keras.backend.backend() != "tensorflow" or (bool(accelerators()) and sharing() == 1)
