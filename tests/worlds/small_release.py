"""Writes a small released dataset with features of the real one; each class has its own colour."""

from __future__ import annotations

import colorsys
import io
import pathlib
from typing import Any

import numpy as np
import PIL.Image

from builder.legend import legend

SIZES = {"train": 28, "validation": 14, "test": 14}
NAME, VERSION, SIDE_PX = "small_samples", "1.0.0", 80
CLASSES = legend.seven().names


def picture(label: int, number: int, side_px: int = SIDE_PX) -> np.ndarray:
    """uint8[y, x, rgb]: the colour of the class, lit from the left, with a bright corner top left and some grain."""
    grain = np.random.default_rng(1000 * label + number).normal(0, 10, (side_px, side_px, 1))
    colour = np.array(colorsys.hsv_to_rgb(label / len(CLASSES), 0.8, 0.7)) * 255
    light = np.linspace(0.7, 1.1, side_px)[None, :, None]
    pixels = colour * light + grain
    pixels[:16, :16] = 250
    return np.clip(pixels, 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray) -> bytes:
    """The picture as JPEG."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def example(split: str, number: int) -> dict[str, Any]:
    """The features of an example; classes come in turn."""
    label = number % len(CLASSES)
    return {
        "image": jpeg(picture(label, number + 100 * list(SIZES).index(split))),
        "label": label,
        "key": f"{split}{number:03d}",
        "label_origin": "review" if number % 3 else "consensus",
        "votes": 3 + number % 3,
        "purity": 0.5 + number % 5 / 10,
        "lon_e7": 70_000_000 + number * 1_000_000,
        "lat_e7": 500_000_000,
    }


def write(
    data_dir: pathlib.Path, *, config: str = "rough", version: str = VERSION, file_format: str = "array_record"
) -> str:
    """Writes the dataset under `data_dir`; returns NAME/CONFIG:VERSION."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "key": tfds.features.Text(),
            "label_origin": tfds.features.Text(),
            "votes": tfds.features.Scalar(np.int32),
            "purity": tfds.features.Scalar(np.float32),
            "lon_e7": tfds.features.Scalar(np.int64),
            "lat_e7": tfds.features.Scalar(np.int64),
        }
    )
    tfds.dataset_builders.store_as_tfds_dataset(
        name=NAME,
        version=version,
        config=config,
        features=features,
        split_datasets={split: [(i, example(split, i)) for i in range(size)] for split, size in SIZES.items()},
        data_dir=data_dir,
        file_format=file_format,
        disable_shuffling=True,
    )
    return f"{NAME}/{config}:{version}"


def write_folder(root: pathlib.Path, *, names: tuple[str, ...] = CLASSES, per_class: int = 4) -> pathlib.Path:
    """Writes ROOT/split/label/number.jpg with the splits train and test; returns ROOT."""
    for shift, split in enumerate(("train", "test")):
        for label, name in enumerate(names):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(per_class):
                (folder / f"{number}.jpg").write_bytes(jpeg(picture(label, number + 100 * shift)))
    return root
