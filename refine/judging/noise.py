"""Finds doubtful labels: confident learning on predictions of heads that saw neither the example nor its neighbours.

The base of the network has seen none of these labels. Only heads are trained, one for each fold of spatial blocks.
"""

from __future__ import annotations

import dataclasses
import pathlib

import cleanlab.filter
import cleanlab.rank
import numpy as np

from builder import errors, hashing, progress
from refine.artefacts import noise_summary
from refine.judging import noise_rates
from refine.network import calibration, devices
from refine.samples import datasets, places
from refine.training import features, initial_network, resumable_fit, strategies, training_settings

FOLDS = 5
EPOCHS = 40  # of a fold's head: no validation split ends its training, so that no label is used twice
BLOCKS_PER_FOLD = 10
FEWEST_FOLDS = 2
SMALLEST_BLOCK_DEG, LARGEST_BLOCK_DEG = 0.0001, 90.0  # the first is about 11 m


@dataclasses.dataclass(frozen=True, eq=False)
class Findings:
    """What was found in a split of n examples.

    Attributes:
      split: the examples.
      shares: float64[n, class], out-of-fold probabilities.
      scores: float64[n], quality of each label, 0 worst.
      doubtful: int64[k], positions of the doubtful ones, the worst first.
      rates: of the classes that occur.
      blocks: str[n], the spatial block of each example.
    """

    split: datasets.Split
    shares: np.ndarray
    scores: np.ndarray
    doubtful: np.ndarray
    rates: tuple[noise_summary.Rate, ...]
    blocks: np.ndarray


def find(
    split: datasets.Split,
    settings: training_settings.TrainingSettings,
    *,
    features_root: pathlib.Path,
    folds: int = FOLDS,
    block_deg: float | None = None,
) -> Findings:
    """The doubtful labels of `split`.

    Args:
      split: the labels to look at.
      settings: weights of the base, input size, batch size, learning rate, precision, devices and seed; nothing else
        matters here.
      features_root: where features are kept.
      folds: how many heads are trained, each on the blocks of the other folds.
      block_deg: side of the spatial blocks; None takes the largest that gives ten blocks for each fold.

    Raises:
      errors.InputError: if there are fewer blocks than folds, a setting is wrong, or memory does not suffice.
    """
    blocks = blocks_of(split, folds=folds, block_deg=block_deg)
    fold = folds_of(blocks, split.labels, folds=folds, seed=settings.seed)
    devices.check_devices(settings.devices)  # before minutes are spent on the network
    with resumable_fit.memory_errors(settings.batch_size):
        alone = initial_network.start_network(split, settings, root=features_root)
    with devices.scope(settings.devices), resumable_fit.memory_errors(settings.batch_size):
        network = initial_network.copy_to_devices(alone, split, settings)
        kept = features.of_split(split, network, root=features_root, batch_size=settings.batch_size)
        shares = predict_out_of_fold(
            kept.plain(), split.labels, fold, classes=len(split.dataset.classes), settings=settings
        )
    return findings_of(split, shares, blocks, seed=settings.seed)


def findings_of(split: datasets.Split, shares: np.ndarray, blocks: np.ndarray, *, seed: int = 0) -> Findings:
    """The findings that follow from out-of-fold probabilities.

    Args:
      split: n examples.
      shares: float[n, class], the probabilities.
      blocks: str[n], the spatial block of each example.
      seed: of the intervals of the rates.
    """
    present = np.unique(split.labels)
    labels = np.searchsorted(present, split.labels)  # cleanlab wants every class to occur
    among = shares[:, present] / shares[:, present].sum(axis=1, keepdims=True)
    scores = cleanlab.rank.get_label_quality_scores(labels, among, method="normalized_margin")
    doubtful = np.flatnonzero(cleanlab.filter.find_label_issues(labels, among, n_jobs=1))
    doubtful = doubtful[np.argsort(scores[doubtful], kind="stable")]
    names = [split.dataset.classes[i] for i in present]
    rates = noise_rates.of_classes(labels, among, blocks, names=names, doubtful=doubtful, seed=seed)
    return Findings(split, shares, scores, doubtful, rates, blocks)


def blocks_of(split: datasets.Split, *, folds: int, block_deg: float | None = None) -> np.ndarray:
    """str[n]: the spatial block of each example; its own key where the dataset does not say where it lies.

    Raises:
      errors.InputError: if there are fewer blocks than folds, or `block_deg` is given where there are no places.
    """
    _check_folds(split, folds=folds, block_deg=block_deg)
    if not places.are_known(split):
        return split.keys
    if block_deg is None:
        blocks = places.largest_blocks(split, lambda count: count >= folds * BLOCKS_PER_FOLD)
    else:
        blocks = places.blocks_of(split, block_deg)
    if blocks.count < folds:
        raise errors.InputError(
            f"{blocks.count} blocks of {blocks.side_deg} degrees hold the examples; {folds} folds need at least as "
            "many. Give fewer --folds or a smaller --block."
        )
    return blocks.names


def _check_folds(split: datasets.Split, *, folds: int, block_deg: float | None) -> None:
    if not FEWEST_FOLDS <= folds <= len(split):
        raise errors.InputError(
            f"--folds: expected {FEWEST_FOLDS} to {len(split)}, the number of examples; received {folds}. Give another."
        )
    if block_deg is None:
        return
    if not SMALLEST_BLOCK_DEG <= block_deg <= LARGEST_BLOCK_DEG:
        raise errors.InputError(
            f"--block: expected the side of a block in degrees, {SMALLEST_BLOCK_DEG} to {LARGEST_BLOCK_DEG}; "
            f"received {block_deg}. Give another."
        )
    if not places.are_known(split):
        raise errors.InputError(
            f"--block: {split.dataset.full_name} does not say where its examples lie, so each is a block of its "
            "own. Leave --block out."
        )


def folds_of(blocks: np.ndarray, labels: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """int64[n]: the fold of each example. A block lies in one fold; every class is spread over the folds evenly.

    Args:
      blocks: str[n], the spatial block of each example.
      labels: int64[n], its class.
      folds: how many.
      seed: of the order of blocks of one size.
    """
    names, block = np.unique(blocks, return_inverse=True)
    counts = np.zeros((len(names), labels.max() + 1))
    np.add.at(counts, (block, labels), 1)
    shares = counts / counts.sum(axis=0).clip(1)
    stream = hashing.stream(seed, "fold")
    order = sorted(range(len(names)), key=lambda i: (-counts[i].sum(), hashing.text_bits(stream, str(names[i]))))
    filled = np.zeros((folds, counts.shape[1]))
    fold_of_block = np.zeros(len(names), np.int64)
    for i in order:
        # A block goes to the fold whose squared shares of the classes grow least.
        fold_of_block[i] = np.argmin((2 * filled + shares[i]) @ shares[i])
        filled[fold_of_block[i]] += shares[i]
    return fold_of_block[block]


def predict_out_of_fold(
    inputs: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    *,
    classes: int,
    settings: training_settings.TrainingSettings,
) -> np.ndarray:
    """float64[n, class]: for each example the probabilities of a head that did not see its fold.

    Args:
      inputs: float32[n, feature], features of the base.
      labels: int64[n], class of each example.
      fold: int64[n], its fold.
      classes: how many there are.
      settings: of the heads.
    """
    shares = np.zeros((len(labels), classes))
    names = np.unique(fold)
    with progress.Progress("heads", len(names), unit="folds") as bar:
        for name in names:
            seen = fold != name
            head = strategies.fit_head(inputs[seen], labels[seen], classes=classes, epochs=EPOCHS, settings=settings)
            logits = np.asarray(head.predict(inputs[~seen], batch_size=features.BATCH, verbose=0))
            shares[~seen] = calibration.probabilities(logits, 1.0)
            bar.advance()
    return shares
