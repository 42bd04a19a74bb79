"""Maps that are interrupted or killed, and run again."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import map_world
import numpy as np
import pytest
from checkout import ROOT

from builder import errors
from refine.artefacts import refined_map
from refine.mapping import change_figure, engines, refine_map


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return map_world.write(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def refined(world: pathlib.Path) -> pathlib.Path:
    return map_world.refined(world)


@pytest.mark.slow
def test_a_map_interrupted_while_it_is_written_leaves_nothing_and_goes_on(
    world: pathlib.Path, refined: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(change_figure, "draw", interrupt)
        with pytest.raises(KeyboardInterrupt):
            refine_map.refine_map(map_world.request(world, tmp_path / "r.tif"))
    assert [p.name[:12] for p in tmp_path.iterdir()] == [".incomplete."]
    refine_map.refine_map(map_world.request(world, tmp_path / "r.tif"))
    np.testing.assert_array_equal(map_world.read(refined), map_world.read(tmp_path / "r.tif"))
    assert sorted(tmp_path.iterdir()) == sorted(refined_map.RefinedMap(tmp_path / "r.tif").outputs)


def _without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network is not needed again")

    monkeypatch.setattr(engines, "open_engine", refuse)


@pytest.mark.slow
@pytest.mark.parametrize("moved", [0, 4, 8, 9])
def test_a_map_killed_between_two_renames_ends_whole_when_it_is_run_again(
    world: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    request = map_world.request(world, tmp_path / "r.tif", bbox=map_world.BOX)
    with monkeypatch.context() as patched:
        _interrupt_renames(patched, request.out, after=moved)
        with pytest.raises(KeyboardInterrupt):
            refine_map.refine_map(request)
    assert sum(path.exists() for path in refined_map.RefinedMap(request.out).outputs) == moved
    assert request.out.exists() == (moved == 9)
    _without_network(monkeypatch)
    summary = refine_map.refine_map(request)
    assert sorted(tmp_path.iterdir()) == sorted(refined_map.RefinedMap(request.out).outputs)
    why = map_world.read(refined_map.RefinedMap.open(request.out).provenance)
    assert summary.pixels == {value: (why == value).sum() for value in np.unique(why).tolist()}


def _interrupt_renames(monkeypatch: pytest.MonkeyPatch, out: pathlib.Path, *, after: int) -> None:
    """Interrupts the run that moves the files of a map beside the blocks, once `after` of them were moved."""
    rename, unlink = pathlib.Path.replace, shutil.rmtree
    done: list[pathlib.Path] = []

    def replace(self: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
        if target in refined_map.RefinedMap(out).outputs:
            if len(done) == after:
                raise KeyboardInterrupt
            done.append(target)
        return rename(self, target)

    def rmtree(path: pathlib.Path, **how: bool) -> None:
        if len(done) == len(refined_map.RefinedMap(out).outputs):
            raise KeyboardInterrupt
        unlink(path, **how)

    monkeypatch.setattr(pathlib.Path, "replace", replace)
    monkeypatch.setattr(shutil, "rmtree", rmtree)


@pytest.mark.slow
def test_a_map_killed_while_it_replaces_another_is_never_half_of_each(
    world: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = map_world.request(world, tmp_path / "r.tif", bbox=map_world.BOX)
    refine_map.refine_map(first)
    second = dataclasses.replace(first, base_trust=0.3, overwrite=True)
    with monkeypatch.context() as patched:
        _interrupt_renames(patched, second.out, after=4)
        with pytest.raises(KeyboardInterrupt):
            refine_map.refine_map(second)
    assert not second.out.exists()
    with pytest.raises(errors.RefusedOverwrite):
        refine_map.refine_map(first)
    _without_network(monkeypatch)
    refine_map.refine_map(second)
    assert refined_map.RefinedMap(second.out).tags().base_trust == 0.3
    assert sorted(tmp_path.iterdir()) == sorted(refined_map.RefinedMap(second.out).outputs)


@pytest.mark.slow
def test_a_killed_map_goes_on_and_ends_equal(
    world: pathlib.Path, refined: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    request = map_world.request(world, tmp_path / "r.tif", block_px=8)
    call = f"refine_map.refine_map(map_request.{request!r})"
    code = f"from refine.mapping import map_request, refine_map; from pathlib import PosixPath; {call}"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".incomplete.*/*.npz")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "r.tif").exists()
    finished = set(tmp_path.glob(".incomplete.*/*.npz"))
    assert finished
    refine_map.refine_map(request)
    np.testing.assert_array_equal(map_world.read(refined), map_world.read(tmp_path / "r.tif"))
    assert not list(tmp_path.glob(".incomplete.*"))
