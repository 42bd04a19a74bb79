"""python -m builder demo | points | chips | release | verify | diff | catalog: from maps to published samples."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Sequence

from builder import command_line, errors
from builder.command_line import path
from builder.frame import design

DESCRIPTION = """From land cover products to a sampling frame and its chips.

The usual steps:
  python -m builder points --products PRODUCTS --out FRAME --imagery imagery.toml
  tfds build datasets/globeland_samples --manual_dir FRAME --data_dir DATA
"""
EXIT_CODES = "exit codes: 0 done, 1 failed, 2 wrong use or input, 3 done with gaps, 130 interrupted"
BEAM_NOTE = "Further options go to Apache Beam, for instance --runner, --direct_num_workers, --direct_running_mode."


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    return command_line.run(_parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m builder",
        description=DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="show the version of the code and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_points(commands)
    _add_chips(commands)
    for add in (_add_release, _add_verify, _add_diff, _add_catalog):
        add(commands)
    return parser


class _Version(argparse.Action):
    """Prints the installed version; looked up only when asked for, since that reads package metadata."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from builder import code_version

        print(code_version.created_by())
        parser.exit()


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "demo",
        help="generate a region with products, imagery and truth, and draw a sampling frame from it",
        allow_abbrev=False,
    )
    p.add_argument("folder", type=path, metavar="DIR", help="folder to write")
    p.add_argument(
        "--size",
        choices=("tiny", "small"),
        default="small",
        help="size of the world: tiny takes seconds, small under a minute (default %(default)s)",
    )
    p.add_argument(
        "--seed", type=int, default=0, help="seed of the world: another seed is another world (default %(default)s)"
    )
    p.add_argument("--overwrite", action="store_true", help="replace the world in DIR, if nothing was added or changed")
    p.set_defaults(run=_demo)


def _add_points(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    # What is not given is left out of the arguments: the defaults stand in the requests and in the sampling design.
    p = commands.add_parser(
        "points",
        help="harmonize products, find where they agree, and draw a sampling frame",
        epilog=BEAM_NOTE,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--products", type=path, metavar="DIR", help="one folder per product, or a products.toml")
    source.add_argument(
        "--from",
        type=path,
        dest="points_file",
        metavar="FILE",
        help="take these points instead: CSV or GeoJSON with lon, lat, label",
    )
    p.add_argument("--out", type=path, required=True, metavar="FRAME", help="folder to write: the sampling frame")
    p.add_argument("--imagery", type=path, metavar="FILE", help="imagery.toml to put into the frame")
    p.add_argument("--dry-run", action="store_true", help="print what would be drawn, write nothing")
    p.add_argument("--overwrite", action="store_true", help="replace FRAME; its chips, reviews and imagery.toml stay")
    _add_number(p, "split_block_deg", "D", "side of a block in degrees")
    p.set_defaults(run=_points, passes_beam_options=True, of_drawing=_add_options_of_drawing(p))


def _add_options_of_drawing(p: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options that do not apply to given points."""
    area = p.add_mutually_exclusive_group()
    return [
        area.add_argument(
            "--bbox", type=command_line.bbox, metavar="W,S,E,N", help="region in degrees, EPSG:4326; W > E crosses 180"
        ),
        area.add_argument(
            "--aoi", type=path, metavar="FILE", help="region as polygons (GeoJSON, GeoPackage, shapefile), any CRS"
        ),
        p.add_argument(
            "--min-agreement", type=int, metavar="K", help="number of products that must agree (default all)"
        ),
        _add_number(p, "per_class", "N", "number of accepted train and validation chips per class"),
        _add_number(p, "test_per_stratum", "N", "number of accepted test chips per class and stratum"),
        _add_number(p, "validation_share", "S", "share of the blocks, 0..1, that goes to validation"),
        _add_number(p, "buffer_m", "M", "distance in metres between chips of different splits"),
        _add_number(p, "min_spacing_m", "M", "distance in metres between chips of one class"),
        _add_number(p, "reserve", "R", "points to rank per wanted chip, since imagery refuses many"),
        _add_number(p, "seed", "N", "seed of every random choice: another seed is another sample"),
    ]


def _add_number(p: argparse.ArgumentParser, name: str, metavar: str, text: str) -> argparse.Action:
    """Adds the flag of one number of the sampling design."""
    default = getattr(design.SamplingDesign, name)
    return p.add_argument(
        design.FLAGS[name], dest=name, type=type(default), metavar=metavar, help=f"{text} (default {default})"
    )


def _add_chips(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "chips",
        help="acquire the chips of a frame now (`tfds build` does it too)",
        epilog=BEAM_NOTE,
        allow_abbrev=False,
    )
    p.add_argument("--frame", type=path, required=True, metavar="FRAME", help="sampling frame written by `points`")
    p.set_defaults(run=_chips, passes_beam_options=True)


def _add_release(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "release", help="publish a built version with card, sums, index, both formats", allow_abbrev=False
    )
    p.add_argument("built", type=path, metavar="BUILT", help="DATA/globeland_samples/<config>/<version>")
    p.add_argument("--to", type=path, required=True, metavar="DIR", help="folder of all releases")
    p.add_argument("--url", default="", metavar="URL", help="where DIR will be found, for croissant.json and the card")
    p.add_argument(
        "--records",
        type=path,
        metavar="DIR",
        help="where to record the release (default: datasets/globeland_samples/releases of this checkout)",
    )
    p.add_argument("--overwrite", action="store_true", help="replace the version if DIR has it")
    p.set_defaults(run=_release)


def _add_verify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("verify", help="check a release: sums, counts, digest, splits, rules", allow_abbrev=False)
    p.add_argument("release", type=path, metavar="DIR", help=".../globeland_samples/<config>/<version>")
    p.set_defaults(run=_verify)


def _add_diff(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("diff", help="what changed between two versions, example by example", allow_abbrev=False)
    p.add_argument("before", type=path, metavar="A", help=".../globeland_samples/<config>/<version>")
    p.add_argument("after", type=path, metavar="B", help="another version")
    p.set_defaults(run=_diff)


def _add_catalog(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("catalog", help="write CATALOG.md: products, imagery, releases", allow_abbrev=False)
    p.add_argument(
        "--out",
        type=path,
        default=pathlib.Path("CATALOG.md"),
        metavar="FILE",
        help="file to write (%(default)s)",
    )
    p.add_argument(
        "--html",
        type=path,
        default=pathlib.Path("docs/catalog.html"),
        metavar="FILE",
        help="its twin to read in a browser (%(default)s)",
    )
    p.add_argument("--check", action="store_true", help="write nothing; leave with 1 if a page is not current")
    p.set_defaults(run=_catalog)


def _demo(args: argparse.Namespace) -> int:
    from builder.world import make_world

    make_world.run(args.folder, size=args.size, seed=args.seed, overwrite=args.overwrite)
    return command_line.DONE


def _points(args: argparse.Namespace) -> int:
    from builder.steps import make_frame

    if "points_file" in args:
        given = [action.option_strings[0] for action in args.of_drawing if action.dest in args]
        if unfit := [*given, *args.beam_options]:
            raise errors.InputError(
                f"--from: the points are given, so {', '.join(unfit)} do not apply. Leave them out."
            )
        make_frame.frame_of_given_points(command_line.fields_of(args, make_frame.GivenRequest))
        return command_line.DONE
    options = tuple(args.beam_options)
    request = command_line.fields_of(args, make_frame.FrameRequest, beam_options=options)
    size_m = make_frame.chip_size_m(request.imagery)
    # Which products there are, and how many must agree, is filled in when they are found.
    numbers = command_line.fields_of(args, design.SamplingDesign, products=(), min_agreement=0, chip_size_m=size_m)
    make_frame.make_frame(dataclasses.replace(request, design=numbers))
    return command_line.DONE


def _chips(args: argparse.Namespace) -> int:
    from builder.frame import frame
    from builder.steps import acquire_chips

    selection = acquire_chips.acquire(frame.Frame.open(args.frame, needs_imagery=True), beam_options=args.beam_options)
    has_gaps = any(tally.missing for tally in selection.counts.values())
    return command_line.DONE_WITH_GAPS if has_gaps else command_line.DONE


def _release(args: argparse.Namespace) -> int:
    from builder.release import catalog, release

    records = args.records or catalog.RELEASES
    released = release.release(args.built, args.to, url=args.url, record_in=records, overwrite=args.overwrite)
    for warning in released.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(released.folder)
    print(released.record)
    return command_line.DONE


def _verify(args: argparse.Namespace) -> int:
    from builder.release import verify

    faults = list(verify.faults(args.release))
    for fault in faults:
        print(fault)
    print(f"{args.release}: {f'{len(faults)} faults' if faults else 'sound'}")
    return command_line.FAILED if faults else command_line.DONE


def _diff(args: argparse.Namespace) -> int:
    from builder.release import diff

    for line in diff.between(args.before, args.after).lines():
        print(line)
    return command_line.DONE


def _catalog(args: argparse.Namespace) -> int:
    from builder.release import catalog

    pages = [args.out, args.html]
    if args.check:
        return command_line.DONE if all(map(catalog.is_current, pages)) else command_line.FAILED
    for page in pages:
        catalog.write(page)
    return command_line.DONE


if __name__ == "__main__":
    sys.exit(main())
