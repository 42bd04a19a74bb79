"""`python -m refine report`: one self-contained HTML page about map, models and data. It opens from a file."""

from __future__ import annotations

import dataclasses
import pathlib

from builder import atomic, errors
from builder.frame import frame as frames
from builder.imagery import source
from refine.artefacts import comparison as comparisons
from refine.artefacts import refined_map
from refine.report import chip_sheets, inputs, map_layers, origin_facts, page, parts, sampling_part
from refine.samples import datasets


@dataclasses.dataclass(frozen=True)
class ReportRequest:
    """What to report on. Everything but `out` may be missing; the page says what it leaves out.

    Attributes:
      out: HTML file to write.
      map: refined map written by `map`, with its companions beside it.
      base: the base map before, on the same grid.
      frame: sampling frame: points, agreement, imagery.
      comparison: folder written by `compare`.
      noise: folder written by `noise`.
      dataset: NAME/CONFIG:VERSION, for the sheets of samples.
      data_dir: where the dataset lies.
      note: sentences to print at the top.
      overwrite: replace `out`.
    """

    out: pathlib.Path
    map: pathlib.Path | None = None
    base: pathlib.Path | None = None
    frame: pathlib.Path | None = None
    comparison: pathlib.Path | None = None
    noise: pathlib.Path | None = None
    dataset: str | None = None
    data_dir: pathlib.Path | None = None
    note: tuple[str, ...] = ()
    overwrite: bool = False


INPUTS = ("map", "frame", "comparison", "noise", "dataset")
BELONGS_TO = {"base": "map", "data_dir": "dataset"}  # options that need another one
NEEDS = {  # the option without which a section is left out
    "map": "--map",
    "changes": "--map",
    "sheets": "--dataset",
    "sampling": "--frame",
    "strategies": "--comparison",
    "noise": "--noise",
}


def write(request: ReportRequest) -> pathlib.Path:
    """Writes the page; returns its path.

    Raises:
      errors.InputError: if an input that was given is missing or does not belong to the others, or `out` exists and
        `overwrite` is false.
    """
    _check_request(request)
    if request.out.exists() and not request.overwrite:
        raise errors.RefusedOverwrite(request.out)
    html = page.render(gather(request))
    with atomic.file(request.out) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return request.out


def _check_request(request: ReportRequest) -> None:
    """Refuses a page about nothing, an option without the one it belongs to, and an output that is no HTML file."""
    if request.out.suffix.lower() not in (".html", ".htm"):
        raise errors.InputError(f"--out {request.out}: expected an HTML file. Name it something.html.")
    for name, needed in BELONGS_TO.items():
        if getattr(request, name) is not None and getattr(request, needed) is None:
            raise errors.InputError(f"--{name}: expected with --{needed}, which is missing. Give both, or neither.")
    if all(getattr(request, name) is None for name in INPUTS):
        raise errors.InputError(f"expected something to report; give {', '.join(f'--{name}' for name in INPUTS)}.")


def gather(request: ReportRequest) -> parts.PageContent:
    """Everything the page shows, read from the files of `request`.

    Raises:
      errors.InputError: as `write`.
    """
    frame = None if request.frame is None else frames.Frame.open(request.frame)
    dataset = None
    if request.dataset is not None:
        dataset = datasets.open_dataset(request.dataset, data_dir=request.data_dir)
    comparison = None if request.comparison is None else comparisons.Comparison.open(request.comparison)
    files = None if request.map is None else inputs.MapFiles.open(request.map, request.base)
    mapped = None if files is None else map_layers.read(files, frame)
    tags = refined_map.MapTags() if mapped is None else mapped.part.tags
    return parts.PageContent(
        title="Land cover samples and models" if files is None else "Refined land cover map",
        subtitle=_subtitle(request, mapped),
        notes=(*request.note, *inputs.mismatches(tags, inputs.imagery_of(frame), comparison)),
        map=None if mapped is None else mapped.part,
        changes=None if files is None else map_layers.read_changes(files),
        sheets=None if dataset is None else chip_sheets.read_sheets(dataset),
        sampling=None if frame is None else sampling_part.read(frame),
        comparison=comparison,
        noise=None if request.noise is None else chip_sheets.read_noise(request.noise, dataset),
        facts=_facts(files, frame, comparison, () if mapped is None else mapped.shown),
        missing=({} if mapped is None else dict(mapped.missing)) | _left_out(request),
    )


def _facts(
    files: inputs.MapFiles | None,
    frame: frames.Frame | None,
    comparison: comparisons.Comparison | None,
    shown: tuple[source.Acquisition, ...],
) -> tuple[parts.FactTable, ...]:
    """How everything on the page was made; `shown` are the acquisitions whose pictures the map part shows."""
    facts = []
    if files is not None:
        facts.append(origin_facts.of_map(files.refined, inputs.model_name(files.refined.tags(), comparison)))
    if comparison is not None:
        facts += origin_facts.of_models(comparison)
    if frame is not None:
        facts += origin_facts.of_frame(frame)
    if (imagery := origin_facts.of_imagery(frame, shown)) is not None:
        facts.append(imagery)
    return (*facts, origin_facts.of_software())


def _left_out(request: ReportRequest) -> dict[str, str]:
    """A sentence for each section whose input was not given, by the section's name."""
    return {
        section: f"{page.TITLES[section]}: left out, no {option} was given."
        for section, option in NEEDS.items()
        if getattr(request, option.removeprefix("--")) is None
    }


def _subtitle(request: ReportRequest, mapped: map_layers.MapSection | None) -> str:
    """The base map and the place of the map; without a map the dataset."""
    if mapped is None:
        return request.dataset or ""
    base = f"Base map {request.base.name}; " if request.base is not None else ""
    return f"{base}{mapped.part.whole.place}"
