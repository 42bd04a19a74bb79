"""UC Merced Land Use: both strategies on real images, and what wrong labels cost and who wins it back.

    python benchmarks/uc_merced.py --out /tmp/uc_merced

Reads ../shared/data (images and weights) beside the checkout unless told otherwise. Every training is kept in --out and
taken up again after a kill; a finished one is not repeated. Writes OUT/results.json and prints it.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from refine import data, examples, strategies, training  # noqa: E402 - the checkout need not be installed

SHARED = ROOT.parent / "shared" / "data"
WEIGHTS = "inception_v3_imagenet_2015-12-05_notop.weights.h5"
SEED = 0


def settings(arguments: argparse.Namespace, strategy: str, size_px: int, **others: object) -> strategies.Settings:
    return strategies.Settings(
        strategy=strategy,
        weights=str(arguments.weights),
        size_px=size_px,
        validation_share=0.1,
        seed=SEED,
        **others,  # type: ignore[arg-type]
    )


def trained(dataset: data.Dataset, chosen: strategies.Settings, out: pathlib.Path) -> pathlib.Path:
    if not out.is_dir():
        training.train(examples.examples_of(dataset, chosen), chosen, out, features_root=out.parent / "features")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=pathlib.Path, default=SHARED / "images" / "ucmerced")
    parser.add_argument("--weights", type=pathlib.Path, default=SHARED / "weights" / WEIGHTS)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--logits-size", type=int, default=256, help="input size of `logits`, pixels")
    parser.add_argument("--size", type=int, default=192, help="input size of `first-layer`, pixels")
    parser.add_argument("--epochs", type=int, default=12, help="epochs of `first-layer` after its warm-up")
    arguments = parser.parse_args()
    dataset = data.open_dataset(str(arguments.images), data_dir=None)
    out = arguments.out
    trained(dataset, settings(arguments, "logits", arguments.logits_size), out / "logits")
    trained(dataset, settings(arguments, "first-layer", arguments.size, epochs=arguments.epochs), out / "first-layer")


if __name__ == "__main__":
    main()
