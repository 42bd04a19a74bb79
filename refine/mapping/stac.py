"""A STAC item beside a refined map: footprint, grid, classes, and what it was made from."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyproj

from builder import atomic
from builder.legend import legend
from builder.maps import rasters

EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
)
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
BASE_YEAR = 2010  # of the base map: what the item's time range says
EDGE_POINTS = 9  # per side of the footprint: sides of a projected grid are curved in degrees


def write_item(
    out: pathlib.Path,
    companions: Sequence[pathlib.Path],
    base: rasters.RasterFile,
    tags: Mapping[str, str],
    classes: legend.Legend,
) -> None:
    """Writes the item of the map `out` to its name with .json; assets are named relative to it."""
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": list(EXTENSIONS),
        "id": out.stem,
        **_place(base),
        "properties": {
            "datetime": None,
            "start_datetime": f"{BASE_YEAR}-01-01T00:00:00Z",
            "end_datetime": f"{BASE_YEAR}-12-31T23:59:59Z",
            "description": "Base map whose inconsistent cells were reclassified from very-high-resolution imagery",
            "proj:epsg": pyproj.CRS.from_user_input(base.crs).to_epsg(),
            "proj:shape": list(base.shape),
            "proj:transform": list(base.transform),
            **{key.lower().replace("globeland_", "globeland:"): value for key, value in tags.items()},
        },
        "links": [],
        "assets": {
            "map": _asset(out, "data") | {"classification:classes": [_class(c) for c in classes.classes]},
            **{path.stem.removeprefix(f"{out.stem}_"): _asset(path, "metadata") for path in companions},
        },
    }
    with atomic.file(out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(item, indent=1), encoding="utf-8")


def _asset(path: pathlib.Path, role: str) -> dict[str, Any]:
    return {"href": f"./{path.name}", "type": COG, "roles": [role]}


def _class(c: legend.LandCoverClass) -> dict[str, Any]:
    return {
        "value": c.code,
        "name": c.name,
        "title": c.title,
        "description": c.definition,
        "color_hint": c.colour[1:].upper(),
    }


def _place(base: rasters.RasterFile) -> dict[str, Any]:
    left, bottom, right, top = base.bounds
    along_x, along_y = np.linspace(left, right, EDGE_POINTS), np.linspace(bottom, top, EDGE_POINTS)
    x = np.concatenate([along_x[:-1], np.full(EDGE_POINTS - 1, right), along_x[::-1][:-1], np.full(EDGE_POINTS, left)])
    y = np.concatenate([np.full(EDGE_POINTS - 1, bottom), along_y[:-1], np.full(EDGE_POINTS - 1, top), along_y[::-1]])
    to_degrees = pyproj.Transformer.from_crs(base.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    ring = [[round(float(a), 7), round(float(b), 7)] for a, b in zip(lon, lat, strict=True)]
    ring[-1] = ring[0]
    return {
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [min(p[0] for p in ring), min(p[1] for p in ring), max(p[0] for p in ring), max(p[1] for p in ring)],
    }
