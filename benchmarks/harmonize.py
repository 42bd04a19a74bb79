"""How fast 30 m classes are harmonized onto the 1/360 degree grid, beside rasterio's mode and decoding alone.

    python -m benchmarks.harmonize [--rounds 5] [--size 3600]

Makes a map of speckled patches in UTM and one in longitude and latitude, ten native codes, deflate, blocks of 512. All
cases read the same file in the same process and take turns (see `timing`). Figures are CPU seconds, the median of the
rounds, and megapixels of input per CPU second. Rasterio's mode recodes first, too; it takes whole rasters, breaks ties
by whichever class reaches the top count first, and fills cells of which a single pixel has data.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile

import affine
import numpy as np
import pyproj
import rasterio
import rasterio.warp

from benchmarks import timing
from builder.geometry import grid
from builder.legend import crosswalk as crosswalks
from builder.maps import harmonize, products, rasters

CODES = np.array([10, 20, 30, 40, 50, 60, 70, 80, 90, 100], np.uint8)
WEST, SOUTH = 108.2, 33.8
PATCH, SPECKLE, GAPS = 24, 0.08, 0.02


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=3600, help="side of the map in pixels of 30 m")
    args = parser.parse_args()
    print(
        f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}, numpy {np.__version__}, "
        f"pyproj {pyproj.__version__}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, crs, pixel in (("UTM", "EPSG:32649", 30.0), ("lon/lat", "EPSG:4326", 1 / 3600)):
            file = make_map(pathlib.Path(folder) / f"{pixel:g}.tif", crs, pixel, args.size)
            compare(name, file, args.rounds)
    return 0


def make_map(path: pathlib.Path, crs: str, pixel: float, size: int) -> rasters.RasterFile:
    random = np.random.default_rng(0)
    side = size // PATCH + 1
    codes = random.choice(CODES, (side, side)).repeat(PATCH, 0).repeat(PATCH, 1)[:size, :size]
    codes = np.where(random.random(codes.shape) < SPECKLE, random.choice(CODES, codes.shape), codes)
    codes[random.random(codes.shape) < GAPS] = 0
    left, bottom = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(WEST, SOUTH)
    transform = affine.Affine(pixel, 0, left, 0, -pixel, bottom + size * pixel)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": size, "width": size, "compress": "deflate"}
    blocks = {"tiled": True, "blockxsize": 512, "blockysize": 512}
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile, **blocks) as dataset:
        dataset.write(codes, 1)
    return rasters.describe(path)


def compare(name: str, file: rasters.RasterFile, rounds: int) -> None:
    west, south, east, north = file.bounds_lonlat
    window = grid.window_of_bbox(west, south, east, north)
    product = product_of(file)
    cases: dict[str, timing.Case] = {
        "decode (floor)": lambda: read_alone(file),
        "harmonize": lambda: harmonize_by_tiles(product, window),
        "rasterio mode": lambda: reproject(file, window),
    }
    timed = timing.take_turns(cases, rounds=rounds)
    pixels = file.shape[0] * file.shape[1] / 1e6
    ours = timed.median("harmonize")
    differ = np.mean(np.asarray(timed.returned["harmonize"]) != timed.returned["rasterio mode"])
    print(f"\n{name}, {pixels:.1f} Mpx onto {window.shape[0]} x {window.shape[1]} cells; {rounds} rounds")
    print(f"| {'case':<14} | CPU s | Mpx / CPU s | speed against ours |\n|---|---|---|---|")
    for case in cases:
        median = timed.median(case)
        print(f"| {case:<14} | {median:.3f} | {pixels / median:.1f} | {ours / median:.2f} |")
    print(f"cells where rasterio's mode differs from ours: {differ:.2%}")


def product_of(file: rasters.RasterFile) -> products.Product:
    return products.Product(
        name="globeland30", title="", year=2010, version="", resolution_m=30.0, licence="", citation="", access="",
        published_accuracy="", crosswalk=crosswalks.shipped("globeland30"), nodata=None, files=(file,), is_base=True,
        sampling="mode",
    )  # fmt: skip


def read_alone(file: rasters.RasterFile) -> np.ndarray:
    with rasterio.open(file.path) as dataset:
        codes: np.ndarray = dataset.read(1)
        return codes


def harmonize_by_tiles(product: products.Product, window: grid.CellWindow) -> np.ndarray:
    classes = np.zeros(window.shape, np.uint8)
    for tile in window.tiles(360):
        part = np.s_[
            tile.row0 - window.row0 : tile.row1 - window.row0, tile.col0 - window.col0 : tile.col1 - window.col0
        ]
        classes[part] = harmonize.harmonize(product, tile, "strict").classes
    return classes


def reproject(file: rasters.RasterFile, window: grid.CellWindow) -> np.ndarray:
    recoded = crosswalks.recode(read_alone(file), crosswalks.shipped("globeland30"), "strict", source=str(file.path))
    classes = np.zeros(window.shape, np.uint8)
    rasterio.warp.reproject(
        recoded, classes, src_transform=affine.Affine(*file.transform), src_crs=file.crs, src_nodata=0,
        dst_transform=affine.Affine(*window.lattice.transform), dst_crs="EPSG:4326", dst_nodata=0,
        resampling=rasterio.warp.Resampling.mode, num_threads=1,
    )  # fmt: skip
    return classes


if __name__ == "__main__":
    raise SystemExit(main())
