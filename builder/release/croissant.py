"""`croissant.json`: the release in the vocabulary that dataset searches read, with the index as its records."""

from __future__ import annotations

import datetime
import json
import string
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from builder import hashing
from builder.dataset import index
from builder.release import card, extent, licences, version
from builder.release.facts import Release

FILE = "croissant.json"
PARQUET = "application/x-parquet"  # the name that mlcroissant knows
UNPUBLISHED = "urn:globeland:samples"  # where no --url says from where the release can be fetched

_COLLECTION = string.Template(
    "Points where global land cover maps agree; pictures from imagery that was acquired from $first to $last."
)
_COLLECTION_OF_GIVEN = string.Template(
    "Points that were given with their labels; pictures from imagery that was acquired from $first to $last."
)
_ANNOTATION = "Consensus of the maps, and the majority of people who looked at the pictures."
_ANNOTATION_OF_GIVEN = "Labels that came with the points, and the majority of people who looked at the pictures."
_LIMITATIONS = f"Wetland and tundra are outside the legend. See {card.FILE} for biases of place and class."
RECORDS = (
    "Every example and every refused point; an example has no reason. Where a feature of the shards is empty, 0 or NaN "
    "for lack of a value, the column is null."
)


def document(release: Release, url: str, date: datetime.date) -> dict[str, Any]:
    """The content of the file; sums are of the files in the release's folder.

    Args:
      release: with `index.parquet` and its shards in its folder.
      url: where the release's folder will be found, or "".
      date: of publication.
    """
    import mlcroissant as mlc

    of = release.version
    collection = _COLLECTION_OF_GIVEN if of.is_given else _COLLECTION
    metadata = mlc.Metadata(
        name=of.name,
        description=of.text("description"),
        cite_as=of.text("citation"),
        license=[licences.FILE],
        url=url or UNPUBLISHED,
        version=of.number,
        date_published=datetime.datetime.combine(date, datetime.time()),
        keywords=["land cover", "remote sensing", "very high resolution", "label noise", of.config],
        data_collection=collection.substitute(first=release.extent.first, last=release.extent.last),
        data_annotation_protocol=_ANNOTATION_OF_GIVEN if of.is_given else _ANNOTATION,
        data_limitations=_LIMITATIONS,
        distribution=list(_files(of, url)),
        record_sets=[_record_set()],
    )
    content: dict[str, Any] = json.loads(json.dumps(metadata.to_json(), default=str))
    return content | _coverage(release.extent)


def _files(of: version.Version, url: str) -> Iterator[Any]:
    import mlcroissant as mlc

    base = f"{url.rstrip('/')}/" if url else ""
    for path in [of.folder / index.FILE, *of.shard_files]:
        is_index = path.name == index.FILE
        yield mlc.FileObject(
            id=path.name,
            name=path.name,
            content_url=f"{base}{path.name}",
            content_size=f"{path.stat().st_size} B",
            encoding_formats=[PARQUET if is_index else "application/octet-stream"],
            sha256=hashing.sha256_of_file(path),
        )


def _record_set() -> Any:
    """The columns of the index that hold one value a row; Croissant's readers take no geometry."""
    import mlcroissant as mlc

    kinds = {
        pa.string(): mlc.DataType.TEXT,
        pa.float64(): mlc.DataType.FLOAT,
        pa.float32(): mlc.DataType.FLOAT,
        pa.int64(): mlc.DataType.INTEGER,
        pa.uint8(): mlc.DataType.INTEGER,
        pa.date32(): mlc.DataType.DATE,
    }
    fields = [
        mlc.Field(
            id=f"points/{column.name}",
            name=column.name,
            description=index.DOCS[column.name],
            data_types=[kinds[column.type]],
            source=mlc.Source(file_object=index.FILE, extract=mlc.Extract(column=column.name)),
        )
        for column in index.SCHEMA
        if column.type in kinds
    ]
    return mlc.RecordSet(
        id="points", name="points", description=RECORDS, key=["points/split", "points/key"], fields=fields
    )


def _coverage(covered: extent.Extent) -> dict[str, Any]:
    """Where and when, in the words of schema.org: a box is "south west north east"."""
    west, south, east, north = covered.bounds
    box = f"{south:.6f} {west:.6f} {north:.6f} {east:.6f}"
    return {
        "temporalCoverage": f"{covered.first.isoformat()}/{covered.last.isoformat()}",
        "spatialCoverage": {"@type": "Place", "geo": {"@type": "GeoShape", "box": box}},
    }
