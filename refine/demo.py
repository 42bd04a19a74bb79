"""`python -m refine demo`: the whole road on a generated world, each step as the command that a user would type."""

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

from builder import atomic, errors, progress
from builder.frame import frame as frames

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATASET = ROOT / "datasets" / "globeland_samples"
RECORD = "demo.json"  # settings, and the steps that are finished
RSS_PER_MB = 1024**2 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
MAP_SHARE = 0.08  # side of the mapped box, as a share of the region's
PATIENCE = 4  # epochs without progress that end a training
FOLDS = 3  # of the search for doubtful labels
RANDOM = "The networks started from random weights (no --weights was given), so their accuracies are far lower."


@dataclasses.dataclass(frozen=True)
class Reduction:
    """What is reduced so that two cores end in minutes."""

    size_px: int
    epochs: int

    @property
    def note(self) -> str:
        """What the report says of it."""
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

    Interrupted and called again, it goes on at the step it was in.

    Raises:
      errors.InputError: if `folder` holds something else or a demo of other settings, the weights are no file, the
        dataset's code is not beside the package, or a step fails.
    """
    folder = folder.resolve()
    weights = _weights(weights)
    settings = {"weights": weights, "seed": seed}
    if not DATASET.is_dir():
        raise errors.InputError(
            f"expected the dataset's folder at {DATASET}; there is none. Run this from a clone of the project."
        )
    finished = _finished(folder, settings)
    started = time.monotonic()
    for title, command in steps(folder, weights=weights, seed=seed):
        if title in finished:
            print(f"\n## {title}: done before", flush=True)
            continue
        print(f"\n## {title}\n$ {command}", flush=True)
        _call(shlex.split(command))
        finished.append(title)
        _record(folder, settings, finished)
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


def _finished(folder: pathlib.Path, settings: Mapping[str, object]) -> list[str]:
    """Titles of the steps of this very demo that `folder` holds."""
    file = folder / RECORD
    if file.is_file():
        told = json.loads(file.read_text(encoding="utf-8"))
        if told["settings"] != dict(settings):
            raise errors.InputError(
                f"{folder} holds a demo of {told['settings']}; received {dict(settings)}. Name another folder, or "
                "remove this one."
            )
        return list(told["finished"])
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise errors.InputError(f"{folder}: expected a new or empty folder; it holds something else. Name another one.")
    _record(folder, settings, [])
    return []


def _record(folder: pathlib.Path, settings: Mapping[str, object], finished: Sequence[str]) -> None:
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
    yield (
        "The dataset, both configs",
        f"tfds build {shlex.quote(str(DATASET))} --manual_dir {frame} --data_dir {data}",
    )
    yield (
        "Four strategies compared",
        f"python -m refine compare --data_dir {data} {network} --epochs {reduced.epochs} "
        f"--patience {PATIENCE} --out {models}",
    )
    yield (
        "Doubtful labels",
        f"python -m refine noise --dataset {rough} --data_dir {data} {network} --folds {FOLDS} --out {models}/noise",
    )
    west, south, east, north = _box(folder / "world" / "frame")
    yield (
        "The refined map",
        f"python -m refine map --model {models}/first-layer-rough --base {base} --frame {frame} "
        f"--bbox {west:.4f},{south:.4f},{east:.4f},{north:.4f} --out {refined}",
    )
    notes = [reduced.note, *([RANDOM] if weights == "none" else [])]
    yield (
        "The report",
        f"python -m refine report --map {refined} --base {base} --frame {frame} --comparison {models} "
        f"--noise {models}/noise --dataset {rough} --data_dir {data} --out {page} "
        + " ".join(f"--note {shlex.quote(note)}" for note in notes),
    )


def _box(frame: pathlib.Path) -> tuple[float, float, float, float]:
    """A box east of the zone seam, in the middle from north to south: (west, south, east, north) in degrees."""
    with rasterio.open(frame / frames.AGREEMENT) as dataset:
        box = dataset.bounds
    middle_lon, middle_lat = box.left + 0.75 * (box.right - box.left), (box.bottom + box.top) / 2
    half_width, half_height = (MAP_SHARE / 2 * side for side in (box.right - box.left, box.top - box.bottom))
    return middle_lon - half_width, middle_lat - half_height, middle_lon + half_width, middle_lat + half_height


def _call(command: list[str]) -> None:
    beside_python = pathlib.Path(sys.executable).parent
    program = sys.executable if command[0] == "python" else shutil.which(command[0], path=str(beside_python))
    done = subprocess.run([program or command[0], *command[1:]], cwd=ROOT, check=False)
    if done.returncode not in (0, 3):
        raise errors.InputError(
            f"the command above ended with exit code {done.returncode}; its own words are above. "
            "Mend that and run the same command again: it goes on there."
        )
