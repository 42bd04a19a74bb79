"""What changed between two versions, example by example."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from builder.dataset import digest, shard_files
from builder.geometry import ellipsoid
from builder.release import version

MOVED_WITHIN_M = 1_000.0  # an example that went and one of the same split and label that came this near: one that moved

Key = tuple[str, str]  # split, key


@dataclasses.dataclass(frozen=True)
class Fact:
    """What tells one example from another, without its picture."""

    split: str
    key: str
    label: int
    pixels_sha256: str
    place: tuple[float, float]  # longitude, latitude
    rest: int  # digest of all other features


@dataclasses.dataclass(frozen=True)
class Difference:
    """Keys by what happened to them, each list sorted. An example may be in `relabelled` and in `reimaged`.

    `moved`: (old key, new key, metres): an example went, and one of the same split and label came nearby.
    `changed`: neither label nor picture, but another feature.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: tuple[tuple[str, str, float], ...]
    resplit: tuple[str, ...]
    relabelled: tuple[str, ...]
    reimaged: tuple[str, ...]
    changed: tuple[str, ...]
    equal: int

    def lines(self, listed: int = 10) -> Iterator[str]:
        """The difference in words, with the first few keys of each kind."""
        moved = tuple(f"{old} to {new} ({metres:.0f} m)" for old, new, metres in self.moved)
        for what, keys in (
            ("added", self.added),
            ("removed", self.removed),
            ("moved", moved),
            ("in another split", self.resplit),
            ("relabelled", self.relabelled),
            ("re-imaged", self.reimaged),
            ("changed otherwise", self.changed),
        ):
            shown = f": {', '.join(keys[:listed])}{', ...' if len(keys) > listed else ''}" if keys else ""
            yield f"{what}: {len(keys)}{shown}"
        yield f"equal: {self.equal}"


def between(before: pathlib.Path, after: pathlib.Path) -> Difference:
    """What changed from the version in one folder to the version in another.

    Raises:
      errors.InputError: if a folder is no version, or a shard is damaged.
    """
    return of_facts(facts(before), facts(after))


def facts(folder: pathlib.Path) -> dict[str, Fact]:
    """One `Fact` per example, by key."""
    file_format = version.read(folder).formats[0]
    found: dict[str, Fact] = {}
    for shard in shard_files.shards(folder, file_format):
        for example in shard_files.examples(shard):
            fact = _fact(shard.split, example)
            found[fact.key] = fact
    return found


def _fact(split: str, example: shard_files.Example) -> Fact:
    apart = {"key", "label", "image", "pixels_sha256", "phash"}
    rest = digest.of_example("", {name: value for name, value in example.items() if name not in apart})
    key, sha256 = (bytes(example[name][0]).decode() for name in ("key", "pixels_sha256"))
    place = int(example["lon_e7"][0]) / 1e7, int(example["lat_e7"][0]) / 1e7
    return Fact(split, key, int(example["label"][0]), sha256, place, rest.total)


def of_facts(before: Mapping[str, Fact], after: Mapping[str, Fact]) -> Difference:
    """The difference of two sets of examples."""
    gone = [before[key] for key in sorted(before.keys() - after.keys())]
    come = [after[key] for key in sorted(after.keys() - before.keys())]
    moved = list(_moved(gone, come))
    both = [(before[key], after[key]) for key in sorted(before.keys() & after.keys())]
    relabelled = tuple(b.key for b, a in both if b.label != a.label)
    reimaged = tuple(b.key for b, a in both if b.pixels_sha256 != a.pixels_sha256)
    resplit = tuple(b.key for b, a in both if b.split != a.split)
    told = {*relabelled, *reimaged, *resplit}
    return Difference(
        added=tuple(fact.key for fact in come if fact.key not in {new for _, new, _ in moved}),
        removed=tuple(fact.key for fact in gone if fact.key not in {old for old, _, _ in moved}),
        moved=tuple(moved),
        resplit=resplit,
        relabelled=relabelled,
        reimaged=reimaged,
        changed=tuple(b.key for b, a in both if b.rest != a.rest and b.key not in told),
        equal=sum(b == a for b, a in both),
    )


def _moved(gone: list[Fact], come: list[Fact]) -> Iterator[tuple[str, str, float]]:
    """Pairs of examples of one split and label, nearest first, each example in one pair."""
    if not gone or not come:
        return
    places = [ellipsoid.geocentric(*np.array([fact.place for fact in facts]).T) for facts in (gone, come)]
    pairs = sorted(
        (float(distance), int(i), int(j))
        for part in ellipsoid.within(places[0], places[1], MOVED_WITHIN_M)
        for i, j, distance in zip(*part, strict=True)
    )
    old, new = set[int](), set[int]()
    for metres, i, j in pairs:
        if i not in old and j not in new and (gone[i].split, gone[i].label) == (come[j].split, come[j].label):
            old.add(i)
            new.add(j)
            yield gone[i].key, come[j].key, metres
