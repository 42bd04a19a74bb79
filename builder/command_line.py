"""Shared by all commands: exit codes, errors in words for the person at the terminal, and types of arguments."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import logging
import pathlib
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from builder import errors

DONE, FAILED, WRONG_INPUT, DONE_WITH_GAPS, INTERRUPTED = 0, 1, 2, 3, 130
NEGATIVE_LIST = re.compile(r"-[\d.]+,")


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None, *, extra: str = "build") -> int:
    """Parses `argv`, calls the chosen command's `run`, and returns its exit code.

    0 done, 1 failed, 2 wrong use or input, 3 done with gaps, 130 interrupted. A command that takes Beam options sets
    `passes_beam_options` on its parser and receives the arguments that nobody claimed as `args.beam_options`.
    `extra` of the project installs what the commands of `parser` need.
    """
    args, unknown = parser.parse_known_args(_with_negative_values(sys.argv[1:] if argv is None else argv))
    if unknown and not getattr(args, "passes_beam_options", False):
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.beam_options = unknown
    # Other packages log much at lower levels; our own progress goes through builder.progress.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    # Beam warns that Google's BigQuery client is missing, which nothing here uses.
    logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nothing half-written stays
    command: Callable[[argparse.Namespace], int] = args.run
    try:
        return command(args)
    except errors.InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept; run the same command again to go on.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return DONE
    except Exception as error:  # noqa: BLE001 - the last stop
        return _report(error, extra)


def _report(error: Exception, extra: str) -> int:
    """Prints an error that no check foresaw and returns its exit code; a fault of ours comes with its traceback."""
    if any(kind.__module__.startswith("rasterio.") for kind in type(error).__mro__):
        cause = str(error.__cause__ or error).rstrip(".")  # rasterio itself often says only that there is one
        print(f"error: a raster cannot be read: {cause}. Copy or write that file again.", file=sys.stderr)
        return WRONG_INPUT
    if isinstance(error, ModuleNotFoundError) and (missing := (error.name or "").partition(".")[0]) not in _OURS:
        wanted = _EXTRAS.get(missing, extra)
        print(
            f"error: this command needs the package {missing}, which is not installed: "
            f"pip install 'globeland[{wanted}]', or in a checkout pip install -e '.[{wanted}]'. "
            f"{_INSTEAD.get(missing, '')}".rstrip(),
            file=sys.stderr,
        )
        return WRONG_INPUT
    if isinstance(error, OSError):
        cure = _CURES.get(error.errno or 0)
        print(f"error: {error}{f'. {cure}' if cure else ''}", file=sys.stderr)
        return WRONG_INPUT if cure else FAILED
    traceback.print_exc()
    return FAILED


def _with_negative_values(argv: Sequence[str]) -> list[str]:
    """`argv` with `--bbox -10,40,...` as `--bbox=-10,40,...`: argparse takes the value for an option otherwise."""
    joined: list[str] = []
    for word in argv:
        if joined and NEGATIVE_LIST.match(word) and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


_OURS = ("builder", "refine", "")
# Packages that another extra brings than the one that a command's program needs.
_EXTRAS = {"apache_beam": "build", "jax": "jax", "jaxlib": "jax", "netCDF4": "build", "pyhdf": "modis"}
# What works without a package.
_INSTEAD = {
    "netCDF4": "Or take the GeoTIFF of the same map in place of its NetCDF file.",
    "pyhdf": "Or take GeoTIFF exports of the layer LC_Type1 in place of the HDF4 files.",
}
_CURES = {
    errno.EEXIST: "Something else has that name already: name another place.",
    errno.ENOENT: "There is no such place: check the path.",
    errno.ENOSPC: "The disk is full: make room and run the same command again.",
    errno.EDQUOT: "Your share of the disk is used up: make room and run the same command again.",
    errno.EROFS: "Nothing can be written there: name another place.",
    errno.EACCES: "You may not use that place: name another, or change its permissions.",
    errno.EISDIR: "A file is expected there, and it is a folder: name another.",
    errno.ENOTDIR: "A folder is expected there, and it is a file: name another.",
}


def path(text: str) -> pathlib.Path:
    """A path; an empty one, as an unset variable of a shell gives it, would mean the folder one is in."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a path; received nothing. Is a variable unset?")
    return pathlib.Path(text)


def bbox(text: str) -> tuple[float, float, float, float]:
    """(west, south, east, north) in degrees from `W,S,E,N`."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected four numbers W,S,E,N in degrees; received {text!r}") from error
    return west, south, east, north


Fields = TypeVar("Fields")


def fields_of(args: argparse.Namespace, kind: type[Fields], **more: Any) -> Fields:
    """The dataclass `kind`, made of those arguments that bear the names of its fields, and of `more`.

    The parser leaves out what was not given (`argument_default=argparse.SUPPRESS`), so that each default is written
    once, in the dataclass.
    """
    names = {field.name for field in dataclasses.fields(cast(Any, kind))}
    return kind(**({name: value for name, value in vars(args).items() if name in names} | more))
