"""`python -m refine demo`: from a generated world to a report, each step as the command that a user would type."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

import rasterio

from builder import atomic, command_line, errors, input_files, output_folders, progress
from builder.frame import frame as frames
from builder.geometry import lonlat

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATASET = ROOT / "datasets" / "globeland_samples"
RECORD = "demo.json"  # settings of the demo, and its finished steps
WHAT = "the record of a demo"
RSS_PER_MB = 1024**2 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
MAP_SHARE = 0.08  # side of the mapped box, as a share of the region's
PATIENCE = 4  # epochs without progress that end a training
FOLDS = 3  # heads in the search for doubtful labels
RANDOM = "The networks started from random weights (no --weights was given), so their accuracies are far lower."


@dataclasses.dataclass(frozen=True)
class Reduction:
    """Picture size and epochs, reduced so that two cores end in minutes."""

    size_px: int
    epochs: int

    @property
    def note(self) -> str:
        """The sentence that the report prints about it."""
        return (
            "World, labels and accuracies on this page are synthetic: they show that the road works, not how well it "
            f"would do on real land. Reduced to run on two cores: pictures of {self.size_px} pixels instead of 299, "
            f"{self.epochs} epochs of all layers at most, trainings that end after {PATIENCE} epochs without progress, "
            f"{FOLDS} folds for doubtful labels, and a map of a small part of the region."
        )


PRETRAINED_START = Reduction(size_px=96, epochs=3)
RANDOM_START = Reduction(size_px=75, epochs=2)


def run(folder: pathlib.Path, *, weights: str = "none", seed: int = 0) -> None:
    """Writes `folder`: world, dataset, models, maps and report.html; prints each command before it runs it.

    Interrupted and called again, it continues at the step it was in.

    Raises:
      errors.InputError: if `folder` is the folder one works in, holds other files or a demo of other settings, or
        cannot be written; if the weights are no file, the dataset's code is not beside the package, or a step fails.
    """
    weights = _weights(weights)
    settings = {"weights": weights, "seed": seed}
    if not DATASET.is_dir():
        raise errors.InputError(
            f"expected the dataset's folder at {DATASET}; there is none. Run this from a clone of the project."
        )
    output_folders.check_place(folder, option="DIR")
    folder = folder.resolve()
    finished = _read_finished(folder, settings)
    _write_record(folder, settings, finished)
    started = time.monotonic()
    for title, command in steps(folder, weights=weights, seed=seed):
        if title in finished:
            print(f"\n## {title}: done before", flush=True)
            continue
        print(f"\n## {title}\n$ {command}", flush=True)
        _call(shlex.split(command))
        finished.append(title)
        _write_record(folder, settings, finished)
        print(f"   ({progress.duration(time.monotonic() - started)} so far)", flush=True)
    largest_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / RSS_PER_MB
    took = progress.duration(time.monotonic() - started)
    print(f"\n{took}, largest process {largest_mb:,.0f} MB. Open {folder / 'report.html'} in a browser.")


def _weights(weights: str) -> str:
    """`none`, `imagenet`, or the path of a file that is there: the steps run in another folder."""
    if weights in ("none", "imagenet"):
        return weights
    path = pathlib.Path(weights).resolve()
    if not path.is_file():
        raise errors.InputError(
            f"--weights: expected none, imagenet or a Keras weights file; received {weights!r}, which is no file."
        )
    return str(path)


def _read_finished(folder: pathlib.Path, settings: Mapping[str, object]) -> list[str]:
    """Titles of the finished steps of the demo of these settings in `folder`; none if the folder is new or empty."""
    file = folder / RECORD
    if not file.exists():
        _check_empty(folder)
        return []
    cure = "Name another folder, or remove this one."
    record = input_files.read_json(file, expected=WHAT, cure=cure)
    finished = record.get("finished")
    if not isinstance(finished, list) or not all(isinstance(title, str) for title in finished):
        raise errors.InputError(f"{file}: expected {WHAT}, with its finished steps; it is damaged. {cure}")
    if record.get("settings") != dict(settings):
        raise errors.InputError(f"{folder} holds a demo of {record.get('settings')}; received {dict(settings)}. {cure}")
    return finished


def _check_empty(folder: pathlib.Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise errors.InputError(f"{folder}: expected a new or empty folder; it holds something else. Name another one.")


def _write_record(folder: pathlib.Path, settings: Mapping[str, object], finished: Sequence[str]) -> None:
    with atomic.file(folder / RECORD) as temporary:
        temporary.write_text(json.dumps({"settings": dict(settings), "finished": list(finished)}), encoding="utf-8")


def steps(folder: pathlib.Path, *, weights: str, seed: int) -> Iterator[tuple[str, str]]:
    """(title, command) of each step; a step may look at what the steps before it wrote."""
    world, data, models = (shlex.quote(str(folder / name)) for name in ("world", "data", "comparison"))
    refined, page = (shlex.quote(str(folder / name)) for name in ("refined.tif", "report.html"))
    frame, base = f"{world}/frame", f"{world}/products/globeland30/n49_30_2010lc030.tif"
    reduced = RANDOM_START if weights == "none" else PRETRAINED_START
    network = f"--weights {shlex.quote(weights)} --size {reduced.size_px}"
    rough = "globeland_samples/rough:1.0.0"
    yield "A generated world and its sampling frame", f"python -m builder demo {world} --seed {seed}"
    build = f"tfds build {shlex.quote(str(DATASET))} --manual_dir {frame} --data_dir {data}"
    yield "The dataset, both configs", build
    compare = f"python -m refine compare --data_dir {data} {network} --epochs {reduced.epochs}"
    yield "Four strategies compared", f"{compare} --patience {PATIENCE} --out {models}"
    noise = f"python -m refine noise --dataset {rough} --data_dir {data} {network} --folds {FOLDS}"
    yield "Doubtful labels", f"{noise} --out {models}/noise"
    west, south, east, north = _box(folder / "world" / "frame")
    box = f"{west:.4f},{south:.4f},{east:.4f},{north:.4f}"
    mapped = f"python -m refine map --model {models}/first-layer-rough --base {base} --frame {frame} --bbox {box}"
    yield "The refined map", f"{mapped} --out {refined}"
    report = f"python -m refine report --map {refined} --base {base} --frame {frame} --comparison {models}"
    notes = " ".join(f"--note {shlex.quote(note)}" for note in [reduced.note, *[RANDOM] * (weights == "none")])
    parts = f"--noise {models}/noise --dataset {rough} --data_dir {data}"
    yield "The report", f"{report} {parts} --out {page} {notes}"


def _box(frame: pathlib.Path) -> lonlat.Bounds:
    """A box in degrees east of the zone seam, in the middle from north to south."""
    with rasterio.open(frame / frames.AGREEMENT) as dataset:
        box = dataset.bounds
    middle_lon, middle_lat = box.left + 0.75 * (box.right - box.left), (box.bottom + box.top) / 2
    half_width, half_height = (MAP_SHARE / 2 * side for side in (box.right - box.left, box.top - box.bottom))
    return middle_lon - half_width, middle_lat - half_height, middle_lon + half_width, middle_lat + half_height


def _call(command: list[str]) -> None:
    beside_python = pathlib.Path(sys.executable).parent
    program = sys.executable if command[0] == "python" else shutil.which(command[0], path=str(beside_python))
    done = subprocess.run([program or command[0], *command[1:]], cwd=ROOT, check=False)
    if done.returncode not in (command_line.DONE, command_line.DONE_WITH_GAPS):
        raise errors.InputError(
            f"the command above ended with exit code {done.returncode}, and printed why. Correct that and run the same "
            "command again: it continues there."
        )
