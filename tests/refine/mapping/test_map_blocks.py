"""Blocks of a refined map: every chip, every refusal and every class belong to the pixel they were asked for."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import map_files
import map_world
import numpy as np
import pyproj
import pytest
import shapely

from builder import errors
from builder.chips import chip, imagery_toml
from builder.frame import frame
from builder.legend import legend
from builder.maps import rasters
from refine.artefacts import model_folder, provenance, refined_map
from refine.mapping import map_blocks, map_inputs, map_request

SIDE, BLOCK, PIXEL_M, FOREST = 24, 16, 30, 20  # four blocks
CODES = np.array(legend.seven().codes, np.uint8)  # GlobeLand30 has the same
REFUSED = -1


@dataclasses.dataclass(frozen=True)
class Reads:
    """A network that reads a class's number in a chip's pixels, and notes how many chips it was given at once."""

    runs: list[int] = dataclasses.field(default_factory=list)
    labels: tuple[str, ...] = legend.seven().names

    def classify(self, chips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.runs.append(len(chips))
        sure = np.eye(len(self.labels))[chips[:, 0, 0, 0]]
        return sure, sure


@dataclasses.dataclass(frozen=True, eq=False)
class Ground:
    """What every pixel of a base of forest shows: the number of a class, or REFUSED."""

    base: rasters.RasterFile
    shown: np.ndarray

    def acquire(self, requests: Sequence[chip.Request], imagery: imagery_toml.Imagery) -> list[chip.Outcome]:
        """As `chip.acquire`; the pixel follows from the place alone."""
        to_base = pyproj.Transformer.from_crs("EPSG:4326", self.base.crs, always_xy=True)
        outcomes = []
        for request in requests:
            x, y = to_base.transform(request.lon, request.lat)
            column, row = (x - self.base.transform[2]) / PIXEL_M, (self.base.transform[5] - y) / PIXEL_M
            label = int(self.shown[int(row), int(column)])
            result: chip.Chip | chip.Refusal = chip.Refusal("no_candidate", "none here")
            if label != REFUSED:
                result = chip.Chip(np.full((4, 4, 3), label, np.uint8), None, None)  # type: ignore[arg-type]
            outcomes.append(chip.Outcome(request, result))
        return outcomes


@pytest.fixture
def job(tmp_path: pathlib.Path) -> map_inputs.Job:
    """A base of forest in the half of a frame that is inconsistent: every pixel is asked for."""
    x, y = pyproj.Transformer.from_crs(4326, map_world.BASE_CRS, always_xy=True).transform(108.005, 34.007)
    origin = (round(x) - PIXEL_M * SIDE // 2, round(y) + PIXEL_M * SIDE // 2)
    forest = np.full((SIDE, SIDE), FOREST, np.uint8)
    base = map_files.geotiff(tmp_path / "b.tif", forest, crs=map_world.BASE_CRS, origin=origin, pixel=PIXEL_M)
    map_world.write_frame(tmp_path / "frame")
    nowhere = tmp_path / "nowhere"
    return map_inputs.Job(
        request=map_request.MapRequest(nowhere, base, tmp_path / "frame", tmp_path / "r.tif", block_px=BLOCK),
        model=model_folder.ModelFolder(nowhere, {}, legend.seven().names, 1.0, "none"),
        frame=frame.Frame.open(tmp_path / "frame"),
        imagery=imagery_toml.Imagery((), None, None),  # type: ignore[arg-type] # what takes chips is replaced
        base=rasters.describe(base),
        area=shapely.box(-180, -90, 180, 90),
    )


@pytest.fixture
def engine() -> Reads:
    return Reads()


def _whole(job: map_inputs.Job) -> tuple[np.ndarray, np.ndarray]:
    """(codes, provenance), each uint8[y, x], put together from the blocks."""
    codes, why = np.zeros((2, SIDE, SIDE), np.uint8)
    for window, block in map_blocks.read_all(job):
        codes[window.slices], why[window.slices] = block.refined.codes, block.refined.provenance
    return codes, why


@pytest.mark.parametrize(("group_px", "worth_a_run"), [(4, 20), (16, 256), (5, 1)])
def test_every_class_is_written_where_its_chip_was_taken(
    job: map_inputs.Job, engine: Reads, monkeypatch: pytest.MonkeyPatch, group_px: int, worth_a_run: int
) -> None:
    monkeypatch.setattr(map_blocks, "GROUP_PX", group_px)
    monkeypatch.setattr(map_blocks, "WORTH_A_RUN", worth_a_run)
    shown = np.random.default_rng(0).integers(REFUSED, len(CODES), (SIDE, SIDE))
    monkeypatch.setattr(chip, "acquire", Ground(job.base, shown).acquire)
    map_blocks.make_all(job, engine)
    summary = sum((block.summary for _, block in map_blocks.read_all(job)), refined_map.MapSummary())
    codes, why = _whole(job)
    taken = shown != REFUSED
    np.testing.assert_array_equal(codes, np.where(taken, CODES[shown], FOREST))
    np.testing.assert_array_equal(why == provenance.Provenance.NO_IMAGERY, ~taken)
    assert summary.refused == {"no_candidate": (~taken).sum()}
    assert sum(engine.runs) == taken.sum()


def test_few_chips_of_a_block_are_classified_in_one_run(
    job: map_inputs.Job, engine: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_blocks, "GROUP_PX", 4)
    monkeypatch.setattr(chip, "acquire", Ground(job.base, np.zeros((SIDE, SIDE), np.int64)).acquire)
    map_blocks.make_all(job, engine)
    assert engine.runs == [256, 128, 128, 64]  # not 36 groups of 16


def test_an_error_while_chips_are_taken_ends_the_map_and_what_was_finished_stays(
    job: map_inputs.Job, engine: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(job.base, np.zeros((SIDE, SIDE), np.int64))
    asked: list[int] = []

    def breaks(requests: Sequence[chip.Request], imagery: imagery_toml.Imagery) -> list[chip.Outcome]:
        asked.append(len(requests))
        if len(asked) == 3:
            raise errors.InputError("scene.tif is damaged")
        return ground.acquire(requests, imagery)

    monkeypatch.setattr(chip, "acquire", breaks)
    with pytest.raises(errors.InputError, match=r"scene\.tif is damaged"):
        map_blocks.make_all(job, engine)
    assert [map_blocks.file(job, window).is_file() for window in map_blocks.windows(job)] == [True, True, False, False]
    map_blocks.make_all(job, engine)
    assert asked == [256, 128, 128, 128, 64]  # the third block again, the first two not


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"no block",
        lambda whole: whole[:200] + bytes(40) + whole[240:],
    ],
    ids=["cut", "empty", "text", "zeros"],
)
def test_a_damaged_block_is_made_again_and_named_in_one_line(
    job: map_inputs.Job,
    engine: Reads,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
) -> None:
    monkeypatch.setattr(chip, "acquire", Ground(job.base, np.zeros((SIDE, SIDE), np.int64)).acquire)
    map_blocks.make_all(job, engine)
    whole = _whole(job)
    damaged = map_blocks.file(job, map_blocks.windows(job)[1])
    damaged.write_bytes(damage(damaged.read_bytes()))
    with pytest.raises(errors.InputError, match=f"{damaged.name}: expected a finished block"):
        _whole(job)
    engine.runs.clear()
    map_blocks.make_all(job, engine)
    assert engine.runs == [128]  # this block alone
    (said,) = [record.getMessage() for record in caplog.records]
    assert damaged.name in said
    assert len(said.splitlines()) == 1
    np.testing.assert_array_equal(_whole(job), whole)
