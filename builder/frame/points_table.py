"""`points.parquet`: GeoParquet 1.1, one row per ranked point, with the design in the file's metadata."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyproj

from builder import atomic, errors, input_files, parquet_files
from builder.frame import design as designs
from builder.geometry import grid
from builder.legend import legend as legends

FORMAT = 1
METADATA_KEY = b"globeland"
GEO_KEY = b"geo"

CONSISTENT = "consistent"
INCONSISTENT = "inconsistent"
GIVEN = "given"
NODATA_LABEL = "nodata"  # product_labels: the product observed nothing there
OUTSIDE_LABEL = "outside"  # product_labels: observed, but outside the legend, or tied

PRODUCT_LABELS = pa.list_(pa.struct([("product", pa.string()), ("label", pa.string())]))
SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),  # see `cell_keys`, `point_keys`
        pa.field("cell", pa.int64()),  # number of the 1/360 degree cell; null for given points
        pa.field("lon", pa.float64(), nullable=False),  # degrees, EPSG:4326
        pa.field("lat", pa.float64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),  # consistent | inconsistent | given
        pa.field("label", pa.string()),  # class name; null where the products disagree
        pa.field("base_class", pa.string()),  # class of the base product (dominant); null outside the legend
        pa.field("consensus", pa.string()),  # class on which the products agree
        pa.field("votes", pa.uint8()),  # products that hold the winning class
        pa.field("valid", pa.uint8()),  # products with data
        pa.field("purity", pa.float32()),  # share of the base pixels that hold the base class, 0..1
        pa.field("split", pa.string(), nullable=False),  # train | validation | test | test_inconsistent
        pa.field("stratum", pa.string()),  # "forest/consistent"
        pa.field("block", pa.string(), nullable=False),  # see `blocks`
        pa.field("rank", pa.int32(), nullable=False),  # 0.. within (split, class)
        pa.field("rank_value", pa.float64()),  # xi = u / cos(latitude)
        pa.field("inclusion_probability", pa.float64()),  # of the test splits; null for train and validation
        pa.field("product_labels", PRODUCT_LABELS),
        pa.field("geometry", pa.binary(), nullable=False),  # WKB point
    ]
)

CURE = "Write the frame anew: python -m builder points --products DIR --out FRAME (or --from POINTS.csv --out FRAME)."
_WHAT = "the ranked points of a frame"
_KEY = r"r\d{5}c\d{6}|p[+-]\d{10}[+-]\d{10}"  # as `cell_keys` and `point_keys` write them
_RANGES = {
    "cell": (0, grid.ROWS * grid.COLUMNS - 1),
    "lon": (-180.0, 180.0),
    "lat": (-90.0, 90.0),
    "purity": (0.0, 1.0),
    "rank": (0, 2**31 - 1),
}
_WKB_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("lon", "<f8"), ("lat", "<f8")])


def cell_keys(cells: np.ndarray) -> list[str]:
    """Key of each cell number: "r{row}c{column}", rows from the north, columns from 180 W."""
    rows, columns = np.divmod(cells, grid.COLUMNS)
    return [f"r{row:05d}c{column:06d}" for row, column in zip(rows.tolist(), columns.tolist(), strict=True)]


def point_keys(lon: np.ndarray, lat: np.ndarray) -> list[str]:
    """Key of each given point: longitude and latitude in 1e-7 degree, signed, ten digits each."""
    tenth_micro = np.rint(np.stack([lon, lat], axis=-1) * 1e7).astype(np.int64)
    return [f"p{x:+011d}{y:+011d}" for x, y in tenth_micro.tolist()]


def block_numbers(cells: np.ndarray, block_cells: int) -> tuple[np.ndarray, np.ndarray]:
    """(block row, block column) of each cell number; blocks count from 90 N, 180 W."""
    rows, columns = np.divmod(cells, grid.COLUMNS)
    return rows // block_cells, columns // block_cells


def block_names(cells: np.ndarray, block_cells: int) -> list[str]:
    """Name of the block of each cell number: "b{row}x{column}"."""
    rows, columns = block_numbers(cells, block_cells)
    return [f"b{row:05d}x{column:05d}" for row, column in zip(rows.tolist(), columns.tolist(), strict=True)]


def wkb_points(lon: np.ndarray, lat: np.ndarray) -> pa.Array:
    """Little-endian WKB of each point (longitude, latitude)."""
    packed = np.empty(len(lon), _WKB_POINT)
    packed["order"], packed["kind"], packed["lon"], packed["lat"] = 1, 1, lon, lat
    return pa.array([row.tobytes() for row in packed], pa.binary())


def geo_metadata(lon: np.ndarray, lat: np.ndarray) -> dict[str, Any]:
    """The `geo` metadata of GeoParquet 1.1 for a column `geometry` of points in EPSG:4326."""
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "crs": pyproj.CRS.from_epsg(4326).to_json_dict(),
    }
    if len(lon):
        column["bbox"] = [float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())]
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def product_labels(
    harmonized: np.ndarray, products: Sequence[str], name_of_code: Mapping[int, str]
) -> list[list[dict[str, str]]]:
    """What each product holds at each point, as `PRODUCT_LABELS`.

    Args:
      harmonized: uint8[point, product], class codes; 0 no data, 255 outside the legend.
      products: names, in the order of the second axis.
      name_of_code: class name of each code.
    """
    names = {0: NODATA_LABEL, 255: OUTSIDE_LABEL, **name_of_code}
    return [
        [{"product": product, "label": names[code]} for product, code in zip(products, row, strict=True)]
        for row in harmonized.tolist()
    ]


def with_metadata(points: pa.Table, metadata: Mapping[str, Any]) -> pa.Table:
    """`points` as `SCHEMA`, with the GeoParquet and the project's metadata (JSON values, `format` added)."""
    lon, lat = (points[name].to_numpy() for name in ("lon", "lat"))
    extra = {
        GEO_KEY: json.dumps(geo_metadata(lon, lat)),
        METADATA_KEY: json.dumps({"format": FORMAT} | dict(metadata), sort_keys=True),
    }
    return points.select(SCHEMA.names).cast(SCHEMA).replace_schema_metadata(extra)


def write(path: pathlib.Path, points: pa.Table, metadata: Mapping[str, Any]) -> None:
    """Writes `points.parquet`, whole or not at all."""
    with atomic.file(path) as temporary:
        pq.write_table(with_metadata(points, metadata), temporary, compression="zstd")


def read(path: pathlib.Path, legend: legends.Legend) -> pa.Table:
    """The points of a frame, as `SCHEMA` with metadata, every column checked.

    Args:
      path: `points.parquet`.
      legend: the classes that labels may name.

    Raises:
      errors.InputError: naming the file, the column, a wrong value and its number of rows, if the file is missing,
        truncated, not written by this project, or holds a value that a frame never holds.
    """
    table = parquet_files.read(path, expected=_WHAT, cure=CURE)
    metadata_of(table, path)
    parquet_files.check_columns(table, SCHEMA.names, path=path, expected="ranked points", cure=CURE)
    parquet_files.check_types(table, SCHEMA, path=path, cure=CURE)
    _check_places(table, path)
    _check_words(table, path, legend)
    _check_ranks(table, path)
    return table


def _check_places(table: pa.Table, path: pathlib.Path) -> None:
    """Keys, coordinates, cells and blocks."""
    is_key = pc.match_substring_regex(table["key"], f"^(?:{_KEY})$")
    parquet_files.check_values(table, "key", is_key, path=path, expected="a key of a cell or of a point", cure=CURE)
    parquet_files.check_unique(table, ["key"], path=path, cure=CURE)
    for name, (least, most) in _RANGES.items():
        is_good = pc.and_(pc.greater_equal(table[name], least), pc.less_equal(table[name], most))  # false for NaN
        parquet_files.check_values(table, name, is_good, path=path, expected=f"{least}..{most}", cure=CURE)
    for block in pc.unique(table["block"]).to_pylist():
        input_files.check_name(block, where=f"{path}: column block", what="a block's name")


def _check_words(table: pa.Table, path: pathlib.Path, legend: legends.Legend) -> None:
    """States, splits, strata and the names of classes."""
    states = (CONSISTENT, INCONSISTENT, GIVEN)
    known: dict[str, Sequence[str]] = dict.fromkeys(("label", "base_class", "consensus"), legend.names) | {
        "state": states,
        "split": designs.SPLITS,
        "stratum": [f"{name}/{state}" for name in legend.names for state in states],
    }
    for name, words in known.items():
        parquet_files.check_known(table, name, words, path=path, cure=CURE)
    of_products = pa.table({"product_labels": pc.struct_field(pc.list_flatten(table["product_labels"]), "label")})
    parquet_files.check_known(
        of_products, "product_labels", (*legend.names, NODATA_LABEL, OUTSIDE_LABEL), path=path, cure=CURE
    )


def _check_ranks(table: pa.Table, path: pathlib.Path) -> None:
    """Ranks within (split, class), and inclusion probabilities."""
    ranks = table.select(["split", "rank"]).append_column("class", group_class(table))
    parquet_files.check_unique(ranks, ["split", "class", "rank"], path=path, cure=CURE)
    probability = table["inclusion_probability"]
    is_good = pc.and_(pc.greater(probability, 0.0), pc.less_equal(probability, 1.0))
    parquet_files.check_values(
        table, "inclusion_probability", is_good, path=path, expected="above 0, at most 1", cure=CURE
    )
    is_finite = pc.is_finite(table["rank_value"])
    parquet_files.check_values(table, "rank_value", is_finite, path=path, expected="a finite number", cure=CURE)


def group_class(points: pa.Table) -> pa.ChunkedArray:
    """The class in which each point is ranked: its label, else the base class, else "" (outside the legend)."""
    return pc.fill_null(pc.coalesce(points["label"], points["base_class"]), "")


def metadata_of(table: pa.Table, path: pathlib.Path) -> dict[str, Any]:
    """The project's metadata of a table that was read from `path`.

    Raises:
      errors.InputError: if there is none, it is damaged, or of another format.
    """
    text = (table.schema.metadata or {}).get(METADATA_KEY)
    if text is None:
        raise errors.InputError(
            f"{path}: expected points written by `python -m builder points`; received another Parquet file. {CURE}"
        )
    try:
        metadata: dict[str, Any] = input_files.parsed_json(text)
        received = metadata.get("format")
    except (ValueError, AttributeError) as error:
        raise errors.InputError(f"{path}: expected metadata as a JSON object; {error}. {CURE}") from error
    if received != FORMAT:
        raise errors.InputError(f"{path}: expected format {FORMAT}; received {received}. {CURE}")
    return metadata
