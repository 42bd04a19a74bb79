"""Many base tiles through Beam: one worker refines each whole tile, into one folder; their summaries add up."""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Iterable, Sequence

import apache_beam as beam

from builder import atomic, errors
from builder.pipeline import running
from refine.artefacts import refined_map
from refine.mapping import inputs, map_request, refine_map


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
      beam_options: as `builder.pipeline.running.runner_options` takes them; none run in this process.

    Raises:
      errors.InputError: if any tile cannot be refined, before the first one is begun where the inputs show it.
    """
    running.runner_options(beam_options)
    _check_names(requests)
    for request in requests:
        if finished(request) is None:
            inputs.check(request)
    requests[0].out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=atomic.TEMPORARY_PREFIX, dir=requests[0].out.parent) as scratch:
        result = pathlib.Path(scratch) / "summary.json"
        with running.run(beam_options) as pipeline:
            _ = (
                pipeline
                | "Tiles" >> beam.Create(requests, reshuffle=False)
                | RefineTiles()
                | "KeepSummary" >> beam.Map(_keep, result)
            )
        return refined_map.MapSummary.from_json(json.loads(result.read_text(encoding="utf-8")))


@dataclasses.dataclass
class RefineTiles(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """MapRequest -> one `refined_map.MapSummary`, the sum over all tiles; the maps are on disk."""

    def expand(self, requests: beam.PCollection) -> beam.PCollection:
        """The route."""
        return (
            requests
            | "SpreadOverWorkers" >> beam.Reshuffle()
            | "RefineTile" >> beam.Map(refine_tile)
            | "AddSummaries" >> beam.CombineGlobally(total)
        )


def refine_tile(request: map_request.MapRequest) -> refined_map.MapSummary:
    """The summary of one tile, which is refined unless it was before."""
    summary = finished(request)
    return refine_map.refine_map(request) if summary is None else summary


def finished(request: map_request.MapRequest) -> refined_map.MapSummary | None:
    """The summary of the map that `request` would make, if it is there already.

    Raises:
      errors.InputError: as `inputs.open_job` does.
    """
    refined = refined_map.RefinedMap(request.out)
    identity = refined.identity()
    if identity is None or identity != inputs.open_job(dataclasses.replace(request, overwrite=True)).identity:
        return None
    return refined.summary()


def total(summaries: Iterable[refined_map.MapSummary]) -> refined_map.MapSummary:
    """The sum of any number of summaries."""
    return sum(summaries, refined_map.MapSummary())


def _check_names(requests: Sequence[map_request.MapRequest]) -> None:
    """Refuses two tiles that would be written to one file."""
    names = collections.Counter(request.out for request in requests)
    if twins := sorted(str(out) for out, count in names.items() if count > 1):
        raise errors.InputError(
            f"--base: several tiles have one name, so that each would be written to {twins[0]}. Rename one."
        )


def _keep(summary: refined_map.MapSummary, path: pathlib.Path) -> None:
    with atomic.file(path) as temporary:
        temporary.write_text(json.dumps(summary.as_json()), encoding="utf-8")
