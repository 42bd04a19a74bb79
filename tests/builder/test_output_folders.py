"""Which folders a command may replace."""

from __future__ import annotations

import os

import pytest

from builder import atomic, checksums, errors, output_folders

KIND = output_folders.FolderKind("a sampling frame", "points.parquet", ("points.parquet", "chips/*", "*.tif"))


@pytest.fixture
def frame(tmp_path):
    folder = tmp_path / "frame"
    (folder / "chips" / "abc").mkdir(parents=True)
    for name in ("points.parquet", "agreement.tif", "chips/abc/b1.parquet"):
        (folder / name).write_text("ours")
    return folder


def refuse(out, text, *, overwrite=True):
    with pytest.raises(errors.InputError, match=text) as refused:
        output_folders.check(out, KIND, overwrite=overwrite)
    assert "--out" in str(refused.value)


def test_a_new_an_empty_and_our_own_folder_may_be_written(tmp_path, frame):
    output_folders.check(tmp_path / "new" / "deep", KIND, overwrite=False)
    (tmp_path / "empty").mkdir()
    output_folders.check(tmp_path / "empty", KIND, overwrite=False)
    output_folders.check(frame, KIND, overwrite=True)


def test_our_own_folder_is_replaced_only_when_asked(frame):
    with pytest.raises(errors.RefusedOverwrite, match="Name another --out, or give --overwrite"):
        output_folders.check(frame, KIND, overwrite=False)


@pytest.mark.parametrize("name", ["notes.txt", "chips.txt", ".hidden", "sub/notes.txt"])
def test_a_file_of_the_user_is_never_deleted(frame, name):
    (frame / name).parent.mkdir(exist_ok=True)
    (frame / name).write_text("mine")
    refuse(frame, rf"--overwrite would delete {name}, which the command that made this folder did not write")


@pytest.mark.parametrize("target", ["somewhere", "."])
def test_a_link_of_the_user_counts_as_a_file(frame, target):
    (frame / "link").symlink_to(target)
    refuse(frame, "--overwrite would delete link")


def test_several_files_of_the_user_are_counted(frame):
    for name in ("a", "b", "c"):
        (frame / name).write_text("mine")
    refuse(frame, "would delete a and 2 more")


def test_files_that_the_sums_list_are_the_projects(frame):
    (frame / "shard-00000").write_text("ours")
    checksums.write(frame)
    output_folders.check(frame, KIND, overwrite=True)
    (frame / "notes.txt").write_text("mine")
    refuse(frame, "would delete notes.txt")


def test_another_folder_is_refused_even_with_overwrite(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("mine")
    refuse(tmp_path / "photos", "expected a new or empty folder, or a sampling frame to replace")


@pytest.mark.parametrize("out", [".", "..", "../..", "here/..", "/"])
def test_the_current_folder_and_those_above_it_are_refused(tmp_path, monkeypatch, out):
    (tmp_path / "deep" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep")
    refuse(output_folders.pathlib.Path(out), "the folder you are in, or one above it")


def test_a_link_to_the_current_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    refuse(tmp_path / "link", "the folder you are in")


def test_a_file_in_the_place_of_the_folder_or_above_it_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    refuse(tmp_path / "file", "expected a folder that can be written")
    refuse(tmp_path / "file" / "below", "expected a folder that can be written")


def test_a_place_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    refuse(tmp_path / "new", f"expected a folder that can be written; {tmp_path} cannot")


def test_a_place_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for out in (tmp_path / ("x" * 300), tmp_path / "circle", tmp_path / "a\0b"):
        refuse(out, "Name another --out")


def test_what_a_killed_run_moved_aside_is_put_back_first(frame):
    frame.rename(frame.with_name(f"{atomic.ASIDE_PREFIX}{frame.name}"))
    with pytest.raises(errors.RefusedOverwrite):
        output_folders.check(frame, KIND, overwrite=False)
    assert (frame / "points.parquet").is_file()
