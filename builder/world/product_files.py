"""The five products of a world, written as they are distributed: their grids, formats, codes and file names."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Callable

import numpy as np
import pyproj
import rasterio
from affine import Affine

from builder import atomic
from builder.geometry import grid
from builder.world import hdf4eos, native, perception, truth, world_settings

SAMPLES_30M = 3  # points along a side of a pixel
SAMPLES_COARSE = 11
GLOBCOVER_ORIGIN = (-180.0 - 1 / 720, 90.0 + 1 / 720)


@dataclasses.dataclass(frozen=True)
class Lattice:
    """Pixels of one product over a world: `to_lonlat` turns pixel corners' coordinates into degrees."""

    transform: Affine
    shape: tuple[int, int]
    to_lonlat: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

    def samples(self, row0: int, row1: int, per_side: int) -> tuple[np.ndarray, np.ndarray]:
        """(lon, lat), each float64[y, x, sample]: `per_side` squared points spread evenly over each pixel."""
        inside = (np.arange(per_side) + 0.5) / per_side
        dy, dx = (a.ravel() for a in np.meshgrid(inside, inside, indexing="ij"))
        row = np.arange(row0, row1)[:, None, None] + dy
        column = np.arange(self.shape[1])[None, :, None] + dx
        x = self.transform.c + self.transform.a * column + np.zeros_like(row)
        y = self.transform.f + self.transform.e * row + np.zeros_like(column)
        return self.to_lonlat(x, y)


def write(world: world_settings.World, ground: truth.Truth, folder: pathlib.Path) -> None:
    """Writes `folder`/<product>/ for each of the five."""
    eyes = perception.Eyes(world)
    by_name = {observer.name: observer for observer in world.observers}
    for zone in (48, 49):
        _write_globeland30(world, ground, eyes, by_name["globeland30"], zone, folder / "globeland30")
    _write_mcd12q1(world, ground, eyes, by_name["mcd12q1"], folder / "mcd12q1")
    geographic = {
        "glcnmo": ("gm_lc_v2_1_2.tif", 1 / 240, (-180.0, 90.0), None),
        "cci_lc": ("ESACCI-LC-L4-LCCS-Map-300m-P1Y-2010-v2.0.7.tif", 1 / 360, (-180.0, 90.0), 0),
        "globcover": ("GLOBCOVER_L4_200901_200912_V2.3.tif", 1 / 360, GLOBCOVER_ORIGIN, 230),
    }
    for name, (file_name, pixel_deg, origin, nodata) in geographic.items():
        lattice = _geographic(world.ground, pixel_deg, origin)
        codes = _coarse(world, eyes, by_name[name], ground, lattice)
        _write_tiff(folder / name / file_name, codes, lattice.transform, "EPSG:4326", nodata)


def _geographic(window: grid.CellWindow, pixel_deg: float, origin: tuple[float, float]) -> Lattice:
    """Whole pixels of a global lattice inside the window."""
    west, south, east, north = window.bounds
    column0, row0 = (math.ceil(v / pixel_deg - 1e-6) for v in (west - origin[0], origin[1] - north))
    column1, row1 = (math.floor(v / pixel_deg + 1e-6) for v in (east - origin[0], origin[1] - south))
    transform = Affine(pixel_deg, 0, origin[0] + column0 * pixel_deg, 0, -pixel_deg, origin[1] - row0 * pixel_deg)
    return Lattice(transform, (row1 - row0, column1 - column0), lambda lon, lat: (lon, lat))


def _coarse(
    world: world_settings.World,
    eyes: perception.Eyes,
    observer: world_settings.Observer,
    ground: truth.Truth,
    lattice: Lattice,
) -> np.ndarray:
    seen = eyes.see(observer, ground, *lattice.samples(0, lattice.shape[0], SAMPLES_COARSE))
    return native.coarse(
        native.LEGENDS[observer.name], seen, mosaic_below=world.mosaic_below, open_share=world.open_share
    )


def _write_globeland30(
    world: world_settings.World,
    ground: truth.Truth,
    eyes: perception.Eyes,
    observer: world_settings.Observer,
    zone: int,
    folder: pathlib.Path,
) -> None:
    """One tile: the part of zone `zone`'s 6 x 5 degree tile that the world covers, 0 elsewhere."""
    crs = f"EPSG:326{zone}"
    to_lonlat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform
    west, south, east, north = world.ground.bounds
    edge = 6.0 * zone - 180.0
    west, east = (west, min(east, edge)) if zone == 48 else (max(west, edge - 6.0), east)
    lons, lats = np.meshgrid(np.linspace(west, east, 9), np.linspace(south, north, 9))
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lons, lats)
    left, top = math.floor(x.min() / 30) * 30, math.ceil(y.max() / 30) * 30
    shape = (math.ceil((top - y.min()) / 30), math.ceil((x.max() - left) / 30))
    lattice = Lattice(Affine(30, 0, left, 0, -30, top), shape, to_lonlat)
    lon, lat = lattice.samples(0, shape[0], SAMPLES_30M)
    codes = native.globeland30(eyes.see(observer, ground, lon, lat))
    centre_lon, centre_lat = lon[..., 4], lat[..., 4]
    inside = (centre_lon >= west) & (centre_lon < east) & (centre_lat >= south) & (centre_lat < north)
    name = f"n{zone}_{5 * math.floor(south / 5):02d}_2010lc030.tif"
    _write_tiff(folder / name, np.where(inside, codes, 0).astype(np.uint8), lattice.transform, crs, 0)


def _write_mcd12q1(
    world: world_settings.World,
    ground: truth.Truth,
    eyes: perception.Eyes,
    observer: world_settings.Observer,
    folder: pathlib.Path,
) -> None:
    """Whole MODIS tiles, filled outside the world."""
    west, south, east, north = world.ground.bounds
    lons, lats = np.meshgrid(np.linspace(west, east, 17), np.linspace(south, north, 17))
    x, y = hdf4eos.to_sinusoidal(lons, lats)
    pixel = hdf4eos.PIXEL_M
    row0, row1 = (math.floor((hdf4eos.TOP_M - v) / pixel) for v in (y.max(), y.min()))
    column0, column1 = (math.floor((v - hdf4eos.LEFT_M) / pixel) for v in (x.min(), x.max()))
    transform = Affine(pixel, 0, hdf4eos.LEFT_M + column0 * pixel, 0, -pixel, hdf4eos.TOP_M - row0 * pixel)
    lattice = Lattice(transform, (row1 - row0 + 1, column1 - column0 + 1), hdf4eos.to_lonlat)
    codes = _coarse(world, eyes, observer, ground, lattice)
    lon, lat = (v[..., 0] for v in lattice.samples(0, lattice.shape[0], 1))
    codes[(lon < west) | (lon > east) | (lat < south) | (lat > north)] = hdf4eos.FILL
    hdf4eos.write_tiles(folder, codes, row0, column0)


def _write_tiff(path: pathlib.Path, codes: np.ndarray, transform: Affine, crs: str, nodata: int | None) -> None:
    profile = {
        "driver": "GTiff", "height": codes.shape[0], "width": codes.shape[1], "count": 1, "dtype": "uint8", "crs": crs,
        "transform": transform, "nodata": nodata, "compress": "lzw",
    }  # fmt: skip
    with atomic.file(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
        target.write(codes, 1)
