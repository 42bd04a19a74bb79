"""Copies a built version into a place to publish, with everything that lets others find, load, check and cite it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import pathlib
import shutil
import urllib.parse
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from builder import atomic, checksums, errors, output_folders
from builder.dataset import index, inspection, shard_files
from builder.release import (
    card,
    catalog,
    croissant,
    facts,
    forms,
    licences,
    overview,
    record,
    stac_collection,
    verify,
    version,
)
from builder.release.facts import Release

OPTION = "--to"
KIND = output_folders.FolderKind(what="a release", mark=version.INFO_FILE)  # SHA256SUMS lists all its files


@dataclasses.dataclass(frozen=True)
class Released:
    """A published version: its folder, the project's record of it, and what to settle before it is shown."""

    folder: pathlib.Path
    record: pathlib.Path
    warnings: tuple[str, ...]


def release(
    built: pathlib.Path,
    to: pathlib.Path,
    *,
    url: str = "",
    date: datetime.date | None = None,
    record_in: pathlib.Path = catalog.RELEASES,
    overwrite: bool = False,
) -> Released:
    """Publishes the version in `built` as `to`/<name>/<config>/<version>, whole or not at all.

    Args:
      built: `<data_dir>/globeland_samples/<config>/<version>`, written by `tfds build`.
      to: the folder that readers will name as their `data_dir`.
      url: where `to` will be found; croissant.json names each file below it.
      date: of publication; today by default, and the recorded one if this dataset was released before.
      record_in: folder of the project's records of releases.
      overwrite: replace a release of the same name.

    Raises:
      errors.InputError: if the version is damaged, holds pictures that must not be passed on, or is recorded with
        another digest.
      errors.RefusedOverwrite: if `to` has that version already and `overwrite` is false.
    """
    _check_url(url)
    version.check_files(built)
    source = version.read(built)
    target = to / source.path
    output_folders.check(target, KIND, option=OPTION, overwrite=overwrite)
    described, found = _describe(source)
    warnings = tuple(_check_redistribution(described.examples))
    today = datetime.datetime.now(datetime.UTC).date()
    entry = record.of_release(described, found.features, date or today, url)
    entry = record.before(record_in, source, entry) or entry
    with _published(target, overwrite=overwrite) as folder:
        _write_formats(source, folder)
        described = dataclasses.replace(described, version=version.read(folder))
        address = f"{url.rstrip('/')}/{source.path}" if url else ""
        _write_papers(described, address, datetime.date.fromisoformat(entry["date"]))
        checksums.write(folder)
        _write_json(_default_config(target), verify.DEFAULT_CONFIG)
        _write_record(record.path_of(record_in, source), entry, folder / overview.MAP_FILE)
    return Released(target, record.path_of(record_in, source), warnings)


def _check_url(url: str) -> None:
    """Refuses an address with a secret in it, since it is published."""
    try:
        parts = urllib.parse.urlsplit(url)
        is_plain = parts.scheme in ("http", "https") and not ("@" in parts.netloc or parts.query or parts.fragment)
    except ValueError:
        is_plain = False
    if url and not is_plain:
        raise errors.InputError(
            "--url: expected the address of a folder, as https://example.org/samples, without user, password and "
            "query, since it is published with the release; received another. Leave them out."
        )


def _describe(source: version.Version) -> tuple[Release, inspection.Inspection]:
    """The facts of a build, and what its shards hold; refuses a build in which `verify` would find a fault."""
    found = inspection.inspect(source.folder, source.formats[0], expected=source.expected)
    rows = index.read(source.folder)
    _check_sound(source, rows, found)
    return facts.of_version(source, rows), found


def _check_sound(source: version.Version, rows: pa.Table, found: inspection.Inspection) -> None:
    """Refuses a build whose shards, index and documents do not say the same, or in which an example is wrong."""
    faults = [
        *verify.shard_faults(source, found, source.formats[0]),
        *verify.differences_from_index(source, rows, found, source.formats[0]),
        *verify.index_faults(source, rows),
    ]
    if faults:
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        raise errors.InputError(
            f"{source.folder}: expected the version that `tfds build` wrote; {faults[0]}{more}. Build again; if the "
            "fault remains, remove the folder chips of the frame before."
        )


def _check_redistribution(examples: pa.Table) -> Iterator[str]:
    """Refuses pictures that must not be passed on; a warning for those of which it is not known."""
    forbidden = examples.filter(pc.equal(examples["redistribution"], "no"))
    if len(forbidden):
        raise errors.InputError(
            f"expected pictures that may be passed on; {len(forbidden)} must not, such as "
            f"{forbidden['key'][0].as_py()} from {forbidden['source'][0].as_py()}. Leave that source out of "
            "imagery.toml and build again."
        )
    unknown = examples.filter(pc.equal(examples["redistribution"], "unknown"))
    if len(unknown):
        sources = ", ".join(sorted(set(unknown["source"].to_pylist())))
        yield (
            f"{len(unknown)} pictures ({sources}): it is not known whether they may be passed on. Settle it before "
            "you publish."
        )


@contextlib.contextmanager
def _published(target: pathlib.Path, *, overwrite: bool) -> Iterator[pathlib.Path]:
    """A temporary folder that becomes `target` when the block ends well; a failure leaves no new folder behind."""
    config = _default_config(target)
    around = (config, config.parent, *target.parents)
    new = [path for path in around if not path.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with atomic.folder(target, overwrite=overwrite, option=OPTION) as folder:
            yield folder
    except BaseException:
        _remove_empty(new)
        raise


def _remove_empty(new: Iterable[pathlib.Path]) -> None:
    """Removes files, and folders that hold nothing; the rest stays."""
    for path in new:
        with contextlib.suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()


def _write_formats(source: version.Version, folder: pathlib.Path) -> None:
    """Copies the version and adds the file format that it lacks: the same examples, in the same shards and order.

    `tfds convert_format` does the same, but imports TensorFlow to read the shards.
    """
    for path in checksums.files(source.folder):
        copy = folder / path.relative_to(source.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy, follow_symlinks=False)
    default, *others = shard_files.FORMATS  # tfds.load reads the first, tfds.data_source the second
    for file_format in shard_files.FORMATS:
        if file_format not in source.formats:
            for shard in shard_files.shards(folder, source.formats[0]):
                _convert(shard, file_format)
    _write_json(folder / version.INFO_FILE, source.info | {"fileFormat": default, "alternativeFileFormats": others})


def _convert(shard: shard_files.Shard, file_format: str) -> None:
    """Writes the records of a shard again, in another file format beside it."""
    from tensorflow_datasets.core import file_adapters

    adapter = file_adapters.ADAPTER_FOR_FORMAT[file_adapters.FileFormat(file_format)]
    path = shard.path.with_name(shard.path.name.replace(f".{shard.file_format}-", f".{file_format}-"))
    try:
        adapter.write_examples(path, enumerate(shard_files.read(shard.path, shard.file_format)))
    except (OSError, ImportError, errors.InputError):
        raise
    except Exception as error:  # TFDS writes by TensorFlow and riegeli, whose errors share no class
        reason = str(error).partition("\n")[0][:200]
        raise errors.InputError(
            f"{OPTION}: {path.name} cannot be written: {reason}. Look whether the disk is full, and run the same "
            "command again."
        ) from error


def _write_papers(release: Release, url: str, date: datetime.date) -> None:
    """Everything that describes a release: pictures, licences, card, STAC and Croissant."""
    of, folder = release.version, release.version.folder
    overview.write_map(folder / overview.MAP_FILE, release.rows)
    overview.write_sheet(folder / overview.SHEET_FILE, of)
    (folder / licences.FILE).write_text(licences.text(release), encoding="utf-8")
    (folder / card.FILE).write_text(card.text(release), encoding="utf-8")
    _write_json(folder / stac_collection.FILE, stac_collection.document(release))
    _write_json(folder / croissant.FILE, croissant.document(release, url, date))


def _default_config(target: pathlib.Path) -> pathlib.Path:
    """The file that TFDS's own publishing leaves out: without it `tfds.load` does not know the default config."""
    return target.parent.parent / ".config" / version.METADATA_FILE


def _write_record(path: pathlib.Path, content: forms.Json, picture: pathlib.Path) -> None:
    """The record, and the map of the points beside it, which the catalogue shows."""
    with atomic.file(path.with_suffix(".png")) as temporary:
        shutil.copyfile(picture, temporary)
    _write_json(path, content)


def _write_json(path: pathlib.Path, content: object) -> None:
    with atomic.file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
