"""What changed between two versions, example by example."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np

from builder.dataset import digest, examples, shard_files
from builder.geometry import ellipsoid
from builder.release import version

# An example that is gone and a new one of the same split and label at most so far away count as one that moved.
MOVED_WITHIN_M = 1_000.0


@dataclasses.dataclass(frozen=True)
class Compared:
    """One example of a version, without its picture; `rest` is the digest of the features that say something else."""

    split: str
    stored: examples.Stored
    rest: int


@dataclasses.dataclass(frozen=True)
class Difference:
    """Keys by what happened to them, each list sorted. An example may be in `relabelled` and in `reimaged`.

    Attributes:
      moved: (old key, new key, metres): one example is gone, and a new one of the same split and label is near it.
      changed: another feature differs, and neither label nor picture nor split.
      equal: number of examples that do not differ.
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
    return of_examples(compared(before), compared(after))


def compared(folder: pathlib.Path) -> dict[str, Compared]:
    """Every example of the version in `folder`, by key."""
    file_format = version.read(folder).formats[0]
    found: dict[str, Compared] = {}
    for shard in shard_files.shards(folder, file_format):
        for example, stored in examples.read(shard):
            rest = digest.of_example("", examples.without_label_and_picture(example)).total
            found[stored.key] = Compared(shard.split, stored, rest)
    return found


def of_examples(before: Mapping[str, Compared], after: Mapping[str, Compared]) -> Difference:
    """The difference of two sets of examples."""
    gone = [before[key] for key in sorted(before.keys() - after.keys())]
    come = [after[key] for key in sorted(after.keys() - before.keys())]
    moved = list(_moved(gone, come))
    both = {key: (before[key], after[key]) for key in sorted(before.keys() & after.keys())}
    relabelled = [key for key, (b, a) in both.items() if b.stored.label != a.stored.label]
    reimaged = [key for key, (b, a) in both.items() if b.stored.pixels_sha256 != a.stored.pixels_sha256]
    resplit = [key for key, (b, a) in both.items() if b.split != a.split]
    named = {*relabelled, *reimaged, *resplit}
    changed = [key for key, (b, a) in both.items() if b.rest != a.rest and key not in named]
    return Difference(
        added=_keys(come, without={new for _, new, _ in moved}),
        removed=_keys(gone, without={old for old, _, _ in moved}),
        moved=tuple(moved),
        resplit=tuple(resplit),
        relabelled=tuple(relabelled),
        reimaged=tuple(reimaged),
        changed=tuple(changed),
        equal=len(both) - len(named) - len(changed),
    )


def _keys(of: Iterable[Compared], *, without: Collection[str]) -> tuple[str, ...]:
    return tuple(one.stored.key for one in of if one.stored.key not in without)


def _moved(gone: list[Compared], come: list[Compared]) -> Iterator[tuple[str, str, float]]:
    """Pairs of examples of one split and label, nearest first, each example in one pair."""
    if not gone or not come:
        return
    places = [ellipsoid.geocentric(*np.array([one.stored.lonlat for one in part]).T) for part in (gone, come)]
    pairs = sorted(
        (float(distance), int(i), int(j))
        for part in ellipsoid.within(places[0], places[1], MOVED_WITHIN_M)
        for i, j, distance in zip(*part, strict=True)
    )
    old, new = set[int](), set[int]()
    for metres, i, j in pairs:
        if i not in old and j not in new and _group(gone[i]) == _group(come[j]):
            old.add(i)
            new.add(j)
            yield gone[i].stored.key, come[j].stored.key, metres


def _group(one: Compared) -> tuple[str, int]:
    return one.split, one.stored.label
