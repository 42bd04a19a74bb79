"""The semantic digest: what a dataset says, whatever the order, shards or file format it is stored in."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import struct
from collections.abc import Mapping

import numpy as np

from builder.dataset import shard_files

_MODULUS = 1 << 256


@dataclasses.dataclass(frozen=True)
class Digest:
    """Sum modulo 2^256 of the SHA-256 of every example; `+` joins the digests of two parts.

    A sum of hashes does not depend on the order. It shows accidental changes; it is no signature.
    """

    total: int = 0
    examples: int = 0

    def __add__(self, other: Digest) -> Digest:
        return Digest((self.total + other.total) % _MODULUS, self.examples + other.examples)

    @property
    def text(self) -> str:
        """64 hexadecimal digits."""
        return f"{self.total:064x}"


def of_example(split: str, example: shard_files.Example) -> Digest:
    """Digest of one example: its split, and every feature's name, type and values, with the image as stored bytes."""
    return _of_hashes(split, _hashes(example))


def with_features(split: str, example: shard_files.Example) -> tuple[Digest, dict[str, Digest]]:
    """`of_example`, and a digest of each feature with the example's key, by which one sees which features changed."""
    hashes = _hashes(example)
    key = hashes.get("key", b"")
    features = {name: _of_hashes(split, {"key": key, name: value}) for name, value in hashes.items()}
    return _of_hashes(split, hashes), features


def _of_hashes(split: str, hashes: Mapping[str, bytes]) -> Digest:
    state = hashlib.sha256(_framed(split.encode()))
    for name in sorted(hashes):
        state.update(_framed(name.encode()) + hashes[name])
    return Digest(int.from_bytes(state.digest(), "big"), 1)


def _hashes(example: shard_files.Example) -> dict[str, bytes]:
    """SHA-256 of the type and the values of each feature."""
    return {name: hashlib.sha256(b"".join(map(_framed, _canonical(v)))).digest() for name, v in example.items()}


def of_shard(shard: shard_files.Shard) -> Digest:
    """Digest of all examples of one shard file."""
    return sum((of_example(shard.split, example) for example in shard_files.examples(shard)), Digest())


def of_dataset(folder: pathlib.Path, file_format: str | None = None) -> Digest:
    """Digest of a built version: every split, every shard. It needs neither TensorFlow nor TFDS.

    Args:
      folder: `<data_dir>/globeland_samples/<config>/<version>`.
      file_format: "tfrecord" or "array_record", for a folder that holds both; otherwise the only one there is.
    """
    found = shard_files.shards(folder, file_format)
    chosen = file_format or found[0].file_format
    return sum((of_shard(shard) for shard in found if shard.file_format == chosen), Digest())


def _canonical(values: shard_files.Values) -> list[bytes]:
    if isinstance(values, np.ndarray):
        return [values.dtype.kind.encode(), values.astype(values.dtype.newbyteorder("<")).tobytes()]
    return [b"b", *values]


def _framed(part: bytes) -> bytes:
    """`part` behind its length, so that two different lists of parts never join to the same bytes."""
    return struct.pack("<Q", len(part)) + part
