"""What every command shares: exit codes, and how an error reaches the person at the terminal."""

from __future__ import annotations

import argparse
import errno
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence

from builder import errors

DONE, FAILED, WRONG_INPUT, DONE_WITH_GAPS, INTERRUPTED = 0, 1, 2, 3, 130


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> int:
    """Parses `argv`, calls the chosen command's `run`, and returns its exit code.

    0 done, 1 failed, 2 wrong use or input, 3 done with gaps, 130 interrupted. A command that takes Beam options sets
    `passes_beam_options` on its parser and receives the arguments that nobody claimed as `args.beam_options`.
    """
    args, unknown = parser.parse_known_args(argv)
    if unknown and not getattr(args, "passes_beam_options", False):
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.beam_options = unknown
    # Third parties narrate at lower levels; our own progress goes through builder.progress.
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
    except OSError as error:
        cure = _CURES.get(error.errno or 0)
        print(f"error: {error}{f'. {cure}' if cure else ''}", file=sys.stderr)
        return WRONG_INPUT if cure else FAILED
    except Exception:  # noqa: BLE001 - the last stop: a fault of ours is shown whole, with exit code 1
        traceback.print_exc()
        return FAILED


_CURES = {
    errno.ENOSPC: "The disk is full: make room and run the same command again.",
    errno.EDQUOT: "Your share of the disk is used up: make room and run the same command again.",
    errno.EROFS: "Nothing can be written there: name another place.",
    errno.EACCES: "You may not use that place: name another, or change its permissions.",
    errno.EISDIR: "A file is expected there, and it is a folder: name another.",
    errno.ENOTDIR: "A folder is expected there, and it is a file: name another.",
}


def bbox(text: str) -> tuple[float, float, float, float]:
    """(west, south, east, north) in degrees from `W,S,E,N`."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected four numbers W,S,E,N in degrees; received {text!r}") from error
    return west, south, east, north
