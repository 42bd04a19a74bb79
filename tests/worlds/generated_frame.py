"""A frame of given points on generated imagery, made in a second: what tests and benchmarks build datasets from.

Each split has its own square scene of noise near 108 E, 34 N; chips lie on a square lattice in it, classes in turn.
"""

from __future__ import annotations

import datetime
import math
import pathlib
import sys
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import rasterio
import rasterio.transform

from builder.frame import design as designs
from builder.frame import frame as frames
from builder.frame import points_table, reviews, strata
from builder.legend import legend
from builder.points import drawing

SPACING_M = 130.0
GSD_M = 2.0
CRS = "EPSG:32649"
EAST_M, NORTH_M = 300_000.0, 3_800_000.0  # lower left corner of the first scene
BETWEEN_SCENES_M = 3_000.0
IMAGERY = """[rules]
season = {{}}

[chip]
size_px = {size_px}

[[source]]
name = "noise"
type = "folder"
path = "scenes"
licence = "CC0-1.0"
attribution = "generated"
sensor = "none"
date = {{ from = "tag" }}
"""


def write(
    folder: pathlib.Path, counts: Mapping[str, int], *, size_px: int = 32, grain_px: int = 8, seed: int = 0
) -> frames.Frame:
    """Writes a frame with `counts` points in each split; every point gets a chip of noise in squares of `grain_px`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenes").mkdir(exist_ok=True)
    north_m = NORTH_M
    parts = []
    for number, (split, count) in enumerate(counts.items()):
        side = math.ceil(math.sqrt(count))
        _scene(folder / "scenes" / f"{split}.tif", side, north_m, grain_px, seed + number)
        parts.append(_points(split, count, side, north_m))
        north_m += side * SPACING_M + BETWEEN_SCENES_M
    quotas = tuple((split, math.ceil(count / len(legend.seven().names))) for split, count in counts.items())
    design = designs.SamplingDesign(given=quotas, seed=seed)
    metadata = {
        "design": design.to_json(),
        "products": [],
        "strata": {},
        "shortfalls": [],
        "created_by": "tests",
    }
    points_table.write(folder / frames.POINTS, pa.concat_tables(parts), metadata)
    frames.seal(folder)
    (folder / frames.IMAGERY).write_text(IMAGERY.format(size_px=size_px), encoding="utf-8")
    return frames.Frame(folder)


def _scene(path: pathlib.Path, side: int, north_m: float, grain_px: int, seed: int) -> None:
    """Noise: squares of `grain_px` pixels, each of one colour."""
    pixels = math.ceil((side + 1) * SPACING_M / GSD_M)
    transform = rasterio.transform.from_origin(EAST_M - SPACING_M, north_m + side * SPACING_M, GSD_M, GSD_M)
    profile = {"driver": "GTiff", "width": pixels, "height": pixels, "count": 3, "dtype": "uint8", "crs": CRS}
    rng = np.random.default_rng(seed)
    with rasterio.open(path, "w", **profile, transform=transform, tiled=True, compress="deflate") as scene:
        scene.update_tags(TIFFTAG_DATETIME="2010:07:01 00:00:00")
        for row in range(0, pixels, 256):
            coarse = rng.integers(0, 256, (3, 256 // grain_px, math.ceil(pixels / grain_px)), np.uint8)
            strip = np.repeat(np.repeat(coarse, grain_px, axis=1), grain_px, axis=2)[:, : pixels - row, :pixels]
            scene.write(strip, window=((row, row + strip.shape[1]), (0, pixels)))


def _points(split: str, count: int, side: int, north_m: float) -> pa.Table:
    index = np.arange(count)
    east, north = EAST_M + index % side * SPACING_M, north_m + index // side * SPACING_M
    lon, lat = pyproj.Transformer.from_crs(CRS, 4326, always_xy=True).transform(east, north)
    lon, lat = np.round(lon, 7), np.round(lat, 7)
    names = legend.seven().names
    labels = [names[i % len(names)] for i in range(count)]
    is_test = split in designs.TEST_SPLITS
    columns = {
        "key": points_table.point_keys(lon, lat),
        "cell": pa.nulls(count, pa.int64()),
        "lon": lon,
        "lat": lat,
        "state": [points_table.GIVEN] * count,
        "label": pa.nulls(count, pa.string()) if split == designs.TEST_INCONSISTENT else labels,
        "base_class": labels,
        "consensus": pa.nulls(count, pa.string()),
        "votes": pa.nulls(count, pa.uint8()),
        "valid": pa.nulls(count, pa.uint8()),
        "purity": pa.nulls(count, pa.float32()),
        "split": [split] * count,
        "stratum": [strata.name(label, drawing.state_of(split)) for label in labels],
        "block": [f"{split}{i // 640}" for i in range(count)],
        "rank": pa.array(index // len(names), pa.int32()),
        "rank_value": (index + 1) / (count + 1),
        "inclusion_probability": np.full(count, 0.5) if is_test else pa.nulls(count, pa.float64()),
        "product_labels": pa.array(
            [[{"product": "globcover", "label": label}] for label in labels], points_table.PRODUCT_LABELS
        ),
        "geometry": points_table.wkb_points(lon, lat),
    }
    return pa.table(columns).cast(points_table.SCHEMA)


def review(frame: frames.Frame, labels: Mapping[str, str], reviewer: str = "one") -> None:
    """Adds reviews {key: label} of one reviewer to the frame."""
    time = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    rows = [{"key": key, "label": label, "reviewer": reviewer, "time": time} for key, label in labels.items()]
    before = reviews.read(frame.reviews_file, legend.seven())

    pq.write_table(pa.concat_tables([before, pa.Table.from_pylist(rows, reviews.SCHEMA)]), frame.reviews_file)


if __name__ == "__main__":  # what `dummy_data` of the dataset's own test holds
    dummy = write(pathlib.Path(sys.argv[1]), {"train": 14, "validation": 7, "test": 7, "test_inconsistent": 7})
    review(dummy, {p["key"]: p["base_class"] for p in dummy.points().to_pylist() if p["rank"] == 0})
