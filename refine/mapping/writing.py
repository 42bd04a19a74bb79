"""What a refined map is on disk: COGs on the base's grid with names and colours, a change table, a STAC item."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import rasterio

from builder.legend import legend
from builder.maps import cog
from refine.mapping import blocks, changes, reclassify, stac_item

BASE_LEGEND = legend.LEGEND_FILE.with_name("globeland30.toml")
IDENTITY_TAG = "GLOBELAND_MAP"
STAGE = "whole"  # folder beside the blocks, where the files of the map come to be


def write(
    job: blocks.Job, summary: blocks.MapSummary, out: pathlib.Path, tags: Mapping[str, str], *, year: int
) -> None:
    """Writes the map `out` and what lies beside it from the finished blocks.

    All files come to be in a hidden folder first. They then get their names, `out` last: where `out` is, all is.
    """
    staged = job.folder / STAGE / out.name
    staged.parent.mkdir(exist_ok=True)
    classes = legend.read(BASE_LEGEND)
    names = {c.code: c.title for c in classes.classes} | {0: "no data", 255: "no data"}
    colours = {c.code: c.colour for c in classes.classes}
    _write_layer(job, staged, "codes", job.base.nodata, palette=classes, tags=tags, band="class")
    provenance = provenance_legend()
    _write_layer(job, beside(staged, "provenance"), "provenance", 0, palette=provenance, tags=tags, band="provenance")
    _write_layer(
        job,
        beside(staged, "confidence"),
        "confidence",
        reclassify.NOT_CLASSIFIED,
        palette=None,
        tags=tags,
        band="probability, percent",
    )
    changes.write_csv(summary.changed, names, beside(staged, "changes", ".csv"))
    changes.draw(summary.changed, names, colours, beside(staged, "changes", ".png"))
    with stac_file(staged).open("w", encoding="utf-8") as stream:
        stream.write(
            stac_item.item(out, job.base, tags, stac_item.Content(classes, provenance, summary.as_json()), year=year)
        )
    for target in reversed(outputs(out)):
        (staged.parent / target.name).replace(target)


def outputs(out: pathlib.Path) -> list[pathlib.Path]:
    """Every file of the map `out`, itself first."""
    rasters = [out, beside(out, "provenance"), beside(out, "confidence")]
    described = [path.with_name(f"{path.name}.aux.xml") for path in rasters]
    others = [beside(out, "changes", ".csv"), beside(out, "changes", ".png"), stac_file(out)]
    return [*rasters, *described, *others]


def beside(out: pathlib.Path, what: str, suffix: str = "") -> pathlib.Path:
    """Where the companion `what` of a refined map lies: refined.tif -> refined_what.tif."""
    return out.with_name(f"{out.stem}_{what}{suffix or out.suffix}")


def stac_file(out: pathlib.Path) -> pathlib.Path:
    """Where the STAC item of a refined map lies."""
    return out.with_suffix(".json")


def identity_of(out: pathlib.Path) -> str | None:
    """The identity of the map at `out`, as `write` tagged it; None if there is no map of ours."""
    try:
        with rasterio.open(out) as dataset:
            return dict(dataset.tags()).get(IDENTITY_TAG)
    except rasterio.errors.RasterioError:
        return None


def summary_of(out: pathlib.Path) -> blocks.MapSummary:
    """Counts and changes of a map that was written."""
    told = json.loads(stac_file(out).read_text(encoding="utf-8"))
    return blocks.MapSummary.from_json(told["properties"]["globeland:summary"])


def _write_layer(
    job: blocks.Job,
    path: pathlib.Path,
    layer: str,
    nodata: int | None,
    *,
    palette: legend.Legend | None,
    tags: Mapping[str, str],
    band: str,
) -> None:
    profile = cog.Profile(job.base.lattice, 1, "uint8", nodata)
    parts = (
        (window[0], window[2], getattr(blocks.read(job, window)[0], layer)[np.newaxis]) for window in job.windows()
    )
    cog.from_blocks(
        path,
        profile,
        parts,
        band_names=(band,),
        palette=palette,
        tags=dict(tags),
        overviews="mode" if palette else "average",
    )


def provenance_legend() -> legend.Legend:
    """Names and colours of the provenance raster."""
    kinds: Sequence[reclassify.Provenance] = [p for p in reclassify.Provenance if p]
    return legend.Legend(
        "provenance",
        tuple(
            legend.LandCoverClass(
                i, int(p), p.name.lower(), reclassify.PROVENANCE_TITLES[p], "", reclassify.PROVENANCE_COLOURS[p]
            )
            for i, p in enumerate(kinds)
        ),
    )
