"""Kills a build at ten random moments and runs it again: the dataset must be the same, finished work not repeated.

    python -m benchmarks.kills [--chips 1500] [--seed 0]

Four kills (SIGKILL) fall into acquiring, three between acquiring and assembling, three into assembling. For each the
benchmark prints the batches finished at that moment, the batches begun twice after the second run, and how many of
those had been finished. The build after each kill must have the semantic digest of builds that nobody killed, with one
worker and with two.
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from tests.worlds import checkout, generated_frame

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
WORKERS = 2
POLL_S = 0.002
BUILD = """
import sys
sys.path.insert(0, "datasets")
import tensorflow_datasets as tfds
from apache_beam.options import pipeline_options
from globeland_samples import globeland_samples_dataset_builder as declaration
frame, data, workers = sys.argv[1:]
beam_options = pipeline_options.PipelineOptions([f"--direct_num_workers={workers}"])
builder = declaration.Builder(data_dir=data, config="rough", file_format="array_record")
builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=frame, beam_options=beam_options))
"""
PHASES = ("acquiring",) * 4 + ("between",) * 3 + ("assembling",) * 3


class Run:
    """One build in its own process, observed through the files that it writes."""

    def __init__(self, folder: pathlib.Path, workers: int = WORKERS) -> None:
        self.folder = folder
        command = [sys.executable, "-c", BUILD, str(folder / "frame"), str(folder / "data"), str(workers)]
        self.log = (folder / "log").open("w", encoding="utf-8")
        self.process = subprocess.Popen(command, cwd=checkout.ROOT, stdout=self.log, stderr=self.log)

    @property
    def batches(self) -> set[str]:
        """Names of the finished batches."""
        return {path.stem for path in self.folder.glob("frame/chips/*/[!.]*.parquet")}

    @property
    def is_assembling(self) -> bool:
        """Whether the first shard was begun."""
        return any(self.folder.glob("data/globeland_samples/rough/incomplete.*/*array_record-*"))

    def finish(self) -> str:
        """Waits; returns the semantic digest.

        Raises:
          RuntimeError: if the build failed.
        """
        if self.process.wait():
            raise RuntimeError((self.folder / "log").read_text(encoding="utf-8")[-2000:])
        metadata = self.folder / "data/globeland_samples/rough/1.0.0/metadata.json"
        return str(json.loads(metadata.read_text(encoding="utf-8"))["digest"])

    def kill(self) -> None:
        """SIGKILL, as the kernel does it when memory runs out."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Polls until the condition holds or the build ends."""
        while self.process.poll() is None and not condition():
            time.sleep(POLL_S)


def durations(folder: pathlib.Path, batches: int) -> tuple[float, float]:
    """Seconds of a whole build: (from the last batch to the first shard, from the first shard to the end)."""
    run = Run(folder)
    run.wait_until(lambda: len(run.batches) == batches)
    acquired = time.monotonic()
    run.wait_until(lambda: run.is_assembling)
    assembling = time.monotonic()
    run.finish()
    return assembling - acquired, time.monotonic() - assembling


def kill_in_phase(run: Run, phase: str, batches: int, lengths: tuple[float, float], chance: random.Random) -> set[str]:
    """Kills the run at a random moment of the phase; returns the batches finished by then."""
    if phase == "acquiring":
        enough = chance.randrange(1, batches)
        run.wait_until(lambda: len(run.batches) >= enough)
        time.sleep(chance.random() * 0.05)
    else:
        run.wait_until(lambda: run.is_assembling if phase == "assembling" else len(run.batches) == batches)
        time.sleep(chance.random() * 0.6 * lengths[phase == "assembling"])
    finished = run.batches
    run.kill()
    return finished


def trials(base: pathlib.Path, chips: int, seed: int) -> Iterator[bool]:
    """Yields whether each trial kept its promise; prints one line per trial."""
    counts = {split: round(chips * share) for split, share in SHARES.items()}

    def fresh(name: str) -> pathlib.Path:
        generated_frame.write(base / name / "frame", counts, size_px=299, grain_px=1, seed=seed)
        return base / name

    whole = Run(fresh("one"), workers=1)
    expected, batches = whole.finish(), len(whole.batches)
    two = Run(fresh("two")).finish()
    print(f"{batches} batches; one worker {expected[:16]}, two workers {two[:16]}")
    yield two == expected
    lengths = durations(fresh("timed"), batches)
    print(f"between: {lengths[0]:.2f} s, assembling: {lengths[1]:.2f} s")
    chance = random.Random(seed)
    for number, phase in enumerate(PHASES):
        folder = fresh(f"kill{number}")
        finished = kill_in_phase(Run(folder), phase, batches, lengths, chance)
        litter = len(list(folder.glob("data/globeland_samples/rough/incomplete.*")))
        second = Run(folder)
        digest = second.finish()
        begun = collections.Counter(
            name for journal in folder.glob("frame/chips/*/journal.txt") for name in journal.read_text().split()
        )
        again = {name for name, times in begun.items() if times > 1}
        left = [path.name for path in (folder / "data/globeland_samples/rough").iterdir()]
        print(
            f"killed {phase:<10} with {len(finished):>3} batches finished, {litter} unfinished folder: "
            f"{len(again)} batches begun twice, {len(again & finished)} of them finished before; "
            f"digest {'equal' if digest == expected else 'DIFFERS'}; left {left}",
            flush=True,
        )
        yield digest == expected and len(again) <= WORKERS and not again & finished and left == ["1.0.0"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chips", type=int, default=1_500)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kept = list(trials(pathlib.Path(folder), args.chips, args.seed))
    print(f"{sum(kept)} of {len(kept)} as promised")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
