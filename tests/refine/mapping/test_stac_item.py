"""The STAC item of a map across 180 degrees."""

from __future__ import annotations

import json
import pathlib

import map_files
import numpy as np
import pytest

from builder.maps import rasters
from refine.artefacts import refined_map
from refine.mapping import stac_item


def _item(base: pathlib.Path) -> str:
    nothing = refined_map.MapTags(), refined_map.MapSummary()
    return stac_item.text(refined_map.RefinedMap(base), rasters.describe(base).lattice, *nothing, year=2010)


def test_a_tile_on_the_other_side_of_180_meets_its_frame(tmp_path: pathlib.Path) -> None:
    base = tmp_path / "n01_50_2010lc030.tif"
    map_files.geotiff(base, np.full((4, 4), 20, np.uint8), crs="EPSG:4326", origin=(179.99, 51.0), pixel=0.005)
    item = json.loads(_item(base))
    assert item["bbox"] == [179.99, 50.98, -179.99, 51.0]
    assert item["geometry"]["type"] == "MultiPolygon"
    corners = np.array([xy for part in item["geometry"]["coordinates"] for xy in part[0]])
    assert np.abs(corners[:, 0]).min() == pytest.approx(179.99)
