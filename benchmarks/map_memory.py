"""Does the memory of `python -m refine map` grow with the base map? Peak of the whole process, as the system counts.

    python -m refine demo DEMO [--weights FILE]
    python -m benchmarks.map_memory DEMO

The demo's eastern GlobeLand30 tile is laid into tiles of 1, 2 and 4 times LARGE_PX x LARGE_PX pixels; the rest is
forest outside the frame. Each is refined in the same small box: the same chips, ever larger maps to read and write. A
run that is not counted comes first: it writes the export that ONNX Runtime needs.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import rasterio

from builder.frame import frame as frames
from tests.worlds import checkout

TILE = "n49_30_2010lc030.tif"
TIMES = (1, 2, 4)
FOREST = 20
LARGE_PX = 6000  # side of the smallest tile: a sixth of the pixels of a real one, which is about 18,500 x 18,900
BOX_SHARE = 0.05  # of the region's sides
RSS_PER_MB = 1024**2 if sys.platform == "darwin" else 1024


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=pathlib.Path, help="folder that `python -m refine demo` wrote")
    parser.add_argument("--engine", default="onnxruntime")
    args = parser.parse_args()
    frame = frames.Frame.open(args.demo / "world" / "frame", needs_imagery=True)
    with tempfile.TemporaryDirectory(dir=args.demo) as scratch, tempfile.TemporaryDirectory(dir=args.demo) as before:
        peak(args, frame, TIMES[0], pathlib.Path(before))
        rows = [(times, *peak(args, frame, times, pathlib.Path(scratch))) for times in TIMES]
    print("| base, pixels | peak MB | to the smallest |\n| --- | --- | --- |")
    for _, pixels, megabytes in rows:
        print(f"| {pixels:,} | {megabytes:,.0f} | {megabytes / rows[0][2]:.3f} |")


def peak(args: argparse.Namespace, frame: frames.Frame, times: int, scratch: pathlib.Path) -> tuple[int, float]:
    """(pixels of the base, peak memory in MB of the command that refines it)."""
    base = scratch / f"base-{times}.tif"
    pixels = laid_into(args.demo / "world" / "products" / "globeland30" / TILE, base, times)
    west, south, east, north = frame.design.region
    lon, lat = west + 0.75 * (east - west), (south + north) / 2
    half_width, half_height = BOX_SHARE / 2 * (east - west), BOX_SHARE / 2 * (north - south)
    box = f"{lon - half_width},{lat - half_height},{lon + half_width},{lat + half_height}"
    command = [sys.executable, "-m", "refine", "map", "--model", str(args.demo / "comparison" / "first-layer-rough")]
    command += ["--base", str(base), "--frame", str(frame.path), f"--bbox={box}", "--engine", args.engine]
    child = subprocess.Popen([*command, "--out", str(scratch / f"refined-{times}.tif")], cwd=checkout.ROOT)
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        raise SystemExit(f"the command above failed: {command}")
    return pixels, usage.ru_maxrss / RSS_PER_MB


def laid_into(tile: pathlib.Path, base: pathlib.Path, times: int) -> int:
    """Writes `tile` into the north-west corner of a tile of `times` the pixels; returns how many those are."""
    with rasterio.open(tile) as dataset:
        codes = dataset.read(1)
        profile = dataset.profile | {"height": LARGE_PX * times, "width": LARGE_PX, "compress": "lzw", "tiled": True}
    profile |= {"blockxsize": 256, "blockysize": 256}
    with rasterio.open(base, "w", **profile) as dataset:
        for row in range(0, LARGE_PX * times, 256):
            strip = np.full((min(256, LARGE_PX * times - row), LARGE_PX), FOREST, np.uint8)
            part = codes[row : row + 256]
            strip[: len(part), : codes.shape[1]] = part
            dataset.write(strip, 1, window=rasterio.windows.Window(0, row, LARGE_PX, len(strip)))
    return LARGE_PX * times * LARGE_PX


if __name__ == "__main__":
    main()
