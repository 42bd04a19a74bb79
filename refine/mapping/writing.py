"""Writes a refined map: COGs on the base's grid with names and colours, a change table with its figure, a STAC item."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib

import numpy as np

from builder import errors
from builder.legend import legend
from builder.maps import cog
from refine.artefacts import changes, provenance, refined_map
from refine.mapping import change_figure, map_blocks, map_inputs, stac_item, work_folder

LOG = logging.getLogger(__name__)


def stage(job: map_inputs.Job) -> None:
    """Writes all files of the map from its finished blocks into the hidden folder, where `publish` finds them.

    Raises:
      errors.InputError: if pixels were to be classified and none has imagery; the blocks are removed then.
    """
    staged = refined_map.RefinedMap(work_folder.unfinished(job.folder) / job.request.out.name)
    summary = _write_rasters(job, staged)
    try:
        _check_classified(summary, job)
    except errors.InputError:
        work_folder.remove_all(job.request.out)
        raise
    classes = refined_map.base_legend().classes
    names = {c.code: c.title for c in classes} | {0: "no data", 255: "no data"}
    changes.write_csv(summary.changed, names, staged.change_table)
    change_figure.draw(summary.changed, names, {c.code: c.colour for c in classes}, staged.change_figure)
    item = stac_item.text(staged, job.base.lattice, job.tags, summary, year=job.year)
    staged.stac_item.write_text(item, encoding="utf-8")
    work_folder.stage(job.folder)


def publish(job: map_inputs.Job) -> refined_map.MapSummary:
    """Gives the files of the map their names, removes the blocks, and returns the map's summary."""
    out = job.request.out
    work_folder.publish(job.folder, out)
    summary = refined_map.RefinedMap(out).summary()
    work_folder.remove_all(out)
    return summary


@dataclasses.dataclass(frozen=True)
class _Layer:
    """One raster of the map: where to write it, its nodata, the name of its band, and colours if it holds classes."""

    path: pathlib.Path
    nodata: int | None
    band: str
    palette: legend.Legend | None = None


def _write_rasters(job: map_inputs.Job, staged: refined_map.RefinedMap) -> refined_map.MapSummary:
    """Writes codes, provenance and confidence in one pass over the blocks; returns the sum of the blocks' counts."""
    layers = (
        _Layer(staged.path, job.base.nodata, "class", refined_map.base_legend()),
        _Layer(staged.provenance, 0, "provenance", provenance.legend()),
        _Layer(staged.confidence, refined_map.NOT_CLASSIFIED, "probability, percent"),
    )
    total = refined_map.MapSummary()
    with contextlib.ExitStack() as stack:
        write_codes, write_provenance, write_confidence = (_open(job, layer, stack) for layer in layers)
        for window, block in map_blocks.read_all(job):
            corner = window.row0, window.col0
            write_codes((*corner, block.refined.codes[np.newaxis]))
            write_provenance((*corner, block.refined.provenance[np.newaxis]))
            write_confidence((*corner, block.refined.confidence[np.newaxis]))
            total += block.summary
    return total


def _open(job: map_inputs.Job, layer: _Layer, stack: contextlib.ExitStack) -> cog.WriteBlock:
    return stack.enter_context(
        cog.open_writer(
            layer.path,
            cog.Profile(job.base.lattice, 1, "uint8", layer.nodata),
            band_names=(layer.band,),
            palette=layer.palette,
            tags=job.tags.as_tags(),
            overviews="mode" if layer.palette else "average",
        )
    )


def _check_classified(summary: refined_map.MapSummary, job: map_inputs.Job) -> None:
    """Refuses a map of which no pixel has imagery; says so where there was nothing to classify."""
    if any(summary.pixels.get(kind) for kind in provenance.CLASSIFIED):
        return
    without = summary.pixels.get(provenance.Provenance.NO_IMAGERY, 0)
    if not without:
        LOG.warning(
            "%s: no pixel of the region lies in an inconsistent cell of the frame, so nothing is reclassified: the map "
            "is the base map again.",
            job.request.base,
        )
        return
    reasons = ", ".join(f"{reason} ({count:,} pixels)" for reason, count in sorted(summary.refused.items()))
    raise errors.InputError(
        f"{job.frame.imagery_file}: no pixel of the {without:,} to reclassify has imagery: {reasons}. Every picture "
        "must satisfy the season of every class here, since the class is not known. Add imagery, widen the rules, or "
        "choose another region."
    )
