"""What a built version holds, read back from its shards: counts, digest, and the distance of its splits."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from builder import errors, progress
from builder.dataset import digest, examples, leakage, shard_files

LEAKAGE_FILE = "leakage.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """What was read.

    Attributes:
      total: digest of everything.
      features: of each feature alone, which says what differs between two versions.
      counts: examples per split and shard.
      labels: label of each key, per split.
      between: how near each pair of splits comes.
    """

    total: digest.Digest
    features: Mapping[str, digest.Digest]
    counts: Mapping[str, list[int]]
    labels: Mapping[str, Mapping[str, int]]
    between: list[leakage.Between]

    def leakage_json(self) -> dict[str, Any]:
        """The content of `leakage.json`."""
        return {
            "equal_keys": 0,
            "equal_pictures": 0,
            "overlapping_footprints": 0,
            "between_splits": [between.to_json() for between in self.between],
        }


def inspect(folder: pathlib.Path, file_format: str | None = None) -> Inspection:
    """Reads every example of a built version once.

    Raises:
      errors.InputError: if a shard is damaged, two examples share a key, or two splits share a picture or ground.
    """
    found = shard_files.shards(folder, file_format)
    chosen = file_format or found[0].file_format
    read: dict[str, _Split] = {}
    counts: dict[str, list[int]] = collections.defaultdict(list)
    with progress.Progress("reading back", None, unit="examples") as shown:
        for shard in (shard for shard in found if shard.file_format == chosen):
            split = read.setdefault(shard.split, _Split())
            before = len(split.facts)
            split.add(shard)
            counts[shard.split].append(len(split.facts) - before)
            shown.advance(counts[shard.split][-1])
    features: dict[str, digest.Digest] = {}
    for split in read.values():
        _add(features, split.features)
    labels = {name: {facts.key: facts.label for facts in split.facts} for name, split in read.items()}
    between = leakage.check({name: _chips(split.facts) for name, split in read.items()})
    return Inspection(sum((s.digest for s in read.values()), digest.Digest()), features, dict(counts), labels, between)


class _Split:
    """What is known of one split, shard by shard."""

    def __init__(self) -> None:
        self.digest = digest.Digest()
        self.features: dict[str, digest.Digest] = {}
        self.facts: list[Facts] = []

    def add(self, shard: shard_files.Shard) -> None:
        """Reads one shard more."""
        for example in shard_files.examples(shard):
            of_example, of_features = digest.with_features(shard.split, example)
            self.digest += of_example
            _add(self.features, of_features)
            try:
                self.facts.append(Facts.of(example))
            except (LookupError, UnicodeDecodeError, ValueError) as error:
                raise errors.InputError(
                    f"{shard.path}: expected the features of this dataset in every example; {error!r} in number "
                    f"{len(self.facts)}. Build or copy the dataset again."
                ) from error


def _add(total: dict[str, digest.Digest], more: Mapping[str, digest.Digest]) -> None:
    for name, part in more.items():
        total[name] = total.get(name, digest.Digest()) + part


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """The few features that telling chips apart needs."""

    key: str
    lonlat: tuple[float, float]
    corners: np.ndarray  # float64[8], degrees
    pixels_sha256: str
    phash: int
    label: int

    @classmethod
    def of(cls, example: shard_files.Example) -> Facts:
        """The facts of one stored example."""
        lon, lat = (float(example[name][0]) / examples.DEGREES_TO_E7 for name in ("lon_e7", "lat_e7"))
        corners = np.asarray(example["corners_e7"], np.float64) / examples.DEGREES_TO_E7
        key, sha256 = (bytes(example[name][0]).decode() for name in ("key", "pixels_sha256"))
        return cls(key, (lon, lat), corners, sha256, int(example["phash"][0]), int(example["label"][0]))


def _chips(facts: Iterable[Facts]) -> leakage.Chips:
    rows = list(facts)
    return leakage.Chips(
        np.array([r.key for r in rows], np.str_),
        np.array([r.lonlat for r in rows], np.float64).reshape(-1, 2),
        np.array([r.corners for r in rows], np.float64).reshape(-1, 4, 2),
        np.array([r.pixels_sha256 for r in rows], np.str_),
        np.array([r.phash for r in rows], np.int64),
    )
