"""The options of `python -m refine`, command by command. Importing it is cheap.

Options that name a field of a request or of settings are left out of the parsed arguments unless they are given: their
defaults stand in those dataclasses alone, and the help texts print them from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from builder import command_line
from builder.command_line import path
from refine import option_groups
from refine.accuracy.accuracy_options import AccuracyOptions
from refine.mapping import engines
from refine.mapping.map_request import MapRequest
from refine.training import training_settings
from refine.training.training_settings import TrainingSettings

DESCRIPTION = """From a released dataset to a refined map with receipts.

The usual road:
  python -m refine train --dataset globeland_samples/rough:1.0.0 --data_dir DATA --strategy first-layer --out MODEL
  python -m refine map --model MODEL --base n49_30_2010lc030.tif --frame FRAME --out refined.tif
  python -m refine report --map refined.tif --frame FRAME --out report.html
"""
EXIT_CODES = "exit codes: 0 done, 1 failed, 2 wrong use or input, 3 done with gaps, 130 interrupted"
Command = Callable[[argparse.Namespace], int]


def parser_of(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The parser of the program; `commands` says what runs each command."""
    parser = argparse.ArgumentParser(
        "python -m refine",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (summary, description, add_options) in COMMANDS.items():
        p = subparsers.add_parser(
            name, help=summary, description=description, allow_abbrev=False, argument_default=argparse.SUPPRESS
        )
        add_options(p)
        p.set_defaults(run=commands[name])
    return parser


def _add_demo(p: argparse.ArgumentParser) -> None:
    p.add_argument("folder", type=path, metavar="DIR", help="folder to write; an unfinished demo in it is continued")
    p.add_argument(
        "--weights", default="none", metavar="none|imagenet|FILE", help="start of the network (default %(default)s)"
    )
    p.add_argument("--seed", type=int, default=0, help="seed of the generated world (default %(default)s)")


def _add_train(p: argparse.ArgumentParser) -> None:
    option_groups.add_dataset(p)
    p.add_argument(
        "--strategy",
        choices=training_settings.STRATEGIES,
        required=True,
        help="what learns: the head (logits), or all layers (first-layer)",
    )
    option_groups.add_learning(p)
    doubtful = p.add_mutually_exclusive_group()
    doubtful.add_argument(
        "--without-doubtful", type=path, default=None, metavar="FILE", help="table of `noise`: leave out its examples"
    )
    doubtful.add_argument(
        "--weight-by", type=path, default=None, metavar="FILE", help="table of `noise`: weigh examples by it"
    )
    p.add_argument(
        "--export",
        type=option_groups.names,
        default=(),
        metavar="saved_model,onnx",
        help="formats to write as well, MODEL/saved_model and MODEL/model.onnx, with the preprocessing inside",
    )
    p.add_argument("--out", type=path, required=True, metavar="MODEL", help="model folder to write")
    p.add_argument("--overwrite", action="store_true", default=False, help="replace MODEL")


def _add_compare(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--dataset",
        default="globeland_samples",
        metavar="NAME",
        help="TFDS dataset with image and label; its configs rough and accurate are compared (default %(default)s)",
    )
    option_groups.add_place_of_dataset(p)
    p.add_argument("--version", default=None, metavar="X.Y.Z", help="version of the dataset (default: the newest)")
    p.add_argument("--split", default="test", help="split on which the models are judged (default %(default)s)")
    first_layer = TrainingSettings(strategy=training_settings.FIRST_LAYER).most_epochs
    option_groups.add_learning(p, epochs=f"most epochs of first-layer (default {first_layer})")
    logits = TrainingSettings(strategy=training_settings.LOGITS).most_epochs
    p.add_argument(
        "--logits-epochs", type=int, default=None, metavar="N", help=f"most epochs of logits (default {logits})"
    )
    p.add_argument("--out", type=path, required=True, metavar="DIR", help="folder to write: models, table and figure")


def _add_accuracy(p: argparse.ArgumentParser) -> None:
    p.add_argument("--matrix", type=path, metavar="M.csv", help="confusion matrix: counts, rows map, columns reference")
    p.add_argument(
        "--areas",
        type=path,
        metavar="A.csv",
        help="class,area[,users]: mapped area of each class, guessed user's accuracy to plan with",
    )
    p.add_argument(
        "--sample", type=path, metavar="S.csv", help="map,reference[,stratum,inclusion_probability,block,map2]"
    )
    p.add_argument("--strata", type=path, metavar="T.csv", help="stratum,size: strata that are not map classes")
    p.add_argument("--strata-are-counts", action="store_true", help="sizes count sampling units, not area")
    p.add_argument("--printed-overall", metavar="X", help="overall accuracy as published, for the linter")
    p.add_argument("--printed-kappa", metavar="X", help="kappa as published, for the linter")
    p.add_argument("--wanted-error", type=float, metavar="E", help="standard error of overall accuracy to plan for")
    _add_judgement(p)
    _add_judged_model(p)


def _add_judgement(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--level", type=float, metavar="P", help=f"level of all intervals (default {AccuracyOptions.level:g})"
    )
    p.add_argument(
        "--draws",
        type=int,
        metavar="N",
        help=f"resamples of the bootstrap, 0 for none (default {AccuracyOptions.draws})",
    )
    p.add_argument("--seed", type=int, metavar="N", help=f"seed of the bootstrap (default {AccuracyOptions.seed})")
    p.add_argument("--json", action="store_true", default=False, help="print JSON")


def _add_judged_model(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--model", type=path, default=None, metavar="MODEL", help="model to judge instead, on a split of a dataset"
    )
    p.add_argument(
        "--dataset",
        default=None,
        metavar="NAME/CONFIG:VERSION",
        help="dataset to judge --model on (default: the one it was trained on)",
    )
    option_groups.add_place_of_dataset(p)
    p.add_argument("--split", default=None, metavar="SPLIT", help="split of that dataset (default test)")


def _add_noise(p: argparse.ArgumentParser) -> None:
    option_groups.add_dataset(p)
    p.add_argument("--split", default="train", help="split to look at (default %(default)s)")
    option_groups.add_network(p, seed="seed of the folds and of dropout")
    p.add_argument(
        "--folds", type=int, default=5, metavar="N", help="heads, each trained on the other folds (default %(default)s)"
    )
    p.add_argument(
        "--block",
        type=float,
        dest="block_deg",
        default=None,
        metavar="DEG",
        help="side in degrees of the blocks that fill the folds (default: the largest from 1 to 0.02 that gives ten "
        "blocks for each fold)",
    )
    p.add_argument("--out", type=path, required=True, metavar="DIR", help="folder to write: table and sheet")
    p.add_argument("--overwrite", action="store_true", default=False, help="replace DIR")


def _add_map(p: argparse.ArgumentParser) -> None:
    p.add_argument("--model", type=path, required=True, metavar="MODEL", help="folder written by `train`")
    p.add_argument("--base", type=path, required=True, nargs="+", metavar="FILE", help="GlobeLand30 tile(s) to refine")
    p.add_argument(
        "--frame", type=path, required=True, metavar="FRAME", help="sampling frame: which cells, and which imagery"
    )
    p.add_argument(
        "--out",
        type=path,
        required=True,
        metavar="FILE",
        help="GeoTIFF to write, on the base's grid; for several tiles the folder of their maps",
    )
    _add_region(p)
    p.add_argument("--include-undetermined", action="store_true", help="reclassify undetermined cells, too")
    p.add_argument(
        "--base-trust",
        type=float,
        metavar="P",
        help="probability that the base is right where products disagree, which the picture must outweigh "
        f"(default {MapRequest.base_trust:g})",
    )
    p.add_argument(
        "--min-confidence",
        type=float,
        metavar="P",
        help=f"probability below which a pixel keeps its class (default {MapRequest.min_confidence:g})",
    )
    p.add_argument("--engine", choices=engines.ENGINES, help=f"what runs the model (default {MapRequest.engine})")
    p.add_argument("--overwrite", action="store_true", help="replace FILE")
    p.set_defaults(passes_beam_options=True)


def _add_region(p: argparse.ArgumentParser) -> None:
    region = p.add_mutually_exclusive_group()
    region.add_argument(
        "--bbox", type=command_line.bbox, metavar="W,S,E,N", help="region in degrees, EPSG:4326; W > E crosses 180"
    )
    region.add_argument("--aoi", type=path, metavar="FILE", help="region as polygons, any CRS")


def _add_report(p: argparse.ArgumentParser) -> None:
    p.add_argument("--map", type=path, metavar="FILE", help="refined map written by `map`")
    p.add_argument("--base", type=path, metavar="FILE", help="base map that was refined")
    p.add_argument("--frame", type=path, metavar="FRAME", help="sampling frame")
    p.add_argument("--comparison", type=path, metavar="DIR", help="folder written by `compare`")
    p.add_argument("--noise", type=path, metavar="DIR", help="folder written by `noise`")
    p.add_argument("--dataset", metavar="NAME/CONFIG:VERSION", help="dataset for the sheets of samples")
    p.add_argument("--data_dir", type=path, metavar="DIR", help="folder that `tfds build --data_dir` wrote")
    p.add_argument(
        "--note", action="append", default=[], metavar="TEXT", help="sentence to print at the top; repeatable"
    )
    p.add_argument("--out", type=path, required=True, metavar="FILE", help="HTML file to write")
    p.add_argument("--overwrite", action="store_true", help="replace FILE")


MAP = """Reclassifies the inconsistent cells of one GlobeLand30 tile, or of many through Beam. Options of Beam
(--runner, --direct_num_workers ...) apply to many tiles."""
AddOptions = Callable[[argparse.ArgumentParser], None]
COMMANDS: Mapping[str, tuple[str, str | None, AddOptions]] = {  # name: summary, description, what adds the options
    "demo": ("the whole road on a generated world, ending in a report", None, _add_demo),
    "train": ("train a model by one strategy", None, _add_train),
    "compare": ("compare the four strategies on one test split", None, _add_compare),
    "accuracy": ("estimates from a confusion matrix or a sample, and a linter", None, _add_accuracy),
    "noise": ("find doubtful labels", None, _add_noise),
    "map": ("reclassify the inconsistent cells of a base map", MAP, _add_map),
    "report": ("one HTML page about map, models and data", None, _add_report),
}
