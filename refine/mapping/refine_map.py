"""A refined map of one base tile: block by block, resumable, on exactly the base's grid.

base tile + FRAME/agreement_layers.tif --which pixels?--> chips from FRAME/imagery.toml --engine--> refined.tif,
refined_confidence.tif, refined_provenance.tif, refined_changes.csv, refined_changes.png, refined.json (a STAC item)
"""

from __future__ import annotations

from refine.artefacts import refined_map
from refine.mapping import engines, map_blocks, map_inputs, map_request, work_folder, writing


def refine_map(request: map_request.MapRequest) -> refined_map.MapSummary:
    """Writes the refined map of one base tile beside its confidence, provenance, change table and STAC item.

    A killed run goes on at the block it was in. Nothing but the hidden folder of blocks exists before all is written.

    Raises:
      errors.InputError: as `map_inputs.open_job` does, and if no pixel has imagery.
    """
    job = map_inputs.open_job(request)
    if not work_folder.is_staged(job.folder):
        map_blocks.make_all(job, engines.open_engine(request.engine, job.model))
        writing.stage(job)
    return writing.publish(job)
