"""How fast chips are cut, beside decoding alone (the floor) and rasterio's WarpedVRT per chip (the peer).

    python -m benchmarks.chips [--scenes 4] [--rounds 3]

Scenes are generated: 4000 x 4000 pixels of 0.3 m, RGB, JPEG COGs with 512 px blocks, UTM. Sparse = 20 chips per scene;
dense = 150; overlapping = the chips round 20 x 20 map pixels of 30 m, as mapping asks for them. CPU seconds
count, and the cases take turns (see `timing`).
"""

from __future__ import annotations

import argparse
import datetime
import functools
import pathlib
import platform
import tempfile
from collections.abc import Sequence

import numpy as np
import PIL
import pyproj
import rasterio
import rasterio.enums
from PIL import Image
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from benchmarks import timing
from builder.chips import chip, imagery_toml
from builder.imagery import geotiffs

SIDE_PX, PIXEL_M, BLOCK_PX = 4000, 0.3, 512
CRS, LEFT, TOP = "EPSG:32649", 300_000.0, 3_800_000.0
CHIP_M, CHIP_PX = 90.0, 299


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    libraries = f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}, Pillow {PIL.__version__}"
    print(f"{datetime.date.today()} Python {platform.python_version()}, {libraries}, numpy {np.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        scenes = [write_scene(pathlib.Path(folder), number) for number in range(args.scenes)]
        imagery = imagery_toml.parse(
            {"source": [{"name": "made", "type": "folder", "path": ".", "date": {"from": "name"}}]},
            pathlib.Path(folder),
        )
        for name, points in (("sparse", scattered(20)), ("dense", scattered(150)), ("overlapping", overlapping(20))):
            compare(name, scenes, points, imagery, args.rounds)


def write_scene(folder: pathlib.Path, number: int) -> tuple[pathlib.Path, float]:
    """(path, x of the left edge) of one scene of random ground."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (SIDE_PX // 4, SIDE_PX // 4, 3), dtype=np.uint8))
    pixels = np.moveaxis(np.asarray(coarse.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)), 2, 0)
    left = LEFT + number * SIDE_PX * PIXEL_M
    path = folder / f"made_{number:02d}_20100701.tif"
    profile = {"driver": "COG", "compress": "JPEG", "blocksize": BLOCK_PX, "count": 3, "dtype": "uint8", "crs": CRS}
    transform = Affine(PIXEL_M, 0, left, 0, -PIXEL_M, TOP)
    with rasterio.open(path, "w", width=SIDE_PX, height=SIDE_PX, transform=transform, **profile) as file:
        file.write(pixels)
    return path, left


def scattered(count: int) -> np.ndarray:
    """float64[chip, 2]: centres in metres from the upper left corner of a scene, at least a chip's diagonal inside."""
    rng = np.random.default_rng(count)
    return rng.uniform(70.0, SIDE_PX * PIXEL_M - 70.0, (count, 2))


def overlapping(side: int) -> np.ndarray:
    """Centres of `side` x `side` map pixels of 30 m."""
    axis = 200.0 + 30.0 * np.arange(side)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


Scenes = Sequence[tuple[pathlib.Path, float]]


def compare(name: str, scenes: Scenes, points: np.ndarray, imagery: imagery_toml.Imagery, rounds: int) -> None:
    cases: dict[str, timing.Case] = {
        "decode floor": functools.partial(decode_floor, scenes, points),
        "WarpedVRT per chip": functools.partial(warped_vrt, scenes, points),
        "chip.acquire": functools.partial(ours, scenes, points, imagery),
    }
    timed = timing.take_turns(cases, rounds=rounds, warm_up=1)
    chips = len(scenes) * len(points)
    print(f"\n{name}: {chips} chips of {len(scenes)} scenes, {rounds} rounds")
    for case in cases:
        ratio = timed.ratio("decode floor", case)
        print(f"  {case:20} {timed.median(case) / chips * 1e3:7.2f} ms/chip CPU, floor/case {ratio:.2f}")
    pairs = zip(timed.returned["WarpedVRT per chip"], timed.returned["chip.acquire"], strict=True)
    difference = np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairs])
    print(f"  mean difference of the pictures: {difference:.2f} grey levels")


def decode_floor(scenes: Scenes, points: np.ndarray) -> list[np.ndarray]:
    """Every block that a chip needs, decoded once."""
    pixels, half = points / PIXEL_M, CHIP_M / PIXEL_M / 2
    needed = {
        (row, column)
        for x, y in pixels
        for row in range(int((y - half) // BLOCK_PX), int((y + half) // BLOCK_PX) + 1)
        for column in range(int((x - half) // BLOCK_PX), int((x + half) // BLOCK_PX) + 1)
    }
    for path, _ in scenes:
        with rasterio.open(path) as file:
            for row, column in sorted(needed):
                file.read([1, 2, 3], window=Window(column * BLOCK_PX, row * BLOCK_PX, BLOCK_PX, BLOCK_PX))
    return []


def warped_vrt(scenes: Scenes, points: np.ndarray) -> list[np.ndarray]:
    """The chip's window of a WarpedVRT in the file's CRS, rotated to true north as ours are, one per chip."""
    pictures = []
    to_degrees = pyproj.Transformer.from_crs(CRS, 4326, always_xy=True)
    for path, left in scenes:
        with rasterio.open(path) as file:
            for x, y in points:
                lon, lat = to_degrees.transform(left + x, TOP - y)
                local = f"+proj=aeqd +lat_0={lat!r} +lon_0={lon!r} +datum=WGS84"
                step = CHIP_M / CHIP_PX
                transform = Affine(step, 0, -CHIP_M / 2, 0, -step, CHIP_M / 2)
                options = {"crs": local, "transform": transform, "width": CHIP_PX, "height": CHIP_PX}
                with WarpedVRT(file, resampling=rasterio.enums.Resampling.bilinear, **options) as chip_file:
                    pictures.append(np.moveaxis(chip_file.read([1, 2, 3]), 0, 2))
    return pictures


def ours(scenes: Scenes, points: np.ndarray, imagery: imagery_toml.Imagery) -> list[np.ndarray]:
    """`chip.acquire`, all chips of a scene in one call, the file opened anew."""
    pictures = []
    to_degrees = pyproj.Transformer.from_crs(CRS, 4326, always_xy=True)
    for path, left in scenes:
        geotiffs.forget(str(path))
        lon, lat = to_degrees.transform(left + points[:, 0], TOP - points[:, 1])
        requests = [chip.Request(str(i), *place, "forest") for i, place in enumerate(zip(lon, lat, strict=True))]
        for outcome in chip.acquire(requests, imagery):
            if not isinstance(outcome.result, chip.Chip):
                raise SystemExit(f"unexpected refusal: {outcome.result}")
            pictures.append(outcome.result.pixels)
    return pictures


if __name__ == "__main__":
    main()
