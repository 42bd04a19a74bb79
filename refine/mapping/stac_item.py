"""A STAC item beside a refined map: footprint, grid, classes, how it was made, and its counts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import shapely

from builder.geometry import lattice, lonlat
from builder.legend import legend
from refine.artefacts import provenance, refined_map

EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
)
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
EDGE_POINTS = 9  # per side of the footprint: sides of a projected grid are curved in degrees
DIGITS = 7  # of degrees: about a centimetre


def text(
    refined: refined_map.RefinedMap,
    grid: lattice.Lattice,
    tags: refined_map.MapTags,
    summary: refined_map.MapSummary,
    *,
    year: int,
) -> str:
    """The item of a refined map as JSON.

    Args:
      refined: the map, whose files are named relative to the item; they are not looked at.
      grid: its lattice.
      tags: how it was made.
      summary: its counts.
      year: the year that the base map describes.
    """
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": list(EXTENSIONS),
        "id": refined.path.stem,
        **_place(grid),
        "properties": {
            "datetime": None,
            "start_datetime": f"{year}-01-01T00:00:00Z",
            "end_datetime": f"{year}-12-31T23:59:59Z",
            "description": "Base map whose inconsistent cells were reclassified from very-high-resolution imagery",
            "proj:epsg": lattice.crs_of(grid.crs).to_epsg(),
            "proj:shape": list(grid.shape),
            "proj:transform": list(grid.transform),
            **tags.as_stac(),
            refined_map.SUMMARY_PROPERTY: summary.as_json(),
        },
        "links": [],
        "assets": _assets(refined),
    }
    return json.dumps(item, indent=1)


def _assets(refined: refined_map.RefinedMap) -> dict[str, Any]:
    return {
        "map": _asset(refined.path.name, COG, "data", refined_map.base_legend()),
        "confidence": _asset(refined.confidence.name, COG, "metadata"),
        "provenance": _asset(refined.provenance.name, COG, "metadata", provenance.legend()),
        "changes": _asset(refined.change_table.name, "text/csv", "metadata"),
        "changes_figure": _asset(refined.change_figure.name, "image/png", "overview"),
    }


def _asset(name: str, media: str, role: str, classes: legend.Legend | None = None) -> dict[str, Any]:
    asset: dict[str, Any] = {"href": f"./{name}", "type": media, "roles": [role]}
    return asset | ({"classification:classes": [_class(c) for c in classes.classes]} if classes else {})


def _class(c: legend.LandCoverClass) -> dict[str, Any]:
    described = {"value": c.code, "name": c.name, "title": c.title, "color_hint": c.colour[1:].upper()}
    return described | ({"description": c.definition} if c.definition else {})


def _place(grid: lattice.Lattice) -> dict[str, Any]:
    """Geometry and bbox: two polygons and west > east where the map crosses 180 degrees (RFC 7946, 3.1.9 and 5.2)."""
    lon, lat = _outline(grid)
    area = lonlat.split_at_180(lon, lat)
    west, south, east, north = lonlat.bounds_of_ring(lon, lat)
    if west >= east and shapely.get_num_geometries(area) == 1:  # wider than half the globe, or all around it
        west, _, east, _ = area.bounds
    box = [round(float(v), DIGITS) for v in (west, south, east, north)]
    return {"geometry": json.loads(shapely.to_geojson(area)), "bbox": box}


def _outline(grid: lattice.Lattice) -> tuple[np.ndarray, np.ndarray]:
    """(longitude, latitude) float64[n] of the edge from the south-west corner on, in degrees of DIGITS digits."""
    left, bottom, right, top = grid.bounds
    along_x, along_y = np.linspace(left, right, EDGE_POINTS), np.linspace(bottom, top, EDGE_POINTS)
    x = np.concatenate([along_x[:-1], np.full(EDGE_POINTS - 1, right), along_x[::-1][:-1], np.full(EDGE_POINTS, left)])
    y = np.concatenate([np.full(EDGE_POINTS - 1, bottom), along_y[:-1], np.full(EDGE_POINTS - 1, top), along_y[::-1]])
    lon, lat = lattice.to_lonlat(grid.crs).transform(x, y)
    return np.round(np.asarray(lon), DIGITS), np.round(np.asarray(lat), DIGITS)
