"""`python -m builder demo`: the world on disk, a sampling frame drawn from it, and the reviews of three people."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pathlib
import shlex

from builder import atomic, checksums, output_folders
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.steps import make_frame
from builder.world import photographs, product_files, reviewers, truth, world_settings

PRODUCTS, IMAGERY, TRUTH, SETTINGS, FRAME = "products", "imagery", "truth.tif", "imagery.toml", "frame"
# Ours is what SHA256SUMS lists, unchanged: chips, datasets and reviews of later commands are not to be made again.
WORLD = output_folders.FolderKind("a generated world", mark=TRUTH, keeps_edits=True)

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


# The sampling design of each size of the region.
DESIGNS = {
    "tiny": designs.SamplingDesign(
        per_class=14, test_per_stratum=3, validation_share=0.2, split_block_deg=0.025, buffer_m=130.0,
        min_spacing_m=200.0, reserve=1.5,
    ),
    "small": designs.SamplingDesign(
        per_class=110, test_per_stratum=15, validation_share=0.2, split_block_deg=0.025, buffer_m=200.0,
        min_spacing_m=200.0, reserve=2.0,
    ),
}  # fmt: skip


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
      folder: gets products/, imagery/, truth.tif, imagery.toml, frame/ and SHA256SUMS.
      size: "tiny" (seconds) or "small".
      seed: another seed is another world.
      overwrite: replace a world in `folder`, if nothing was added to it or changed in it.
      indistinguishable: names of two classes that shall share one texture.
      workers: processes that paint scenes; None takes the processors, at most 2. They change nothing.

    Raises:
      errors.InputError: if the folder cannot be written, holds anything that would be lost, or the size or a class is
        unknown.
    """
    world = world_settings.world(size, seed, indistinguishable)
    output_folders.check(folder, WORLD, option="DIR", overwrite=overwrite)
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
        checksums.write(unfinished)
    print(f"{folder / FRAME / frames.REVIEWS}: {given.num_rows:,} labels of {len(reviewers.PEOPLE)} imperfect people.")
    print(f"\nNext:\n$ {build_command(folder)}")
    return frames.Frame.open(folder / FRAME, needs_imagery=True)


def points_command(folder: pathlib.Path, world: world_settings.World, size: str) -> str:
    """The command that draws the frame."""
    flags = ["--products", str(folder / PRODUCTS), "--imagery", str(folder / SETTINGS), "--out", str(folder / FRAME)]
    flags += ["--bbox", ",".join(f"{v:.7f}" for v in world.window.bounds), *_design(world, size).flags]
    return shlex.join(["python", "-m", "builder", "points", *flags])


def build_command(folder: pathlib.Path) -> str:
    """The command that makes the dataset of the frame."""
    flags = ["--manual_dir", str(folder / FRAME), "--data_dir", str(folder / "data")]
    return shlex.join(["tfds", "build", "datasets/globeland_samples", *flags])


def _extent(world: world_settings.World) -> str:
    west, south, east, north = world.window.bounds
    east_m, north_m = world.metres_per_degree
    return f"{(east - west) * east_m / 1000:.0f} x {(north - south) * north_m / 1000:.0f} km at {(west + east) / 2:g} E"


def _design(world: world_settings.World, size: str) -> designs.SamplingDesign:
    return dataclasses.replace(DESIGNS[size], seed=world.seed)


def _draw(folder: pathlib.Path, world: world_settings.World, size: str) -> make_frame.FrameSummary:
    request = make_frame.FrameRequest(
        products=folder / PRODUCTS,
        imagery=folder / SETTINGS,
        out=folder / FRAME,
        bbox=world.window.bounds,
        design=_design(world, size),
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it names a folder that gets its own name only when all is done
        return make_frame.make_frame(request)
