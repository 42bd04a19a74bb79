"""Examples in their stored order: from `tfds.data_source`, from tf.data as `tfds.load` gives it, or from a folder."""

from __future__ import annotations

import collections
import contextlib
import functools
import hashlib
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from builder import errors
from refine.samples import backends

IMAGE, LABEL = "image", "label"
PICTURE_SUFFIXES = (".jpeg", ".jpg", ".png")
_GRAPH_NODE = re.compile(r"\{\{.*?\}\}")  # the node of its graph that TensorFlow names in an error
_DIGEST_BLOCK_BYTES = 1 << 20


class Reader(Protocol):
    """One split in its stored order."""

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """One array per scalar feature, in stored order, read in one pass; no image is decoded."""

    def digest(self) -> str:
        """Digest of everything the split holds."""


@runtime_checkable
class RowReader(Reader, Protocol):
    """A split whose pictures are read in any order."""

    def encoded(self, row: int) -> bytes:
        """The encoded picture at `row`."""


@runtime_checkable
class StreamReader(Reader, Protocol):
    """A split whose pictures are read one after the other."""

    def stream(self) -> Any:
        """`tf.data.Dataset` of encoded pictures in stored order."""


AnyReader = RowReader | StreamReader


@contextlib.contextmanager
def damage_errors(name: str) -> Iterator[None]:
    """Turns what formats and TFDS raise for damaged files of a release into one clear error.

    Raises:
      errors.InputError: for any error inside but our own and a lack of memory.
    """
    try:
        yield
    except (errors.InputError, MemoryError):
        raise
    except Exception as error:  # TFDS, array_record, tf.data and protobuf have their own each
        cause = " ".join(_GRAPH_NODE.sub("", str(error)).split())[:200] or type(error).__name__
        raise errors.InputError(
            f"{name}: its files are missing, truncated or damaged ({cause}). Copy the version again, or build it again."
        ) from error


class SourceReader:
    """`tfds.data_source`: formats with random access, no TensorFlow needed."""

    def __init__(self, builder: Any, split: str) -> None:
        self._builder, self._split = builder, split

    @functools.cached_property
    def _examples(self) -> Any:
        import tensorflow_datasets as tfds

        return self._builder.as_data_source(split=self._split, decoders={IMAGE: tfds.decode.SkipDecoding()})

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """One array per scalar feature, in stored order."""
        gathered: dict[str, list[Any]] = {name: [] for name in names}
        for row in range(len(self._examples)):
            example = self._examples[row]
            for name in names:
                gathered[name].append(_plain(example[name]))
        return {name: np.array(values) for name, values in gathered.items()}

    def encoded(self, row: int) -> bytes:
        """The encoded picture at `row`."""
        return bytes(self._examples[int(row)][IMAGE])

    def digest(self) -> str:
        """sha256 over the files of the split."""
        return _digest_of_files(split_files(self._builder, self._split))


class RecordReader:
    """`tfds.load`: TFRecord files, streamed through tf.data."""

    def __init__(self, builder: Any, split: str) -> None:
        self._builder, self._split = builder, split

    def _dataset(self, names: Sequence[str]) -> Any:
        import tensorflow_datasets as tfds

        decoders = {IMAGE: tfds.decode.SkipDecoding()} if IMAGE in names else None
        # One file after the other: the stored order, so that a position names an example.
        order = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        return self._builder.as_dataset(
            split=self._split,
            shuffle_files=False,
            read_config=order,
            decoders=tfds.decode.PartialDecoding(dict.fromkeys(names, True), decoders=decoders),
        )

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """One array per scalar feature, in stored order."""
        gathered: dict[str, list[np.ndarray]] = collections.defaultdict(list)
        for batch in self._dataset(names).batch(1024).as_numpy_iterator():
            for name in names:
                gathered[name].append(batch[name])
        return {name: _texts(np.concatenate(parts)) for name, parts in gathered.items()}

    def stream(self) -> Any:
        """`tf.data.Dataset` of encoded pictures in stored order."""
        return self._dataset([IMAGE]).map(lambda example: example[IMAGE])

    def digest(self) -> str:
        """sha256 over the files of the split."""
        return _digest_of_files(split_files(self._builder, self._split))


class FolderReader:
    """A folder in the layout of `tfds.ImageFolder`: ROOT/split/label/picture."""

    def __init__(self, root: pathlib.Path, split: str, label_names: Sequence[str]) -> None:
        self._root = root / split
        self._labels = tuple(label_names)
        self.files = pictures_of(self._root)

    def columns(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """`label` (position of the folder's name among the labels) and `key` (path below the split)."""
        known = {
            LABEL: np.array([self._labels.index(f.parent.name) for f in self.files], np.int64),
            "key": np.array([f.relative_to(self._root).as_posix() for f in self.files]),
        }
        return {name: known[name] for name in names}

    def encoded(self, row: int) -> bytes:
        """The encoded picture at `row`."""
        return self.files[int(row)].read_bytes()

    def digest(self) -> str:
        """sha256 over names and contents."""
        return _digest_of_files(self.files)


def reader_of_builder(builder: Any, split: str, *, name: str) -> AnyReader:
    """The reader that fits how the dataset is stored and what is installed.

    Raises:
      errors.InputError: if the dataset is stored as TFRecord and TensorFlow is not installed.
    """
    import tensorflow_datasets as tfds

    formats = builder.info.available_file_formats()
    if formats & tfds.core.FileFormat.with_random_access():
        return SourceReader(builder, split)
    if not backends.has_tensorflow():
        raise errors.InputError(
            f"{name} is stored as {' and '.join(sorted(f.value for f in formats))}, which only TensorFlow reads, and "
            "TensorFlow is not installed. Install tensorflow, or build the dataset with --file_format=array_record."
        )
    return RecordReader(builder, split)


def split_files(builder: Any, split: str) -> list[pathlib.Path]:
    """The files that hold one split of a prepared dataset, in order."""
    return [pathlib.Path(path) for path in builder.info.splits[split].filepaths]


def pictures_of(folder: pathlib.Path) -> list[pathlib.Path]:
    """Pictures at folder/label/picture, sorted by path."""
    return sorted(p for p in folder.glob("*/*") if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value


def _texts(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([_plain(v) for v in values])
    return values


def _digest_of_files(files: Sequence[pathlib.Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.parent.name}/{path.name}\n".encode())
        with path.open("rb") as stream:
            while block := stream.read(_DIGEST_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()


def rows_of(reader: AnyReader, rows: Sequence[int]) -> Iterator[bytes]:
    """Encoded pictures at ascending `rows`, whichever way the reader reads."""
    if isinstance(reader, RowReader):
        for row in rows:
            yield reader.encoded(row)
        return
    wanted = {int(r) for r in rows}
    last = max(wanted, default=-1)
    for row, encoded in enumerate(reader.stream().as_numpy_iterator()):
        if row in wanted:
            yield encoded
        if row >= last:
            return
