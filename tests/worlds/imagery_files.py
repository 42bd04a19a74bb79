"""Writes small real scenes and STAC catalogues, for the tests of imagery and chips."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pyproj
import rasterio
import rasterio.warp
from PIL import Image
from rasterio.transform import Affine

UTM49 = "EPSG:32649"
CENTRE = (108.0 + 1e-3, 34.0)  # degrees, at the western edge of UTM zone 49


def texture(height: int, width: int, *, seed: int = 0, grain_px: int = 12) -> np.ndarray:
    """uint8[rgb, y, x]: smooth random ground."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 235, (height // grain_px + 3, width // grain_px + 3, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.moveaxis(np.asarray(picture), 2, 0).copy()


def utm_transform(lon: float, lat: float, size: tuple[int, int], pixel_m: float, crs: str = UTM49) -> Affine:
    """Affine of a scene of `size` (height, width) pixels centred near (lon, lat)."""
    x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(lon, lat)
    left, top = round(x - size[1] * pixel_m / 2), round(y + size[0] * pixel_m / 2)
    return Affine(pixel_m, 0.0, left, 0.0, -pixel_m, top)


def write(
    path: pathlib.Path,
    pixels: np.ndarray,
    *,
    transform: Affine | None = None,
    crs: str | None = UTM49,
    pixel_m: float = 0.3,
    tags: dict[str, str] | None = None,
    mask: np.ndarray | None = None,
    **profile: Any,
) -> pathlib.Path:
    """Writes array[band, y, x] as a GeoTIFF, centred at CENTRE unless a transform is given."""
    count, height, width = pixels.shape
    transform = transform or utm_transform(*CENTRE, (height, width), pixel_m)
    options = {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"} | profile
    if options["driver"] == "COG":
        options = {key: value for key, value in options.items() if not key.startswith("block") and key != "tiled"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path,
            "w",
            width=width,
            height=height,
            count=count,
            dtype=pixels.dtype,
            crs=crs,
            transform=transform,
            **options,
        ) as file,
    ):
        file.write(pixels)
        if tags:
            file.update_tags(**tags)
        if mask is not None:
            file.write_mask(mask)
    return path


def item(path: pathlib.Path, *, name: str | None = None, **facts: Any) -> dict[str, Any]:
    """A STAC item for a scene file; `facts` become properties. The asset lies beside the item."""
    with rasterio.open(path) as file:
        box = rasterio.warp.transform_bounds(file.crs, 4326, *file.bounds)
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name or path.stem,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": list(box),
        "properties": {"datetime": "2010-07-01T10:00:00Z", "gsd": 0.3} | facts,
        "links": [],
        "assets": {
            "thumb": {"href": "./thumb.png", "type": "image/png", "roles": ["thumbnail"]},
            "image": {
                "href": f"./{path.name}",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "roles": ["data"],
            },
        },
    }


def catalogue(folder: pathlib.Path, items: list[dict[str, Any]], **collection: Any) -> pathlib.Path:
    """Writes catalog.json -> scenes/collection.json -> scenes/<id>.json with relative links; returns the catalog."""
    scenes = folder / "scenes"
    scenes.mkdir(parents=True, exist_ok=True)
    for entry in items:
        (scenes / f"{entry['id']}.json").write_text(json.dumps(entry))
    links = [{"rel": "item", "href": f"./{entry['id']}.json"} for entry in items]
    text = {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": "scenes",
        "description": "made by a test",
        "license": "CC-BY-4.0",
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
        "links": links,
    } | collection
    (scenes / "collection.json").write_text(json.dumps(text))
    root = {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "root",
        "description": "made by a test",
        "links": [{"rel": "self", "href": "./catalog.json"}, {"rel": "child", "href": "./scenes/collection.json"}],
    }
    (folder / "catalog.json").write_text(json.dumps(root))
    return folder / "catalog.json"
