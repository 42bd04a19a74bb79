"""What a built version holds, read back from its shards: counts, digest, and the distance of its splits."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from builder.publish import digest, examples, leakage, records

LEAKAGE_FILE = "leakage.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Inspection:
    """`counts`: examples per split and shard; `classes`: per split and ClassLabel; `between`: per pair of splits."""

    digest: digest.Digest
    counts: Mapping[str, list[int]]
    classes: Mapping[str, Mapping[int, int]]
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
    found = records.shards(folder, file_format)
    chosen = file_format or found[0].file_format
    total = digest.Digest()
    counts: dict[str, list[int]] = collections.defaultdict(list)
    classes: dict[str, collections.Counter[int]] = collections.defaultdict(collections.Counter)
    facts: dict[str, list[Facts]] = collections.defaultdict(list)
    for shard in (shard for shard in found if shard.file_format == chosen):
        of_shard = 0
        for example in records.examples(shard):
            total += digest.of_example(shard.split, example)
            facts[shard.split].append(Facts.of(example))
            classes[shard.split][int(example["label"][0])] += 1
            of_shard += 1
        counts[shard.split].append(of_shard)
    between = leakage.check({split: _chips(of_split) for split, of_split in facts.items()})
    return Inspection(total, dict(counts), {split: dict(of_split) for split, of_split in classes.items()}, between)


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """The few features that telling chips apart needs."""

    key: str
    lonlat: tuple[float, float]
    corners: np.ndarray  # float64[8], degrees
    pixels_sha256: str
    phash: int

    @classmethod
    def of(cls, example: records.Example) -> Facts:
        """The facts of one stored example."""
        lon, lat = (float(example[name][0]) / examples.DEGREES_TO_E7 for name in ("lon_e7", "lat_e7"))
        corners = np.asarray(example["corners_e7"], np.float64) / examples.DEGREES_TO_E7
        key, sha256 = (bytes(example[name][0]).decode() for name in ("key", "pixels_sha256"))
        return cls(key, (lon, lat), corners, sha256, int(example["phash"][0]))


def _chips(facts: Iterable[Facts]) -> leakage.Chips:
    rows = list(facts)
    return leakage.Chips(
        np.array([r.key for r in rows], np.str_),
        np.array([r.lonlat for r in rows], np.float64).reshape(-1, 2),
        np.array([r.corners for r in rows], np.float64).reshape(-1, 4, 2),
        np.array([r.pixels_sha256 for r in rows], np.str_),
        np.array([r.phash for r in rows], np.int64),
    )
