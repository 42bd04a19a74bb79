"""The three ways to read a split: what each holds, in which order, under which digest, and what is refused."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
import small_release

from builder import errors
from refine.samples import backends, datasets, readers

WANTED = [0, 3, 20]


@pytest.fixture(scope="module")
def of_kind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, readers.AnyReader]:
    root = tmp_path_factory.mktemp("tensorflow_datasets")
    found: dict[str, readers.AnyReader] = {}
    for kind in ("array_record", "tfrecord"):
        reference = small_release.write(root, config=kind, file_format=kind)
        found[kind] = datasets.open_dataset(reference, data_dir=root).split("train").reader
    folder = small_release.write_folder(root / "images")
    found["folder"] = datasets.open_dataset(str(folder), data_dir=None).split("train").reader
    return found


def test_each_format_has_its_reader(of_kind: dict[str, readers.AnyReader]) -> None:
    kinds = {"array_record": readers.SourceReader, "tfrecord": readers.RecordReader, "folder": readers.FolderReader}
    assert {kind: type(reader) for kind, reader in of_kind.items()} == kinds


@pytest.mark.parametrize("kind", ["array_record", "tfrecord"])
def test_columns_are_scalars_in_stored_order(of_kind: dict[str, readers.AnyReader], kind: str) -> None:
    columns = of_kind[kind].columns(["label", "key", "purity"])
    np.testing.assert_array_equal(columns["label"], np.arange(28) % 7)
    assert columns["key"].tolist() == [f"train{i:03d}" for i in range(28)]
    np.testing.assert_allclose(columns["purity"], 0.5 + np.arange(28) % 5 / 10)


def test_a_folder_has_labels_and_keys_by_path(of_kind: dict[str, readers.AnyReader]) -> None:
    columns = of_kind["folder"].columns(["label", "key"])
    names = sorted(small_release.CLASSES)
    assert columns["key"].tolist() == [f"{name}/{i}.jpg" for name in names for i in range(4)]
    np.testing.assert_array_equal(columns["label"], np.repeat(np.arange(7), 4))


@pytest.mark.parametrize("kind", ["array_record", "tfrecord", "folder"])
def test_encoded_pictures_come_by_row_whichever_way_they_are_read(
    of_kind: dict[str, readers.AnyReader], kind: str
) -> None:
    found = list(readers.rows_of(of_kind[kind], WANTED))
    if kind == "folder":
        files = of_kind[kind].files  # type: ignore[attr-defined]
        assert found == [files[row].read_bytes() for row in WANTED]
    else:
        assert found == [small_release.example("train", row)["image"] for row in WANTED]
    assert list(readers.rows_of(of_kind[kind], [])) == []


@pytest.mark.parametrize(("kind", "streams"), [("array_record", False), ("folder", False), ("tfrecord", True)])
def test_a_reader_says_which_way_it_reads(of_kind: dict[str, readers.AnyReader], kind: str, streams: bool) -> None:
    assert isinstance(of_kind[kind], readers.StreamReader) == streams
    assert isinstance(of_kind[kind], readers.RowReader) == (not streams)


def test_digests_tell_readers_apart_and_stay(of_kind: dict[str, readers.AnyReader]) -> None:
    digests = {kind: reader.digest() for kind, reader in of_kind.items()}
    assert len(set(digests.values())) == 3
    assert digests == {kind: reader.digest() for kind, reader in of_kind.items()}


def test_without_tensorflow_a_release_of_tfrecord_is_refused_with_the_cure(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = small_release.write(tmp_path, file_format="tfrecord")
    dataset = datasets.open_dataset(reference, data_dir=tmp_path)
    monkeypatch.setattr(backends, "has_tensorflow", lambda: False)
    with pytest.raises(errors.InputError, match=r"stored as tfrecord.*--file_format=array_record"):
        dataset.split("train")


def test_pictures_are_told_by_their_suffix(tmp_path: pathlib.Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", "c.jpeg"):
        (tmp_path / "water").mkdir(exist_ok=True)
        (tmp_path / "water" / name).write_bytes(b"x")
    assert [p.name for p in readers.pictures_of(tmp_path)] == ["a.png", "b.JPG", "c.jpeg"]


@pytest.mark.parametrize(("value", "text"), [(b"caf\xc3\xa9", "café"), ("x", "x"), (3, 3)])
def test_bytes_are_text(value: Any, text: Any) -> None:
    assert readers._plain(value) == text
