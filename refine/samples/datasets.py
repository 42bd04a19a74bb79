"""A released dataset: which one, its splits, and what its labels mean to the model."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from builder import errors, hashing, input_files
from builder.legend import legend
from refine.artefacts import csv_rows
from refine.samples import readers

REFERENCE = re.compile(r"(?P<name>\w+)(?:/(?P<config>[^:/]+))?(?::(?P<version>\d+\.\d+\.\d+))?$")
VERSION_FOLDER = re.compile(r"\d+\.\d+\.\d+$")
DROPPED = -1  # label of examples whose class the labels file leaves out
KEY_FEATURES = ("key", "id", "filename", "image/filename", "tfds_id")
IDENTITIES = ("key", "id")  # those that name one example among all splits and configs
PARENT = "parent"


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A table that a user gave: where it lay, the sha256 of its content, and how many rows it holds."""

    path: str
    sha256: str
    rows: int

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A released dataset on disk.

    Attributes:
      name: NAME/CONFIG, or the path of a folder of pictures.
      version: X.Y.Z; empty for a folder of pictures.
      splits: number of stored examples of each split.
      scalars: features that hold one value for each example.
      classes: what a model learns.
      class_of_label: class index of each of the dataset's labels, or DROPPED.
      label_names: the dataset's labels.
      source: the TFDS builder, or the folder of pictures.
      labels_file: the table that mapped labels to classes.
      numbers: those of `scalars` that are numbers.
    """

    name: str
    version: str
    splits: Mapping[str, int]
    scalars: tuple[str, ...]
    classes: tuple[str, ...]
    class_of_label: tuple[int, ...]
    label_names: tuple[str, ...]
    source: Any = dataclasses.field(repr=False, compare=False)
    labels_file: SourceFile | None = None
    numbers: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """NAME/CONFIG:VERSION, or the path of an image folder."""
        return f"{self.name}:{self.version}" if self.version else self.name

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the dataset's builder wrote of how it was made; empty where it wrote nothing."""
        return {} if isinstance(self.source, pathlib.Path) else dict(self.source.info.metadata or {})

    @property
    def key_feature(self) -> str | None:
        """The feature that tells the examples of a split apart; None where there is none."""
        return next((k for k in KEY_FEATURES if k in self.scalars), None)

    def has(self, *names: str) -> tuple[str, ...]:
        """Those of `names` that are scalar features of the dataset."""
        return tuple(name for name in names if name in self.scalars)

    def split(self, name: str) -> Split:
        """One split. Keys, labels and all numbers are read in one pass, texts when they are asked for.

        Raises:
          errors.InputError: if the dataset has no such split, or its files are damaged.
        """
        if name not in self.splits:
            raise errors.InputError(
                f"{self.full_name} has no split {name!r}; there are {_listed(self.splits)}."
                + (" Give --validation-share 0.1 to hold out a tenth of train instead." if name == "validation" else "")
            )
        key_feature = self.key_feature
        columns = self.has(*self.numbers, PARENT)
        wanted = [readers.LABEL, *columns, *([key_feature] if key_feature else [])]
        with readers.whole(self.full_name):
            reader = self._reader(name)
            table = reader.columns(list(dict.fromkeys(wanted)))
        own = table[readers.LABEL].astype(np.int64)
        keys = table[key_feature] if key_feature else np.array([f"{name}[{i}]" for i in range(len(own))])
        whole = Split(
            dataset=self,
            name=name,
            reader=reader,
            rows=np.arange(len(own)),
            keys=keys.astype(str),
            # TFDS writes -1 where the label is not known.
            labels=np.where(own >= 0, np.array(self.class_of_label, np.int64)[own], DROPPED),
            columns={c: table[c] for c in columns},
        )
        return whole.where(whole.labels != DROPPED)

    def _reader(self, split: str) -> readers.AnyReader:
        if isinstance(self.source, pathlib.Path):
            return readers.FolderReader(self.source, split, self.label_names)
        return readers.reader_of_builder(self.source, split, name=self.full_name)


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples of one split.

    Attributes:
      dataset: the dataset that it is a split of.
      name: of the split.
      reader: reads the stored examples.
      rows: int64[n], ascending: positions of the examples in the stored order.
      keys: str[n].
      labels: int64[n]: class indexes.
      columns: scalar features of the examples that were read with the labels; `column` gives every one.
    """

    dataset: Dataset
    name: str
    reader: readers.AnyReader = dataclasses.field(repr=False)
    rows: np.ndarray
    keys: np.ndarray
    labels: np.ndarray
    columns: Mapping[str, np.ndarray]
    # Columns in stored order that were asked for later; shared by all subsets of a split, so that each is read once.
    _stored: dict[str, np.ndarray] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, *names: str) -> bool:
        """Whether all of `names` are scalar features of the examples."""
        return all(name in self.columns or name in self.dataset.scalars for name in names)

    def column(self, name: str) -> np.ndarray:
        """The scalar feature `name` of each example: [n]. It is read once, when it is asked for first.

        Raises:
          errors.InputError: if the dataset has no such feature, or its files are damaged.
        """
        if not self.has(name):
            raise errors.InputError(
                f"{self.dataset.full_name} has no scalar feature {name}; there are {_listed(self.dataset.scalars)}."
            )
        return self.known_columns(name)[name]

    def known_columns(self, *names: str) -> dict[str, np.ndarray]:
        """Those of `names` that are features, as `column` gives them; what was not read yet is read in one pass.

        Raises:
          errors.InputError: if the files are damaged.
        """
        known = [name for name in names if self.has(name)]
        unread = [name for name in known if name not in self.columns and name not in self._stored]
        if unread:
            with readers.whole(self.dataset.full_name):
                self._stored.update(self.reader.columns(unread))
        return {name: self.columns[name] if name in self.columns else self._stored[name][self.rows] for name in known}

    @functools.cached_property
    def digest(self) -> str:
        """sha256 of the files that hold the whole split."""
        with readers.whole(self.dataset.full_name):
            return self.reader.digest()

    def where(self, kept: np.ndarray) -> Split:
        """The examples where `kept` (bool[n]) holds."""
        return dataclasses.replace(
            self,
            rows=self.rows[kept],
            keys=self.keys[kept],
            labels=self.labels[kept],
            columns={name: values[kept] for name, values in self.columns.items()},
        )

    def relabelled(self, labels: np.ndarray) -> Split:
        """The same examples under other labels (int64[n])."""
        return dataclasses.replace(self, labels=np.asarray(labels, np.int64))


def identities(split: Split) -> np.ndarray:
    """str[n]: the key of each example; for a chip that was cut again from another one, the key of that `parent`."""
    if not split.has(PARENT):
        return split.keys
    parents = split.column(PARENT).astype(str)
    return np.where(parents == "", split.keys, parents)


def source_file(path: pathlib.Path, rows: int) -> SourceFile:
    """What is recorded of a table that was read."""
    return SourceFile(str(path), hashing.sha256_of_file(path), rows)


def open_dataset(reference: str, *, data_dir: pathlib.Path | None, labels: pathlib.Path | None = None) -> Dataset:
    """The dataset that NAME[/CONFIG][:VERSION] names under `data_dir`, or a folder ROOT/split/label/picture.

    Without a config the only one there, without a version the newest one there. With a `labels` file (CSV: label,class)
    its labels become the classes of the legend; labels with an empty class are left out.

    Raises:
      errors.InputError: if it is not there (lists what is), or is not a dataset of labelled images.
    """
    folder = pathlib.Path(reference)
    # Inside DATA the name of a release is a folder too.
    is_folder = folder.is_dir() and not _is_released(reference, data_dir)
    opened = _open_folder(folder) if is_folder else _open_release(reference, data_dir)
    return opened if labels is None else _mapped(opened, labels)


def check_fits(dataset: Dataset, *, classes: Sequence[str], trained_on: str) -> None:
    """Refuses a dataset that a model cannot be judged on.

    Raises:
      errors.InputError: if the classes differ, or it is another major version of what the model was trained on.
    """
    if tuple(dataset.classes) != tuple(classes):
        raise errors.InputError(
            f"the model knows the classes {_listed(classes)}; {dataset.full_name} has {_listed(dataset.classes)}. "
            "Give --labels FILE that maps its labels to the model's classes, or another --dataset."
        )
    name, _, version = trained_on.rpartition(":")
    same_dataset = name.partition("/")[0] == dataset.name.partition("/")[0]
    if name and same_dataset and version.partition(".")[0] != dataset.version.partition(".")[0]:
        raise errors.InputError(
            f"the model was trained on {trained_on}; received {dataset.full_name}: another major version holds other "
            f"examples. Name version {version} of the dataset, or train again."
        )


def available(data_dir: pathlib.Path) -> list[str]:
    """NAME/CONFIG:VERSION of every prepared dataset under `data_dir`."""
    found = [p.parent for p in data_dir.glob("*/*/dataset_info.json")]
    found += [p.parent for p in data_dir.glob("*/*/*/dataset_info.json")]
    return sorted(
        f"{p.parent.relative_to(data_dir).as_posix()}:{p.name}" for p in found if VERSION_FOLDER.match(p.name)
    )


def _open_folder(root: pathlib.Path) -> Dataset:
    splits = {p.name: len(readers.pictures_of(p)) for p in sorted(root.iterdir()) if p.is_dir()}
    splits = {name: size for name, size in splits.items() if size}
    if not splits:
        raise errors.InputError(
            f"{root}: expected pictures as {root}/SPLIT/LABEL/picture.jpg; received none. For a prepared dataset give "
            "its NAME/CONFIG:VERSION and --data_dir."
        )
    names = tuple(sorted({f.parent.name for split in splits for f in readers.pictures_of(root / split)}))
    return _dataset(root.as_posix(), splits, scalars=("key",), names=names, source=root)


def _is_released(reference: str, data_dir: pathlib.Path | None) -> bool:
    parts = REFERENCE.match(reference)
    return parts is not None and any(_is_meant(d, parts) for d in available(_root(data_dir)))


def _root(data_dir: pathlib.Path | None) -> pathlib.Path:
    import tensorflow_datasets as tfds

    return pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()


def _open_release(reference: str, data_dir: pathlib.Path | None) -> Dataset:
    import tensorflow_datasets as tfds

    root = _root(data_dir)
    parts = REFERENCE.match(reference)
    if parts is None:
        raise errors.InputError(
            f"--dataset: expected NAME/CONFIG:VERSION, for example globeland_samples/rough:1.0.0, or a folder of "
            f"pictures; received {reference!r}."
        )
    there = [d for d in available(root) if _is_meant(d, parts)]
    if not there:
        raise errors.InputError(
            f"{reference} is not under {root}; there {_there(available(root))}. Give another --data_dir, or prepare it "
            f"with `tfds build {parts['name']} --data_dir {root}`."
        )
    if len({d.partition(":")[0] for d in there}) > 1:
        raise errors.InputError(f"{reference} has several configs: {_listed(there)}. Name one.")
    name, _, version = max(there, key=lambda d: tuple(int(n) for n in d.rpartition(":")[2].split("."))).rpartition(":")
    _check_regular_files(root / name / version)
    with readers.whole(f"{root / name / version}"):
        return _of_builder(tfds.builder_from_directory(root / name / version), name, version)


def _check_regular_files(folder: pathlib.Path) -> None:
    """Refuses a release that holds a FIFO or a device, which would block its reader."""
    for path in sorted(folder.iterdir()):
        if path.exists() and not path.is_dir():
            input_files.check_regular(path, expected="a file of a release", cure="Copy the version again.")


def _of_builder(builder: Any, name: str, version: str) -> Dataset:
    import tensorflow_datasets as tfds

    features = builder.info.features
    found = dict(features.items())
    image, label = found.get(readers.IMAGE), found.get(readers.LABEL)
    if not isinstance(image, tfds.features.Image) or not isinstance(label, tfds.features.ClassLabel):
        raise errors.InputError(
            f"{name}:{version}: expected the features image (Image) and label (ClassLabel); received "
            f"{_listed(features)}. It is not a dataset of labelled images."
        )
    kinds = tfds.features.Scalar | tfds.features.Text
    scalars = tuple(sorted(f for f, kind in features.items() if isinstance(kind, kinds)))
    numbers = tuple(f for f in scalars if np.issubdtype(features[f].np_dtype, np.number))
    splits = {split: int(info.num_examples) for split, info in builder.info.splits.items()}
    opened = _dataset(f"{name}:{version}", splits, scalars=scalars, names=tuple(label.names), source=builder)
    return dataclasses.replace(opened, numbers=numbers)


def _dataset(
    full_name: str, splits: Mapping[str, int], *, scalars: tuple[str, ...], names: tuple[str, ...], source: Any
) -> Dataset:
    name, version = (full_name, "") if isinstance(source, pathlib.Path) else full_name.rsplit(":", 1)
    # The seven classes in another order of folders are still the seven classes in public order.
    seven = legend.seven().names
    classes = seven if set(names) <= set(seven) and len(set(names)) > 1 else names
    return Dataset(name, version, splits, scalars, classes, tuple(classes.index(n) for n in names), names, source)


def _mapped(dataset: Dataset, labels: pathlib.Path) -> Dataset:
    """`dataset` with its labels turned into classes of the legend, as the CSV file says."""
    classes = legend.seven().names
    target = _read_labels(labels)
    missing = [n for n in dataset.label_names if n not in target]
    strange = [n for n in target if n not in dataset.label_names]
    if missing or strange:
        raise errors.InputError(
            f"{labels}: expected one row for each label of {dataset.full_name}; missing {_listed(missing)}; "
            f"unknown {_listed(strange)}. Leave the class empty to leave a label out."
        )
    wrong = sorted({c for c in target.values() if c and c not in classes})
    if wrong:
        raise errors.InputError(f"{labels}: expected classes among {_listed(classes)}; received {_listed(wrong)}.")
    indexes = tuple(classes.index(target[n]) if target[n] else DROPPED for n in dataset.label_names)
    read = source_file(labels, len(target))
    return dataclasses.replace(dataset, classes=classes, class_of_label=indexes, labels_file=read)


def _read_labels(path: pathlib.Path) -> dict[str, str]:
    """The class of each label, empty where a label is left out, as a CSV file says."""
    rows = csv_rows.read(
        path,
        ("label", "class"),
        expected="a table of classes by label",
        cure="Give --labels a CSV in UTF-8 with the columns label,class.",
    )
    return {row["label"].strip(): row["class"].strip() for row in rows}


def _is_meant(prepared: str, wanted: re.Match[str]) -> bool:
    name, _, version = prepared.rpartition(":")
    dataset, _, config = name.partition("/")
    return (
        dataset == wanted["name"]
        and (wanted["config"] is None or config == wanted["config"])
        and (wanted["version"] is None or version == wanted["version"])
    )


def _there(found: Sequence[str]) -> str:
    return f"are {_listed(found)}" if found else "is no prepared dataset"


def _listed(names: Any) -> str:
    return ", ".join(str(n) for n in names) or "none"
