from __future__ import annotations

import errno
import itertools
import operator
import pathlib
import re
import threading

import apache_beam as beam
import pytest
from apache_beam import metrics
from apache_beam.options import pipeline_options

from builder import errors
from builder.chips import imagery_toml, store
from builder.frame import layers
from builder.geometry import grid
from builder.maps import agreement
from builder.pipeline import agreement_maps, chip_rounds, point_draws, running
from builder.points import sampling


def fail_at_three(number: int) -> int:
    if number == 3:
        raise errors.InputError("a.tif: expected a map;\nreceived 'none'. Download it [again].")
    return number


def stop_at_three(number: int) -> int:
    if number == 3:
        raise ZeroDivisionError("three")
    return number


def fill_the_disk(number: int) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


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


def test_an_error_of_the_disk_keeps_its_number() -> None:
    with pytest.raises(OSError, match="No space left") as raised, running.run() as pipeline:
        _ = pipeline | beam.Create([1]) | running.Each("Write", fill_the_disk)
    assert raised.value.errno == errno.ENOSPC


@pytest.mark.parametrize("mode", ["in_memory", "multi_threading", "multi_processing"])
def test_a_result_comes_out_of_any_number_of_processes(mode: str, tmp_path: pathlib.Path) -> None:
    options = [] if mode == "in_memory" else ["--direct_num_workers=2", f"--direct_running_mode={mode}"]
    with running.run(options) as pipeline:
        negative = pipeline | beam.Create(range(100)) | running.Each("Negate", operator.neg)
        total = running.collected(negative | beam.CombineGlobally(running.Sum(0)), tmp_path)
    assert total.value() == -sum(range(100))


def test_the_sum_of_nothing_is_zero(tmp_path: pathlib.Path) -> None:
    with running.run() as pipeline:
        nothing = pipeline | beam.Create([]) | beam.CombineGlobally(running.Sum(agreement.AgreementSummary()))
        total = running.collected(nothing, tmp_path)
    assert total.value() == agreement.AgreementSummary()


def test_a_sum_adds_values_of_several_workers() -> None:
    add = running.Sum(agreement.AgreementSummary())
    one = agreement.AgreementSummary({(agreement.State.CONSISTENT, 10): 3})
    two = agreement.AgreementSummary({(agreement.State.NODATA, 0): 1})
    parts = [add.add_input(add.create_accumulator(), value) for value in (one, two, one)]
    assert add.extract_output(add.merge_accumulators(parts)) == one + two + one


def test_a_result_that_the_workers_wrote_elsewhere_says_so(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match=r"result\.pickle: expected the result.*disk that all of them share"):
        running.Collected(tmp_path / "result.pickle").value()


def test_beam_counts_what_comes_into_each_stage_and_out_of_it() -> None:
    with running.run(["--direct_num_workers=2"]) as pipeline:
        _ = pipeline | beam.Create(range(5)) | running.Each("Negate", operator.neg)
    counters = pipeline.result.metrics().query(metrics.MetricsFilter().with_namespace("Negate"))["counters"]
    assert {counter.key.metric.name: counter.committed for counter in counters} == {"in": 5, "out": 5}


def test_progress_is_counted_while_the_work_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    counted = threading.Event()

    def count() -> int:
        counted.set()
        return 3

    with running.watched("painting", 4, count, unit="tiles"):
        assert counted.wait(10)
    assert re.search(r"painting: 3/4 tiles, .* in all", capsys.readouterr().err)


def test_options_come_back_as_the_flags_that_were_typed() -> None:
    typed = [
        "--direct_num_workers=3",
        "--runner=FnApiRunner",
        "--experiments=a",
        "--experiments=b",
        "--save_main_session",
    ]
    assert sorted(running.flags_of(pipeline_options.PipelineOptions(typed))) == sorted(typed)
    assert running.flags_of(None) == []


def test_a_flag_that_fills_a_field_of_another_name_keeps_its_own() -> None:
    """`--dask_client_address` fills `address`; Beam's own options have such pairs without Dask."""
    typed = ["--no_use_public_ips"]
    flags = running.flags_of(pipeline_options.PipelineOptions(typed))
    parsed = pipeline_options.PipelineOptions(flags).view_as(pipeline_options.WorkerOptions)
    assert parsed.use_public_ips is False


def test_only_runners_on_other_machines_are_distributed() -> None:
    def named(*flags: str) -> str | None:
        return running.distributed_runner(pipeline_options.PipelineOptions(list(flags)))

    assert running.distributed_runner(None) is named() is named("--runner=DirectRunner") is None
    assert named("--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner") is None
    assert named("--runner=DataflowRunner") == "DataflowRunner"


def test_every_pipeline_is_one_line_without_branches_and_tags(tmp_path: pathlib.Path) -> None:
    work = agreement_maps.TileWork((), 1, None, tmp_path)
    rasters = layers.Rasters(tmp_path, grid.CellWindow(0, 1, 0, 1))
    transforms = [
        agreement_maps.CompareProducts(work),
        point_draws.DrawTiles(rasters, sampling.test_tile),
        chip_rounds.AcquireBatches(imagery_toml.Imagery, store.ChipStore(tmp_path)),
    ]
    for transform in transforms:
        pipeline = beam.Pipeline()
        result = pipeline | beam.Create([1]) | transform
        running.collected(result, tmp_path)
        _check_line(pipeline.transforms_stack[0].parts)


def _check_line(stages: list[beam.pipeline.AppliedPTransform]) -> None:
    """Each stage reads what the one before it wrote, and writes one collection without a tag."""
    for stage in stages:
        assert list(stage.outputs) == [None]
        if isinstance(stage.transform, (agreement_maps.CompareProducts, point_draws.DrawTiles, running.Each)):
            _check_line(stage.parts)
    for before, after in itertools.pairwise(stages):
        assert list(after.inputs) == list(before.outputs.values())
