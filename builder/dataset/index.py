"""`index.parquet`: every example and every refused point of a version as one GeoParquet table, without pictures."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder import atomic, errors, parquet_files
from builder.chips import rounds
from builder.dataset import assembly, examples
from builder.frame import design as designs
from builder.frame import points_table

FILE = "index.parquet"
_EXPECTED = "the index that `tfds build` writes"
_CURE = "Name the folder of one version, .../globeland_samples/<config>/<version>, or build it again."

_FROM_POINT = ("lon", "lat", "state", "base_class", "consensus", "votes", "valid", "purity")
_NOT_FROM_ANSWER = ("key", "lon", "lat", "reason", "detail", "affine", "crs", "corners", "batch", "asked_for")
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in ("reason", "detail", "label", "label_origin", "stratum")),
        *(points_table.SCHEMA.field(name) for name in _FROM_POINT),
        pa.field("product_labels", points_table.PRODUCT_LABELS),
        pa.field("inclusion_probability", pa.float64()),
        *(field.with_nullable(True) for field in rounds.ANSWERS if field.name not in _NOT_FROM_ANSWER),
        pa.field("geometry", pa.binary(), nullable=False),
    ]
)
# What each column means: as the feature of the same name, or as said here of columns that are no feature.
DOCS: Mapping[str, str] = {
    **{name: examples.DOCS[name] for name in SCHEMA.names if name in examples.DOCS},
    "split": f"Split: {', '.join(designs.SPLITS[:-1])} or {designs.SPLITS[-1]}.",
    "reason": "Why the point is no example of the dataset; null for an example.",
    "detail": "The reason in more words.",
    "label": "Name of the land cover class: of an example its label, of any other point what the maps say.",
    "lon": "Longitude of the centre in degrees, WGS84 (EPSG:4326).",
    "lat": "Latitude of the centre in degrees, WGS84 (EPSG:4326).",
    "geometry": "The centre as a WKB point, WGS84 (EPSG:4326).",
}


def of_build(points: pa.Table, built: assembly.Assembly, refused: pa.Table) -> pa.Table:
    """The index of a version, in order of split and key.

    Args:
      points: `points.parquet` with the inclusion probabilities of the attempted part.
      built: the examples and the accepted chips that are left out.
      refused: `rounds.Selection.refused`.
    """
    of_refused = assembly.points_of(points, refused)
    columns = {name: refused[name] for name in ("key", "parent", "split", "stratum", "label", "reason", "detail")}
    columns |= {name: of_refused[name] for name in (*_FROM_POINT, "product_labels", "inclusion_probability")}
    parts = [_as_index(part) for part in (built.rows, built.left_out, pa.table(columns))]
    return with_geometry(pa.concat_tables(parts)).sort_by([("split", "ascending"), ("key", "ascending")])


def _as_index(part: pa.Table) -> pa.Table:
    """`part` with every column of the schema but the geometry; what it lacks is null."""
    columns = {
        field.name: part[field.name].cast(field.type)
        if field.name in part.column_names
        else pa.nulls(len(part), field.type)
        for field in SCHEMA
        if field.name != "geometry"
    }
    return pa.table(columns)


def with_geometry(rows: pa.Table) -> pa.Table:
    """`rows` as `SCHEMA`, with points and GeoParquet metadata."""
    lon, lat = (rows[name].to_numpy() for name in ("lon", "lat"))
    geo = {points_table.GEO_KEY: json.dumps(points_table.geo_metadata(lon, lat))}
    return rows.append_column("geometry", points_table.wkb_points(lon, lat)).cast(SCHEMA).replace_schema_metadata(geo)


def write(folder: pathlib.Path, index: pa.Table) -> None:
    """Writes `index.parquet` into a version's folder."""
    with atomic.file(folder / FILE) as temporary:
        pq.write_table(index, temporary, compression="zstd", write_page_checksum=True)


def read(folder: pathlib.Path) -> pa.Table:
    """The index of the version in `folder`, with the columns of `SCHEMA`.

    Raises:
      errors.InputError: if there is none, it is damaged, or it lacks a column or has one of another type.
    """
    path = folder / FILE
    rows = parquet_files.read(path, expected=_EXPECTED, cure=_CURE)
    try:
        return rows.select(SCHEMA.names).cast(SCHEMA).replace_schema_metadata(rows.schema.metadata)
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise errors.InputError(f"{path}: expected {_EXPECTED}; {error}. {_CURE}") from error


def examples_of(index: pa.Table) -> pa.Table:
    """The rows that are examples."""
    return index.filter(pc.is_null(index["reason"]))
