"""How pipelines are run: Beam options as people type them, one pinned runner, errors in the words of the worker."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO, cast

import apache_beam as beam
from apache_beam.options import pipeline_options
from apache_beam.runners import runner

from builder import errors

# Beam's own default, DirectRunner, first tries to download another engine, so what runs would depend on the network.
DEFAULT_RUNNER = "FnApiRunner"
_OWN_ERRORS = re.compile(r"builder\.errors\.(?:InputError|RefusedOverwrite): ")
_INTERRUPTED = re.compile(r"^(?:RuntimeError: )?KeyboardInterrupt\b", re.MULTILINE)  # Ctrl-C inside a worker's code
_STAGE = re.compile(r"\s*\[while running '[^\n]*'\]")


def runner_options(args: Sequence[str] = ()) -> pipeline_options.PipelineOptions:
    """Beam options from command line arguments such as `--direct_num_workers=2`.

    Without a runner, or with DirectRunner, Beam's in-process FnApiRunner is taken; more than one of its workers are
    threads unless `--direct_running_mode` says otherwise.

    Raises:
      errors.InputError: if Beam does not know an argument, its value or the runner; names near ones.
    """
    parser, unknown = _parse(args)
    if unknown:
        raise errors.InputError(_unknown_argument(unknown[0], parser))
    options = pipeline_options.PipelineOptions(list(args))
    standard = options.view_as(pipeline_options.StandardOptions)
    if standard.runner in (None, "DirectRunner"):
        standard.runner = DEFAULT_RUNNER
    else:
        _check_runner(standard.runner)
    direct = options.view_as(pipeline_options.DirectOptions)
    if direct.direct_num_workers < 0:
        raise errors.InputError(
            f"--direct_num_workers: expected 1 or more, or 0 for all processors; received {direct.direct_num_workers}."
        )
    if direct.direct_num_workers != 1 and not any(arg.startswith("--direct_running_mode") for arg in args):
        direct.direct_running_mode = "multi_threading"
    return options


def _check_runner(name: str) -> None:
    try:
        runner.create_runner(name)
    except (ValueError, ImportError, AttributeError) as error:
        text = str(error).rstrip(".")
        raise errors.InputError(f"--runner {name}: {text}. Leave --runner out to run on this machine.") from error


@contextlib.contextmanager
def run(args: Sequence[str] = ()) -> Iterator[beam.Pipeline]:
    """A pipeline that runs when the block ends; blocks until it is done.

    Raises:
      errors.InputError: as a worker raised it, with its own text, whatever the runner wrapped it in.
    """
    options = runner_options(args)
    with _quiet_workers():
        try:
            with beam.Pipeline(options=options) as pipeline:
                yield pipeline
        except Exception as error:
            if _INTERRUPTED.search(str(error)):
                raise KeyboardInterrupt from None
            text = input_error_text(error)
            if text is None or text == str(error):
                raise
            raise errors.InputError(text) from None


def input_error_text(error: BaseException) -> str | None:
    """Text of the `InputError` that `error` is or carries from a worker as a traceback; None if there is none."""
    text = str(error)
    if not isinstance(error, errors.InputError):
        found = list(_OWN_ERRORS.finditer(text))
        if not found:
            return None
        text = text[found[-1].end() :]
    stage = _STAGE.search(text)
    return (text[: stage.start()] if stage else text).strip()


@contextlib.contextmanager
def _quiet_workers() -> Iterator[None]:
    """Keeps Beam's workers from printing the traceback of an error that is raised anyway."""
    logger = logging.getLogger("apache_beam.runners")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(cast(io.TextIOBase, _WithoutWorkerTracebacks(sys.stderr))):
            yield
    finally:
        logger.setLevel(before)


class _WithoutWorkerTracebacks:
    """A stream that swallows what `sdk_worker` prints beside logging and raising it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        is_repeated = text.startswith("Traceback (most recent call last)") and "sdk_worker.py" in text
        return len(text) if is_repeated else self._stream.write(text)


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would leave the program."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise errors.InputError(f"Beam options: {message}.")


def _parse(args: Sequence[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    parser = _Parser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for group in pipeline_options.PipelineOptions.__subclasses__():
        if group.__module__.startswith("apache_beam.") and hasattr(group, "_add_argparse_args"):
            group._add_argparse_args(parser)
    return parser, parser.parse_known_args(list(args))[1]


def _unknown_argument(argument: str, parser: argparse.ArgumentParser) -> str:
    name = argument.split("=", maxsplit=1)[0]
    known = [flag for action in parser._actions for flag in action.option_strings]
    near = difflib.get_close_matches(name, known, n=2)
    hint = (
        f"Did you mean {' or '.join(near)}?" if near else "See --help for ours, and Beam's documentation for its own."
    )
    return f"unrecognized argument {argument!r}: neither ours nor one of Beam's. {hint}"
