"""What is read: regular files, sound documents, and names that stay where they are joined."""

from __future__ import annotations

import os
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import errors, input_files

WORDS = {"expected": "the settings", "cure": "Write them anew."}


def refuse(read, path, text):
    with pytest.raises(errors.InputError, match=text) as refused:
        read(path, **WORDS)
    assert str(path) in str(refused.value)
    assert "expected the settings" in str(refused.value)
    assert "Write them anew." in str(refused.value)


READERS = [input_files.check_regular, input_files.read_text, input_files.read_json, input_files.read_toml]


@pytest.mark.parametrize("read", READERS)
def test_only_regular_files_are_read(tmp_path, read):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").write_text("{}")
    refuse(read, tmp_path / "fifo", "no regular file")
    refuse(read, pathlib.Path("/dev/zero"), "no regular file")
    refuse(read, tmp_path, "found a folder")
    refuse(read, tmp_path / "none", "found no such file")
    refuse(read, tmp_path / "file" / "below", "found no such file")
    refuse(read, tmp_path / "dangling", "a link to a file that does not exist")
    refuse(read, tmp_path / "circle", "cannot be opened")
    refuse(read, tmp_path / ("x" * 300), "cannot be opened")
    refuse(read, tmp_path / "a\0b", "cannot be opened")


def test_a_link_to_a_file_is_read(tmp_path):
    (tmp_path / "file").write_text('{"a": 1}')
    (tmp_path / "link").symlink_to("file")
    assert input_files.read_json(tmp_path / "link", **WORDS) == {"a": 1}


JSON_FAULTS = {
    "nested": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "nested a little": '{"a": ' + "[" * 200 + "]" * 200 + "}",
    "long integer": '{"a": ' + "1" * 5000 + "}",
    "cut": '{"a": ',
    "a list": "[]",
    "a number": "1",
    "empty": "",
    "NUL": '{"a": "b\\u0000"}',
    "NUL in a key": '{"a\\u0000": 1}',
    "lone surrogate": '{"a": [{"b": "\\ud800"}]}',
}


@pytest.mark.parametrize("text", JSON_FAULTS.values(), ids=JSON_FAULTS)
def test_damaged_json_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    refuse(input_files.read_json, tmp_path / "a.json", "JSON")


TOML_FAULTS = {
    "nested": "a = " + "[" * 100_000 + "]" * 100_000,
    "dotted": "a." * 5000 + "b = 1",
    "long integer": "a = " + "1" * 5000,
    "cut": "a = ",
    "NUL": 'a = "b\\u0000"',
    "lone surrogate": 'a = "\\ud800"',
}


@pytest.mark.parametrize("text", TOML_FAULTS.values(), ids=TOML_FAULTS)
def test_damaged_toml_is_refused(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    refuse(input_files.read_toml, tmp_path / "a.toml", "TOML")


@pytest.mark.parametrize("read", [input_files.read_text, input_files.read_json, input_files.read_toml])
def test_latin_1_is_refused(tmp_path, read):
    (tmp_path / "a").write_bytes('a = "Straße"'.encode("latin-1"))
    refuse(read, tmp_path / "a", "UTF-8")


def test_pairs_of_surrogates_are_text(tmp_path):
    (tmp_path / "a.json").write_text('{"a": "\\ud83c\\udf0d"}')
    assert input_files.read_json(tmp_path / "a.json", **WORDS) == {"a": "\N{EARTH GLOBE EUROPE-AFRICA}"}


NAMES = [
    "", ".", "..", "../../evil", "/etc/passwd", "a/b", "a\\b", "a..b", ".hidden", "-rf", "a b", "a\n", "a\0", "ä", "~",
    "x" * 201, None, 5,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_name_that_could_leave_its_folder_is_refused(name):
    with pytest.raises(errors.InputError, match=r"points\.parquet: expected a block.*received"):
        input_files.check_name(name, where="points.parquet", what="a block")


@pytest.mark.parametrize("name", ["b00055x00288", "r20000c103700@015", "p+1089000000-0342000000", "1.0.0", "v1_a.tif"])
def test_names_that_the_project_writes_are_accepted(name):
    input_files.check_name(name, where="points.parquet", what="a block")


@given(st.one_of(st.text(max_size=30), st.text("./\\~-a0@\0\n ", max_size=12)))
def test_no_accepted_name_leaves_its_folder(name):
    folder = pathlib.Path("/frame/chips")
    try:
        input_files.check_name(name, where="points.parquet", what="a block")
    except errors.InputError:
        return
    path = pathlib.Path(os.path.normpath(folder / f"{name}.parquet"))
    assert path.parent == folder
    assert path.name == f"{name}.parquet"
    assert os.path.normpath(folder / name) == f"{folder}/{name}"
