"""The STAC 1.1 catalogue of the world's scenes: catalogue, collections, items, in plain JSON with relative links."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyproj

from builder import atomic
from builder.world import shots, world_settings

VERSION = "1.1.0"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
LICENCE = "CC0-1.0"
_MAKER = {"name": "globeland demo world", "roles": ["producer", "licensor", "processor"]}
_TITLES = {
    shots.HIGH_RESOLUTION: ("High-resolution scenes of the demo world", [_MAKER]),
    shots.MEDIUM_RESOLUTION: ("Medium-resolution scenes of the demo world", [_MAKER]),
    # Named as the real ones are, so that a rule that denies them has something to deny.
    shots.LANDSAT: (
        "Landsat-like scenes of the demo world",
        [_MAKER, {"name": "NASA/USGS Landsat (imitated)", "roles": ["producer"]}],
    ),
}


def scene_path(job: shots.SceneJob) -> pathlib.Path:
    """Where a scene's pixels are, below the catalogue."""
    return pathlib.Path(job.shot.collection) / f"{job.name}.tif"


def write(world: world_settings.World, jobs: Sequence[shots.SceneJob], folder: pathlib.Path) -> None:
    """Writes catalog.json, and collection.json and one item per scene in a folder per collection."""
    names = sorted({job.shot.collection for job in jobs})
    links = [_link("root", "./catalog.json"), *(_link("child", f"./{name}/collection.json") for name in names)]
    catalogue = {
        "type": "Catalog", "stac_version": VERSION, "id": "globeland-demo", "title": "Scenes of the demo world",
        "description": "Generated pictures of a generated region. Nothing in them is real.", "links": links,
    }  # fmt: skip
    _write(folder / "catalog.json", catalogue)
    for name in names:
        own = [job for job in jobs if job.shot.collection == name]
        _write(folder / name / "collection.json", _collection(world, name, own))
        for job in own:
            _write(folder / name / f"{job.name}.json", _item(job))


def _collection(world: world_settings.World, name: str, jobs: Sequence[shots.SceneJob]) -> dict[str, Any]:
    title, providers = _TITLES[name]
    days = sorted(_moment(job) for job in jobs)
    return {
        "type": "Collection", "stac_version": VERSION, "id": name, "title": title, "license": LICENCE,
        "description": f"{title}: generated, with a known truth (truth.tif).", "providers": providers,
        "extent": {"spatial": {"bbox": [list(world.window.bounds)]}, "temporal": {"interval": [[days[0], days[-1]]]}},
        "summaries": {
            "gsd": sorted({job.shot.gsd_m for job in jobs}),
            "platform": sorted({job.shot.platform for job in jobs}),
        },
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "../catalog.json"),
            *(_link("item", f"./{job.name}.json") for job in jobs),
        ],
    }  # fmt: skip


def _item(job: shots.SceneJob) -> dict[str, Any]:
    ring = _outline(job)
    lons, lats = ring[:, 0], ring[:, 1]
    gsd_m = job.shot.gsd_m
    return {
        "type": "Feature", "stac_version": VERSION, "stac_extensions": [PROJECTION], "id": job.name,
        "collection": job.shot.collection,
        "geometry": {"type": "Polygon", "coordinates": [ring.round(7).tolist()]},
        "bbox": [round(float(v), 7) for v in (lons.min(), lats.min(), lons.max(), lats.max())],
        "properties": {
            "datetime": _moment(job), "gsd": gsd_m, "platform": job.shot.platform, "instruments": [job.shot.instrument],
            "license": LICENCE, "proj:code": shots.epsg(job.zone), "proj:shape": list(job.shape),
            "proj:transform": [gsd_m, 0.0, job.left, 0.0, -gsd_m, job.top],
        },
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "./collection.json"),
            _link("collection", "./collection.json"),
        ],
        "assets": {
            "visual": {
                "href": f"./{job.name}.tif", "type": COG, "title": "Red, green, blue", "roles": ["visual", "data"],
                "bands": [{"name": name, "data_type": "uint8"} for name in ("red", "green", "blue")],
            }
        },
    }  # fmt: skip


def _outline(job: shots.SceneJob) -> np.ndarray:
    """float64[corner, (lon, lat)], anticlockwise and closed."""
    right, bottom = job.left + job.shape[1] * job.shot.gsd_m, job.top - job.shape[0] * job.shot.gsd_m
    x = [job.left, right, right, job.left, job.left]
    y = [bottom, bottom, job.top, job.top, bottom]
    to_lonlat = pyproj.Transformer.from_crs(shots.epsg(job.zone), "EPSG:4326", always_xy=True)
    return np.stack(to_lonlat.transform(x, y), axis=1)


def _moment(job: shots.SceneJob) -> str:
    return f"{job.shot.date.isoformat()}T03:30:00Z"  # late morning at 108 E


def _link(relation: str, address: str) -> dict[str, str]:
    media = "application/geo+json" if relation == "item" else "application/json"
    return {"rel": relation, "href": address, "type": media}


def _write(path: pathlib.Path, document: dict[str, Any]) -> None:
    with atomic.file(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
