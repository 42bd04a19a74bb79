"""Options that several commands of refine share. Defaults are printed from the dataclasses that hold them."""

from __future__ import annotations

import argparse

from builder.command_line import path
from refine.network import losses
from refine.network.losses import Loss
from refine.training import training_settings
from refine.training.training_settings import TrainingSettings

SEED = "seed of the order, the augmentation and dropout"
EPOCHS = (
    f"most epochs (default {TrainingSettings(strategy=training_settings.LOGITS).most_epochs} for logits, "
    f"{TrainingSettings(strategy=training_settings.FIRST_LAYER).most_epochs} for first-layer)"
)


def add_dataset(p: argparse.ArgumentParser) -> None:
    """The dataset, which must be named, and where it lies."""
    p.add_argument(
        "--dataset",
        required=True,
        metavar="NAME/CONFIG:VERSION",
        help="TFDS dataset with image and label, or a folder of images by class",
    )
    add_place_of_dataset(p)


def add_place_of_dataset(p: argparse.ArgumentParser) -> None:
    """Where a dataset lies, and what its labels mean."""
    p.add_argument(
        "--data_dir", type=path, default=None, metavar="DIR", help="folder that `tfds build --data_dir` wrote"
    )
    p.add_argument(
        "--labels", type=path, default=None, metavar="FILE", help="CSV label,class that maps labels to classes"
    )


def add_network(p: argparse.ArgumentParser, *, seed: str = SEED) -> None:
    """The network, and how its head is fitted."""
    p.add_argument(
        "--weights",
        metavar="imagenet|none|FILE",
        help="start of the network; FILE: Keras weights of InceptionV3 without top "
        f"(default {TrainingSettings.weights})",
    )
    p.add_argument(
        "--size",
        type=int,
        dest="size_px",
        metavar="PX",
        help=f"side of the network's input in pixels, {training_settings.SMALLEST_PX} or more "
        f"(default {TrainingSettings.size_px})",
    )
    p.add_argument(
        "--batch-size", type=int, metavar="N", help=f"chips per step (default {TrainingSettings.batch_size})"
    )
    p.add_argument(
        "--learning-rate",
        type=float,
        metavar="R",
        help=f"learning rate of the head (default {TrainingSettings.learning_rate:g})",
    )
    p.add_argument(
        "--precision",
        choices=training_settings.PRECISIONS,
        help=f"numbers that the network computes with (default {TrainingSettings.precision})",
    )
    p.add_argument("--devices", type=int, metavar="N", help="accelerators to use (default: all)")
    p.add_argument("--seed", type=int, metavar="N", help=f"{seed} (default {TrainingSettings.seed})")


def add_learning(p: argparse.ArgumentParser, *, epochs: str = EPOCHS) -> None:
    """The network, how all of it is trained, and the loss."""
    add_network(p)
    p.add_argument(
        "--batch-norm",
        choices=training_settings.BATCH_NORMS,
        help="statistics of batch normalization (default: frozen with pretrained weights, train with none)",
    )
    _add_epochs(p, epochs)
    p.add_argument(
        "--base-share",
        type=float,
        metavar="S",
        help=f"learning rate of the base, as a share of the head's (default {TrainingSettings.base_share:g})",
    )
    p.add_argument(
        "--views",
        type=int,
        choices=training_settings.VIEWS,
        help=f"views of each chip whose features logits learns from (default {TrainingSettings.views})",
    )
    _add_loss(p)
    p.add_argument(
        "--validation-share",
        type=float,
        metavar="S",
        help="share of the train split, 0..1, held out for validation; for datasets without a validation split",
    )


def _add_epochs(p: argparse.ArgumentParser, epochs: str) -> None:
    p.add_argument("--epochs", type=int, metavar="N", help=epochs)
    p.add_argument(
        "--warmup-epochs",
        type=int,
        metavar="N",
        help=f"epochs of the head alone before first-layer (default {TrainingSettings.warmup_epochs})",
    )
    p.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help=f"epochs without progress that end the training (default {TrainingSettings.patience})",
    )


def _add_loss(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--loss", choices=losses.KINDS, dest="kind", help=f"loss that the training minimizes (default {Loss.kind})"
    )
    p.add_argument(
        "--smoothing",
        type=float,
        metavar="S",
        help=f"share of certainty that --loss smoothing spreads over all classes (default {Loss.smoothing:g})",
    )
    p.add_argument("--q", type=float, metavar="Q", help=f"exponent of --loss generalized (default {Loss.q:g})")
    p.add_argument(
        "--weigh-by",
        type=names,
        metavar="votes,purity",
        help="features whose product weighs the examples (default: none)",
    )


def names(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(name for name in text.split(",") if name)
