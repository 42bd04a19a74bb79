"""How fast pictures are fed, beside what InceptionV3 takes and what tf.data feeds; what kept features save.

    python -m benchmarks.feeding [--chips 400] [--batch-size 8] [--steps 6] [--head-chips 128]

Writes generated chips of 299 pixels, about 50 KB of JPEG each, as two releases (array_record and tfrecord) into a
scratch folder. All rates are measured in this run, on this machine, one after the other:

ours, by row: what `train` feeds from array_record (`feeds.RowFeed`): decoded, turned, shuffled, made ahead.
ours, streamed: what it feeds from tfrecord (`feeds.StreamFeed`).
tf.data: `tfds.load(shuffle_files=True)`, cast to float32, shuffled, batched, prefetched; not turned.

The last table is `--strategy logits` from its history.csv: the first epoch computes features, later ones read them.
"""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import PIL.Image

from refine.artefacts import model_folder
from refine.network import devices, losses, model, process
from refine.samples import datasets, feeds
from refine.training import learning_set, package_versions, train_model, training_history, training_settings

SIDE_PX = 299
NAMES = ("land", "water")
ROUNDS = 3


def jpeg(number: int) -> bytes:
    """A chip with detail at several scales, stored as the dataset stores its chips."""
    random = np.random.default_rng(number)
    pixels = np.full((SIDE_PX, SIDE_PX, 3), 60.0 + 60 * (number % 2))
    for cells, depth in ((5, 60), (25, 40), (100, 25), (SIDE_PX, 12)):
        coarse = random.normal(0, 1, (cells, cells)).astype(np.float32)
        grain = np.asarray(PIL.Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX), PIL.Image.Resampling.BICUBIC))
        pixels += depth * grain[:, :, None] * random.uniform(0.6, 1, 3)
    stored = io.BytesIO()
    PIL.Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(stored, "JPEG", quality=90)
    return stored.getvalue()


def release(root: pathlib.Path, chips: list[bytes], *, config: str, validation: int = 0) -> datasets.Dataset:
    """The chips as a release under `root`, `validation` of them as its validation split."""
    import tensorflow_datasets as tfds

    kinds = {"image": tfds.features.Image(shape=(SIDE_PX, SIDE_PX, 3)), "label": tfds.features.ClassLabel(names=NAMES)}
    examples = [(i, {"image": chip, "label": i % 2, "key": f"k{i}"}) for i, chip in enumerate(chips)]
    parts = {"train": examples[validation:], "validation": examples[:validation]}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="feeding",
        config=config,
        version="1.0.0",
        features=tfds.features.FeaturesDict(kinds | {"key": tfds.features.Text()}),
        split_datasets={name: part for name, part in parts.items() if part},
        data_dir=root,
        file_format=config.partition("-")[0],
    )
    return datasets.open_dataset(f"feeding/{config}:1.0.0", data_dir=root)


def ours(train: datasets.Split, batch_size: int) -> Iterable[Any]:
    feed = feeds.feed_of(feeds.Passes(train, SIDE_PX, batch_size, training=True, augment=True))
    return feed.for_fit(0, 1)


def default(root: pathlib.Path, batch_size: int, chips: int) -> Iterable[Any]:
    """The pipeline that the guides of TFDS show, without a cache in memory."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    stored = tfds.load("feeding/tfrecord:1.0.0", split="train", data_dir=root, shuffle_files=True)
    floats = stored.map(lambda e: (tf.cast(e["image"], tf.float32), e["label"]), num_parallel_calls=tf.data.AUTOTUNE)
    return floats.shuffle(min(chips, 1000)).batch(batch_size).prefetch(tf.data.AUTOTUNE)


def measured(feed: Callable[[], Iterable[Any]], least: int) -> tuple[float, float]:
    """(chips per second, chips per CPU second) of whole epochs, the median; a first one warms up."""
    rates = []
    for _ in range(1 + ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        seen = sum(len(batch[1]) for batch in feed())
        assert seen >= least, seen  # noqa: S101 - a benchmark that skips chips is worth nothing
        rates.append((seen / (time.perf_counter() - wall), seen / (time.process_time() - cpu)))
    return tuple(statistics.median(column) for column in zip(*rates[1:], strict=True))  # type: ignore[return-value]


def step_rates(batch_size: int, steps: int) -> dict[str, tuple[float, float]]:
    """The same for the network on pixels that are ready: features, and a step that trains every layer."""
    network = model.build(classes=2, size_px=SIDE_PX, dropout=0.2)
    model.set_trainable(network, base=True, batch_norm="frozen")
    network.logits.compile(model.LayeredAdam(1e-4), losses.Loss(), jit_compile=devices.compiles())
    pixels = np.random.default_rng(0).integers(0, 256, (batch_size, SIDE_PX, SIDE_PX, 3), np.uint8)
    labels = np.arange(batch_size) % 2
    features = network.features
    work = {
        "InceptionV3, features": lambda: features.predict_on_batch(pixels),
        "InceptionV3, every layer trained": lambda: network.logits.train_on_batch(pixels, labels),
    }
    rates = {}
    for name, step in work.items():
        step()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        seen = steps * batch_size
        rates[name] = seen / (time.perf_counter() - wall), seen / (time.process_time() - cpu)
    return rates


def head_epochs(root: pathlib.Path, chips: list[bytes], batch_size: int) -> tuple[float, float]:
    """Seconds of the first epoch of `logits`, and the median of the later ones. Random weights cost what others do."""
    dataset = release(root, chips, config="array_record-head", validation=len(chips) // 5)
    weights = root / "random.weights.h5"
    model.build(classes=2, size_px=SIDE_PX, dropout=0.2).base.save_weights(weights)
    settings = training_settings.TrainingSettings(
        strategy="logits", weights=str(weights), epochs=12, patience=12, batch_size=batch_size
    )
    folder = train_model.train(learning_set.learning_set_of(dataset, settings), settings, root / "model").folder.path
    seconds = [row["seconds"] for row in training_history.read(folder / model_folder.HISTORY)]
    return seconds[0], statistics.median(seconds[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chips", type=int, default=400, help="fed per epoch (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=8, help="(%(default)s)")
    parser.add_argument("--steps", type=int, default=6, help="of the network (%(default)s)")
    parser.add_argument("--head-chips", type=int, default=128, help="that `logits` learns from (%(default)s)")
    args = parser.parse_args()
    process.suit_networks()
    chips = [jpeg(i) for i in range(args.chips)]
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        by_row, streamed = (release(root, chips, config=kind).split("train") for kind in ("array_record", "tfrecord"))
        feeds = {
            "ours, by row": lambda: ours(by_row, args.batch_size),
            "ours, streamed": lambda: ours(streamed, args.batch_size),
            "tf.data": lambda: default(root, args.batch_size, args.chips),
        }
        rates = {name: measured(feed, args.chips - args.batch_size) for name, feed in feeds.items()}
        rates |= step_rates(args.batch_size, args.steps)
        first, later = head_epochs(root, chips[: args.head_chips], args.batch_size)
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Keras on {keras.backend.backend()}; ", end="")
    print(", ".join(f"{name} {version}" for name, version in package_versions.installed().items()))
    print(f"chips of {SIDE_PX} px, {statistics.mean(map(len, chips)) / 1000:.0f} KB of JPEG\n")
    print("| | chips/s | chips/s per core |\n|---|---|---|")
    for name, (wall, cpu) in rates.items():
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |")
    print(f"\n`logits`, {args.head_chips} chips: first epoch {first:.2f} s, later ones {later:.4f} s", end="")
    print(f": {first / later:.0f} times as fast.")


if __name__ == "__main__":
    main()
