"""The STAC 1.1 catalogue of the world's scenes: catalogue, collections, items, in plain JSON with relative links."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from builder import atomic
from builder.geometry import lattice
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


def scene_path(scene: shots.SceneFile) -> pathlib.Path:
    """Where a scene's pixels are, below the catalogue."""
    return pathlib.Path(scene.shot.collection) / f"{scene.name}.tif"


def write(world: world_settings.World, scenes: Sequence[shots.SceneFile], folder: pathlib.Path) -> None:
    """Writes catalog.json, and collection.json and one item per scene in a folder per collection."""
    names = sorted({scene.shot.collection for scene in scenes})
    links = [_link("root", "./catalog.json"), *(_link("child", f"./{name}/collection.json") for name in names)]
    catalogue = {
        "type": "Catalog", "stac_version": VERSION, "id": "globeland-demo", "title": "Scenes of the demo world",
        "description": "Generated pictures of a generated region. Nothing in them is real.", "links": links,
    }  # fmt: skip
    _write(folder / "catalog.json", catalogue)
    for name in names:
        own = [scene for scene in scenes if scene.shot.collection == name]
        _write(folder / name / "collection.json", _collection(world, name, own))
        for scene in own:
            _write(folder / name / f"{scene.name}.json", _item(scene))


def _collection(world: world_settings.World, name: str, scenes: Sequence[shots.SceneFile]) -> dict[str, Any]:
    title, providers = _TITLES[name]
    days = sorted(_moment(scene) for scene in scenes)
    return {
        "type": "Collection", "stac_version": VERSION, "id": name, "title": title, "license": LICENCE,
        "description": f"{title}: generated, with a known truth (truth.tif).", "providers": providers,
        "extent": {"spatial": {"bbox": [list(world.window.bounds)]}, "temporal": {"interval": [[days[0], days[-1]]]}},
        "summaries": {
            "gsd": sorted({scene.shot.gsd_m for scene in scenes}),
            "platform": sorted({scene.shot.platform for scene in scenes}),
        },
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "../catalog.json"),
            *(_link("item", f"./{scene.name}.json") for scene in scenes),
        ],
    }  # fmt: skip


def _item(scene: shots.SceneFile) -> dict[str, Any]:
    ring = _outline(scene)
    lons, lats = ring[:, 0], ring[:, 1]
    return {
        "type": "Feature", "stac_version": VERSION, "stac_extensions": [PROJECTION], "id": scene.name,
        "collection": scene.shot.collection,
        "geometry": {"type": "Polygon", "coordinates": [ring.round(7).tolist()]},
        "bbox": [round(float(v), 7) for v in (lons.min(), lats.min(), lons.max(), lats.max())],
        "properties": {
            "datetime": _moment(scene), "gsd": scene.shot.gsd_m, "platform": scene.shot.platform,
            "instruments": [scene.shot.instrument],
            "license": LICENCE, "proj:code": scene.lattice.crs, "proj:shape": list(scene.shape),
            "proj:transform": list(scene.lattice.transform),
        },
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "./collection.json"),
            _link("collection", "./collection.json"),
        ],
        "assets": {
            "visual": {
                "href": f"./{scene.name}.tif", "type": COG, "title": "Red, green, blue", "roles": ["visual", "data"],
                "bands": [{"name": name, "data_type": "uint8"} for name in ("red", "green", "blue")],
            }
        },
    }  # fmt: skip


def _outline(scene: shots.SceneFile) -> np.ndarray:
    """float64[corner, (lon, lat)], anticlockwise and closed."""
    left, bottom, right, top = scene.lattice.bounds
    x, y = [left, right, right, left, left], [bottom, bottom, top, top, bottom]
    return np.stack(lattice.to_lonlat(scene.lattice.crs).transform(x, y), axis=1)


def _moment(scene: shots.SceneFile) -> str:
    return f"{scene.shot.date.isoformat()}T03:30:00Z"  # late morning at 108 E


def _link(relation: str, address: str) -> dict[str, str]:
    media = "application/geo+json" if relation == "item" else "application/json"
    return {"rel": relation, "href": address, "type": media}


def _write(path: pathlib.Path, document: dict[str, Any]) -> None:
    with atomic.file(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")
