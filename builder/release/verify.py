"""Is a release whole, and is it what it says? Needs neither TensorFlow nor TFDS."""

from __future__ import annotations

import datetime
import json
import pathlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder import checksums, errors
from builder.dataset import examples, index, inspection, shard_files
from builder.release import version

DEFAULT_CONFIG = {"default_config_name": "rough"}
GSD_TOLERANCE = 1e-6  # relative: TFDS keeps float32
LISTED_FAULTS = 20  # of single examples, per file format


def faults(folder: pathlib.Path) -> Iterator[str]:
    """A sentence for each fault of the release in `folder`, with the file it is in; nothing if the release is sound.

    Checked are the sum of every file, the number of examples of every shard, the semantic digest of each file format,
    that splits share no key, picture or ground, the index against the examples, and dates, sources and resolutions
    against the rules that the release states.
    """
    yield from checksums.faults(folder)
    yield from _config_faults(folder)
    try:
        release = version.read(folder)
    except errors.InputError as error:
        yield str(error)
        return
    for file_format in release.formats:
        yield from _shard_faults(release, file_format)
    yield from _index_faults(release)


def _config_faults(folder: pathlib.Path) -> Iterator[str]:
    """The file outside the version's folder without which TFDS knows no default config."""
    path = folder.parent.parent / ".config" / version.METADATA_FILE
    if not path.is_file():
        yield f"{path}: missing: tfds.load finds this version only by the name of its config"
        return
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = None
    if content != DEFAULT_CONFIG:
        yield f"{path}: expected {json.dumps(DEFAULT_CONFIG)}; received something else"


def _shard_faults(release: version.Version, file_format: str) -> Iterator[str]:
    try:
        found = shard_files.shards(release.folder, file_format)
        yield from _missing_shards(release, found, file_format)
        read = inspection.inspect(release.folder, file_format, expected=release.expected)
    except errors.InputError as error:
        yield str(error)
        return
    for split in sorted(release.shard_lengths.keys() | read.counts.keys()):
        said, counted = release.shard_lengths.get(split, []), read.counts.get(split, [])
        if said != counted:
            yield (
                f"{version.INFO_FILE}: says {said} for the examples of {split} per {file_format} shard; counted "
                f"{counted}"
            )
    if read.total.text != release.metadata["digest"]:
        yield (
            f"{file_format} shards: their semantic digest is {read.total.text[:16]}, {version.METADATA_FILE} says "
            f"{str(release.metadata['digest'])[:16]}"
        )
    yield from _example_faults(read)
    yield from _differences_from_index(release, read, file_format)


def _missing_shards(release: version.Version, found: list[shard_files.Shard], file_format: str) -> Iterator[str]:
    present = {(shard.split, shard.index) for shard in found}
    for split, lengths in release.shard_lengths.items():
        for number in range(len(lengths)):
            if (split, number) not in present:
                name = f"{release.name}-{split}.{file_format}-{number:05d}-of-{len(lengths):05d}"
                yield f"{name}: missing"


def _example_faults(read: inspection.Inspection) -> Iterator[str]:
    """What is wrong with single examples; of many, the first."""
    yield from map(str, read.faults[:LISTED_FAULTS])
    if len(read.faults) > LISTED_FAULTS:
        yield f"{len(read.faults) - LISTED_FAULTS} more examples are wrong in the same shards"


def _differences_from_index(release: version.Version, read: inspection.Inspection, file_format: str) -> Iterator[str]:
    """Examples against the index: the same keys in the same splits, which say the same."""
    try:
        rows = index.examples_of(index.read(release.folder)).select(["split", "key", *examples.COLUMNS_OF_SHARED])
    except errors.InputError:
        return  # `_index_faults` says so
    indexed = {(row["split"], row["key"]): examples.shared_of_row(row) for row in rows.to_pylist()}
    stored = {(split, one.key): one.shared(release.classes) for split, ones in read.stored.items() for one in ones}
    differing = sorted(k for k in indexed.keys() | stored.keys() if indexed.get(k) != stored.get(k))
    if differing:
        split, key = differing[0]
        here, there = (said.get(differing[0], {}) for said in (indexed, stored))
        name = next(name for name in here | there if here.get(name) != there.get(name))
        yield (
            f"{index.FILE}: {len(differing)} examples are not as in the {file_format} shards, such as {key} of "
            f"{split}: `{name}` is {here.get(name)} here, {there.get(name)} there"
        )


def _index_faults(release: version.Version) -> Iterator[str]:
    try:
        rows = index.examples_of(index.read(release.folder))
    except errors.InputError as error:
        yield str(error)
        return
    rules = release.metadata["imagery_rules"]
    first, last = (datetime.date.fromisoformat(rules[name]) for name in ("first_day", "last_day"))
    finest = np.float64(rules["max_gsd_m"]) * (1 + GSD_TOLERANCE)
    names = pc.binary_join_element_wise(*(pc.fill_null(rows[c], "") for c in ("source", "sensor")), " ")
    broken = {
        f"acquired outside {first}..{last}": pc.or_(
            pc.less(rows["acquired_from"], first), pc.greater(rows["acquired_to"], last)
        ),
        f"coarser than {rules['max_gsd_m']} m": pc.greater(rows["gsd_m"], finest),
        **{f"of the denied source {word}": pc.match_substring(names, word, ignore_case=True) for word in rules["deny"]},
    }
    for what, mask in broken.items():
        bad = rows.filter(pc.fill_null(mask, True))
        if len(bad):
            yield f"{index.FILE}: {len(bad)} examples are {what}, such as {bad['key'][0].as_py()}"
    yield from _count_faults(release, rows)


def _count_faults(release: version.Version, rows: pa.Table) -> Iterator[str]:
    counted = {
        str(r["split"]): int(r["key_count"]) for r in rows.group_by("split").aggregate([("key", "count")]).to_pylist()
    }
    if counted != release.examples:
        yield f"{index.FILE}: holds the examples {counted}; {version.INFO_FILE} says {release.examples}"
