"""UC Merced Land Use: both strategies on real images, and what wrong labels cost and who wins it back.

    python -m benchmarks.uc_merced --out /tmp/uc_merced

Reads ../shared/data (images and weights) beside the checkout unless options name others; judges on the images' own
test split, 21 classes. Of train, a hashed tenth is held out for validation. Every training is kept in --out and
resumed after a kill; a finished one is not repeated. Writes OUT/results.json and prints it as Markdown.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from builder import hashing
from refine.accuracy import paired
from refine.artefacts import comparison
from refine.judging import compare, noise, noise_files
from refine.network import losses, process
from refine.samples import batches, datasets
from refine.training import learning_set, train_model, training_settings
from tests.worlds import checkout

SHARED = checkout.ROOT.parent / "shared" / "data"
WEIGHTS = "inception_v3_imagenet_2015-12-05_notop.weights.h5"
FLIPPED_SHARE = 0.1
FLIP_SEEDS = (0, 1, 2)
GENERALIZED = losses.Loss("generalized", q=0.7)
WANTED = {"logits": 0.90, "first-layer": 0.93}


@dataclasses.dataclass(frozen=True)
class Bench:
    """The images, where results go, and the settings that all trainings share."""

    dataset: datasets.Dataset
    out: pathlib.Path
    settings: training_settings.TrainingSettings

    @property
    def features_root(self) -> pathlib.Path:
        """Where features are kept."""
        return self.out / "features"

    def judged(
        self, name: str, given: learning_set.LearningSet, settings: training_settings.TrainingSettings
    ) -> compare.JudgedModel:
        """The training `name`, done unless it is there, judged on the test split."""
        loaded = train_model.train_once(given, settings, self.out / name, features_root=self.features_root)
        return compare.judge_model(name, loaded, self.dataset.split("test"), features_root=self.features_root)


def flipped(split: datasets.Split, seed: int) -> np.ndarray:
    """bool[n]: the tenth of the examples whose label is replaced."""
    return hashing.uniform(hashing.stream(seed, "flip"), batches.key_bits(split)) < FLIPPED_SHARE


def with_flips(split: datasets.Split, seed: int) -> datasets.Split:
    """`split` with a tenth of its labels replaced by any other class."""
    classes = len(split.dataset.classes)
    shift = 1 + hashing.bits(hashing.stream(seed, "flip to"), batches.key_bits(split)) % np.uint64(classes - 1)
    wrong = (split.labels + shift.astype(np.int64)) % classes
    return split.relabelled(np.where(flipped(split, seed), wrong, split.labels))


def without(given: learning_set.LearningSet, keys: np.ndarray) -> learning_set.LearningSet:
    train, validation = (s.where(~np.isin(s.keys, keys)) for s in (given.train, given.validation))
    return dataclasses.replace(given, train=train, validation=validation)


def weighed(given: learning_set.LearningSet, weights: Mapping[str, float]) -> learning_set.LearningSet:
    return dataclasses.replace(given, weights=np.array([weights.get(k, 1.0) for k in given.train.keys], np.float32))


def noisy_round(bench: Bench, seed: int) -> dict[str, Any]:
    """Overall accuracy of each cure on one draw of wrong labels, and how many of them were found."""
    settings = bench.settings
    clean = learning_set.learning_set_of(bench.dataset, settings)
    given = dataclasses.replace(
        clean, train=with_flips(clean.train, seed), validation=with_flips(clean.validation, seed)
    )
    whole = bench.dataset.split("train")
    findings = noise.find(with_flips(whole, seed), settings, features_root=bench.features_root)
    wrong, found = flipped(whole, seed), np.isin(np.arange(len(whole)), findings.doubtful)
    listed = {label.key: label.weight for label in noise_files.doubtful_labels(findings)}
    generalized = dataclasses.replace(settings, loss=GENERALIZED)
    cures = {
        "cross-entropy": (given, settings),
        "generalized": (given, generalized),
        "without doubtful": (without(given, np.array(list(listed))), settings),
        "weighed by doubt": (weighed(given, listed), settings),
        "without doubtful, generalized": (without(given, np.array(list(listed))), generalized),
    }
    judged = {name: bench.judged(f"flips-{seed}-{name.replace(' ', '-')}", *cure) for name, cure in cures.items()}
    return {
        "seed": seed,
        "flips": int(wrong.sum()),
        "listed": int(found.sum()),
        "recall": float((wrong & found).sum() / wrong.sum()),
        "precision": float((wrong & found).sum() / max(1, found.sum())),
        "overall": {name: model.strategy.overall.value for name, model in judged.items()},
    }


def strategy_row(strategy: comparison.Strategy) -> dict[str, Any]:
    return {
        "strategy": strategy.name,
        "overall": strategy.overall.value,
        "interval": [strategy.overall.low, strategy.overall.high],
        "kappa": strategy.kappa.value,
        "wanted": WANTED[strategy.strategy],
        "size_px": strategy.settings["size_px"],
        "epochs": strategy.epochs,
        "minutes": strategy.minutes,
        "images_per_s": strategy.images_per_s,
    }


def markdown(results: Mapping[str, Any]) -> str:
    lines = [
        "| strategy | overall accuracy | kappa | wanted | input | epochs | minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results["strategies"]:
        low, high = row["interval"]
        lines.append(
            f"| {row['strategy']} | {row['overall']:.3f} ({low:.3f}-{high:.3f}) | {row['kappa']:.3f} | "
            f"{row['wanted']} | {row['size_px']} px | {row['epochs']} | {row['minutes']:.1f} |"
        )
    lines += [""]
    for test in results["mcnemar"]:
        lines.append(
            f"McNemar, paired: only {test['first']} right {test['only_first']}, only {test['second']} right "
            f"{test['only_second']}, mid-p {test['p_mid']:.2g}, exact p {test['p_exact']:.2g}."
        )
    lines += [
        "",
        f"`logits` with {FLIPPED_SHARE:.0%} of the training labels (validation included) replaced, "
        f"{len(results['noisy'])} draws:",
        "",
        "| | overall accuracy, mean | each draw |",
        "|---|---|---|",
        f"| clean labels | {results['strategies'][0]['overall']:.3f} | |",
    ]
    for name in results["noisy"][0]["overall"]:
        values = [draw["overall"][name] for draw in results["noisy"]]
        lines.append(f"| {name} | {statistics.mean(values):.3f} | {', '.join(f'{v:.3f}' for v in values)} |")
    for measure in ("recall", "precision"):
        values = [draw[measure] for draw in results["noisy"]]
        lines.append(
            f"| {measure} of the flips | {statistics.mean(values):.3f} | {', '.join(f'{v:.3f}' for v in values)} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=pathlib.Path, default=SHARED / "images" / "ucmerced")
    parser.add_argument("--weights", type=pathlib.Path, default=SHARED / "weights" / WEIGHTS)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--logits-size", type=int, default=256, help="input size of `logits`, pixels")
    parser.add_argument("--size", type=int, default=192, help="input size of `first-layer`, pixels")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of `first-layer` after its warm-up")
    arguments = parser.parse_args()
    process.suit_networks()
    dataset = datasets.open_dataset(str(arguments.images), data_dir=None)
    settings = training_settings.TrainingSettings(
        strategy="logits", weights=str(arguments.weights), size_px=arguments.logits_size, validation_share=0.1
    )
    bench = Bench(dataset, arguments.out, settings)
    given = learning_set.learning_set_of(dataset, settings)
    head = bench.judged("logits", given, settings)
    turned = bench.judged("logits-8-views", given, dataclasses.replace(settings, views=batches.VIEWS))
    every_layer = bench.judged(
        "first-layer",
        given,
        dataclasses.replace(settings, strategy="first-layer", size_px=arguments.size, epochs=arguments.epochs),
    )
    reference = dataset.split("test").labels
    results = {
        "strategies": [strategy_row(model.strategy) for model in (head, turned, every_layer)],
        "mcnemar": [
            {"first": model.strategy.name, "second": every_layer.strategy.name}
            | dataclasses.asdict(paired.of_predictions(model.predicted, every_layer.predicted, reference))
            for model in (head, turned)
        ],
        "noisy": [noisy_round(bench, seed) for seed in FLIP_SEEDS],
    }
    (arguments.out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(markdown(results))


if __name__ == "__main__":
    main()
