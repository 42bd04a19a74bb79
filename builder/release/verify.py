"""Is a release whole, and is it what it says? Needs neither TensorFlow nor TFDS."""

from __future__ import annotations

import datetime
import json
import pathlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from builder import checksums, errors, input_files
from builder.dataset import examples, index, inspection, shard_files
from builder.release import version

DEFAULT_CONFIG = {"default_config_name": "rough"}
GSD_TOLERANCE = 1e-6  # relative: TFDS keeps float32
LISTED_FAULTS = 20  # of single examples, per file format


def faults(folder: pathlib.Path) -> Iterator[str]:
    """A sentence for each fault of the release in `folder`, with the file it is in; nothing if the release is sound.

    Checked are the sum of every file, the number of examples of every shard, the semantic digest of each file format,
    that every picture decodes to the pixels it promises, the place, days and resolution of every example, that splits
    share no key, picture or ground, the index against the examples, and days, sources and resolutions against the rules
    that the release states.
    """
    strangers = list(version.strangers(folder, allow_links=True))
    if strangers:
        yield from (f"{name}: expected a regular file; found something that must not be read" for name in strangers)
        return
    yield from checksums.faults(folder)
    yield from _config_faults(folder)
    try:
        release = version.read(folder)
    except errors.InputError as error:
        yield str(error)
        return
    rows: pa.Table | None = None
    try:
        rows = index.read(folder)
    except errors.InputError as error:
        yield str(error)
    for file_format in release.formats:
        yield from _format_faults(release, rows, file_format)
    if rows is not None:
        yield from index_faults(release, rows)


def _config_faults(folder: pathlib.Path) -> Iterator[str]:
    """The file outside the version's folder without which TFDS knows no default config."""
    path = folder.absolute().parent.parent / ".config" / version.METADATA_FILE
    if not path.is_file():
        yield f"{path}: missing: tfds.load finds this version only by the name of its config"
        return
    try:
        content = input_files.read_json(path, expected="the default config", cure="Copy it again.")
    except errors.InputError:
        content = None
    if content != DEFAULT_CONFIG:
        yield f"{path}: expected {json.dumps(DEFAULT_CONFIG)}; received something else"


def _format_faults(release: version.Version, rows: pa.Table | None, file_format: str) -> Iterator[str]:
    """Faults of the shards of one file format, read once."""
    try:
        yield from _missing_shards(release, shard_files.shards(release.folder, file_format), file_format)
        read = inspection.inspect(release.folder, file_format, expected=release.expected)
    except errors.InputError as error:
        yield str(error)
        return
    yield from shard_faults(release, read, file_format)
    if rows is not None:
        yield from differences_from_index(release, rows, read, file_format)


def shard_faults(release: version.Version, read: inspection.Inspection, file_format: str) -> Iterator[str]:
    """Shards against what the version says of them, and what is wrong with single examples."""
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
            f"{release.metadata['digest'][:16]}"
        )
    yield from map(str, read.faults[:LISTED_FAULTS])
    if len(read.faults) > LISTED_FAULTS:
        yield f"{file_format} shards: {len(read.faults) - LISTED_FAULTS} more faults of single examples"


def _missing_shards(release: version.Version, found: list[shard_files.Shard], file_format: str) -> Iterator[str]:
    present = {(shard.split, shard.index) for shard in found}
    for split, lengths in release.shard_lengths.items():
        for number in range(len(lengths)):
            if (split, number) not in present:
                name = f"{release.name}-{split}.{file_format}-{number:05d}-of-{len(lengths):05d}"
                yield f"{name}: missing"


def differences_from_index(
    release: version.Version, rows: pa.Table, read: inspection.Inspection, file_format: str
) -> Iterator[str]:
    """Examples against the index: the same keys in the same splits, which say the same."""
    columns = index.examples_of(rows).select(["split", "key", *examples.COLUMNS_OF_SHARED])
    indexed = {(row["split"], row["key"]): examples.shared_of_row(row) for row in columns.to_pylist()}
    stored = {(split, one.key): one.shared(release.classes) for split, ones in read.stored.items() for one in ones}
    differing = sorted(k for k in indexed.keys() | stored.keys() if indexed.get(k) != stored.get(k))
    if differing:
        split, key = differing[0]
        here, there = (said.get(differing[0], {}) for said in (indexed, stored))
        name = next(name for name in here | there if here.get(name) != there.get(name))
        yield (
            f"{index.FILE}: {len(differing)} examples are not as in the {file_format} shards, such as {key} of "
            f"{split}: its {name} is {here.get(name)} here, {there.get(name)} there"
        )


def index_faults(release: version.Version, rows: pa.Table) -> Iterator[str]:
    """The examples of the index against the rules for imagery and the counts that the version states."""
    kept = index.examples_of(rows)
    for what, mask in _broken_rules(release, kept).items():
        bad = kept.filter(pc.fill_null(mask, True))
        if len(bad):
            yield f"{index.FILE}: {len(bad)} examples are {what}, such as {bad['key'][0].as_py()}"
    counts = kept.group_by("split").aggregate([("key", "count")]).to_pylist()
    counted = {str(row["split"]): int(row["key_count"]) for row in counts}
    if counted != release.examples:
        yield f"{index.FILE}: holds the examples {counted}; {version.INFO_FILE} says {release.examples}"


def _broken_rules(release: version.Version, kept: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Per rule, which examples break it; null where an example does not say."""
    rules = release.metadata["imagery_rules"]
    first, last = (datetime.date.fromisoformat(rules[name]) for name in ("first_day", "last_day"))
    finest = np.float64(rules["max_gsd_m"]) * (1 + GSD_TOLERANCE)
    names = pc.binary_join_element_wise(*(pc.fill_null(kept[c], "") for c in ("source", "sensor")), " ")
    is_in_time = pc.and_(
        pc.and_(pc.greater_equal(kept["acquired_from"], first), pc.less_equal(kept["acquired_to"], last)),
        pc.less_equal(kept["acquired_from"], kept["acquired_to"]),
    )
    # No comparison with NaN holds, so what is asked is whether the resolution is good.
    is_fine = pc.and_(pc.greater(kept["gsd_m"], 0.0), pc.less_equal(kept["gsd_m"], finest))
    return {
        f"acquired outside {first}..{last}": pc.invert(is_in_time),
        f"coarser than {rules['max_gsd_m']} m": pc.invert(is_fine),
        **{f"of the denied source {word}": pc.match_substring(names, word, ignore_case=True) for word in rules["deny"]},
    }
