"""How pipelines are run: one pinned runner, options as people type them, one way in and one way out.

Every pipeline is one line of stages: a Create, `Each` (one function of one element), and perhaps a `Sum`. There is no
tagged output and no second leaf, which some runners compute wrongly without a word.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import difflib
import io
import logging
import os
import pathlib
import pickle
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TextIO, TypeVar, cast

import apache_beam as beam
from apache_beam import metrics
from apache_beam.options import pipeline_options
from apache_beam.runners import runner
from typing_extensions import override

from builder import atomic, errors, progress

# Beam's own default, DirectRunner, first tries to download another engine, so what runs would depend on the network.
DEFAULT_RUNNER = "FnApiRunner"
LOCAL_RUNNERS = ("DirectRunner", "SwitchingDirectRunner", "BundleBasedDirectRunner", "FnApiRunner", "PrismRunner")
WATCH_EVERY_S = 0.5
_OWN_ERRORS = re.compile(r"builder\.errors\.(?:InputError|RefusedOverwrite|NoCrs): ")
_OS_ERROR = re.compile(r"\b(?:OSError|\w+Error): \[Errno (?P<number>\d+)\] (?P<text>[^\n]*)")
_INTERRUPTED = re.compile(r"^(?:RuntimeError: )?KeyboardInterrupt\b", re.MULTILINE)  # Ctrl-C inside a worker's code
_STAGE = re.compile(r"\s*\[while running '[^\n]*'\]")
Value = TypeVar("Value")


class Each(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """element -> `work(element, *values)`, one element at a time on whichever worker is free.

    Beam counts the elements that come in and go out, as "in" and "out" under the stage's name.

    Args:
      stage: name of the stage.
      work: a function of a module, which workers import.
      values: plain values that every worker receives.
    """

    def __init__(self, stage: str, work: Callable[..., Any], *values: Any) -> None:
        super().__init__()
        self._stage, self._work, self._values = stage, work, values

    @override
    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        spread = elements | "SpreadOverWorkers" >> beam.Reshuffle()
        return spread | self._stage >> beam.Map(_count_and_do, self._stage, self._work, self._values)


def _count_and_do(element: Any, stage: str, work: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    metrics.Metrics.counter(stage, "in").inc()
    result = work(element, *values)
    metrics.Metrics.counter(stage, "out").inc()
    return result


class Sum(beam.CombineFn, Generic[Value]):  # type: ignore[misc]
    """Adds values as they come: what is held is one value, however many there are.

    Args:
      zero: the sum of nothing. Values are added with +, in any order.
    """

    def __init__(self, zero: Value) -> None:
        self._zero = zero

    @override
    def create_accumulator(self) -> Value:
        return self._zero

    @override
    def add_input(self, accumulator: Value, element: Value) -> Value:
        return cast(Any, accumulator) + element  # type: ignore[no-any-return]

    @override
    def merge_accumulators(self, accumulators: Iterable[Value]) -> Value:
        return sum(cast(Iterable[Any], accumulators), cast(Any, self._zero))  # type: ignore[no-any-return]

    @override
    def extract_output(self, accumulator: Value) -> Value:
        return accumulator


@dataclasses.dataclass(frozen=True)
class Collected(Generic[Value]):
    """The one value of a collection, kept in `file` by the worker that has it; there is one once the pipeline ran."""

    file: pathlib.Path

    def value(self) -> Value:
        """The value.

        Raises:
          errors.InputError: if the workers wrote it where this process does not see it.
        """
        if not self.file.is_file():
            raise errors.InputError(
                f"{self.file}: expected the result of the workers; there is none. The workers must write to the same "
                "folder as this process: put the output on a disk that all of them share."
            )
        value: Value = pickle.loads(self.file.read_bytes())
        return value


def collected(values: beam.PCollection, folder: pathlib.Path) -> Collected[Any]:
    """The result of a pipeline, to be read when it has run: the one value that `values` holds.

    Args:
      values: the last collection of the pipeline, with one value.
      folder: an empty folder of this run, which workers and caller see under the same path.
    """
    result = Collected[Any](folder / "result.pickle")
    _ = values | "KeepResult" >> beam.Map(_keep, result.file)
    return result


def _keep(value: Any, file: pathlib.Path) -> None:
    with atomic.file(file) as temporary:
        temporary.write_bytes(pickle.dumps(value))


@contextlib.contextmanager
def watched(what: str, total: int, count: Callable[[], int], *, unit: str) -> Iterator[None]:
    """Shows the progress of the work in the block, which any process may do.

    Args:
      what: the work in words.
      total: units in all.
      count: how many units are done; called now and then, and once at the end.
      unit: noun of the units.
    """
    done = threading.Event()

    def watch(shown: progress.Progress) -> None:
        while not done.wait(WATCH_EVERY_S):
            shown.reach(count())

    with progress.Progress(what, total, unit=unit) as shown:
        watcher = threading.Thread(target=watch, args=(shown,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            shown.reach(count())


def check_options(args: Sequence[str] = ()) -> None:
    """Looks at Beam options before any work is done.

    Raises:
      errors.InputError: if Beam does not know an argument, its value or the runner; names near ones.
    """
    runner_options(args)


def runner_options(args: Sequence[str] = ()) -> pipeline_options.PipelineOptions:
    """Beam options from command line arguments such as `--direct_num_workers=2`.

    Without a runner, or with DirectRunner, Beam's in-process FnApiRunner is taken; more than one of its workers are
    threads unless `--direct_running_mode` says otherwise.

    Raises:
      errors.InputError: if Beam does not know an argument, its value or the runner; names near ones.
    """
    named, _ = _parser_of(pipeline_options.StandardOptions).parse_known_args(list(args))
    if named.runner not in (None, "DirectRunner"):
        _check_runner(named.runner)  # first, since it loads the options of the runner
    parser = _parser_of(*_kinds_of_options())
    _, unknown = parser.parse_known_args(list(args))
    if unknown:
        raise errors.InputError(_unknown_argument(unknown[0], parser))
    options = pipeline_options.PipelineOptions(list(args))
    if named.runner in (None, "DirectRunner"):
        options.view_as(pipeline_options.StandardOptions).runner = DEFAULT_RUNNER
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


def flags_of(options: pipeline_options.PipelineOptions | None) -> list[str]:
    """Command line flags that say what `options` says: `tfds build` gives options, our pipelines take flags."""
    if options is None:
        return []
    # What Beam does not know is kept: our pipelines refuse it, and Beam would ignore it.
    given = options.get_all_options(drop_default=True, retain_unknown_options=True)
    actions = _parser_of(*_kinds_of_options())._actions
    values = (
        (name, single) for name, value in given.items() for single in (value if isinstance(value, list) else [value])
    )
    return [_flag(name, value, actions) for name, value in values]


def _flag(name: str, value: Any, actions: Sequence[argparse.Action]) -> str:
    """The flag that gives the option `name` its `value`; a flag may fill an option of another name."""
    fitting = [
        action
        for action in actions
        if action.dest == name and (action.const is value if isinstance(value, bool) else action.nargs != 0)
    ]
    flags = [flag for action in fitting for flag in action.option_strings]
    flag = flags[0] if flags and f"--{name}" not in flags else f"--{name}"
    return flag if isinstance(value, bool) and (flags or value) else f"{flag}={value}"


def distributed_runner(options: pipeline_options.PipelineOptions | None) -> str | None:
    """The runner that `options` names, if it runs on other machines; None otherwise.

    Locally, TFDS's serial loop writes shards faster than any local runner.
    """
    named = options.view_as(pipeline_options.StandardOptions).runner if options is not None else None
    return None if named is None or named.rpartition(".")[2] in LOCAL_RUNNERS else named


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would leave the program."""

    @override
    def error(self, message: str) -> None:  # type: ignore[override]
        raise errors.InputError(f"Beam options: {message}.")


def _kinds_of_options() -> list[type[pipeline_options.PipelineOptions]]:
    kinds = pipeline_options.PipelineOptions.__subclasses__()
    return [
        kind for kind in kinds if kind.__module__.startswith("apache_beam.") and hasattr(kind, "_add_argparse_args")
    ]


def _parser_of(*kinds: type[pipeline_options.PipelineOptions]) -> argparse.ArgumentParser:
    """A parser of the flags of Beam's groups of options."""
    parser = _Parser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for kind in kinds:
        kind._add_argparse_args(parser)
    return parser


def _unknown_argument(argument: str, parser: argparse.ArgumentParser) -> str:
    name = argument.split("=", maxsplit=1)[0]
    known = [flag for action in parser._actions for flag in action.option_strings]
    near = difflib.get_close_matches(name, known, n=2)
    hint = (
        f"Did you mean {' or '.join(near)}?" if near else "See --help for ours, and Beam's documentation for its own."
    )
    return f"unrecognized argument {argument!r}: neither ours nor one of Beam's. {hint}"


@contextlib.contextmanager
def run(args: Sequence[str] = ()) -> Iterator[beam.Pipeline]:
    """A pipeline that runs when the block ends; blocks until it is done.

    Raises:
      errors.InputError: as a worker raised it, with its own text, whatever the runner wrapped it in.
      OSError: as a worker raised it, with its number.
    """
    options = runner_options(args)
    with _quiet_workers():
        try:
            with beam.Pipeline(options=options) as pipeline:
                yield pipeline
        except Exception as error:
            if (own := _own_error(error)) is not None:
                raise own from None
            raise


def _own_error(error: Exception) -> BaseException | None:
    """The error that a worker raised and the runner wrapped; None if it is not one that we know how to say."""
    if _INTERRUPTED.search(str(error)):
        return KeyboardInterrupt()
    text = input_error_text(error)
    if text is not None:
        return None if text == str(error) else errors.InputError(text)
    if isinstance(error, OSError) or (found := _OS_ERROR.search(str(error))) is None:
        return None
    return OSError(int(found["number"]), found["text"].strip() or os.strerror(int(found["number"])))


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
        """Writes the text unless it is such a traceback."""
        is_repeated = text.startswith("Traceback (most recent call last)") and "sdk_worker.py" in text
        return len(text) if is_repeated else self._stream.write(text)
