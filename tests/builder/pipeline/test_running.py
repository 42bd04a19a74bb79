from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.options import pipeline_options

from builder import errors
from builder.pipeline import running


def fail_at_three(number: int) -> int:
    if number == 3:
        raise errors.InputError("a.tif: expected a map;\nreceived 'none'. Download it [again].")
    return number


def stop_at_three(number: int) -> int:
    if number == 3:
        raise ZeroDivisionError("three")
    return number


def runner(args: list[str]) -> str | None:
    name: str | None = running.runner_options(args).view_as(pipeline_options.StandardOptions).runner
    return name


def test_the_in_process_runner_is_pinned_unless_another_is_named() -> None:
    assert runner([]) == runner(["--runner=DirectRunner"]) == "FnApiRunner"
    assert runner(["--runner=PortableRunner", "--job_endpoint=localhost:8099"]) == "PortableRunner"


@pytest.mark.parametrize(
    ("args", "mode"),
    [
        ([], "in_memory"),
        (["--direct_num_workers=2"], "multi_threading"),
        (["--direct_num_workers=2", "--direct_running_mode=multi_processing"], "multi_processing"),
    ],
)
def test_more_than_one_worker_means_threads_unless_said_otherwise(args: list[str], mode: str) -> None:
    assert running.runner_options(args).view_as(pipeline_options.DirectOptions).direct_running_mode == mode


def test_a_misspelt_argument_is_answered_with_near_ones() -> None:
    with pytest.raises(errors.InputError, match=r"'--direct_num_worker=2'.*Did you mean --direct_num_workers"):
        running.runner_options(["--direct_num_worker=2"])


def test_an_argument_like_no_other_is_named() -> None:
    with pytest.raises(errors.InputError, match="unrecognized argument 'xyzzy'"):
        running.runner_options(["xyzzy"])


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(errors.InputError, match="direct_num_workers"):
        running.runner_options(["--direct_num_workers=two"])


def test_a_runner_that_beam_lacks_and_fewer_than_no_workers_are_refused() -> None:
    with pytest.raises(errors.InputError, match=r"--runner Nope: .* Leave --runner out"):
        running.runner_options(["--runner=Nope"])
    with pytest.raises(errors.InputError, match=r"--direct_num_workers: expected 1 or more.*received -1"):
        running.runner_options(["--direct_num_workers=-1"])


@pytest.mark.parametrize("args", [[], ["--direct_num_workers=2"]])
def test_an_input_error_of_a_worker_arrives_in_its_own_words(
    args: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(errors.InputError) as raised, running.run(args) as pipeline:
        _ = pipeline | beam.Create([1, 2, 3]) | beam.Reshuffle() | beam.Map(fail_at_three)
    assert str(raised.value) == "a.tif: expected a map;\nreceived 'none'. Download it [again]."
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("args", [[], ["--direct_num_workers=2"]])
def test_any_other_error_of_a_worker_stays_what_it_is(args: list[str]) -> None:
    with pytest.raises(Exception, match="three") as raised, running.run(args) as pipeline:
        _ = pipeline | beam.Create([1, 2, 3]) | beam.Reshuffle() | beam.Map(stop_at_three)
    assert not isinstance(raised.value, errors.InputError)


def test_an_error_of_the_caller_passes_unchanged() -> None:
    with pytest.raises(errors.RefusedOverwrite, match="exists already"), running.run() as pipeline:
        _ = pipeline | beam.Create([1])
        raise errors.RefusedOverwrite("here")
