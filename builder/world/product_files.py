"""The five products of a world, written as they are distributed: their grids, formats, codes and file names."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import rasterio
from affine import Affine

from builder import atomic
from builder.geometry import grid, lattice, lonlat
from builder.world import hdf4eos, native_codes, perception, shots, truth, world_settings

SAMPLES_30M = 3  # points along a side of a pixel
CENTRE_30M = SAMPLES_30M**2 // 2  # number of the point in its centre
SAMPLES_COARSE = 11
GLOBCOVER_ORIGIN = (-180.0 - 1 / 720, 90.0 + 1 / 720)


@dataclasses.dataclass(frozen=True)
class Distributed:
    """How a product in degrees is distributed: file name, pixels of `pixel_deg` counted from `origin`, nodata value."""

    file_name: str
    pixel_deg: float
    origin: tuple[float, float]
    nodata: int | None


GEOGRAPHIC: Mapping[str, Distributed] = MappingProxyType(
    {
        "glcnmo": Distributed("gm_lc_v2_1_2.tif", 1 / 240, (-180.0, 90.0), None),
        "cci_lc": Distributed("ESACCI-LC-L4-LCCS-Map-300m-P1Y-2010-v2.0.7.tif", 1 / 360, (-180.0, 90.0), 0),
        "globcover": Distributed("GLOBCOVER_L4_200901_200912_V2.3.tif", 1 / 360, GLOBCOVER_ORIGIN, 230),
    }
)


@dataclasses.dataclass(frozen=True, eq=False)
class Scenery:
    """A world, its truth, and where its products are wrong."""

    world: world_settings.World
    ground: truth.Truth
    error_fields: perception.ErrorFields

    def observe(self, product: str, lon: np.ndarray, lat: np.ndarray) -> perception.Observed:
        """What a product observes at points float64[y, x, sample] in degrees."""
        observer = next(observer for observer in self.world.observers if observer.name == product)
        return self.error_fields.observe(observer, self.ground, lon, lat)

    def coarse_codes(self, product: str, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """uint8[y, x] native codes of a product with mosaic classes."""
        return native_codes.coarse(
            native_codes.CODES[product],
            self.observe(product, lon, lat),
            mosaic_below=self.world.mosaic_below,
            open_share=self.world.open_share,
        )


def write(world: world_settings.World, ground: truth.Truth, folder: pathlib.Path) -> None:
    """Writes `folder`/<product>/ for each of the five products."""
    scenery = Scenery(world, ground, perception.ErrorFields(world))
    for zone in shots.ZONES:
        _write_globeland30(scenery, zone, folder / "globeland30")
    _write_mcd12q1(scenery, folder / "mcd12q1")
    for name, distributed in GEOGRAPHIC.items():
        _write_geographic(scenery, name, distributed, folder / name)


def _geographic(window: grid.CellWindow, pixel_deg: float, origin: tuple[float, float]) -> lattice.Lattice:
    """Whole pixels of a global lattice inside the window."""
    west, south, east, north = window.bounds
    column0, row0 = (math.ceil(v / pixel_deg - 1e-6) for v in (west - origin[0], origin[1] - north))
    column1, row1 = (math.floor(v / pixel_deg + 1e-6) for v in (east - origin[0], origin[1] - south))
    transform = (pixel_deg, 0.0, origin[0] + column0 * pixel_deg, 0.0, -pixel_deg, origin[1] - row0 * pixel_deg)
    return lattice.Lattice(lattice.LONLAT, transform, (row1 - row0, column1 - column0))


def _spread(shape: tuple[int, int], per_side: int) -> tuple[np.ndarray, np.ndarray]:
    """(column, row) float64[y, x, sample]: `per_side` squared positions spread evenly over each pixel."""
    inside = (np.arange(per_side) + 0.5) / per_side
    down, across = (a.ravel() for a in np.meshgrid(inside, inside, indexing="ij"))
    row = np.arange(shape[0])[:, None, None] + down
    column = np.arange(shape[1])[None, :, None] + across
    return column + np.zeros_like(row), row + np.zeros_like(column)


def _write_geographic(scenery: Scenery, name: str, distributed: Distributed, folder: pathlib.Path) -> None:
    pixels = _geographic(scenery.world.ground, distributed.pixel_deg, distributed.origin)
    lon, lat = pixels.lonlat(*_spread(pixels.shape, SAMPLES_COARSE))
    _write_tiff(folder / distributed.file_name, scenery.coarse_codes(name, lon, lat), pixels, distributed.nodata)


def _write_globeland30(scenery: Scenery, zone: int, folder: pathlib.Path) -> None:
    """One tile: the part of zone `zone`'s 6 x 5 degree tile that the world covers, 0 elsewhere."""
    west, south, east, north = scenery.world.ground.bounds
    edge = 6.0 * zone - 180.0
    west, east = (west, min(east, edge)) if zone == 48 else (max(west, edge - 6.0), east)
    pixels = _utm_pixels((west, south, east, north), shots.epsg(zone))
    lon, lat = pixels.lonlat(*_spread(pixels.shape, SAMPLES_30M))
    codes = native_codes.globeland30(scenery.observe("globeland30", lon, lat))
    centre_lon, centre_lat = lon[..., CENTRE_30M], lat[..., CENTRE_30M]
    inside = (centre_lon >= west) & (centre_lon < east) & (centre_lat >= south) & (centre_lat < north)
    name = f"n{zone}_{5 * math.floor(south / 5):02d}_2010lc030.tif"
    _write_tiff(folder / name, np.where(inside, codes, 0).astype(np.uint8), pixels, 0)


def _utm_pixels(bounds: lonlat.Bounds, crs: str) -> lattice.Lattice:
    """Pixels of 30 m, at multiples of 30 m, that cover `bounds` (degrees)."""
    x, y = lattice.from_lonlat(crs).transform(*_mesh(bounds, 9))
    left, top = math.floor(x.min() / 30) * 30, math.ceil(y.max() / 30) * 30
    shape = (math.ceil((top - y.min()) / 30), math.ceil((x.max() - left) / 30))
    return lattice.Lattice(crs, (30.0, 0.0, left, 0.0, -30.0, top), shape)


def _mesh(bounds: lonlat.Bounds, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """(lon, lat) of `steps` x `steps` points that fill the bounds."""
    west, south, east, north = bounds
    lons, lats = np.meshgrid(np.linspace(west, east, steps), np.linspace(south, north, steps))
    return lons, lats


def _write_mcd12q1(scenery: Scenery, folder: pathlib.Path) -> None:
    """Whole MODIS tiles, filled outside the world."""
    west, south, east, north = scenery.world.ground.bounds
    x, y = hdf4eos.to_sinusoidal(*_mesh((west, south, east, north), 17))
    pixel_m = hdf4eos.PIXEL_M
    row0, row1 = (math.floor((hdf4eos.TOP_M - v) / pixel_m) for v in (y.max(), y.min()))
    column0, column1 = (math.floor((v - hdf4eos.LEFT_M) / pixel_m) for v in (x.min(), x.max()))
    corner = hdf4eos.LEFT_M + column0 * pixel_m, hdf4eos.TOP_M - row0 * pixel_m
    shape = row1 - row0 + 1, column1 - column0 + 1
    pixels = lattice.Lattice(hdf4eos.CRS, (pixel_m, 0.0, corner[0], 0.0, -pixel_m, corner[1]), shape)
    # Degrees by the formula of the sphere: PROJ rounds otherwise in the last place.
    codes = scenery.coarse_codes("mcd12q1", *hdf4eos.to_lonlat(*pixels.xy(*_spread(shape, SAMPLES_COARSE))))
    lon, lat = (v[..., 0] for v in hdf4eos.to_lonlat(*pixels.xy(*_spread(shape, 1))))
    codes[(lon < west) | (lon > east) | (lat < south) | (lat > north)] = hdf4eos.FILL
    hdf4eos.write_tiles(folder, codes, row0, column0)


def _write_tiff(path: pathlib.Path, codes: np.ndarray, pixels: lattice.Lattice, nodata: int | None) -> None:
    profile = {
        "driver": "GTiff", "height": codes.shape[0], "width": codes.shape[1], "count": 1, "dtype": "uint8",
        "crs": pixels.crs, "transform": Affine(*pixels.transform), "nodata": nodata, "compress": "lzw",
    }  # fmt: skip
    with atomic.file(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
        target.write(codes, 1)
