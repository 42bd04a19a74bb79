"""The shards of a built dataset, read without TensorFlow and without TFDS.

TFDS stores an example as a serialized `tf.train.Example`: a message of four levels, all of them length-delimited
fields. Reading it here keeps `verify` small, and independent of the code that wrote the files.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import struct
from collections.abc import Iterator, Mapping

import numpy as np

from builder import errors, input_files

TFRECORD, ARRAY_RECORD = FORMATS = ("tfrecord", "array_record")

Values = list[bytes] | np.ndarray  # bytes, or int64[n], or float32[n]
Example = Mapping[str, Values]

SHARD_NAME = re.compile(
    rf"(?P<name>\w+)-(?P<split>\w+)\.(?P<format>{'|'.join(FORMATS)})-(?P<index>\d{{5}})-of-(?P<count>\d{{5}})"
)

_BYTES, _FLOATS, _INTEGERS = 1, 2, 3  # fields of tf.train.Feature
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5  # wire types of protocol buffers


@dataclasses.dataclass(frozen=True)
class Shard:
    """One shard file of a built dataset."""

    path: pathlib.Path
    split: str
    file_format: str
    index: int
    count: int


def shards(folder: pathlib.Path, file_format: str | None = None) -> list[Shard]:
    """Shard files in `folder` by split and index; of one file format if it is given.

    Raises:
      errors.InputError: if there is none.
    """
    names = ((path, SHARD_NAME.fullmatch(path.name)) for path in folder.glob("*-of-*"))
    found = [Shard(path, m["split"], m["format"], int(m["index"]), int(m["count"])) for path, m in names if m]
    kept = [shard for shard in found if file_format in (None, shard.file_format)]
    if not kept:
        raise errors.InputError(
            f"{folder}: expected shards named <dataset>-<split>.<tfrecord or array_record>-00000-of-00001; found none. "
            "Name the folder of one version, .../globeland_samples/<config>/<version>."
        )
    return sorted(kept, key=lambda shard: (shard.split, shard.file_format, shard.index))


def examples(shard: Shard) -> Iterator[Example]:
    """Every example of a shard, in order."""
    for record in read(shard.path, shard.file_format):
        yield decode(record)


def read(path: pathlib.Path, file_format: str) -> Iterator[bytes]:
    """Every record of a file, in order.

    Raises:
      errors.InputError: if it is no regular file, or is cut short, or is damaged in a way that its format shows.
    """
    input_files.check_regular(path, expected="a shard", cure="Build or copy the dataset again.")
    return {TFRECORD: _read_tfrecord, ARRAY_RECORD: _read_array_record}[file_format](path)


def _read_tfrecord(path: pathlib.Path) -> Iterator[bytes]:
    """Length (uint64), its checksum, payload, its checksum, and so on to the end of the file."""
    left = path.stat().st_size
    with path.open("rb") as stream:
        while left:
            head = stream.read(12)
            length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else left
            if length + 16 > left:
                raise errors.InputError(f"{path}: the last record is cut short. Build or copy the dataset again.")
            yield stream.read(length)
            stream.seek(4, 1)
            left -= length + 16


def _read_array_record(path: pathlib.Path) -> Iterator[bytes]:
    from array_record.python import array_record_module

    try:
        reader = array_record_module.ArrayRecordReader(str(path), "readahead_buffer_size:0,max_parallelism:1")
        for start in range(0, reader.num_records(), 64):
            yield from reader.read(start, min(start + 64, reader.num_records()))
        reader.close()
    except (RuntimeError, ValueError, IndexError) as error:
        raise errors.InputError(f"{path}: damaged ({error}). Build or copy the dataset again.") from error


def decode(record: bytes) -> dict[str, Values]:
    """Values of each feature of a serialized `tf.train.Example`; a feature without a value is absent or empty.

    Raises:
      errors.InputError: if the bytes are no such message.
    """
    try:
        return dict(_feature(entry) for _, features in _fields(memoryview(record)) for _, entry in _fields(features))
    except (IndexError, struct.error, ValueError, TypeError, UnicodeDecodeError) as error:
        raise errors.InputError(
            f"expected a serialized tf.train.Example; received {len(record)} other bytes."
        ) from error


def _feature(entry: memoryview) -> tuple[str, Values]:
    """Name and values of one entry of the map `Features.feature`."""
    parts = dict(_fields(entry))
    name = bytes(parts[1]).decode()
    for kind, payload in _fields(parts.get(2, memoryview(b""))):
        values = [value for _, value in _fields(payload)]
        if kind == _BYTES:
            return name, [bytes(value) for value in values]
        if kind == _FLOATS:
            return name, np.frombuffer(b"".join(values), "<f4")
        if kind == _INTEGERS:
            return name, np.array([i for value in values for i in _integers(value)], np.int64)
    return name, []


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(field number, payload) of each field; a number is given as the bytes that hold it."""
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == _DELIMITED:
            length, position = _varint(message, position)
            stop = position + length
        elif wire == _VARINT:
            stop = _varint(message, position)[1]
        elif wire in (_FIXED32, _FIXED64):
            stop = position + (4 if wire == _FIXED32 else 8)
        else:
            raise ValueError(f"wire type {wire}")
        if stop > end:
            raise ValueError("a field passes the end of its message")
        yield tag >> 3, message[position:stop]
        position = stop


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """(value, position behind it) of a base-128 number."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _integers(payload: memoryview) -> Iterator[int]:
    """Signed 64-bit integers of a packed field."""
    position = 0
    while position < len(payload):
        value, position = _varint(payload, position)
        yield value - (1 << 64) if value >= 1 << 63 else value
