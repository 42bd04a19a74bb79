"""Copies a built version into a place to publish, with everything that lets others find, load, check and cite it."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
import shutil
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from builder import atomic, checksums, errors
from builder.dataset import index, inspection, shard_files
from builder.release import card, catalog, croissant, licences, overview, stac_collection, verify, version


@dataclasses.dataclass(frozen=True)
class Released:
    """A published version: its folder, and the record that the project keeps of it."""

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
    """
    source = version.read(built)
    found = inspection.inspect(built, source.formats[0], expected=source.expected)
    rows = index.read(built)
    _check_sound(source, found)
    warnings = tuple(_check_redistribution(index.examples_of(rows)))
    terms = [dataclasses.asdict(terms) for terms in licences.of_pictures(index.examples_of(rows))]
    today = datetime.datetime.now(datetime.UTC).date()
    record = version.record_of(source, found, date or today, terms, url)
    record = version.check_recorded(record_in, source, record) or record
    target = to / source.name / source.config / source.number
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic.remove_litter(target.parent)
    with atomic.folder(target, overwrite=overwrite) as folder:
        _write_formats(source, folder)
        published = version.read(folder)
        where = f"{url.rstrip('/')}/{source.name}/{source.config}/{source.number}" if url else ""
        _write_papers(published, rows, where, datetime.date.fromisoformat(record["date"]))
        checksums.write(folder)
        _write_default_config(to / source.name)
        _write_record(version.record_path(record_in, source), record, folder / overview.MAP_FILE)
    return Released(target, version.record_path(record_in, source), warnings)


def _check_sound(source: version.Version, found: inspection.Inspection) -> None:
    if found.total.text != source.metadata["digest"]:
        raise errors.InputError(
            f"{source.folder}: expected the digest {str(source.metadata['digest'])[:16]} that the build wrote "
            f"down; the shards have {found.total.text[:16]}. They were changed since: build again."
        )
    found.check_examples()


def _check_redistribution(examples: pa.Table) -> Iterator[str]:
    forbidden = examples.filter(pc.equal(examples["redistribution"], "no"))
    if len(forbidden):
        raise errors.InputError(
            f"expected pictures that may be passed on; {len(forbidden)} must not, such as "
            f"{forbidden['key'][0].as_py()} from "
            f"{forbidden['source'][0].as_py()}. Leave that source out of imagery.toml and build again."
        )
    unknown = examples.filter(pc.equal(examples["redistribution"], "unknown"))
    if len(unknown):
        sources = ", ".join(sorted(set(unknown["source"].to_pylist())))
        yield (
            f"{len(unknown)} pictures ({sources}): it is not known whether they may be passed on. Settle it before "
            "you publish."
        )


def _write_formats(source: version.Version, folder: pathlib.Path) -> None:
    """Copies the version and adds the file format that it lacks: the same examples, in the same shards and order.

    `tfds convert_format` does the same, but imports TensorFlow to read the shards.
    """
    shutil.copytree(source.folder, folder, dirs_exist_ok=True)
    for file_format in shard_files.FORMATS:
        if file_format not in source.formats:
            for shard in shard_files.shards(folder, source.formats[0]):
                _convert(shard, file_format)
    info = source.info | {"fileFormat": shard_files.FORMATS[0], "alternativeFileFormats": list(shard_files.FORMATS[1:])}
    _write_json(folder / version.INFO_FILE, info)


def _convert(shard: shard_files.Shard, file_format: str) -> None:
    from tensorflow_datasets.core import file_adapters

    adapter = file_adapters.ADAPTER_FOR_FORMAT[file_adapters.FileFormat(file_format)]
    path = shard.path.with_name(shard.path.name.replace(f".{shard.file_format}-", f".{file_format}-"))
    adapter.write_examples(path, enumerate(shard_files.read(shard.path, shard.file_format)))


def _write_papers(published: version.Version, rows: pa.Table, url: str, date: datetime.date) -> None:
    folder, names = published.folder, [entry["name"] for entry in published.metadata["legend"]]
    overview.write_map(folder / overview.MAP_FILE, rows)
    overview.write_sheet(folder / overview.SHEET_FILE, folder, published.formats[0], names)
    (folder / licences.FILE).write_text(licences.text(published, index.examples_of(rows)), encoding="utf-8")
    (folder / card.FILE).write_text(card.text(published, rows), encoding="utf-8")
    _write_json(folder / stac_collection.FILE, stac_collection.document(published, rows))
    _write_json(folder / croissant.FILE, croissant.document(published, rows, url, date))


def _write_default_config(dataset_folder: pathlib.Path) -> None:
    """What TFDS's own publishing leaves out: without it `tfds.load` does not know the default config."""
    _write_json(dataset_folder / ".config" / version.METADATA_FILE, verify.DEFAULT_CONFIG)


def _write_record(path: pathlib.Path, record: version.Json, picture: pathlib.Path) -> None:
    """The record, and the map of the points beside it, which the catalogue shows."""
    with atomic.file(path.with_suffix(".png")) as temporary:
        shutil.copyfile(picture, temporary)
    _write_json(path, record)


def _write_json(path: pathlib.Path, content: object) -> None:
    with atomic.file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
