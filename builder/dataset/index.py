"""`index.parquet`: every example and every refused point of a version as one GeoParquet table, without pictures."""

from __future__ import annotations

import json
import pathlib

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder import atomic, parquet_files
from builder.chips import rounds
from builder.dataset import assembly
from builder.frame import points_table

FILE = "index.parquet"

_FROM_POINT = ("lon", "lat", "state", "base_class", "consensus", "votes", "valid", "purity")
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("reason", pa.string()),  # null = an example of the dataset, else why the point is none
        pa.field("detail", pa.string()),
        pa.field("label", pa.string()),  # of examples: the label in the dataset; of others: what the maps say
        pa.field("label_origin", pa.string()),
        pa.field("stratum", pa.string()),
        *(points_table.SCHEMA.field(name) for name in _FROM_POINT),
        pa.field("product_labels", points_table.PRODUCT_LABELS),
        pa.field("inclusion_probability", pa.float64()),
        *(
            field.with_nullable(True)
            for field in rounds.ANSWERS
            if field.name
            not in ("key", "lon", "lat", "reason", "detail", "affine", "crs", "corners", "batch", "asked_for")
        ),
        pa.field("geometry", pa.binary(), nullable=False),  # WKB point, EPSG:4326
    ]
)


def of_build(points: pa.Table, built: assembly.Assembly, refused: pa.Table) -> pa.Table:
    """The index of a version, in order of split and key.

    Args:
      points: `points.parquet` with the inclusion probabilities of the attempted part.
      built: the examples and the accepted chips that are left out.
      refused: `plan.Selection.refused`.
    """
    of_refused = assembly.points_of(points, refused)
    told = pa.table(
        {name: refused[name] for name in ("key", "parent", "split", "stratum", "label", "reason", "detail")}
    )
    for name in (*_FROM_POINT, "product_labels", "inclusion_probability"):
        told = told.append_column(name, of_refused[name])
    parts = [_as_index(part) for part in (built.rows, built.left_out, told)]
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
    """The index of the version in `folder`.

    Raises:
      errors.InputError: if there is none, or it is damaged.
    """
    return parquet_files.read(
        folder / FILE,
        expected="the index that `tfds build` writes",
        cure="Name the folder of one version, .../globeland_samples/<config>/<version>, or build it again.",
    )


def examples(index: pa.Table) -> pa.Table:
    """The rows that are examples."""
    return index.filter(pc.is_null(index["reason"]))
