"""python -m refine demo | train | compare | accuracy | noise | map | report: from a dataset to a refined map."""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from builder import command_line, errors, output_folders
from builder.command_line import path
from refine.network import process
from refine.samples import backends

if TYPE_CHECKING:
    from refine.training import training_settings

DESCRIPTION = """From a released dataset to a refined map with receipts.

The usual road:
  python -m refine train --dataset globeland_samples/rough:1.0.0 --data_dir DATA --strategy first-layer --out MODEL
  python -m refine map --model MODEL --base n49_30_2010lc030.tif --frame FRAME --out refined.tif
  python -m refine report --map refined.tif --frame FRAME --out report.html
"""
EXIT_CODES = "exit codes: 0 done, 1 failed, 2 wrong use or input, 3 done with gaps, 130 interrupted"
if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    # TensorFlow tells of every accelerator that it does not find; its errors that matter are raised.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    backends.choose()
    process.suit_networks()
    return command_line.run(_parser(), argv, extra="refine")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m refine",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_demo, _add_train, _add_compare, _add_accuracy, _add_noise, _add_map, _add_report):
        add(commands)
    return parser


def _add_demo(commands: Commands) -> None:
    p = commands.add_parser("demo", help="the whole road on a generated world, ending in a report", allow_abbrev=False)
    p.add_argument("folder", type=path, metavar="DIR", help="folder to write; an unfinished one is gone on with")
    p.add_argument("--weights", default="none", metavar="none|imagenet|FILE", help="start of the network (%(default)s)")
    p.add_argument("--seed", type=int, default=0, help="another seed is another world (%(default)s)")
    p.set_defaults(run=_demo)


def _add_dataset(p: argparse.ArgumentParser, *, both_of: str | None = None) -> None:
    """Which dataset; with `both_of` the default name of one whose configs are compared."""
    p.add_argument(
        "--dataset",
        required=both_of is None,
        default=both_of,
        metavar="NAME/CONFIG:VERSION" if both_of is None else "NAME",
        help="a TFDS dataset with image and label, or a folder of images by class"
        if both_of is None
        else "a TFDS dataset with image and label; its configs rough and accurate are compared (%(default)s)",
    )
    p.add_argument("--data_dir", type=path, metavar="DIR", help="where `tfds build --data_dir` wrote it")
    p.add_argument("--labels", type=path, metavar="FILE", help="CSV label,class that maps labels to classes")


def _add_network(p: argparse.ArgumentParser, *, seed: str = "of order, views and dropout (%(default)s)") -> None:
    """The network, and how a head is fitted to its features."""
    p.add_argument(
        "--weights",
        default="imagenet",
        metavar="imagenet|none|FILE",
        help="FILE: Keras weights of InceptionV3 without top (%(default)s)",
    )
    p.add_argument(
        "--size",
        type=int,
        default=299,
        dest="size_px",
        metavar="PX",
        help="side of the input, 75 or more (%(default)s)",
    )
    p.add_argument("--batch-size", type=int, default=32, metavar="N", help="chips per step (%(default)s)")
    p.add_argument("--learning-rate", type=float, default=1e-3, metavar="R", help="of the head (%(default)s)")
    p.add_argument("--precision", choices=("float32", "mixed_bfloat16", "mixed_float16"), default="float32")
    p.add_argument("--devices", type=int, metavar="N", help="accelerators to use (all)")
    p.add_argument("--seed", type=int, default=0, help=seed)


def _add_learning(p: argparse.ArgumentParser, *, epochs: str = "at most (200 for logits, 30 for first-layer)") -> None:
    _add_network(p)
    p.add_argument("--batch-norm", choices=("frozen", "train"), help="frozen with pretrained weights, train with none")
    p.add_argument("--epochs", type=int, metavar="N", help=epochs)
    p.add_argument(
        "--warmup-epochs", type=int, default=20, metavar="N", help="of the head before first-layer (%(default)s)"
    )
    p.add_argument(
        "--base-share", type=float, default=0.1, metavar="S", help="rate of the base, as a share (%(default)s)"
    )
    p.add_argument(
        "--patience", type=int, default=8, metavar="N", help="epochs without progress that end it (%(default)s)"
    )
    p.add_argument(
        "--views", type=int, choices=(1, 8), default=1, help="views whose features logits keeps (%(default)s)"
    )
    p.add_argument("--loss", choices=("cross-entropy", "smoothing", "generalized"), default="cross-entropy")
    p.add_argument("--smoothing", type=float, default=0.1, metavar="S", help="of --loss smoothing (%(default)s)")
    p.add_argument("--q", type=float, default=0.7, help="of --loss generalized (%(default)s)")
    p.add_argument("--weigh-by", default="", metavar="votes,purity", help="features whose product weighs the examples")
    p.add_argument("--validation-share", type=float, metavar="S", help="of train, where there is no validation split")


def _add_train(commands: Commands) -> None:
    p = commands.add_parser("train", help="train a model by one strategy", allow_abbrev=False)
    _add_dataset(p)
    p.add_argument("--strategy", choices=("logits", "first-layer"), required=True, help="what learns: the head, or all")
    _add_learning(p)
    doubtful = p.add_mutually_exclusive_group()
    doubtful.add_argument("--without-doubtful", type=path, metavar="FILE", help="leave out what `noise` lists")
    doubtful.add_argument("--weight-by", type=path, metavar="FILE", help="weigh by the table of `noise`")
    p.add_argument(
        "--export",
        type=lambda text: tuple(text.split(",")),
        default=(),
        metavar="saved_model,onnx",
        help="also write MODEL/saved_model and MODEL/model.onnx, with the preprocessing inside",
    )
    p.add_argument("--out", type=path, required=True, metavar="MODEL", help="model folder to write")
    p.add_argument("--overwrite", action="store_true", help="replace MODEL")
    p.set_defaults(run=_train)


def _add_compare(commands: Commands) -> None:
    p = commands.add_parser("compare", help="the four strategies on one test split", allow_abbrev=False)
    _add_dataset(p, both_of="globeland_samples")
    p.add_argument("--version", metavar="X.Y.Z", help="of the dataset (the newest)")
    p.add_argument("--split", default="test", help="test split to judge on (%(default)s)")
    _add_learning(p, epochs="of first-layer, at most (30)")
    p.add_argument("--logits-epochs", type=int, metavar="N", help="of logits, at most (200)")
    p.add_argument("--out", type=path, required=True, metavar="DIR", help="folder of models, table and figure")
    p.set_defaults(run=_compare)


def _add_accuracy(commands: Commands) -> None:
    p = commands.add_parser(
        "accuracy", help="estimates from a confusion matrix or a sample, and a linter", allow_abbrev=False
    )
    p.add_argument("--matrix", type=path, metavar="M.csv", help="counts; rows map, columns reference")
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
    p.add_argument("--model", type=path, metavar="MODEL", help="judge a model instead, on a split of a dataset")
    p.add_argument("--dataset", metavar="NAME/CONFIG:VERSION", help="of --model (what it was trained on)")
    p.add_argument("--data_dir", type=path, metavar="DIR", help="where that dataset lies")
    p.add_argument("--labels", type=path, metavar="FILE", help="CSV label,class that maps its labels to classes")
    p.add_argument("--split", metavar="SPLIT", help="of that dataset (test)")
    p.add_argument("--level", type=float, default=0.95, metavar="P", help="of all intervals (%(default)s)")
    p.add_argument("--draws", type=int, default=2000, metavar="N", help="of the bootstrap, 0 for none (%(default)s)")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of the bootstrap (%(default)s)")
    p.add_argument("--json", action="store_true", help="print JSON")
    p.set_defaults(run=_accuracy)


def _add_noise(commands: Commands) -> None:
    p = commands.add_parser("noise", help="find doubtful labels", allow_abbrev=False)
    _add_dataset(p)
    p.add_argument("--split", default="train", help="split to look at (%(default)s)")
    _add_network(p, seed="of folds and dropout (%(default)s)")
    p.add_argument("--folds", type=int, default=5, metavar="N", help="heads, each on the other folds (%(default)s)")
    p.add_argument(
        "--block",
        type=float,
        dest="block_deg",
        metavar="DEG",
        help="side of the blocks that fill the folds, in degrees (the largest of 1 to 0.02 that gives 10 a fold)",
    )
    p.add_argument("--out", type=path, required=True, metavar="DIR", help="folder of table and sheet")
    p.add_argument("--overwrite", action="store_true", help="replace DIR")
    p.set_defaults(run=_noise)


def _add_map(commands: Commands) -> None:
    p = commands.add_parser(
        "map",
        help="reclassify the inconsistent cells of a base map",
        description="Reclassifies the inconsistent cells of one GlobeLand30 tile, or of many through Beam. Options of "
        "Beam (--runner, --direct_num_workers ...) apply to many tiles.",
        allow_abbrev=False,
    )
    p.add_argument("--model", type=path, required=True, metavar="MODEL", help="folder written by `train`")
    p.add_argument("--base", type=path, required=True, nargs="+", metavar="FILE", help="GlobeLand30 tile(s) to refine")
    p.add_argument("--frame", type=path, required=True, metavar="FRAME", help="says which cells, which imagery")
    p.add_argument(
        "--out",
        type=path,
        required=True,
        metavar="FILE",
        help="GeoTIFF to write, on the base's grid; for several tiles the folder of their maps",
    )
    region = p.add_mutually_exclusive_group()
    region.add_argument(
        "--bbox", type=command_line.bbox, metavar="W,S,E,N", help="region in degrees, EPSG:4326; W > E crosses 180"
    )
    region.add_argument("--aoi", type=path, metavar="FILE", help="region as polygons, any CRS")
    p.add_argument("--include-undetermined", action="store_true", help="reclassify undetermined cells too")
    p.add_argument(
        "--base-trust",
        type=float,
        default=0.5,
        metavar="P",
        help="how likely the base is right where products disagree, which the picture must outweigh (%(default)s)",
    )
    p.add_argument(
        "--min-confidence", type=float, default=0.5, metavar="P", help="keep the base below it (%(default)s)"
    )
    p.add_argument(
        "--engine", choices=("keras", "onnxruntime"), default="keras", help="what runs the model (%(default)s)"
    )
    p.add_argument("--overwrite", action="store_true", help="replace FILE")
    p.set_defaults(run=_map, passes_beam_options=True)


def _add_report(commands: Commands) -> None:
    p = commands.add_parser("report", help="one HTML page about map, models and data", allow_abbrev=False)
    p.add_argument("--map", type=path, metavar="FILE", help="refined map written by `map`")
    p.add_argument("--base", type=path, metavar="FILE", help="the base map before")
    p.add_argument("--frame", type=path, metavar="FRAME", help="sampling frame")
    p.add_argument("--comparison", type=path, metavar="DIR", help="folder written by `compare`")
    p.add_argument("--noise", type=path, metavar="DIR", help="folder written by `noise`")
    p.add_argument("--dataset", metavar="NAME/CONFIG:VERSION", help="for the sheets of samples")
    p.add_argument("--data_dir", type=path, metavar="DIR", help="where the dataset lies")
    p.add_argument("--note", action="append", default=[], metavar="TEXT", help="a sentence to print at the top")
    p.add_argument("--out", type=path, required=True, metavar="FILE", help="HTML file to write")
    p.add_argument("--overwrite", action="store_true", help="replace FILE")
    p.set_defaults(run=_report)


def _settings(args: argparse.Namespace, **more: Any) -> training_settings.TrainingSettings:
    """The training settings among the arguments."""
    from refine.network import losses
    from refine.training import training_settings

    names = {field.name for field in dataclasses.fields(training_settings.TrainingSettings)} - {"loss", "weigh_by"}
    given = {name: value for name, value in vars(args).items() if name in names}
    weigh_by = tuple(name for name in args.weigh_by.split(",") if name)
    loss = losses.Loss(args.loss, args.smoothing, args.q)
    return training_settings.TrainingSettings(**(given | {"loss": loss, "weigh_by": weigh_by} | more))


def _train(args: argparse.Namespace) -> int:
    from refine.export import exporting
    from refine.judging import compare
    from refine.samples import datasets
    from refine.training import learning_set, train_model

    exporting.check_exports(args.export)
    dataset = datasets.open_dataset(args.dataset, data_dir=args.data_dir, labels=args.labels)
    settings = _settings(args)
    given = learning_set.learning_set_of(
        dataset, settings, without_doubtful=args.without_doubtful, weight_by=args.weight_by
    )
    if args.export and not args.overwrite:  # a MODEL that is finished is only exported
        compare.train_once(given, settings, args.out, features_root=args.out.parent / "features")
    else:
        train_model.train(given, settings, args.out, overwrite=args.overwrite)
    for written in (args.out, *exporting.export_all(args.out, args.export)):
        print(written)
    return command_line.DONE_WITH_GAPS if train_model.is_broken(exporting.read_record(args.out)) else command_line.DONE


def _compare(args: argparse.Namespace) -> int:
    from refine.artefacts import comparison
    from refine.judging import compare
    from refine.samples import datasets
    from refine.training import training_settings

    if "/" in args.dataset or ":" in args.dataset:
        raise errors.InputError(
            f"--dataset: expected the NAME of a prepared dataset, whose configs rough and accurate are compared; "
            f"received {args.dataset!r}. Give the name alone, and --version X.Y.Z for another than the newest."
        )
    version = f":{args.version}" if args.version else ""
    compared = {
        kind: datasets.open_dataset(f"{args.dataset}/{kind}{version}", data_dir=args.data_dir, labels=args.labels)
        for kind in ("rough", "accurate")
    }
    compare.check_versions(compared)
    both = [
        _settings(args, strategy=training_settings.FIRST_LAYER),
        _settings(args, strategy=training_settings.LOGITS, epochs=args.logits_epochs),
    ]
    test = compared["rough"].split(args.split, columns=compare.test_columns(compared["rough"]))
    result = compare.compare(compared, both, args.out, test=test)
    print((args.out / comparison.MARKDOWN).read_text(encoding="utf-8"))
    return command_line.DONE_WITH_GAPS if result.is_broken else command_line.DONE


def _accuracy(args: argparse.Namespace) -> int:
    from refine.accuracy import accuracy_options, command

    options = command_line.fields_of(args, accuracy_options.AccuracyOptions)
    accuracy_options.check_options(options, judges_model=args.model is not None)
    if args.model is None:
        if of_model := [name for name in ("dataset", "data_dir", "labels", "split") if getattr(args, name) is not None]:
            raise errors.InputError(
                f"{', '.join(f'--{name}' for name in of_model)}: expected with --model MODEL, which is judged on a "
                "dataset. Give --model, or leave it out."
            )
        return command.run(options, as_json=args.json)
    from refine.judging import model_sample

    sample = model_sample.sample_of_model(
        args.model, dataset=args.dataset, data_dir=args.data_dir, split=args.split or "test", labels=args.labels
    )
    return command.run(options, judged_sample=sample, as_json=args.json)


def _noise(args: argparse.Namespace) -> int:
    from refine.artefacts import noise_summary
    from refine.judging import noise, noise_files
    from refine.samples import datasets
    from refine.training import training_settings

    output_folders.check(args.out, noise_summary.FOLDER, overwrite=args.overwrite)
    names = {field.name for field in dataclasses.fields(training_settings.TrainingSettings)}
    settings = training_settings.TrainingSettings(
        **{name: value for name, value in vars(args).items() if name in names}
    )
    dataset = datasets.open_dataset(args.dataset, data_dir=args.data_dir, labels=args.labels)
    split = dataset.split(args.split, columns=noise.place_columns(dataset))
    root = args.out.parent / "features"
    found = noise.find(split, settings, features_root=root, folds=args.folds, block_deg=args.block_deg)
    print(noise_files.write(found, args.out, size_px=args.size_px, overwrite=args.overwrite))
    return command_line.DONE


def _report(args: argparse.Namespace) -> int:
    from refine.report import report

    names = {field.name for field in dataclasses.fields(report.ReportRequest)} - {"note"}
    given = {name: value for name, value in vars(args).items() if name in names}
    print(report.write(report.ReportRequest(**given, note=tuple(args.note))))
    return command_line.DONE


def _demo(args: argparse.Namespace) -> int:
    from refine import demo
    from refine.network import weights_file

    if (weights := pathlib.Path(args.weights)).is_file():  # not after the minutes that world and dataset take
        weights_file.check(weights, parameters=weights_file.INCEPTION_V3)
    demo.run(args.folder, weights=args.weights, seed=args.seed)
    return command_line.DONE


def _map(args: argparse.Namespace) -> int:
    from refine.mapping import reclassify, refine_map

    names = {field.name for field in dataclasses.fields(refine_map.MapRequest)} - {"base", "out"}
    given = {name: value for name, value in vars(args).items() if name in names}
    if len(args.base) > 1 or args.out.is_dir():
        from refine.mapping import tiles

        requests = [refine_map.MapRequest(base=base, out=tiles.out_of(args.out, base), **given) for base in args.base]
        summary = tiles.refine_tiles(requests, args.beam_options)
    elif args.beam_options:
        raise errors.InputError(
            f"unrecognized arguments: {' '.join(args.beam_options)}. Options of Beam apply to several --base tiles."
        )
    else:
        summary = refine_map.refine_map(refine_map.MapRequest(base=args.base[0], out=args.out, **given))
    for value, pixels in sorted(summary.pixels.items()):
        print(f"{reclassify.PROVENANCE_TITLES[reclassify.Provenance(value)]:<42}{pixels:>12,} pixels")
    for reason, count in sorted(summary.refused.items()):
        print(f"no imagery: {reason:<30}{count:>12,} pixels")
    print(args.out)
    return command_line.DONE_WITH_GAPS if summary.refused else command_line.DONE


if __name__ == "__main__":
    sys.exit(main())
