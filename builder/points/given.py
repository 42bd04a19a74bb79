"""Points that a person gives: a CSV or GeoJSON with lon, lat, label and perhaps split."""

from __future__ import annotations

import collections
import csv
import dataclasses
import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from builder import errors
from builder.frame import design as designs
from builder.frame import points_table
from builder.geometry import grid
from builder.legend import legend as legends

SPLITS = tuple(split for split in designs.SPLITS if split != designs.TEST_INCONSISTENT)  # its points have no label
COLUMNS = ("lon", "lat", "label")
GEOJSON_SUFFIXES = (".geojson", ".json")


@dataclasses.dataclass(frozen=True)
class GivenPoint:
    """A place (degrees, EPSG:4326), its class and split, and where the file says so."""

    lon: float
    lat: float
    label: str
    split: str
    where: str


def read(path: pathlib.Path, legend: legends.Legend) -> list[GivenPoint]:
    """The points of a CSV (columns lon, lat, label and perhaps split) or of a GeoJSON of points, in file order.

    Raises:
      errors.InputError: naming the file and the line, for a missing column, a place off the globe, an unknown label
        or split, or a place given twice.
    """
    if not path.is_file():
        raise errors.InputError(f"{path}: expected a CSV or GeoJSON of points (--from); there is no such file.")
    rows = _geojson_rows(path) if path.suffix.lower() in GEOJSON_SUFFIXES else _csv_rows(path)
    points = [_point(where, row, legend) for where, row in rows]
    if not points:
        raise errors.InputError(f"{path}: expected at least one point; received none.")
    _refuse_twins(points)
    return points


def _csv_rows(path: pathlib.Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise errors.InputError(
                    f"{path}: expected the columns {', '.join(COLUMNS)} and perhaps split; "
                    f"missing {', '.join(missing)}. Received {', '.join(reader.fieldnames or ()) or 'an empty file'}."
                )
            for row in reader:
                yield f"{path}, line {reader.line_num}", row
        except (UnicodeDecodeError, csv.Error) as error:
            raise errors.InputError(f"{path}: expected a CSV in UTF-8; {error}.") from error


def _geojson_rows(path: pathlib.Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    import geopandas

    try:
        features = geopandas.read_file(path)
    except Exception as error:  # each driver has its own
        raise errors.InputError(f"{path}: expected a GeoJSON of points; it cannot be read ({error}).") from error
    if "label" not in features.columns or features.crs is None:
        raise errors.InputError(f"{path}: expected points with the property label and a CRS; one of them is missing.")
    features = features.to_crs("EPSG:4326")
    labels = features["label"].tolist()
    splits = features["split"].tolist() if "split" in features.columns else [None] * len(features)
    for number, (geometry, label, split) in enumerate(zip(features.geometry, labels, splits, strict=True), start=1):
        where = f"{path}, feature {number}"
        if geometry is None or geometry.is_empty or geometry.geom_type != "Point":
            raise errors.InputError(f"{where}: expected a point; received {getattr(geometry, 'geom_type', 'nothing')}.")
        yield where, {"lon": geometry.x, "lat": geometry.y, "label": label, "split": split}


def _point(where: str, row: Mapping[str, object], legend: legends.Legend) -> GivenPoint:
    lon, lat = (_degrees(where, row, name, most) for name, most in (("lon", 180.0), ("lat", 90.0)))
    label = str(row["label"] or "").strip()
    if label not in legend.names:
        raise errors.InputError(f"{where}: expected label to be one of {', '.join(legend.names)}; received {label!r}.")
    split = str(row.get("split") or designs.TRAIN).strip()
    if split not in SPLITS:
        raise errors.InputError(f"{where}: expected split to be one of {', '.join(SPLITS)}; received {split!r}.")
    return GivenPoint(lon, lat, label, split, where)


def _degrees(where: str, row: Mapping[str, object], name: str, most: float) -> float:
    try:
        value = float(str(row[name]))
    except ValueError:
        value = math.nan
    if not -most <= value <= most:
        raise errors.InputError(
            f"{where}: expected {name} in degrees, {-most:g}..{most:g}; received {row[name]!r}. "
            "Are lon and lat swapped?"
        )
    return value


def _refuse_twins(points: Sequence[GivenPoint]) -> None:
    seen: dict[str, GivenPoint] = {}
    for key, point in zip(_keys(points), points, strict=True):
        if key in seen:
            raise errors.InputError(f"{point.where}: the same place as {seen[key].where}. Keep one of the two.")
        seen[key] = point


def _keys(points: Sequence[GivenPoint]) -> list[str]:
    return points_table.point_keys(*_places(points))


def _places(points: Sequence[GivenPoint]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p.lon for p in points]), np.array([p.lat for p in points])


def design_of(points: Sequence[GivenPoint], *, chip_size_m: float, split_block_deg: float) -> designs.SamplingDesign:
    """The design of a frame of given points: every point is wanted, and none is a reserve."""
    counts = collections.Counter((p.split, p.label) for p in points)
    most = {split: max((n for (s, _), n in counts.items() if s == split), default=0) for split in SPLITS}
    lon, lat = _places(points)
    return designs.SamplingDesign(
        chip_size_m=chip_size_m,
        buffer_m=max(designs.SamplingDesign.buffer_m, math.hypot(chip_size_m, chip_size_m)),
        min_spacing_m=0.0,
        reserve=1.0,
        split_block_deg=split_block_deg,
        region=(float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())),
        given=tuple((split, count) for split, count in most.items() if count),
    )


def table_of_given(points: Sequence[GivenPoint], design: designs.SamplingDesign) -> pa.Table:
    """The given points as `points_table.SCHEMA`; their rank is their order in the file, within split and class."""
    lon, lat = _places(points)
    ranks: collections.Counter[tuple[str, str]] = collections.Counter()
    rank = []
    for p in points:
        rank.append(ranks[p.split, p.label])
        ranks[p.split, p.label] += 1
    columns = {
        "key": _keys(points),
        "lon": lon,
        "lat": lat,
        "state": [points_table.GIVEN] * len(points),
        "label": [p.label for p in points],
        "split": [p.split for p in points],
        "block": points_table.block_names(grid.cell_of(lon, lat), design.block_cells),
        "rank": rank,
        "geometry": points_table.wkb_points(lon, lat),
    }
    nothing = [None] * len(points)
    return pa.table(
        [pa.array(columns.get(field.name, nothing), type=field.type) for field in points_table.SCHEMA],
        schema=points_table.SCHEMA,
    )
