"""Peak memory of `tfds build` for 2,000 and for 20,000 generated chips: it must not grow with the dataset.

    python -m benchmarks.memory [--chips 2000 20000] [--folder DIR]

Prints the peak resident memory of the whole command (acquiring and assembling), the time, and the ratio of the peaks.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from tests.worlds import checkout, generated_frame

SHARES = {"train": 0.9, "validation": 0.07, "test": 0.03}


def measure(folder: pathlib.Path, chips: int) -> tuple[float, float]:
    """(peak memory in MiB, seconds) of building `chips` chips of 299 px from nothing."""
    frame = generated_frame.write(
        folder / "frame", {split: round(chips * share) for split, share in SHARES.items()}, size_px=299, grain_px=1
    )
    command = [
        str(pathlib.Path(sys.executable).with_name("tfds")),
        "build",
        "datasets/globeland_samples",
        "--config=rough",
    ]
    command += [
        f"--manual_dir={frame.path}",
        f"--data_dir={folder / 'data'}",
        "--beam_pipeline_options=direct_num_workers=2",
    ]
    started = time.monotonic()
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=checkout.ROOT, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the build failed: {(folder / 'log').read_text(encoding='utf-8')[-2000:]}")
    return usage.ru_maxrss / 1024, time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chips", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--folder", type=pathlib.Path, help="where to work; a temporary folder by default")
    args = parser.parse_args()
    peaks = []
    for chips in args.chips:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            peak_mib, seconds = measure(pathlib.Path(folder), chips)
        peaks.append(peak_mib)
        print(f"{chips:>7} chips: peak {peak_mib:.0f} MiB, {seconds:.0f} s, {chips / seconds:.0f} chips/s", flush=True)
    print(f"largest peak / smallest peak: {max(peaks) / min(peaks):.3f}")


if __name__ == "__main__":
    main()
