"""The semantic digest: deaf to order and packing, awake to every value."""

from __future__ import annotations

import pathlib

import crafted_shards
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import errors
from builder.dataset import digest, shard_files

EXAMPLE = {
    "label": np.array([3], np.int64),
    "image": [b"\xff\xd8picture"],
    "gsd_m": np.array([0.5], np.float32),
    "parent": [b""],
}


def test_the_digest_of_parts_adds_up_in_any_order() -> None:
    one, two = digest.of_example("train", EXAMPLE), digest.of_example("train", {**EXAMPLE, "image": [b"other"]})
    assert one + two == two + one == sum([two, one], digest.Digest())
    assert (one + two).examples == 2


@pytest.mark.parametrize(
    "changed",
    [
        {**EXAMPLE, "image": [b"\xff\xd8pictura"]},
        {**EXAMPLE, "label": np.array([4], np.int64)},
        {**EXAMPLE, "gsd_m": np.array([np.nextafter(np.float32(0.5), np.float32(1))])},
        {**EXAMPLE, "parent": []},
        {**EXAMPLE, "parent": [b"", b""]},
        {name: value for name, value in EXAMPLE.items() if name != "parent"},
    ],
)
def test_the_digest_changes_with_any_value(changed: shard_files.Example) -> None:
    assert digest.of_example("train", changed) != digest.of_example("train", EXAMPLE)


def test_the_digest_knows_the_split() -> None:
    assert digest.of_example("train", EXAMPLE) != digest.of_example("test", EXAMPLE)


def test_the_order_of_features_is_irrelevant() -> None:
    assert digest.of_example("train", dict(reversed(EXAMPLE.items()))) == digest.of_example("train", EXAMPLE)


VALUES = st.one_of(
    st.lists(st.binary(max_size=20), min_size=1, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5),
)


@settings(max_examples=100)
@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=5))
def test_a_record_is_read_as_the_library_wrote_it(values: dict[str, list[bytes] | list[int] | list[float]]) -> None:
    read = shard_files.decode(crafted_shards.encoded(values))
    assert {name: list(v) for name, v in read.items()} == values


def test_a_tfrecord_that_is_cut_short_is_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "d-train.tfrecord-00000-of-00001"
    path.write_bytes(crafted_shards.tfrecord([b"one", b"two"]))
    assert list(shard_files.read(path, "tfrecord")) == [b"one", b"two"]
    path.write_bytes(crafted_shards.tfrecord([b"one", b"two"])[:-3])
    with pytest.raises(errors.InputError, match=r"d-train.*cut short"):
        list(shard_files.read(path, "tfrecord"))


def test_bytes_that_are_no_example_are_refused() -> None:
    with pytest.raises(errors.InputError, match=r"tf\.train\.Example"):
        shard_files.decode(b"\x0a\xff\xff\xff\xff\x0f")


def test_a_folder_without_shards_says_what_to_name(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.InputError, match="<config>/<version>"):
        digest.of_dataset(tmp_path)
