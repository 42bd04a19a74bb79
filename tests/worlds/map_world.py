"""A small real base tile, frame, imagery and model, as a refined map is made from."""

from __future__ import annotations

import dataclasses
import pathlib

import imagery_files
import map_files
import numpy as np
import pyproj
import rasterio.transform

from builder.frame import design, frame, points_table
from builder.frame import layers as frame_layers
from builder.geometry import grid
from builder.legend import legend
from builder.maps import agreement, cog
from refine.mapping import map_request, refine_map

WINDOW = grid.window_of_bbox(108.0, 34.0, 108.02, 34.0139)
BOX = (108.0, 34.006, 108.006, 34.008)
BASE = "n49_30_2010lc030.tif"
BASE_PX = 30
BASE_CRS = "EPSG:32649"
IMAGERY = """[rules]
season = "all"
[chip]
size_px = 80
[[source]]
name = "scenes"
type = "folder"
path = "scenes"
licence = "CC0-1.0"
date = { from = "tag" }
"""


def refined(world: pathlib.Path) -> pathlib.Path:
    """The map of `world`, made."""
    out = world / "refined.tif"
    refine_map.refine_map(request(world, out))
    return out


def write(folder: pathlib.Path) -> pathlib.Path:
    """A base tile of forest with a corner of wetland, a frame whose left half is inconsistent, and a scene."""
    x, y = pyproj.Transformer.from_crs(4326, BASE_CRS, always_xy=True).transform(108.008, 34.007)
    codes = np.full((BASE_PX, BASE_PX), 20, np.uint8)
    codes[:2, :2], codes[2, 2], codes[3, 3] = 50, 40, 0
    base = folder / BASE
    origin = (round(x) - BASE_PX * 15, round(y) + BASE_PX * 15)
    map_files.geotiff(base, codes, crs=BASE_CRS, origin=origin, pixel=30, nodata=0)
    write_frame(folder / "frame")
    pixels = imagery_files.texture(900, 700)  # ends 150 m east of the base's centre: some pixels have no imagery
    transform = rasterio.transform.from_origin(x - 900, y + 700, 1.5, 1.5)
    imagery_files.write(
        folder / "frame" / "scenes" / "a.tif",
        pixels,
        transform=transform,
        tags={"TIFFTAG_DATETIME": "2010:07:01 00:00:00"},
    )
    _model(folder / "model")
    return folder


def read(path: pathlib.Path) -> np.ndarray:
    """The one band of a map."""
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def write_frame(folder: pathlib.Path) -> None:
    rows, columns = WINDOW.shape
    layers = np.ones((len(frame_layers.BANDS), rows, columns), np.uint8)
    layers[0, :, : columns // 2] = agreement.State.INCONSISTENT
    cog.from_blocks(
        folder / frame.LAYERS, cog.of_window(WINDOW, bands=len(layers)), [(0, 0, layers)], band_names=frame_layers.BANDS
    )
    for name in (frame.AGREEMENT, frame.HARMONIZED):
        cog.from_blocks(folder / name, cog.of_window(WINDOW), [(0, 0, layers[:1])])
    drawn = design.SamplingDesign(products=("globeland30",), base="globeland30", min_agreement=1)
    products = [{"name": "globeland30", "year": 2010}]
    metadata = {"design": drawn.to_json(), "products": products, "strata": {}, "shortfalls": [], "created_by": "tests"}
    points_table.write(folder / frame.POINTS, points_table.SCHEMA.empty_table(), metadata)
    frame.seal(folder)
    (folder / frame.IMAGERY).write_text(IMAGERY)


def _model(folder: pathlib.Path) -> None:
    """InceptionV3 from random weights: any model will do."""
    from refine.artefacts import model_folder
    from refine.network import calibration, model
    from refine.training import write_model

    network = model.build(classes=7, size_px=75, dropout=0.0)
    write_model.write(
        folder,
        network.classifier,
        labels=legend.seven().names,
        record={"format": model_folder.FORMAT, "dataset": "globeland_samples/rough:1.0.0", "settings": {"size_px": 75}},
        history=[],
        fitted=calibration.fit(np.eye(7), np.arange(7)),
    )


def request(world: pathlib.Path, out: pathlib.Path, **more: object) -> map_request.MapRequest:
    usual = map_request.MapRequest(
        world / "model",
        world / BASE,
        world / "frame",
        out,
        min_confidence=0.0,
        base_trust=1 / 7,  # a random model never outweighs a base that is trusted
    )
    return dataclasses.replace(usual, **more)
