"""Shards that no build would write: records encoded by hand."""

from __future__ import annotations

import pathlib
import struct
from collections.abc import Callable, Mapping
from typing import Any

from builder.dataset import shard_files


def encoded(values: Mapping[str, Any]) -> bytes:
    """A serialized `tf.train.Example` of features that are lists of bytes, integers or floats."""
    from tensorflow_datasets.proto import tf_example_generated_pb2 as example_pb2
    from tensorflow_datasets.proto import tf_feature_generated_pb2 as feature_pb2

    def feature(value: list[Any]) -> feature_pb2.Feature:
        if not value or isinstance(value[0], bytes):
            return feature_pb2.Feature(bytes_list=feature_pb2.BytesList(value=value))
        if isinstance(value[0], int):
            return feature_pb2.Feature(int64_list=feature_pb2.Int64List(value=value))
        return feature_pb2.Feature(float_list=feature_pb2.FloatList(value=value))

    features = {name: feature(value) for name, value in values.items()}
    content: bytes = example_pb2.Example(features=feature_pb2.Features(feature=features)).SerializeToString()
    return content


def tfrecord(payloads: list[bytes]) -> bytes:
    """A TFRecord file whose checksums are all 0, which our reader does not compare."""
    return b"".join(struct.pack("<QI", len(p), 0) + p + struct.pack("<I", 0) for p in payloads)


def change_first(shard: pathlib.Path, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> str:
    """Replaces features of the first example of a TFRecord shard by those that `change` returns; returns its key."""
    first, *others = shard_files.read(shard, shard_files.TFRECORD)
    values = {
        name: list(value) if isinstance(value, list) else value.tolist()
        for name, value in shard_files.decode(first).items()
    }
    shard.write_bytes(tfrecord([encoded({**values, **change(values)}), *others]))
    key: bytes = values["key"][0]
    return key.decode()
