"""The page: HTML with its style, script and pictures inside."""

from __future__ import annotations

import pathlib

from refine.report import parts, sections
from refine.report.markup import Html, filled, joined, paragraphs

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
_HERE = pathlib.Path(__file__).parent


def render(content: parts.PageContent) -> str:
    """The page about `content`."""
    bodies = _bodies(content)
    shown = [section for section in SECTIONS if section[0] in bodies]
    links = (filled('<li><a href="#$name">$short</a></li>', name=name, short=short) for name, short, _ in shown)
    return filled(
        _shipped("report.html"),
        title=content.title,
        subtitle=content.subtitle,
        notes=paragraphs(content.notes, "note"),
        figures=_headline(content),
        links=joined(links),
        sections=Html("\n".join(_section(name, title, bodies[name]) for name, _, title in shown)),
        missing=_missing(content),
        style=Html(_shipped("report.css")),
        script=Html(_shipped("report.js")),
    )


def _bodies(content: parts.PageContent) -> dict[str, Html]:
    """The sections that the page has, by name."""
    bodies: dict[str, Html] = {}
    if content.map is not None:
        bodies["map"] = sections.map_section(content.map)
        bodies["area"] = sections.area_section(content.map)
        bodies["provenance"] = sections.provenance_section(content.map)
    if content.changes is not None:
        bodies["changes"] = sections.changes_section(content.changes)
    if content.sampling is not None:
        bodies["sampling"] = sections.sampling_section(content.sampling)
    if content.sheets is not None:
        bodies["sheets"] = sections.sheets_section(content.sheets)
    if content.comparison is not None:
        bodies["strategies"] = sections.strategies_section(content.comparison)
        bodies["confusion"] = sections.confusion_section(content.comparison)
    if content.noise is not None:
        bodies["noise"] = sections.noise_section(content.noise)
    if content.facts:
        bodies["facts"] = sections.facts_section(content.facts)
    return bodies


def _section(name: str, title: str, body: Html) -> Html:
    return filled(
        '<section id="$name" aria-labelledby="$name-title"><h2 id="$name-title">$title</h2>$body</section>',
        name=name,
        title=title,
        body=body,
    )


def _headline(content: parts.PageContent) -> Html:
    """The few figures that a reader looks for first."""
    figures = []
    if content.changes:
        hectares = sum(change.hectares for change in content.changes)
        figures.append((f"{hectares:,.0f} ha", "changed class"))
    if content.map is not None:
        figures.append((f"{int(content.map.counts.confidence.sum()):,}", "pixels classified from imagery"))
    if content.comparison is not None:
        best = content.comparison.best
        span = f"{best.overall.low:.2f} to {best.overall.high:.2f}"
        figures.append((f"{best.overall.value:.3f}", f"overall accuracy on the test set ({span}), {best.name}"))
    if content.sampling is not None:
        figures.append((f"{content.sampling.total:,}", "ranked sample points"))
    if not figures:
        return Html()
    items = (filled("<li><strong>$value</strong> $label</li>", value=value, label=label) for value, label in figures)
    return filled('<ul class="figures">$items</ul>', items=joined(items))


def _missing(content: parts.PageContent) -> Html:
    if not content.missing:
        return Html()
    return filled(
        '<section id="missing" aria-labelledby="missing-title"><h2 id="missing-title">Left out</h2>'
        "<ul>$items</ul></section>",
        items=joined(filled("<li>$sentence</li>", sentence=sentence) for sentence in content.missing.values()),
    )


def _shipped(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
