"""CATALOG.md: every product, imagery source and release, made from the code so that it cannot go stale."""

from __future__ import annotations

import json
import pathlib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from builder import atomic
from builder.legend import crosswalk, legend
from builder.maps import known

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASES = ROOT / "datasets" / "globeland_samples" / "releases"
IMAGERY = pathlib.Path(__file__).resolve().parents[1] / "imagery" / "known.toml"


def write(path: pathlib.Path) -> None:
    """Writes the catalogue to `path`."""
    with atomic.file(path) as temporary:
        temporary.write_text(page(), encoding="utf-8")


def is_current(path: pathlib.Path) -> bool:
    """Whether `path` holds what `write` would write."""
    return path.is_file() and path.read_text(encoding="utf-8") == page()


def page() -> str:
    """The catalogue as Markdown: what is it, classes, products, imagery, releases."""
    return "\n".join(
        [
            "# Catalogue",
            "",
            "Made by `python -m builder catalog`; do not edit by hand. What an entry marks *unverified* was not "
            "checked against its makers' own text.",
            "",
            *_classes(),
            *_products(),
            *_imagery(),
            *_releases(),
        ]
    )


def _classes() -> Iterable[str]:
    yield from _heading(
        "Classes",
        "The order is the ClassLabel of every example; the code is that of rasters (GlobeLand30's). "
        "Wetland and tundra are outside the legend.",
    )
    rows = [
        [str(c.index), f"`{c.name}`", c.title, str(c.code), f"`{c.colour}`", c.definition]
        for c in legend.seven().classes
    ]
    yield from _table(["label", "name", "class", "code", "colour", "definition"], rows)


def _products() -> Iterable[str]:
    yield from _heading(
        "Land cover products",
        "Products marked *found* are recognised in `PRODUCTS/<name>/` by their own file names; any other is described "
        "in `products.toml`. *Strict* counts the codes whose whole definition fits one class (they make the samples), "
        "*dominant* those whose main component does (they find disagreement).",
    )
    for facts in known.CATALOGUE:
        table = crosswalk.shipped(facts.crosswalk)
        yield f"### {facts.title} (`{facts.name}`)"
        yield ""
        yield from _table(
            ["what", "fact"],
            [
                ["years", facts.years],
                ["pixels", facts.resolution],
                ["codes", _codes(table)],
                ["crosswalk", f"[`{facts.crosswalk}.csv`](builder/legend/crosswalks/{facts.crosswalk}.csv)"],
                ["licence", facts.licence],
                ["published accuracy", facts.published_accuracy],
                ["citation", facts.citation],
                ["how to get it", facts.access],
                ["file names", f"`{facts.file_pattern}`" + (" (found)" if facts.found_by_name else "")],
            ],
        )


def _codes(table: crosswalk.Crosswalk) -> str:
    classes = set(legend.seven().codes)
    strict, dominant = (sum(target in classes for target in use.values()) for use in (table.strict, table.dominant))
    return f"{len(table.names)}, of which {strict} strict and {dominant} dominant in the seven classes"


def _imagery() -> Iterable[str]:
    yield from _heading(
        "Imagery", "Sources of very-high-resolution imagery, and whether chips from them may be published."
    )
    sources = tomllib.loads(IMAGERY.read_text(encoding="utf-8"))["imagery"]
    fields = ["name", "where", "years", "gsd_m", "date", "licence", "redistribution", "use"]
    titles = [
        "source",
        "where",
        "years",
        "metres per pixel",
        "how the date is known",
        "licence",
        "publish chips",
        "how it is read",
    ]
    yield from _table(titles, [[s[f] for f in fields] for s in sources])


def _releases() -> Iterable[str]:
    yield from _heading(
        "Releases", "Versions of the dataset that were recorded, with the digest of every feature of every example."
    )
    records = (
        [json.loads(p.read_text(encoding="utf-8")) for p in sorted(RELEASES.glob("*.json"))]
        if RELEASES.is_dir()
        else []
    )
    if not records:
        yield "None is recorded yet. `tfds build` makes your own; README.md says how."
        yield ""
        return
    yield from _table(["config", "version", "date", "examples", "digest"], [_release(r) for r in records])


def _release(record: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{split} {number}" for split, number in record["examples"].items())
    return [record["config"], record["version"], record["date"], counts, f"`{record['digest'][:16]}`"]


def _heading(title: str, text: str) -> Iterable[str]:
    yield from (f"## {title}", "", text, "")


def _table(titles: list[str], rows: Iterable[list[str]]) -> Iterable[str]:
    yield "| " + " | ".join(titles) + " |"
    yield "| " + " | ".join("---" for _ in titles) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""
