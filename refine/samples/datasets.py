"""A released dataset: which one, its splits, and what its labels mean to the model."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from builder import errors
from builder.legend import legend
from refine.samples import class_table, prepared_datasets, readers

KEY_FEATURES = ("key", "id", "filename", "image/filename", "tfds_id")
IDENTITIES = ("key", "id")  # those that name one example among all splits and configs
PARENT = "parent"


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A released dataset on disk.

    Attributes:
      name: NAME/CONFIG, or the path of a folder of pictures.
      version: X.Y.Z; empty for a folder of pictures.
      splits: number of stored examples of each split.
      scalars: features that hold one value for each example.
      classes: what a model learns.
      class_of_label: class index of each of the dataset's labels, or class_table.DROPPED.
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
    labels_file: class_table.SourceFile | None = None
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
        with readers.damage_errors(self.full_name):
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
            labels=np.where(own >= 0, np.array(self.class_of_label, np.int64)[own], class_table.DROPPED),
            columns={c: table[c] for c in columns},
        )
        return whole.where(whole.labels != class_table.DROPPED)

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
            with readers.damage_errors(self.dataset.full_name):
                self._stored.update(self.reader.columns(unread))
        return {name: self.columns[name] if name in self.columns else self._stored[name][self.rows] for name in known}

    @functools.cached_property
    def digest(self) -> str:
        """sha256 of the files that hold the whole split."""
        with readers.damage_errors(self.dataset.full_name):
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


def open_dataset(reference: str, *, data_dir: pathlib.Path | None, labels: pathlib.Path | None = None) -> Dataset:
    """The dataset that NAME[/CONFIG][:VERSION] names under `data_dir`, or a folder ROOT/split/label/picture.

    Without a config the only one there, without a version the newest one there. With a `labels` file (CSV: label,class)
    its labels become the classes of the legend; labels with an empty class are left out.

    Raises:
      errors.InputError: if it is not there (lists what is), or is not a dataset of labelled images.
    """
    folder = pathlib.Path(reference)
    # Inside DATA the name of a release is a folder too.
    is_folder = folder.is_dir() and not prepared_datasets.is_released(reference, data_dir)
    opened = _open_folder(folder) if is_folder else _open_release(reference, data_dir)
    return opened if labels is None else _with_classes(opened, labels)


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


def _open_release(reference: str, data_dir: pathlib.Path | None) -> Dataset:
    import tensorflow_datasets as tfds

    folder, name, version = prepared_datasets.find(reference, data_dir)
    with readers.damage_errors(str(folder)):
        return _of_builder(tfds.builder_from_directory(folder), name, version)


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


def _with_classes(dataset: Dataset, labels: pathlib.Path) -> Dataset:
    """`dataset` with its labels turned into classes of the legend, as the CSV file says."""
    indexes, source = class_table.read_class_indexes(labels, dataset.label_names, of=dataset.full_name)
    return dataclasses.replace(dataset, classes=legend.seven().names, class_of_label=indexes, labels_file=source)


def _listed(names: Any) -> str:
    return ", ".join(str(n) for n in names) or "none"
