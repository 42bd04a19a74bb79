"""What a built version holds, read back from its shards: counts, digest, pictures, and the distance of its splits."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from builder import errors, progress
from builder.dataset import digest, example_faults, examples, leakage, shard_files

LEAKAGE_FILE = "leakage.json"


@dataclasses.dataclass(frozen=True)
class ExampleFault:
    """What is wrong with one example, as a sentence without its full stop, and where the example is stored."""

    shard: str  # name of the file
    split: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.shard}: {self.key} of {self.split}: {self.what}"


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """What was read.

    Attributes:
      total: digest of everything.
      features: of each feature alone, which says what differs between two versions.
      counts: examples per split and shard.
      stored: per split, what each of its examples says.
      faults: what is wrong with single examples.
      between: how near each pair of splits comes.
    """

    total: digest.Digest
    features: Mapping[str, digest.Digest]
    counts: Mapping[str, list[int]]
    stored: Mapping[str, list[examples.Stored]]
    faults: tuple[ExampleFault, ...]
    between: list[leakage.Between]

    def check_examples(self) -> None:
        """Refuses a version in which an example is wrong.

        Raises:
          errors.InputError: naming the first, and how many there are.
        """
        if self.faults:
            more = f" ({len(self.faults) - 1} more are wrong)" if len(self.faults) > 1 else ""
            raise errors.InputError(
                f"expected sound examples; {self.faults[0]}{more}. Remove the folder chips of the frame, or the "
                "batches of these keys in it, and build again."
            )

    def leakage_json(self) -> dict[str, Any]:
        """The content of `leakage.json`."""
        return {
            "equal_keys": 0,
            "equal_pictures": 0,
            "overlapping_footprints": 0,
            "between_splits": [between.to_json() for between in self.between],
        }


def inspect(folder: pathlib.Path, file_format: str | None = None, *, expected: example_faults.Expected) -> Inspection:
    """Reads every example of a built version once.

    Args:
      folder: of the version.
      file_format: of the shards to read; the first that the folder has by default.
      expected: what every example promises, and whether to decode its picture.

    Raises:
      errors.InputError: if a shard is damaged, two examples share a key, or two splits share a picture or ground.
    """
    found = shard_files.shards(folder, file_format)
    chosen = [shard for shard in found if shard.file_format == (file_format or found[0].file_format)]
    read: dict[str, list[_Shard]] = collections.defaultdict(list)
    with progress.Progress("reading back", None, unit="examples") as shown:
        for shard in chosen:
            read[shard.split].append(_read(shard, expected))
            shown.advance(len(read[shard.split][-1].stored))
    parts = [part for of_split in read.values() for part in of_split]
    stored = {split: [one for part in of_split for one in part.stored] for split, of_split in read.items()}
    return Inspection(
        total=sum((part.total for part in parts), digest.Digest()),
        features=_summed(part.features for part in parts),
        counts={split: [len(part.stored) for part in of_split] for split, of_split in read.items()},
        stored=stored,
        faults=tuple(fault for part in parts for fault in part.faults),
        between=leakage.check({split: _chips(of_split) for split, of_split in stored.items()}),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Shard:
    """What one shard holds."""

    total: digest.Digest
    features: Mapping[str, digest.Digest]
    stored: list[examples.Stored]
    faults: list[ExampleFault]


def _read(shard: shard_files.Shard, expected: example_faults.Expected) -> _Shard:
    total, features = digest.Digest(), dict[str, digest.Digest]()
    read, faults = list[examples.Stored](), list[ExampleFault]()
    for example, stored in examples.read(shard):
        of_example, of_features = digest.with_features(shard.split, example)
        total, features = total + of_example, _summed((features, of_features))
        read.append(stored)
        found = example_faults.of_example(stored, examples.picture_of(example), expected)
        faults += [ExampleFault(shard.path.name, shard.split, stored.key, what) for what in found]
    return _Shard(total, features, read, faults)


def _summed(parts: Iterable[Mapping[str, digest.Digest]]) -> dict[str, digest.Digest]:
    total: dict[str, digest.Digest] = {}
    for part in parts:
        for name, of_feature in part.items():
            total[name] = total.get(name, digest.Digest()) + of_feature
    return total


def _chips(stored: Iterable[examples.Stored]) -> leakage.Chips:
    rows = list(stored)
    return leakage.Chips(
        np.array([r.key for r in rows], np.str_),
        np.array([r.lonlat for r in rows], np.float64).reshape(-1, 2),
        np.array([r.corners for r in rows], np.float64).reshape(-1, 4, 2),
        np.array([r.pixels_sha256 for r in rows], np.str_),
        np.array([r.phash for r in rows], np.int64),
    )
