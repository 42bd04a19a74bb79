"""Many base tiles through Beam: one worker refines each whole tile, into one folder; their summaries add up."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import tempfile
from collections.abc import Sequence

import apache_beam as beam
from typing_extensions import override

from builder import atomic, errors
from builder.pipeline import running
from refine.artefacts import refined_map
from refine.mapping import map_inputs, map_request, refine_map


def out_of(folder: pathlib.Path, base: pathlib.Path) -> pathlib.Path:
    """Where the refined map of one base tile lies in the folder of all."""
    return folder / f"{base.stem}_refined.tif"


def refine_tiles(
    requests: Sequence[map_request.MapRequest], beam_options: Sequence[str] = ()
) -> refined_map.MapSummary:
    """Refines every tile that is not refined yet, and returns the sum over all tiles.

    Killed and run again, finished tiles are read, and the others go on at the block they were in.

    Args:
      requests: one per tile; all workers see inputs and outputs under the same paths.
      beam_options: as `builder.pipeline.running.runner_options` takes them; without any, this process does the work.

    Raises:
      errors.InputError: if any tile cannot be refined, before the first one is begun where the inputs show it.
    """
    running.check_options(beam_options)
    _check_names(requests)
    for request in requests:
        if finished(request) is None:
            map_inputs.check(request)
    folder = requests[0].out.parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=atomic.TEMPORARY_PREFIX, dir=folder) as scratch:
        with running.run(beam_options) as pipeline:
            summaries = pipeline | "Tiles" >> beam.Create(requests, reshuffle=False) | RefineTiles()
            collected = running.collected(summaries, pathlib.Path(scratch))
        total: refined_map.MapSummary = collected.value()
    return total


@dataclasses.dataclass
class RefineTiles(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """MapRequest -> one `refined_map.MapSummary`, the sum over all tiles; the maps are on disk."""

    @override
    def expand(self, requests: beam.PCollection) -> beam.PCollection:
        return (
            requests
            | running.Each("RefineTile", refine_tile)
            | "AddSummaries" >> beam.CombineGlobally(running.Sum(refined_map.MapSummary()))
        )


def refine_tile(request: map_request.MapRequest) -> refined_map.MapSummary:
    """The summary of one tile, which is refined unless it was before."""
    summary = finished(request)
    return refine_map.refine_map(request) if summary is None else summary


def finished(request: map_request.MapRequest) -> refined_map.MapSummary | None:
    """The summary of the map that `request` would make, if it is there already.

    Raises:
      errors.InputError: as `map_inputs.open_job` does.
    """
    refined = refined_map.RefinedMap(request.out)
    identity = refined.identity()
    if identity is None or identity != map_inputs.open_job(dataclasses.replace(request, overwrite=True)).identity:
        return None
    return refined.summary()


def _check_names(requests: Sequence[map_request.MapRequest]) -> None:
    """Refuses two tiles that would be written to one file."""
    names = collections.Counter(request.out for request in requests)
    if twins := sorted(str(out) for out, count in names.items() if count > 1):
        raise errors.InputError(
            f"--base: several tiles have one name, so that each would be written to {twins[0]}. Rename one."
        )
