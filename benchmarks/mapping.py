"""The cost of mapping beside the network itself, and the gain of reading imagery by blocks. CPU seconds, one process.

    python -m builder demo DEMO
    python -m benchmarks.mapping DEMO [--size 299] [--side 16]

Chips of SIDE x SIDE neighbouring 30 m pixels are taken from the demo's imagery and classified by ONNX Runtime (float32,
InceptionV3 with random weights: the same work as with trained ones).

floor: ONNX Runtime fed with ready arrays. mapping: chips taken together, then classified, as `refine map` does.
chips together, chips one by one: taking the chips alone, in one call or in a call for each.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np

from builder.chips import chip, imagery_toml
from builder.frame import frame as frames
from builder.legend import legend
from refine.artefacts import model_folder
from refine.mapping import engines
from refine.network import calibration, model, process
from refine.samples import batches
from refine.training import write_model

PIXEL_DEG = 30.0 / 111_320.0
ROUNDS = 3


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=299, help="side of the network's input in pixels")
    parser.add_argument("--side", type=int, default=16, help="base pixels along one side of the block")
    args = parser.parse_args()
    process.suit_networks()
    frame = frames.Frame.open(args.demo / "frame", needs_imagery=True)
    imagery = imagery_toml.read(frame.imagery_file)
    requests = wanted(frame, args.side)
    with tempfile.TemporaryDirectory() as scratch:
        engine = random_engine(pathlib.Path(scratch) / "model", args.size)
        ready = np.stack([batches.resized(p, args.size) for p in pixels(chip.acquire(requests, imagery))])
        cases: dict[str, Callable[[], object]] = {
            "floor": lambda: engine.classify(ready),
            "mapping": lambda: engine.classify(pixels(chip.acquire(requests, imagery))),
            "chips together": lambda: chip.acquire(requests, imagery),
            "chips one by one": lambda: [chip.acquire([request], imagery) for request in requests],
        }
        seconds: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, case in cases.items():
                seconds[name].append(cpu_seconds(case))
    print(table(seconds, len(requests)))


def wanted(frame: frames.Frame, side: int) -> list[chip.Request]:
    """Requests round neighbouring pixels in the east of the region."""
    west, south, east, north = frame.design.region
    lon, lat = west + 0.7 * (east - west), (south + north) / 2
    step = PIXEL_DEG / np.cos(np.radians(lat))
    return [
        chip.Request(f"{i}/{j}", lon + i * step, lat + j * PIXEL_DEG, None) for i in range(side) for j in range(side)
    ]


def pixels(outcomes: list[chip.Outcome]) -> np.ndarray:
    """uint8[n, y, x, rgb] of the chips among the outcomes."""
    return np.stack([o.result.pixels for o in outcomes if isinstance(o.result, chip.Chip)])


def random_engine(folder: pathlib.Path, size_px: int) -> engines.Engine:
    """ONNX Runtime on a network of random weights."""
    names = legend.seven().names
    network = model.build(classes=len(names), size_px=size_px, dropout=0.0)
    record = {"format": model_folder.FORMAT, "dataset": "none", "settings": {"size_px": size_px}}
    fitted = calibration.fit(np.eye(len(names)), np.arange(len(names)))
    write_model.write(folder, network.classifier, labels=names, record=record, history=[], fitted=fitted)
    return engines.open_engine("onnxruntime", model_folder.ModelFolder.open(folder))


def cpu_seconds(case: Callable[[], object]) -> float:
    """CPU seconds of this process, all threads."""
    started = time.process_time()
    case()
    return time.process_time() - started


def table(seconds: dict[str, list[float]], chips: int) -> str:
    """Medians as Markdown, with the ratios of the docstring."""
    median = {name: statistics.median(values) for name, values in seconds.items()}
    lines = [f"{chips} chips, median of {ROUNDS} rounds", "", "| case | CPU ms per chip |", "| --- | --- |"]
    lines += [f"| {name} | {1000 * value / chips:.2f} |" for name, value in median.items()]
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("onnxruntime", "rasterio", "numpy", "pillow"))
    floor, together = median["floor"] / median["mapping"], median["chips one by one"] / median["chips together"]
    return "\n".join([*lines, "", f"floor / mapping: {floor:.2f}", f"one by one / together: {together:.1f}", versions])


if __name__ == "__main__":
    main()
