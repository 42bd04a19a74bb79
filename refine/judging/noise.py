"""Which labels are doubtful: confident learning on predictions that never saw the example, nor its neighbours.

The base stays as it was before any of these labels were seen; only heads are trained, one per fold of spatial blocks.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import cleanlab.count
import cleanlab.filter
import cleanlab.rank
import numpy as np

from builder import atomic, errors, hashing, progress
from refine.accuracy import intervals
from refine.network import calibration, devices
from refine.samples import batches, datasets, places
from refine.training import features, initial_network, resumable_fit, strategies, training_settings

FOLDS = 5
EPOCHS = 40  # of a fold's head; it is not watched, so that no label is used twice
BLOCKS_PER_FOLD = 10
FEWEST_FOLDS = 2
SMALLEST_BLOCK_DEG, LARGEST_BLOCK_DEG = 0.0001, 90.0  # the first is about 11 m
DRAWS = 200
SURE = 0.5
SHEET_COLUMNS, SHEET_ROWS, KEY_SHOWN = 8, 6, 24  # the last letters of a key tell examples apart
DOUBTFUL, RATES, SUMMARY, SHEET = "doubtful.csv", "noise_rates.csv", "noise.json", "doubtful.png"


@dataclasses.dataclass(frozen=True)
class Rate:
    """Share of the labels of one class that are wrong, with a 95 % interval; `mostly` names what they rather are.

    Classes that the features cannot tell apart look like noise too: the rate is an upper estimate.
    """

    label: str
    examples: int
    rate: float
    low: float
    high: float
    doubtful: int
    mostly: str


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found in `split`: out-of-fold `shares` float64[n, class], `scores` float64[n] (quality of each label,
    0 worst), `doubtful` int64[k] (positions, the worst first), `rates` of the classes that occur."""

    split: datasets.Split
    shares: np.ndarray
    scores: np.ndarray
    doubtful: np.ndarray
    rates: tuple[Rate, ...]
    blocks: np.ndarray


def check_out(out: pathlib.Path, *, overwrite: bool) -> None:
    """Refuses, before the work, a folder that `write` would refuse after it.

    Raises:
      errors.RefusedOverwrite: if it exists and is not empty, and `overwrite` is false.
    """
    if not overwrite and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise errors.RefusedOverwrite(out)


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
        shares = out_of_fold(kept.plain(), split.labels, fold, classes=len(split.dataset.classes), settings=settings)
    return judge(split, shares, blocks, seed=settings.seed)


def judge(split: datasets.Split, shares: np.ndarray, blocks: np.ndarray, *, seed: int = 0) -> Findings:
    """Findings from out-of-fold probabilities `shares` float[n, class]."""
    present = np.unique(split.labels)
    labels = np.searchsorted(present, split.labels)  # cleanlab wants every class to occur
    among = shares[:, present] / shares[:, present].sum(axis=1, keepdims=True)
    scores = cleanlab.rank.get_label_quality_scores(labels, among, method="normalized_margin")
    doubtful = np.flatnonzero(cleanlab.filter.find_label_issues(labels, among, n_jobs=1))
    doubtful = doubtful[np.argsort(scores[doubtful], kind="stable")]
    names = [split.dataset.classes[i] for i in present]
    rates = noise_rates(labels, among, blocks, names=names, doubtful=doubtful, seed=seed)
    return Findings(split, shares, scores, doubtful, rates, blocks)


def blocks_of(split: datasets.Split, *, folds: int, block_deg: float | None = None) -> np.ndarray:
    """str[n]: the spatial block of each example; its own key where the dataset does not say where it lies.

    Raises:
      errors.InputError: if there are fewer blocks than folds, or `block_deg` is given where there are no places.
    """
    if not FEWEST_FOLDS <= folds <= len(split):
        raise errors.InputError(
            f"--folds: expected {FEWEST_FOLDS} to {len(split)}, the number of examples; received {folds}. Give another."
        )
    if block_deg is not None and not SMALLEST_BLOCK_DEG <= block_deg <= LARGEST_BLOCK_DEG:
        raise errors.InputError(
            f"--block: expected the side of a block in degrees, {SMALLEST_BLOCK_DEG} to {LARGEST_BLOCK_DEG}; "
            f"received {block_deg}. Give another."
        )
    if not places.are_known(split):
        if block_deg is not None:
            raise errors.InputError(
                f"--block: {split.dataset.full_name} does not say where its examples lie, so each is a block of its "
                "own. Leave --block out."
            )
        return split.keys
    blocks = (
        places.blocks_of(split, block_deg)
        if block_deg
        else places.largest_blocks(split, lambda count: count >= folds * BLOCKS_PER_FOLD)
    )
    if blocks.count < folds:
        raise errors.InputError(
            f"{blocks.count} blocks of {blocks.side_deg} degrees hold the examples; {folds} folds need at least as "
            "many. Give fewer --folds or a smaller --block."
        )
    return blocks.names


def folds_of(blocks: np.ndarray, labels: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """int64[n]: the fold of each example. A block lies in one fold; every class is spread over the folds evenly."""
    names, block = np.unique(blocks, return_inverse=True)
    counts = np.zeros((len(names), labels.max() + 1))
    np.add.at(counts, (block, labels), 1)
    shares = counts / counts.sum(axis=0).clip(1)
    stream = hashing.stream(seed, "fold")
    order = sorted(range(len(names)), key=lambda i: (-counts[i].sum(), hashing.text_bits(stream, str(names[i]))))
    filled = np.zeros((folds, counts.shape[1]))
    fold_of_block = np.zeros(len(names), np.int64)
    for i in order:
        # The fold whose squared shares grow least: classes that are full there push a block elsewhere.
        fold_of_block[i] = np.argmin((2 * filled + shares[i]) @ shares[i])
        filled[fold_of_block[i]] += shares[i]
    return fold_of_block[block]


def out_of_fold(
    inputs: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    *,
    classes: int,
    settings: training_settings.TrainingSettings,
) -> np.ndarray:
    """float64[n, class]: for each example the probabilities of a head that did not see its fold."""
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


def noise_rates(
    labels: np.ndarray,
    shares: np.ndarray,
    blocks: np.ndarray,
    *,
    names: Sequence[str],
    doubtful: np.ndarray,
    seed: int = 0,
) -> tuple[Rate, ...]:
    """The noise rate of each class, from the confident joint; percentile intervals from blocks drawn again.

    Draws say nothing where no wrong label was found (or nothing else), or where a class lies in one block: there the
    interval is widened to Wilson's, of as many samples as blocks hold the class.
    """
    joint = cleanlab.count.compute_confident_joint(labels, shares)
    rates = _wrong_shares(labels, shares, len(names))
    again = _drawn_again(blocks, hashing.stream(seed, "noise rate"))
    drawn = np.stack([_wrong_shares(labels[chosen], shares[chosen], len(names)) for chosen in again])
    found = np.bincount(labels[doubtful], minlength=len(names))
    rather = np.where(np.eye(len(names), dtype=bool), -1, joint).argmax(axis=1)
    described = []
    for i, name in enumerate(names):
        low, high = _interval(float(rates[i]), drawn[:, i], blocks=len(np.unique(blocks[labels == i])))
        described.append(
            Rate(
                label=name,
                examples=int((labels == i).sum()),
                rate=float(rates[i]),
                low=low,
                high=high,
                doubtful=int(found[i]),
                mostly=names[rather[i]] if rates[i] > 0 else "",
            )
        )
    return tuple(described)


def _drawn_again(blocks: np.ndarray, stream: int) -> Iterator[np.ndarray]:
    """int64[example]: the examples of as many blocks as there are, drawn with replacement; `DRAWS` times."""
    _, block = np.unique(blocks, return_inverse=True)
    members = np.argsort(block, kind="stable")
    ends = np.cumsum(np.bincount(block))
    starts = ends - np.bincount(block)
    for draw in range(DRAWS):
        keys = np.arange(len(ends), dtype=np.uint64) + np.uint64(draw * len(ends))
        chosen = (hashing.uniform(stream, keys) * len(ends)).astype(np.int64)
        yield np.concatenate([members[starts[b] : ends[b]] for b in chosen])


def _wrong_shares(labels: np.ndarray, shares: np.ndarray, classes: int) -> np.ndarray:
    """float64[class]: off-diagonal share of each row (given label) of the confident joint; NaN for absent classes."""
    present = np.unique(labels)  # cleanlab wants every class to occur
    among = shares[:, present] / shares[:, present].sum(axis=1, keepdims=True)
    joint = cleanlab.count.compute_confident_joint(np.searchsorted(present, labels), among)
    wrong = np.full(classes, np.nan)
    wrong[present] = 1 - np.diag(joint) / joint.sum(axis=1).clip(1)
    return wrong


def _interval(rate: float, drawn: np.ndarray, *, blocks: int) -> tuple[float, float]:
    """Percentiles of `drawn`, or what Wilson says of `rate` in so many blocks where the draws do not vary."""
    known = drawn[np.isfinite(drawn)]
    low, high = np.percentile(known, [2.5, 97.5]).tolist() if len(known) else (rate, rate)
    if 0.0 < rate < 1.0 and low < high:
        return min(low, rate), max(high, rate)
    least, most = intervals.wilson(rate, blocks)
    return min(low, least), max(high, most)


def reason(given: str, suggested: str, share_given: float, share_suggested: float) -> str:
    """Why a label is doubtful, in words."""
    if share_suggested >= SURE:
        return f"looks like {suggested} ({share_suggested:.0%}), hardly like {given} ({share_given:.0%})"
    return f"between {suggested} ({share_suggested:.0%}) and {given} ({share_given:.0%})"


def rows_of(findings: Findings) -> list[dict[str, Any]]:
    """One row per doubtful example, the worst first."""
    split, classes = findings.split, findings.split.dataset.classes
    rows = []
    for i in findings.doubtful:
        given, suggested = int(split.labels[i]), int(findings.shares[i].argmax())
        share_given, share_suggested = findings.shares[i, given], findings.shares[i, suggested]
        rows.append(
            {
                "key": split.keys[i],
                "split": split.name,
                "label": classes[given],
                "suggested": classes[suggested],
                "score": round(float(findings.scores[i]), 6),
                "probability_of_label": round(float(share_given), 6),
                "probability_of_suggested": round(float(share_suggested), 6),
                "weight": round(float(share_given), 6),
                "block": findings.blocks[i],
                "reason": reason(classes[given], classes[suggested], share_given, share_suggested),
            }
        )
    return rows


def write(findings: Findings, out: pathlib.Path, *, size_px: int, overwrite: bool = False) -> pathlib.Path:
    """Writes doubtful.csv, noise_rates.csv, noise.json and doubtful.png into the folder `out`; returns it.

    Raises:
      errors.RefusedOverwrite: if it exists and `overwrite` is false.
    """
    split = findings.split
    rates = [dataclasses.asdict(rate) for rate in findings.rates]
    summary = {
        "dataset": split.dataset.full_name,
        "split": split.name,
        "split_sha256": split.digest,
        "examples": len(split),
        "doubtful": len(findings.doubtful),
        "rates": rates,
    }
    with atomic.folder(out, overwrite=overwrite) as temporary:
        _write_csv(temporary / DOUBTFUL, rows_of(findings), _DOUBTFUL_COLUMNS)
        _write_csv(temporary / RATES, rates, [f.name for f in dataclasses.fields(Rate)])
        (temporary / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        draw_sheet(findings, temporary / SHEET, size_px=size_px)
    return out


_DOUBTFUL_COLUMNS = (
    "key", "split", "label", "suggested", "score", "probability_of_label", "probability_of_suggested", "weight",
    "block", "reason",
)  # fmt: skip


def draw_sheet(findings: Findings, path: pathlib.Path, *, size_px: int) -> None:
    """A sheet of the worst chips: given label, suggested label, and how sure."""
    import matplotlib.figure

    worst = findings.doubtful[: SHEET_COLUMNS * SHEET_ROWS]
    ascending = np.sort(worst)
    chips = dict(zip(ascending.tolist(), batches.pictures(findings.split, ascending.tolist(), size_px), strict=True))
    rows = max(1, -(-len(worst) // SHEET_COLUMNS))
    figure = matplotlib.figure.Figure(figsize=(SHEET_COLUMNS * 1.7, rows * 2.15 + 0.4), layout="constrained")
    title = f"{len(worst)} of {len(findings.doubtful)} doubtful labels: given -> suggested (probability)"
    figure.suptitle(title if len(worst) else "no doubtful labels", fontsize=11)
    described = rows_of(findings)[: len(worst)]
    for axes, i, row in zip(figure.subplots(rows, SHEET_COLUMNS, squeeze=False).flat, worst, described, strict=False):
        axes.imshow(chips[int(i)])
        sure, key = row["probability_of_suggested"], str(row["key"])[-KEY_SHOWN:]
        axes.set_title(f"{row['label']}\n-> {row['suggested']} ({sure:.2f})\n{key}", fontsize=6.5)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.savefig(path, dpi=150)


def _write_csv(path: pathlib.Path, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(columns))
        table.writeheader()
        table.writerows(rows)
