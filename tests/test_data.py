"""Released datasets: which one is meant, what is there, what its labels mean, and what it gives."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import small_release

from builder import errors
from refine.dataset import data, holding, readers

CLASSES = small_release.CLASSES


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("tensorflow_datasets")
    small_release.write(root, config="rough")
    small_release.write(root, config="rough", version="1.1.0")
    small_release.write(root, config="streamed", file_format="tfrecord")
    return root


def test_a_dataset_is_found_by_name_config_and_version(data_dir: pathlib.Path) -> None:
    dataset = data.open_dataset("small_samples/rough:1.0.0", data_dir=data_dir)
    assert dataset.full_name == "small_samples/rough:1.0.0"
    assert dataset.splits == small_release.SIZES
    assert dataset.classes == CLASSES


def test_without_a_version_the_newest_is_meant(data_dir: pathlib.Path) -> None:
    assert data.open_dataset("small_samples/rough", data_dir=data_dir).version == "1.1.0"


@pytest.mark.parametrize("reference", ["small_samples/accurate", "small_samples/rough:2.0.0", "other"])
def test_what_is_not_there_is_refused_with_a_list_of_what_is(data_dir: pathlib.Path, reference: str) -> None:
    with pytest.raises(
        errors.InputError, match=r"small_samples/rough:1\.0\.0, small_samples/rough:1\.1\.0, .*streamed"
    ):
        data.open_dataset(reference, data_dir=data_dir)


def test_an_empty_folder_of_datasets_says_so(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match=r"there is no prepared dataset.*tfds build other"):
        data.open_dataset("other", data_dir=tmp_path)


def test_several_configs_need_a_choice(data_dir: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="several configs"):
        data.open_dataset("small_samples", data_dir=data_dir)


def test_a_name_that_is_no_name_is_refused(data_dir: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="NAME/CONFIG:VERSION"):
        data.open_dataset("small samples:newest", data_dir=data_dir)


def test_a_missing_split_names_the_splits_and_the_cure(tmp_path: pathlib.Path) -> None:
    dataset = data.open_dataset(str(small_release.write_folder(tmp_path)), data_dir=None)
    with pytest.raises(errors.InputError, match=r"no split 'validation'; there are test, train.*--validation-share"):
        dataset.split("validation")


def test_a_missing_feature_names_the_features(data_dir: pathlib.Path) -> None:
    dataset = data.open_dataset("small_samples/streamed", data_dir=data_dir)
    with pytest.raises(errors.InputError, match=r"no scalar feature trust; there are key, lat_e7"):
        dataset.split("train", columns=["trust"])


@pytest.mark.parametrize("config", ["rough", "streamed"])
def test_both_ways_of_reading_give_the_same_examples_in_the_same_order(data_dir: pathlib.Path, config: str) -> None:
    split = data.open_dataset(f"small_samples/{config}", data_dir=data_dir).split("train", columns=["votes", "purity"])
    assert split.reader.is_random_access == (config == "rough")
    assert split.keys.tolist() == [f"train{i:03d}" for i in range(28)]
    np.testing.assert_array_equal(split.labels, np.arange(28) % 7)
    np.testing.assert_array_equal(split.columns["votes"], 3 + np.arange(28) % 3)
    wanted = [3, 4, 20]
    encoded = list(readers.rows_of(split.reader, wanted))
    assert encoded == [small_release.example("train", i)["image"] for i in wanted]


def test_a_folder_of_pictures_is_a_dataset(tmp_path: pathlib.Path) -> None:
    root = small_release.write_folder(tmp_path / "images", names=("meadow", "lake"))
    dataset = data.open_dataset(str(root), data_dir=None)
    assert dataset.classes == ("lake", "meadow")
    assert dataset.splits == {"train": 8, "test": 8}
    split = dataset.split("train")
    assert split.keys[0] == "lake/0.jpg"
    np.testing.assert_array_equal(split.labels, [0] * 4 + [1] * 4)


def test_folders_named_as_the_seven_classes_come_in_public_order(tmp_path: pathlib.Path) -> None:
    dataset = data.open_dataset(str(small_release.write_folder(tmp_path)), data_dir=None)
    assert dataset.classes == CLASSES
    assert dataset.label_names == tuple(sorted(CLASSES))


def test_a_folder_without_pictures_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="SPLIT/LABEL/picture"):
        data.open_dataset(str(tmp_path), data_dir=None)


def test_a_labels_file_maps_to_the_seven_classes_and_drops_the_rest(tmp_path: pathlib.Path) -> None:
    root = small_release.write_folder(tmp_path / "images", names=("beach", "forest", "river"))
    labels = tmp_path / "labels.csv"
    labels.write_text("label,class\nbeach,\nforest,forest\nriver,water\n")
    dataset = data.open_dataset(str(root), data_dir=None, labels=labels)
    split = dataset.split("train")
    assert dataset.classes == CLASSES
    assert {CLASSES[i] for i in split.labels} == {"forest", "water"}
    np.testing.assert_array_equal(split.rows, np.arange(4, 12))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,class\nbeach,\nforest,forest\n", "missing river"),
        ("label,class\nbeach,\nforest,forest\nriver,water\nsea,water\n", "unknown sea"),
        ("label,class\nbeach,sand\nforest,forest\nriver,water\n", "received sand"),
        ("name,target\n", "columns label,class"),
    ],
)
def test_a_labels_file_that_does_not_fit_is_refused(tmp_path: pathlib.Path, text: str, message: str) -> None:
    root = small_release.write_folder(tmp_path / "images", names=("beach", "forest", "river"), per_class=1)
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    with pytest.raises(errors.InputError, match=message):
        data.open_dataset(str(root), data_dir=None, labels=labels)


def test_a_dataset_of_other_classes_or_another_major_version_does_not_fit_a_model(data_dir: pathlib.Path) -> None:
    dataset = data.open_dataset("small_samples/rough:1.1.0", data_dir=data_dir)
    data.check_fits(dataset, classes=CLASSES, trained_on="small_samples/accurate:1.0.0")
    with pytest.raises(errors.InputError, match="the model knows the classes lake, meadow"):
        data.check_fits(dataset, classes=("lake", "meadow"), trained_on="small_samples/rough:1.0.0")
    with pytest.raises(errors.InputError, match="another major version"):
        data.check_fits(dataset, classes=CLASSES, trained_on="small_samples/rough:2.0.0")


def test_held_out_examples_are_a_share_of_every_class_and_do_not_depend_on_the_order(tmp_path: pathlib.Path) -> None:
    split = data.open_dataset(str(small_release.write_folder(tmp_path, per_class=10)), data_dir=None).split("train")
    rest, held = holding.held_out(split, share=0.2, seed=3)
    assert np.bincount(held.labels).tolist() == [2] * 7
    assert set(rest.keys) | set(held.keys) == set(split.keys) and not set(rest.keys) & set(held.keys)
    fewer = split.where(split.labels > 2)
    assert set(holding.held_out(fewer, share=0.2, seed=3)[1].keys) <= set(held.keys)


def test_the_digest_names_the_content(data_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    root = small_release.write_folder(tmp_path / "images")
    before = data.open_dataset(str(root), data_dir=None).split("train").digest
    assert data.open_dataset(str(root), data_dir=None).split("train").digest == before
    next((root / "train" / "water").iterdir()).write_bytes(small_release.jpeg(small_release.picture(0, 5)))
    assert data.open_dataset(str(root), data_dir=None).split("train").digest != before
