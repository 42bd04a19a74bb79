"""Released datasets: which one is meant, what is there, what its labels mean, and what it gives."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Sequence

import numpy as np
import pytest
import small_release
from hypothesis import given
from hypothesis import strategies as st

from builder import errors, hashing
from refine.samples import class_table, datasets, held_out, readers

CLASSES = small_release.CLASSES


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("tensorflow_datasets")
    small_release.write(root, config="rough")
    small_release.write(root, config="rough", version="1.1.0")
    small_release.write(root, config="streamed", file_format="tfrecord")
    return root


def test_a_dataset_is_found_by_name_config_and_version(data_dir: pathlib.Path) -> None:
    dataset = datasets.open_dataset("small_samples/rough:1.0.0", data_dir=data_dir)
    assert dataset.full_name == "small_samples/rough:1.0.0"
    assert dataset.splits == small_release.SIZES
    assert dataset.classes == CLASSES


def test_without_a_version_the_newest_is_meant(data_dir: pathlib.Path) -> None:
    assert datasets.open_dataset("small_samples/rough", data_dir=data_dir).version == "1.1.0"


@pytest.mark.parametrize("reference", ["small_samples/accurate", "small_samples/rough:2.0.0", "other"])
def test_what_is_not_there_is_refused_with_a_list_of_what_is(data_dir: pathlib.Path, reference: str) -> None:
    with pytest.raises(
        errors.InputError, match=r"small_samples/rough:1\.0\.0, small_samples/rough:1\.1\.0, .*streamed"
    ):
        datasets.open_dataset(reference, data_dir=data_dir)


def test_an_empty_folder_of_datasets_says_so(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match=r"there is no prepared dataset.*tfds build other"):
        datasets.open_dataset("other", data_dir=tmp_path)


def test_several_configs_need_a_choice(data_dir: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="several configs"):
        datasets.open_dataset("small_samples", data_dir=data_dir)


def test_a_name_that_is_no_name_is_refused(data_dir: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="NAME/CONFIG:VERSION"):
        datasets.open_dataset("small samples:newest", data_dir=data_dir)


def test_a_missing_split_names_the_splits_and_the_cure(tmp_path: pathlib.Path) -> None:
    dataset = datasets.open_dataset(str(small_release.write_folder(tmp_path)), data_dir=None)
    with pytest.raises(errors.InputError, match=r"no split 'validation'; there are test, train.*--validation-share"):
        dataset.split("validation")


def test_a_missing_feature_names_the_features(data_dir: pathlib.Path) -> None:
    dataset = datasets.open_dataset("small_samples/streamed", data_dir=data_dir)
    with pytest.raises(errors.InputError, match=r"no scalar feature trust; there are key, label_origin, lat_e7"):
        dataset.split("train").column("trust")


@pytest.mark.parametrize("config", ["rough", "streamed"])
def test_both_ways_of_reading_give_the_same_examples_in_the_same_order(data_dir: pathlib.Path, config: str) -> None:
    split = datasets.open_dataset(f"small_samples/{config}", data_dir=data_dir).split("train")
    assert isinstance(split.reader, readers.RowReader) == (config == "rough")
    assert isinstance(split.reader, readers.StreamReader) == (config == "streamed")
    assert split.keys.tolist() == [f"train{i:03d}" for i in range(28)]
    np.testing.assert_array_equal(split.labels, np.arange(28) % 7)
    np.testing.assert_array_equal(split.column("votes"), 3 + np.arange(28) % 3)
    wanted = [3, 4, 20]
    encoded = list(readers.rows_of(split.reader, wanted))
    assert encoded == [small_release.example("train", i)["image"] for i in wanted]


@pytest.mark.parametrize("config", ["rough", "streamed"])
def test_a_column_is_read_once_for_a_split_and_all_its_subsets(
    data_dir: pathlib.Path, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = datasets.open_dataset(f"small_samples/{config}", data_dir=data_dir).split("train")
    read: list[list[str]] = []
    columns = type(split.reader).columns

    def spied(reader: readers.AnyReader, names: Sequence[str]) -> dict[str, np.ndarray]:
        read.append(list(names))
        return columns(reader, names)

    monkeypatch.setattr(type(split.reader), "columns", spied)
    some = split.where(split.labels == 2)
    np.testing.assert_array_equal(some.column("votes"), split.column("votes")[split.labels == 2])
    assert read == []  # numbers come with the labels
    assert set(some.column("label_origin")) == {"consensus", "review"}
    assert len(split.column("label_origin")) == 28
    assert set(split.known_columns("label_origin", "trust")) == {"label_origin"}
    assert read == [["label_origin"]]


def test_a_folder_of_pictures_is_a_dataset(tmp_path: pathlib.Path) -> None:
    root = small_release.write_folder(tmp_path / "images", names=("meadow", "lake"))
    dataset = datasets.open_dataset(str(root), data_dir=None)
    assert dataset.classes == ("lake", "meadow")
    assert dataset.splits == {"train": 8, "test": 8}
    split = dataset.split("train")
    assert split.keys[0] == "lake/0.jpg"
    np.testing.assert_array_equal(split.labels, [0] * 4 + [1] * 4)


def test_folders_named_as_the_seven_classes_come_in_public_order(tmp_path: pathlib.Path) -> None:
    dataset = datasets.open_dataset(str(small_release.write_folder(tmp_path)), data_dir=None)
    assert dataset.classes == CLASSES
    assert dataset.label_names == tuple(sorted(CLASSES))


def test_a_folder_without_pictures_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="SPLIT/LABEL/picture"):
        datasets.open_dataset(str(tmp_path), data_dir=None)


def test_a_labels_file_maps_to_the_seven_classes_and_drops_the_rest(tmp_path: pathlib.Path) -> None:
    root = small_release.write_folder(tmp_path / "images", names=("beach", "forest", "river"))
    labels = tmp_path / "labels.csv"
    labels.write_text("label,class\nbeach,\nforest,forest\nriver,water\n")
    dataset = datasets.open_dataset(str(root), data_dir=None, labels=labels)
    split = dataset.split("train")
    assert dataset.classes == CLASSES
    assert dataset.labels_file == class_table.SourceFile(str(labels), hashing.sha256_of_file(labels), 3)
    assert {CLASSES[i] for i in split.labels} == {"forest", "water"}
    np.testing.assert_array_equal(split.rows, np.arange(4, 12))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,class\nbeach,\nforest,forest\n", "missing river"),
        ("label,class\nbeach,\nforest,forest\nriver,water\nsea,water\n", "unknown sea"),
        ("label,class\nbeach,sand\nforest,forest\nriver,water\n", "received sand"),
        ("name,target\n", "expected label, class among the columns .* columns label,class"),
        ("label,class\nbeach\n", "row 1: expected 2 values, as in the header; received 1"),
    ],
)
def test_a_labels_file_that_does_not_fit_is_refused(tmp_path: pathlib.Path, text: str, message: str) -> None:
    root = small_release.write_folder(tmp_path / "images", names=("beach", "forest", "river"), per_class=1)
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    with pytest.raises(errors.InputError, match=message):
        datasets.open_dataset(str(root), data_dir=None, labels=labels)


def test_a_labels_file_in_another_encoding_is_refused(tmp_path: pathlib.Path) -> None:
    root = small_release.write_folder(tmp_path / "images", names=("forêt", "river"), per_class=1)
    labels = tmp_path / "labels.csv"
    labels.write_bytes("label,class\nforêt,forest\nriver,water\n".encode("latin-1"))
    with pytest.raises(errors.InputError, match=r"labels\.csv: expected a table of classes by label in UTF-8"):
        datasets.open_dataset(str(root), data_dir=None, labels=labels)
    labels.write_text("label,class\n\nforêt,forest\nriver,water\n\n", encoding="utf-8")
    assert datasets.open_dataset(str(root), data_dir=None, labels=labels).splits == {"train": 2, "test": 2}


def test_a_dataset_of_other_classes_or_another_major_version_does_not_fit_a_model(data_dir: pathlib.Path) -> None:
    dataset = datasets.open_dataset("small_samples/rough:1.1.0", data_dir=data_dir)
    datasets.check_fits(dataset, classes=CLASSES, trained_on="small_samples/accurate:1.0.0")
    with pytest.raises(errors.InputError, match="the model knows the classes lake, meadow"):
        datasets.check_fits(dataset, classes=("lake", "meadow"), trained_on="small_samples/rough:1.0.0")
    with pytest.raises(errors.InputError, match="another major version"):
        datasets.check_fits(dataset, classes=CLASSES, trained_on="small_samples/rough:2.0.0")


def test_held_out_examples_are_a_share_of_every_class_and_do_not_depend_on_the_order(tmp_path: pathlib.Path) -> None:
    split = datasets.open_dataset(str(small_release.write_folder(tmp_path, per_class=10)), data_dir=None).split("train")
    rest, held = held_out.hold_out(split, share=0.2, seed=3)
    assert np.bincount(held.labels).tolist() == [2] * 7
    assert set(rest.keys) | set(held.keys) == set(split.keys) and not set(rest.keys) & set(held.keys)
    fewer = split.where(split.labels > 2)
    assert set(held_out.hold_out(fewer, share=0.2, seed=3)[1].keys) <= set(held.keys)


def _of_blocks(per_block: int, blocks: int, *, apart_deg: float = 1.0, classes: int = 7) -> datasets.Split:
    """`blocks` squares of land with `per_block` examples each; the class changes from example to example."""
    count = per_block * blocks
    block = np.arange(count) // per_block
    return datasets.Split(
        dataset=datasets.Dataset("d", "1.0.0", {}, ("lon_e7", "lat_e7"), CLASSES, tuple(range(7)), CLASSES, None),
        name="train",
        reader=None,  # type: ignore[arg-type]
        rows=np.arange(count),
        keys=np.array([f"k{i}" for i in range(count)]),
        labels=np.arange(count) % classes,
        columns={
            "lon_e7": (block * apart_deg * 1e7).astype(np.int64) + np.arange(count) % per_block,
            "lat_e7": np.full(count, 450_000_000),
        },
    )


def test_whole_blocks_of_land_are_held_out() -> None:
    split = _of_blocks(per_block=10, blocks=200)
    rest, held = held_out.hold_out(split, share=0.1, seed=1)
    assert not set(rest.rows // 10) & set(held.rows // 10)
    np.testing.assert_allclose(np.bincount(held.labels) / np.bincount(split.labels), 0.1, atol=0.02)
    other = held_out.hold_out(split, share=0.1, seed=2)[1]
    assert set(other.rows // 10) != set(held.rows // 10)


def test_where_all_examples_lie_together_they_are_held_out_one_by_one() -> None:
    rest, held = held_out.hold_out(_of_blocks(per_block=70, blocks=1), share=0.2, seed=1)
    assert np.bincount(held.labels).tolist() == [2] * 7 and len(rest) == 56


def test_a_chip_that_was_cut_again_stays_with_the_first() -> None:
    split = _of_blocks(per_block=60, blocks=1, classes=3)
    first = np.arange(60) // 12 * 12 + np.arange(60) % 3  # four of a class show one place
    parents = np.where(np.arange(60) % 12 < 3, "", np.array([f"k{i}" for i in first]))
    without_places = dataclasses.replace(split.dataset, scalars=(datasets.PARENT,))
    split = dataclasses.replace(split, dataset=without_places, columns={datasets.PARENT: parents})
    rest, held = held_out.hold_out(split, share=0.2, seed=1)
    assert not set(datasets.identities(rest)) & set(datasets.identities(held))
    assert np.bincount(held.labels).tolist() == [4, 4, 4]


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=12), st.floats(0.01, 0.99))
def test_every_class_keeps_an_example_in_train(counts: list[list[int]], share: float) -> None:
    table = np.array(counts)
    chosen = held_out.chosen_groups(table, share)
    rest = table[~chosen].sum(axis=0)
    assert (rest[table.sum(axis=0) > 0] > 0).all()


def test_a_class_whose_blocks_are_larger_than_its_share_is_watched_too() -> None:
    chosen = held_out.chosen_groups(np.array([[50, 9], [50, 0], [0, 9], [1, 0], [1, 0]]), 0.1)
    assert chosen.tolist() == [False, False, True, True, True]


def test_labels_that_are_not_known_are_left_out(data_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = readers.SourceReader.columns

    def with_unknown(reader: readers.SourceReader, names: Sequence[str]) -> dict[str, np.ndarray]:
        found = columns(reader, names)
        return found | {"label": np.where(np.arange(28) == 5, -1, found["label"])}

    monkeypatch.setattr(readers.SourceReader, "columns", with_unknown)
    split = datasets.open_dataset("small_samples/rough:1.0.0", data_dir=data_dir).split("train")
    assert len(split) == 27 and 5 not in split.rows
    np.testing.assert_array_equal(split.labels, split.rows % 7)


def test_the_name_of_a_release_is_no_folder_of_pictures(
    data_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data_dir)
    dataset = datasets.open_dataset("small_samples/streamed", data_dir=pathlib.Path())
    assert dataset.full_name == "small_samples/streamed:1.0.0"


@pytest.mark.parametrize("config", ["rough", "streamed"])
@pytest.mark.parametrize("damage", ["cut", "gone", "info"])
def test_a_damaged_release_is_refused_with_its_cure(
    data_dir: pathlib.Path, tmp_path: pathlib.Path, config: str, damage: str
) -> None:
    shutil.copytree(data_dir, tmp_path / "data")
    folder = tmp_path / "data" / small_release.NAME / config / small_release.VERSION
    (shard,) = folder.glob("*-train.*")
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    elif damage == "gone":
        shard.unlink()
    else:
        (folder / "dataset_info.json").write_text("{")
    with pytest.raises(errors.InputError, match=r"missing, truncated or damaged \(.*Copy the version again"):
        datasets.open_dataset(f"{small_release.NAME}/{config}:1.0.0", data_dir=tmp_path / "data").split("train")


@pytest.mark.parametrize("config", ["rough", "streamed"])
@pytest.mark.parametrize("pattern", ["*-train.*", "dataset_info.json", "features.json"])
def test_a_fifo_in_a_release_is_refused_and_not_waited_for(
    data_dir: pathlib.Path, tmp_path: pathlib.Path, config: str, pattern: str
) -> None:
    shutil.copytree(data_dir, tmp_path / "data")
    (file,) = (tmp_path / "data" / small_release.NAME / config / small_release.VERSION).glob(pattern)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(errors.InputError, match=r"expected a file of a release; found something that is no regular"):
        datasets.open_dataset(f"{small_release.NAME}/{config}:1.0.0", data_dir=tmp_path / "data")


def test_the_digest_names_the_content(data_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    root = small_release.write_folder(tmp_path / "images")
    before = datasets.open_dataset(str(root), data_dir=None).split("train").digest
    assert datasets.open_dataset(str(root), data_dir=None).split("train").digest == before
    next((root / "train" / "water").iterdir()).write_bytes(small_release.jpeg(small_release.picture(0, 5)))
    assert datasets.open_dataset(str(root), data_dir=None).split("train").digest != before
