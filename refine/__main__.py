"""python -m refine demo | train | compare | accuracy | noise | map | report: from a dataset to a refined map."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from builder import command_line, errors, output_folders
from refine import command_parsers
from refine.network import process
from refine.samples import backends

if TYPE_CHECKING:
    from refine.artefacts import refined_map
    from refine.training import training_settings

CONFIGS = ("rough", "accurate")  # what `compare` compares


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    # TensorFlow prints a line for every accelerator that it does not find; its errors that matter are raised.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    backends.choose()
    process.suit_networks()
    return command_line.run(parser(), argv, extra="refine")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    return command_parsers.parser_of(
        {
            "demo": _demo,
            "train": _train,
            "compare": _compare,
            "accuracy": _accuracy,
            "noise": _noise,
            "map": _map,
            "report": _report,
        }
    )


def _settings(args: argparse.Namespace, **more: Any) -> training_settings.TrainingSettings:
    """The training settings among the arguments; `more` comes before them."""
    from refine.network import losses
    from refine.training import training_settings

    loss = command_line.fields_of(args, losses.Loss)
    return command_line.fields_of(args, training_settings.TrainingSettings, **({"loss": loss} | more))


def _demo(args: argparse.Namespace) -> int:
    from refine import demo
    from refine.network import weights_file

    if (weights := pathlib.Path(args.weights)).is_file():  # checked before the minutes that world and dataset take
        weights_file.check(weights, parameters=weights_file.INCEPTION_V3)
    demo.run(args.folder, weights=args.weights, seed=args.seed)
    return command_line.DONE


def _train(args: argparse.Namespace) -> int:
    from refine.export import formats
    from refine.samples import datasets
    from refine.training import learning_set, train_model

    output_folders.check_place(args.out, option="--out")  # before the dataset is read
    formats.check_formats(args.export)
    dataset = datasets.open_dataset(args.dataset, data_dir=args.data_dir, labels=args.labels)
    settings = _settings(args)
    given = learning_set.learning_set_of(
        dataset, settings, without_doubtful=args.without_doubtful, weight_by=args.weight_by
    )
    if args.export and not args.overwrite:  # a MODEL that is finished is only exported
        trained = train_model.train_once(given, settings, args.out)
    else:
        trained = train_model.train(given, settings, args.out, overwrite=args.overwrite)
    for written in (args.out, *formats.export(trained.folder, args.export)):
        print(written)
    return command_line.DONE_WITH_GAPS if train_model.is_broken(trained.folder.record) else command_line.DONE


def _compare(args: argparse.Namespace) -> int:
    from refine.artefacts import comparison
    from refine.judging import compare
    from refine.samples import datasets
    from refine.training import training_settings

    if "/" in args.dataset or ":" in args.dataset:
        raise errors.InputError(
            f"--dataset: expected the NAME of a prepared dataset, whose configs {' and '.join(CONFIGS)} are compared; "
            f"received {args.dataset!r}. Give the name alone, and --version X.Y.Z for another than the newest."
        )
    version = f":{args.version}" if args.version else ""
    compared = {
        config: datasets.open_dataset(f"{args.dataset}/{config}{version}", data_dir=args.data_dir, labels=args.labels)
        for config in CONFIGS
    }
    compare.check_versions(compared)
    both = [
        _settings(args, strategy=training_settings.FIRST_LAYER),
        _settings(args, strategy=training_settings.LOGITS, epochs=args.logits_epochs),
    ]
    test = compared[CONFIGS[0]].split(args.split)
    result = compare.compare(compared, both, args.out, test=test)
    print((args.out / comparison.MARKDOWN).read_text(encoding="utf-8"))
    return command_line.DONE_WITH_GAPS if result.is_broken else command_line.DONE


def _accuracy(args: argparse.Namespace) -> int:
    from refine.accuracy import accuracy_options, command

    options = command_line.fields_of(args, accuracy_options.AccuracyOptions)
    accuracy_options.check_options(options, judges_model=args.model is not None)
    if args.model is None:
        of_model = {"dataset": args.dataset, "data_dir": args.data_dir, "labels": args.labels, "split": args.split}
        if given := [f"--{name}" for name, value in of_model.items() if value is not None]:
            raise errors.InputError(
                f"{', '.join(given)}: expected with --model MODEL, which is judged on a dataset. Give --model, or "
                "leave it out."
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

    output_folders.check(args.out, noise_summary.FOLDER, overwrite=args.overwrite)
    settings = _settings(args)
    dataset = datasets.open_dataset(args.dataset, data_dir=args.data_dir, labels=args.labels)
    root = args.out.parent / "features"
    found = noise.find(
        dataset.split(args.split), settings, features_root=root, folds=args.folds, block_deg=args.block_deg
    )
    print(noise_files.write(found, args.out, size_px=settings.size_px, overwrite=args.overwrite))
    return command_line.DONE


def _map(args: argparse.Namespace) -> int:
    from refine.mapping import map_request, refine_map

    if len(args.base) > 1 or args.out.is_dir():
        from refine.mapping import tiles

        output_folders.check_place(args.out, option="--out")
        requests = [
            command_line.fields_of(args, map_request.MapRequest, base=base, out=tiles.out_of(args.out, base))
            for base in args.base
        ]
        summary = tiles.refine_tiles(requests, args.beam_options)
    elif args.beam_options:
        raise errors.InputError(
            f"unrecognized arguments: {' '.join(args.beam_options)}. Options of Beam apply to several --base tiles."
        )
    else:
        summary = refine_map.refine_map(command_line.fields_of(args, map_request.MapRequest, base=args.base[0]))
    _print_summary(summary)
    print(args.out)
    return command_line.DONE_WITH_GAPS if summary.refused else command_line.DONE


def _print_summary(summary: refined_map.MapSummary) -> None:
    from refine.artefacts import provenance

    for value, pixels in sorted(summary.pixels.items()):
        print(f"{provenance.Provenance(value).title:<42}{pixels:>12,} pixels")
    for reason, count in sorted(summary.refused.items()):
        print(f"no imagery: {reason:<30}{count:>12,} pixels")


def _report(args: argparse.Namespace) -> int:
    from refine.report import report

    print(report.write(command_line.fields_of(args, report.ReportRequest, note=tuple(args.note))))
    return command_line.DONE


if __name__ == "__main__":
    sys.exit(main())
