"""A STAC item beside a refined map: footprint, grid, classes, and what it was made from."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyproj
import shapely

from builder.geometry import lonlat
from builder.legend import legend
from builder.maps import rasters

EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
)
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
EDGE_POINTS = 9  # per side of the footprint: sides of a projected grid are curved in degrees
DIGITS = 7  # of degrees: about a centimetre


@dataclasses.dataclass(frozen=True)
class Content:
    """What the rasters of a map hold: classes, kinds of provenance, and plain values that count the pixels."""

    classes: legend.Legend
    provenance: legend.Legend
    summary: Mapping[str, Any]


def item(out: pathlib.Path, base: rasters.RasterFile, tags: Mapping[str, str], content: Content, *, year: int) -> str:
    """The item of the map `out` as JSON text; assets are named relative to it, `year` is what the base describes."""
    stem = out.stem
    assets = {
        "map": _asset(out.name, COG, "data", content.classes),
        "confidence": _asset(f"{stem}_confidence{out.suffix}", COG, "metadata"),
        "provenance": _asset(f"{stem}_provenance{out.suffix}", COG, "metadata", content.provenance),
        "changes": _asset(f"{stem}_changes.csv", "text/csv", "metadata"),
        "changes_figure": _asset(f"{stem}_changes.png", "image/png", "overview"),
    }
    told = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": list(EXTENSIONS),
        "id": stem,
        **_place(base),
        "properties": {
            "datetime": None,
            "start_datetime": f"{year}-01-01T00:00:00Z",
            "end_datetime": f"{year}-12-31T23:59:59Z",
            "description": "Base map whose inconsistent cells were reclassified from very-high-resolution imagery",
            "proj:epsg": pyproj.CRS.from_user_input(base.crs).to_epsg(),
            "proj:shape": list(base.shape),
            "proj:transform": list(base.transform),
            **{key.lower().replace("globeland_", "globeland:"): value for key, value in tags.items()},
            "globeland:summary": dict(content.summary),
        },
        "links": [],
        "assets": assets,
    }
    return json.dumps(told, indent=1)


def _asset(name: str, media: str, role: str, classes: legend.Legend | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"href": f"./{name}", "type": media, "roles": [role]}
    return told | ({"classification:classes": [_class(c) for c in classes.classes]} if classes else {})


def _class(c: legend.LandCoverClass) -> dict[str, Any]:
    told = {"value": c.code, "name": c.name, "title": c.title, "color_hint": c.colour[1:].upper()}
    return told | ({"description": c.definition} if c.definition else {})


def _place(base: rasters.RasterFile) -> dict[str, Any]:
    """Geometry and bbox: two polygons and west > east where the map crosses 180 degrees (RFC 7946, 3.1.9 and 5.2)."""
    left, bottom, right, top = base.lattice.bounds
    along_x, along_y = np.linspace(left, right, EDGE_POINTS), np.linspace(bottom, top, EDGE_POINTS)
    x = np.concatenate([along_x[:-1], np.full(EDGE_POINTS - 1, right), along_x[::-1][:-1], np.full(EDGE_POINTS, left)])
    y = np.concatenate([np.full(EDGE_POINTS - 1, bottom), along_y[:-1], np.full(EDGE_POINTS - 1, top), along_y[::-1]])
    to_degrees = pyproj.Transformer.from_crs(base.crs, "EPSG:4326", always_xy=True)
    lon, lat = (np.round(np.asarray(v), DIGITS) for v in to_degrees.transform(x, y))
    area = lonlat.split_at_180(lon, lat)
    west, south, east, north = lonlat.bounds_of_ring(lon, lat)
    if west >= east and shapely.get_num_geometries(area) == 1:  # wider than half the globe, or all around it
        west, _, east, _ = area.bounds
    box = [round(float(v), DIGITS) for v in (west, south, east, north)]
    return {"geometry": json.loads(shapely.to_geojson(area)), "bbox": box}
