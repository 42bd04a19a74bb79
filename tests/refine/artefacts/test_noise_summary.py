"""Doubtful labels on disk: what is written is read again, and a damaged file is refused by name and cure."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
import report_artefacts

from builder import errors
from refine.artefacts import noise_summary


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return report_artefacts.write_noise(tmp_path / "noise", "small_samples/rough:1.0.0", ["a,b", "c\nd", "é"])


def test_what_is_written_is_read_again(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    summary, labels = noise_summary.NoiseSummary.open(folder), noise_summary.doubtful_labels(folder)
    assert (summary.examples, summary.doubtful, len(summary.rates)) == (28, 3, 7)
    assert [label.key for label in labels] == ["a,b", "c\nd", "é"]
    assert labels[0].probability_of_suggested == 0.91
    (tmp_path / "again").mkdir()
    summary.write(tmp_path / "again", labels)
    for name in (noise_summary.SUMMARY, noise_summary.DOUBTFUL, noise_summary.RATES):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_a_table_without_doubtful_labels_is_read(folder: pathlib.Path) -> None:
    summary = noise_summary.NoiseSummary.open(folder)
    summary.write(folder, [])
    assert noise_summary.doubtful_labels(folder) == ()


def test_a_table_that_a_spreadsheet_saved_is_read(folder: pathlib.Path) -> None:
    path, labels = folder / noise_summary.DOUBTFUL, noise_summary.doubtful_labels(folder)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert noise_summary.doubtful_labels(folder) == labels


def test_files_of_the_first_version_are_read_and_those_of_another_are_not(folder: pathlib.Path) -> None:
    path = folder / noise_summary.SUMMARY
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["format"]
    path.write_text(json.dumps(values), encoding="utf-8")
    assert noise_summary.NoiseSummary.open(folder).split == "train"
    path.write_text(json.dumps(values | {"format": 2}), encoding="utf-8")
    with pytest.raises(errors.InputError, match="expected format 1; received 2"):
        noise_summary.NoiseSummary.open(folder)


@pytest.mark.parametrize("key", ["dataset", "split", "split_sha256", "examples", "doubtful", "rates"])
def test_a_missing_key_is_named_with_the_file_and_the_cure(folder: pathlib.Path, key: str) -> None:
    path = folder / noise_summary.SUMMARY
    values = json.loads(path.read_text(encoding="utf-8"))
    for wrong in ({**values, key: {}}, {name: value for name, value in values.items() if name != key}):
        path.write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(errors.InputError, match=rf"noise\.json: expected .*{key}.*python -m refine noise"):
            noise_summary.NoiseSummary.open(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected key, split, label"),
        (b"key;label\n", "received 'key;label'"),
        (b"key,label\n\xe9t\xe9,forest\n", "in UTF-8"),
        ((",".join(noise_summary.COLUMNS) + "\na,train,forest,wat").encode(), "row 1: expected 10 values"),
        (
            (",".join(noise_summary.COLUMNS) + "\na,train,forest,water,x,0.1,0.9,0.1,b,why\n").encode(),
            "row 1: expected score, a number from 0 to 1; received 'x'",
        ),
        (
            (",".join(noise_summary.COLUMNS) + "\na,train,forest,water,0,0.1,nan,0.1,b,why\n").encode(),
            "expected probability_of_suggested, a number",
        ),
        (b'"' + b"x" * 200_000 + b'"\n', "as CSV; field larger"),
    ],
)
def test_a_damaged_table_is_refused(folder: pathlib.Path, content: bytes, message: str) -> None:
    (folder / noise_summary.DOUBTFUL).write_bytes(content)
    with pytest.raises(errors.InputError, match=rf"doubtful\.csv.*{message}.*python -m refine noise"):
        noise_summary.doubtful_labels(folder)


@pytest.mark.parametrize("name", [noise_summary.SUMMARY, noise_summary.DOUBTFUL])
def test_a_pipe_is_refused_and_not_waited_for(folder: pathlib.Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(errors.InputError, match="no regular file"):
        noise_summary.NoiseSummary.open(folder)
        noise_summary.doubtful_labels(folder)
