"""The files that a report reads, and whether they belong together."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import rasterio

from builder import errors, hashing
from builder.chips import imagery_toml
from builder.frame import frame as frames
from refine.mapping import writing

DIGEST_SHOWN = 16  # characters of a digest that tell two files apart for a reader


@dataclasses.dataclass(frozen=True)
class Files:
    """The refined map, its companions, and the map before. `base` None leaves out the layer "before"."""

    refined: pathlib.Path
    base: pathlib.Path | None

    @property
    def provenance(self) -> pathlib.Path:
        """uint8 of `reclassify.Provenance`."""
        return writing.beside(self.refined, "provenance")

    @property
    def confidence(self) -> pathlib.Path:
        """uint8 percent, 255 where nothing was classified."""
        return writing.beside(self.refined, "confidence")

    def tags(self) -> Mapping[str, str]:
        """What the refined map says of how it was made."""
        with rasterio.open(self.refined) as dataset:
            return dict(dataset.tags())


def check(files: Files) -> None:
    """Refuses maps that do not belong together.

    Raises:
      errors.InputError: naming the file that is missing, on another grid, or not the base that was refined.
    """
    grids = {}
    for path in (files.refined, files.provenance, files.confidence, files.base):
        if path is None:
            continue
        if not path.is_file():
            raise errors.InputError(
                f"{path}: no such file. Give the refined map that `python -m refine map` wrote, with its companions."
            )
        with rasterio.open(path) as dataset:
            grids[path] = (dataset.crs, tuple(dataset.transform)[:6], dataset.shape)
    for path, grid in grids.items():
        if grid != grids[files.refined]:
            raise errors.InputError(
                f"{path}: expected the grid of {files.refined}; received {grid[2]} pixels at {grid[1]}. "
                "Give the base map that was refined."
            )
    _check_base(files)


def _check_base(files: Files) -> None:
    """Another tile edition on the same grid would show changes that nobody made."""
    tags = files.tags()
    expected = tags.get("GLOBELAND_BASE_SHA256")
    if files.base is None or expected is None:
        return
    received = hashing.sha256_of_file(files.base)
    if received != expected:
        raise errors.InputError(
            f"--base {files.base}: expected the map that {files.refined} was made from, "
            f"{tags.get('GLOBELAND_BASE', 'a file')} of SHA-256 {expected}; received one of SHA-256 {received}. "
            "Give that file, or leave --base out."
        )


def imagery_of(frame: frames.Frame | None) -> imagery_toml.Imagery | None:
    """The imagery settings of a frame; None where it has none.

    Raises:
      errors.InputError: if its imagery.toml cannot be read.
    """
    return imagery_toml.read(frame.imagery_file) if frame is not None and frame.imagery_file.is_file() else None


def mismatches(
    tags: Mapping[str, str], imagery: imagery_toml.Imagery | None, compared: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """A sentence for each input that is not the one that the map was made with; empty where all belong together.

    Args:
      tags: of the refined map.
      imagery: settings of the frame.
      compared: summary of the comparison.
    """
    sentences = []
    rules = tags.get("GLOBELAND_IMAGERY_RULES")
    if imagery is not None and rules is not None and rules != imagery.digest:
        sentences.append(
            "The frame's imagery.toml is not the one that the map was made with (its digest "
            f"{imagery.digest[:DIGEST_SHOWN]}…, the map's {rules[:DIGEST_SHOWN]}…): the pictures on this page may not "
            "be those that the model saw."
        )
    model = tags.get("GLOBELAND_MODEL_SHA256")
    if compared is not None and model is not None and model not in _models(compared):
        sentences.append(
            f"The map's model (SHA-256 {model[:DIGEST_SHOWN]}…) is not among the compared ones: the accuracies on this "
            "page are those of other models."
        )
    return tuple(sentences)


def model_name(tags: Mapping[str, str], compared: Mapping[str, Any] | None) -> str | None:
    """The strategy whose model made the map, if it is among the compared ones."""
    return _models(compared or {}).get(tags.get("GLOBELAND_MODEL_SHA256", ""))


def _models(compared: Mapping[str, Any]) -> dict[str, str]:
    """{digest of the model: name of the strategy}."""
    return {entry["model_sha256"]: entry["name"] for entry in compared.get("strategies", ())}
