"""`python -m refine report`: one self-contained HTML page about map, models and data. It opens from a file."""

from __future__ import annotations

import dataclasses
import pathlib
import string
from collections.abc import Callable
from typing import TypeVar

from builder import atomic, errors
from builder.frame import frame as frames
from refine.report import markup, parts, sections

Part = TypeVar("Part")
_HERE = pathlib.Path(__file__).parent


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


SECTIONS: tuple[tuple[str, str, str], ...] = (  # name, short title for the contents, title
    ("map", "Map", "The map, before and after"),
    ("area", "Areas", "Classes and areas"),
    ("provenance", "Provenance", "Provenance and confidence"),
    ("changes", "Changes", "What changed"),
    ("sampling", "Sampling", "Where the samples lie"),
    ("sheets", "Samples", "Samples of each class"),
    ("strategies", "Strategies", "Strategies compared"),
    ("confusion", "Confusion", "Confusion matrix"),
    ("noise", "Doubtful labels", "Doubtful labels"),
    ("facts", "How it was made", "How it was made"),
)
TITLES = {name: title for name, _, title in SECTIONS}
SHORT_TITLES = {name: short for name, short, _ in SECTIONS}


def write(request: ReportRequest) -> pathlib.Path:
    """Writes the page; returns its path.

    Raises:
      errors.InputError: if an input that was given is missing or does not belong to the others, or `out` exists and
        `overwrite` is false.
    """
    _check_request(request)
    if request.out.exists() and not request.overwrite:
        raise errors.RefusedOverwrite(request.out)
    page = render(gather(request))
    with atomic.file(request.out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return request.out


def _check_request(request: ReportRequest) -> None:
    """Refuses a page about nothing, an option without the one it belongs to, and an output that is no HTML file."""
    if request.out.suffix.lower() not in (".html", ".htm"):
        raise errors.InputError(f"--out {request.out}: expected an HTML file. Name it something.html.")
    for name, needed in (("base", "map"), ("data_dir", "dataset")):
        if getattr(request, name) is not None and getattr(request, needed) is None:
            raise errors.InputError(f"--{name}: expected with --{needed}, which is missing. Give both, or neither.")
    inputs = ("map", "frame", "comparison", "noise", "dataset")
    if all(getattr(request, name) is None for name in inputs):
        raise errors.InputError(f"expected something to report; give {', '.join(f'--{name}' for name in inputs)}.")


def gather(request: ReportRequest) -> parts.PageContent:
    """Everything the page shows, read from the files of `request`.

    Raises:
      errors.InputError: as `write`.
    """
    from refine.report import inputs, map_layers, provenance_facts, read_artefacts
    from refine.samples import datasets

    missing: dict[str, str] = {}

    def part(name: str, option: str, given: object, make: Callable[[], Part]) -> Part | None:
        if given is None:
            missing[name] = f"{TITLES[name]}: left out, no {option} was given."
            return None
        return make()

    frame = frames.Frame.open(request.frame) if request.frame is not None else None
    dataset = datasets.open_dataset(request.dataset, data_dir=request.data_dir) if request.dataset is not None else None
    compared = read_artefacts.read_summary(request.comparison) if request.comparison is not None else None
    files = inputs.Files(request.map, request.base) if request.map is not None else None
    mapped = part("map", "--map", files, lambda: map_layers.read(_given(files), frame))
    missing |= mapped.missing if mapped else {}
    tags = files.tags() if files is not None else {}
    facts = [
        provenance_facts.of_map(request.map, inputs.model_name(tags, compared)) if request.map is not None else None,
        *(provenance_facts.of_models(compared) if compared is not None else ()),
        *(provenance_facts.of_frame(frame) if frame is not None else ()),
        provenance_facts.of_imagery(frame, mapped.shown if mapped else ()),
        provenance_facts.of_software(),
    ]
    return parts.PageContent(
        title="Refined land cover map" if request.map is not None else "Land cover samples and models",
        subtitle=_subtitle(request, mapped.part if mapped else None),
        notes=(*request.note, *inputs.mismatches(tags, inputs.imagery_of(frame), compared)),
        map=mapped.part if mapped else None,
        changes=part("changes", "--map", request.map, lambda: read_artefacts.read_changes(_given(request.map))),
        sheets=part("sheets", "--dataset", dataset, lambda: read_artefacts.read_sheets(_given(dataset))),
        sampling=part("sampling", "--frame", frame, lambda: read_artefacts.read_sampling(_given(frame))),
        comparison=part(
            "strategies", "--comparison", compared, lambda: read_artefacts.read_comparison(_given(compared))
        ),
        noise=part(
            "noise", "--noise", request.noise, lambda: read_artefacts.read_noise(_given(request.noise), dataset)
        ),
        facts=tuple(fact for fact in facts if fact is not None),
        missing=missing,
    )


def _subtitle(request: ReportRequest, mapped: parts.MapPart | None) -> str:
    if mapped is None:
        return request.dataset or ""
    base = f"Base map {request.base.name}; " if request.base is not None else ""
    return f"{base}{mapped.whole.place}"


def render(report: parts.PageContent) -> str:
    """The page: HTML with its style, script and pictures inside."""
    bodies = {name: body for name, body in _bodies(report).items() if body}
    whole = "\n".join(
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{TITLES[name]}</h2>{body}</section>'
        for name, body in bodies.items()
    )
    links = "".join(f'<li><a href="#{name}">{SHORT_TITLES[name]}</a></li>' for name in bodies)
    return string.Template(_shipped("report.html")).substitute(
        title=markup.text(report.title),
        subtitle=markup.text(report.subtitle),
        notes=markup.paragraphs(report.notes, "note"),
        figures=_headline(report),
        links=links,
        sections=whole,
        missing=_missing(report),
        style=_shipped("report.css"),
        script=_shipped("report.js"),
    )


def _bodies(report: parts.PageContent) -> dict[str, str]:
    part = sections
    return {
        "map": part.map_section(report.map) if report.map else "",
        "area": part.area_section(report.map) if report.map else "",
        "provenance": part.provenance_section(report.map) if report.map else "",
        "changes": part.changes_section(report.changes) if report.changes is not None else "",
        "sampling": part.sampling_section(report.sampling) if report.sampling else "",
        "sheets": part.sheets_section(report.sheets) if report.sheets else "",
        "strategies": part.strategies_section(report.comparison) if report.comparison else "",
        "confusion": part.confusion_section(report.comparison) if report.comparison else "",
        "noise": part.noise_section(report.noise) if report.noise else "",
        "facts": part.facts_section(report.facts) if report.facts else "",
    }


def _headline(report: parts.PageContent) -> str:
    """The few figures that a reader looks for first."""
    figures = []
    if report.changes:
        hectares = sum(change.hectares for change in report.changes)
        figures.append((f"{hectares:,.0f} ha", "changed class"))
    if report.map:
        asked = int(report.map.confidence.sum())
        figures.append((f"{asked:,}", "pixels classified from imagery"))
    if report.comparison:
        best = report.comparison.best
        span = f"{best.overall.low:.2f} to {best.overall.high:.2f}"
        figures.append((f"{best.overall.value:.3f}", f"overall accuracy on the test set ({span}), {best.name}"))
    if report.sampling:
        figures.append((f"{report.sampling.total:,}", "ranked sample points"))
    items = "".join(f"<li><strong>{markup.text(value)}</strong> {markup.text(label)}</li>" for value, label in figures)
    return f'<ul class="figures">{items}</ul>' if items else ""


def _missing(report: parts.PageContent) -> str:
    if not report.missing:
        return ""
    items = "".join(f"<li>{markup.text(sentence)}</li>" for sentence in report.missing.values())
    head = '<section id="missing" aria-labelledby="missing-title"><h2 id="missing-title">Left out</h2>'
    return f"{head}<ul>{items}</ul></section>"


def _shipped(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _given(value: Part | None) -> Part:
    if value is None:
        raise ValueError("a part is read only where its input was given")
    return value
