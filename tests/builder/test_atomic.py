"""Files and folders that appear whole or not at all: kills, links, and two processes on one path."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from builder import atomic, errors

KILLED = """
import os, pathlib, signal, sys
from builder import atomic
target, fatal = pathlib.Path(sys.argv[1]), int(sys.argv[2])
rename, calls = pathlib.Path.replace, []
def replace(self, other):
    calls.append(self)
    if len(calls) == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, other)
pathlib.Path.replace = replace
with atomic.folder(target, overwrite=True) as folder:
    (folder / "content").write_text("new")
"""


def write(path: pathlib.Path, text: str, *, overwrite: bool = False) -> None:
    with atomic.folder(path, overwrite=overwrite) as temporary:
        (temporary / "content").write_text(text)


def content(path: pathlib.Path) -> str:
    return (path / "content").read_text()


def names(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("fatal_rename", "kept"), [(1, "old"), (2, "old"), (3, "new")])
def test_a_kill_at_any_rename_of_an_overwrite_loses_nothing(tmp_path, fatal_rename, kept):
    target = tmp_path / "frame"
    write(target, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), str(fatal_rename)], check=False)
    assert done.returncode == -9
    atomic.recover(target)
    assert content(target) == kept
    write(target, "newest", overwrite=True)
    assert content(target) == "newest"
    assert names(tmp_path) == ["frame"]  # what the killed run left is gone, too


def test_a_failed_overwrite_keeps_the_old_folder(tmp_path):
    target = tmp_path / "frame"
    write(target, "old")
    with pytest.raises(RuntimeError), atomic.folder(target, overwrite=True) as temporary:
        (temporary / "content").write_text("half")
        raise RuntimeError("stop")
    assert content(target) == "old"
    assert names(tmp_path) == ["frame"]


def test_a_rename_that_fails_puts_the_old_folder_back(tmp_path):
    target = tmp_path / "frame"
    write(target, "old")
    with pytest.raises(FileNotFoundError), atomic.folder(target, overwrite=True) as temporary:
        (temporary / "lost").mkdir()
        temporary.rename(tmp_path / "elsewhere")
    assert content(target) == "old"


def test_of_two_processes_on_one_path_the_faster_one_wins(tmp_path):
    target = tmp_path / "frame"
    with pytest.raises(errors.RefusedOverwrite), atomic.folder(target) as slow:
        (slow / "content").write_text("slow")
        write(target, "fast")
    assert content(target) == "fast"
    assert names(tmp_path) == ["frame"]


def test_a_process_that_takes_the_place_between_two_renames_keeps_it(tmp_path, monkeypatch):
    target = tmp_path / "frame"
    write(target, "old")
    rename = pathlib.Path.replace

    def replaced_meanwhile(self: pathlib.Path, other: pathlib.Path) -> pathlib.Path:
        done = rename(self, other)
        if self == target:
            monkeypatch.setattr(pathlib.Path, "replace", rename)
            (tmp_path / "other").mkdir()
            (tmp_path / "other" / "content").write_text("fast")
            (tmp_path / "other").rename(target)
        return done

    monkeypatch.setattr(pathlib.Path, "replace", replaced_meanwhile)
    with pytest.raises(errors.InputError, match="another process replaced it at the same moment"):
        write(target, "slow", overwrite=True)
    assert content(target) == "fast"
    assert names(tmp_path) == ["frame"]


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    write(tmp_path / "disk" / "frame", "old")
    link = tmp_path / "frame"
    link.symlink_to(tmp_path / "disk" / "frame")
    write(link, "new", overwrite=True)
    assert link.is_symlink()
    assert content(tmp_path / "disk" / "frame") == "new"
    assert names(tmp_path / "disk") == ["frame"]


def test_an_empty_folder_is_filled_and_a_file_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", "new")
    assert content(tmp_path / "empty") == "new"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(errors.RefusedOverwrite):
        write(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "mine"


LIVING = """
import pathlib, sys
from builder import atomic
with atomic.file(pathlib.Path(sys.argv[1])) as temporary:
    print(temporary.name, flush=True)
    sys.stdin.read()
    temporary.write_text("whole")
"""


def test_a_run_that_goes_on_keeps_its_temporary_file_until_it_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", LIVING, str(tmp_path / "batch")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        name = other.stdout.readline().decode().strip()
        assert atomic.remove_litter(tmp_path) == []
        other.stdin.close()
        assert other.wait(60) == 0
    assert (tmp_path / "batch").read_text() == "whole"
    (tmp_path / name).touch()  # as if the run, which has ended, had left it
    assert atomic.remove_litter(tmp_path) == [tmp_path / name]


def test_litter_of_another_machine_is_removed_after_a_day(tmp_path):
    litter = tmp_path / f"{atomic.TEMPORARY_PREFIX}process-1-on-elsewhere.abc"
    litter.touch()
    assert atomic.remove_litter(tmp_path) == []
    os.utime(litter, (0, 0))
    assert atomic.remove_litter(tmp_path) == [litter]


def test_a_hidden_file_of_somebody_else_stays_beside_a_new_folder(tmp_path):
    others = [f"{atomic.TEMPORARY_PREFIX}film", f"{atomic.TEMPORARY_PREFIX}refined.2010.0123456789abcdef"]
    for name in others:
        (tmp_path / name).mkdir()
    write(tmp_path / "frame", "new")
    assert names(tmp_path) == [*others, "frame"]
