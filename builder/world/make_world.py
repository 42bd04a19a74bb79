"""`python -m builder demo`: the world on disk, a sampling frame drawn from it, and the reviews of three people."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pathlib
import shlex

from builder import atomic
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.steps import make_frame
from builder.world import photographs, product_files, reviewers, truth, world_settings

PRODUCTS, IMAGERY, TRUTH, SETTINGS, FRAME = "products", "imagery", "truth.tif", "imagery.toml", "frame"

IMAGERY_TOML = """# Where chips come from, and which pictures may become chips. `points --imagery` copies it.
[rules]
dates = ["2007-01-01", "2013-12-31"]  # the years that the products describe
prefer = "2010-07-01"                 # nearest first
deny = ["NASA", "Landsat"]
max_gsd_m = 2.0
season = "all"                        # every picture in every class's season: its date must not tell the class

[[source]]
name = "demo"
type = "stac"
href = "imagery/catalog.json"
"""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """The numbers of the demo's sampling design: those of `points`, in the size of the region."""

    per_class: int
    test_per_stratum: int
    validation_share: float
    split_block: float
    buffer_m: float
    min_spacing_m: float
    reserve: float

    def flags(self) -> list[str]:
        """The numbers as arguments of `python -m builder points`."""
        pairs = dataclasses.asdict(self).items()
        return [part for name, value in pairs for part in (f"--{name.replace('_', '-')}", f"{value:g}")]


SAMPLING = {
    "tiny": Sampling(14, 3, 0.2, 0.025, 130.0, 200.0, 1.5),
    "small": Sampling(110, 15, 0.2, 0.025, 200.0, 200.0, 2.0),
}


def run(
    folder: pathlib.Path,
    size: str = "small",
    seed: int = 0,
    *,
    overwrite: bool = False,
    indistinguishable: tuple[str, str] | None = None,
    workers: int | None = None,
) -> frames.Frame:
    """Writes `folder`, whole or not at all; prints what it does as commands to repeat. Returns the frame.

    Args:
      folder: gets products/, imagery/, truth.tif, imagery.toml and frame/.
      size: "tiny" (seconds) or "small".
      seed: another seed is another world.
      overwrite: replace `folder` if it is not empty.
      indistinguishable: names of two classes that shall share one texture.
      workers: processes that paint scenes; None takes the processors, at most 2. They change nothing.

    Raises:
      errors.InputError: if the folder is not empty, the size is unknown, or a class is.
    """
    world = world_settings.world(size, seed, indistinguishable)
    with atomic.folder(folder, overwrite=overwrite) as unfinished:
        print(f"A generated region of {_extent(world)}, seed {seed}: nothing in it is real.", flush=True)
        ground = truth.draw(world)
        truth.write(ground, unfinished / TRUTH)
        product_files.write(world, ground, unfinished / PRODUCTS)
        photographs.write(world, ground, unfinished / IMAGERY, workers=workers)
        (unfinished / SETTINGS).write_text(IMAGERY_TOML, encoding="utf-8")
        print(f"\n$ {points_command(folder, world, size)}", flush=True)
        summary = _draw(unfinished, world, size)
        print(summary.text.replace(str(unfinished), str(folder)))
        sampling = designs.from_json(summary.metadata["design"])
        given = reviewers.write(world, ground, summary.points, sampling, unfinished / FRAME / frames.REVIEWS)
    print(f"{folder / FRAME / frames.REVIEWS}: {given.num_rows:,} labels of {len(reviewers.PEOPLE)} imperfect people.")
    print(f"\nNext:\n$ {build_command(folder)}")
    return frames.Frame.open(folder / FRAME, needs_imagery=True)


def points_command(folder: pathlib.Path, world: world_settings.World, size: str) -> str:
    """The command that draws the frame."""
    flags = ["--products", str(folder / PRODUCTS), "--imagery", str(folder / SETTINGS), "--out", str(folder / FRAME)]
    flags += ["--bbox", ",".join(f"{v:.7f}" for v in world.window.bounds), *SAMPLING[size].flags()]
    return shlex.join(["python", "-m", "builder", "points", *flags, "--seed", str(world.seed)])


def build_command(folder: pathlib.Path) -> str:
    """The command that makes the dataset of the frame."""
    flags = ["--manual_dir", str(folder / FRAME), "--data_dir", str(folder / "data")]
    return shlex.join(["tfds", "build", "datasets/globeland_samples", *flags])


def _extent(world: world_settings.World) -> str:
    west, south, east, north = world.window.bounds
    east_m, north_m = world.metres_per_degree
    return f"{(east - west) * east_m / 1000:.0f} x {(north - south) * north_m / 1000:.0f} km at {(west + east) / 2:g} E"


def _draw(folder: pathlib.Path, world: world_settings.World, size: str) -> make_frame.FrameSummary:
    numbers = dataclasses.asdict(SAMPLING[size])
    request = make_frame.FrameRequest(
        products=folder / PRODUCTS,
        imagery=folder / SETTINGS,
        out=folder / FRAME,
        bbox=world.window.bounds,
        split_block_deg=numbers.pop("split_block"),
        seed=world.seed,
        **numbers,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it names a folder that gets its own name only when all is done
        return make_frame.make_frame(request)
