"""CATALOG.md: every product, imagery source and release, made from the code so that it cannot go stale.

The sentences are in catalog.md; here are the tables that they need.
"""

from __future__ import annotations

import pathlib
import tomllib
from collections.abc import Mapping
from typing import Any

from builder import atomic
from builder.legend import crosswalk, legend
from builder.maps import known_products
from builder.release import html_page, markdown, record, templates

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASES = ROOT / "datasets" / "globeland_samples" / "releases"
IMAGERY = pathlib.Path(__file__).resolve().parents[1] / "imagery" / "known.toml"
TEMPLATE = "catalog.md"
FACTS = ("what", "fact")  # titles of the table of one product or release
# Title of each column of the table of imagery, by its name in known.toml.
IMAGERY_COLUMNS = {
    "name": "source",
    "where": "where",
    "years": "years",
    "gsd_m": "metres per pixel",
    "date": "how the date is known",
    "licence": "licence",
    "redistribution": "publish chips",
    "use": "how it is read",
}


def write(path: pathlib.Path, records: pathlib.Path = RELEASES) -> None:
    """Writes the catalogue to `path`: Markdown, or its twin if the name ends in .html."""
    with atomic.file(path) as temporary:
        temporary.write_text(_content(path, records), encoding="utf-8")


def is_current(path: pathlib.Path, records: pathlib.Path = RELEASES) -> bool:
    """Whether `path` holds what `write` would write."""
    return path.is_file() and path.read_text(encoding="utf-8") == _content(path, records)


def _content(path: pathlib.Path, records: pathlib.Path) -> str:
    text = page(records)
    return html_page.page(text, title="globeland: catalogue", base="../") if path.suffix == ".html" else text


def page(records: pathlib.Path = RELEASES) -> str:
    """The catalogue as Markdown: what is it, releases, classes, products, imagery, models and maps.

    Args:
      records: folder of the records of releases.

    Raises:
      errors.InputError: if a record is damaged.
    """
    released = {path: record.read(path) for path in sorted(records.glob("*.json"))}
    facts = {
        "table_of_releases": _table_of_releases(list(released.values())),
        "releases": "\n\n".join(_release(one, path) for path, one in released.items()),
        "table_of_classes": _table_of_classes(),
        "products": "\n\n".join(map(_product, known_products.catalogue())),
        "table_of_imagery": _table_of_imagery(),
    }
    return templates.filled(TEMPLATE, facts, {"has_releases": bool(released)})


def _table_of_classes() -> str:
    rows = [
        [str(c.index), markdown.code(c.name), c.title, str(c.code), markdown.code(c.colour), c.definition]
        for c in legend.seven().classes
    ]
    return markdown.table(("label", "name", "class", "code", "colour", "definition"), rows)


def _product(facts: known_products.ProductFacts) -> str:
    """Heading and table of one product."""
    rows = [
        ("years", facts.years),
        ("pixels", facts.resolution),
        ("codes", _codes(crosswalk.shipped(facts.crosswalk))),
        ("crosswalk", f"[`{facts.crosswalk}.csv`](builder/legend/crosswalks/{facts.crosswalk}.csv)"),
        ("licence", facts.licence),
        ("published accuracy", facts.published_accuracy),
        ("citation", facts.citation),
        ("how to get it", facts.access),
        ("file names", markdown.code(facts.file_pattern) + (" (found)" if facts.found_by_name else "")),
    ]
    return f"### {facts.title} ({markdown.code(facts.name)})\n\n{markdown.table(FACTS, rows)}"


def _codes(table: crosswalk.Crosswalk) -> str:
    classes = set(legend.seven().codes)
    strict, dominant = (sum(target in classes for target in use.values()) for use in (table.strict, table.dominant))
    return f"{len(table.names)}, of which {strict} strict and {dominant} dominant in the seven classes"


def _table_of_imagery() -> str:
    sources = tomllib.loads(IMAGERY.read_text(encoding="utf-8"))["imagery"]
    rows = [[source[name] for name in IMAGERY_COLUMNS] for source in sources]
    return markdown.table(list(IMAGERY_COLUMNS.values()), rows)


def _table_of_releases(records: list[Mapping[str, Any]]) -> str:
    rows = [
        (
            markdown.escaped(one["config"]),
            markdown.escaped(one["version"]),
            one["date"],
            ", ".join(f"{markdown.escaped(split)} {number}" for split, number in one["examples"].items()),
            markdown.code(one["digest"][:16]),
        )
        for one in records
    ]
    return markdown.table(("config", "version", "date", "examples", "digest"), rows)


def _release(one: Mapping[str, Any], path: pathlib.Path) -> str:
    """Heading, map and table of one release: may I use it, how do I load it, how good are its labels, what changed."""
    title = markdown.escaped(f"{one['config']} {one['version']}")
    picture = path.with_suffix(".png")
    shown = ""
    if picture.is_file() and picture.is_relative_to(ROOT):
        shown = f"![points of {title}]({picture.relative_to(ROOT).as_posix()})\n\n"
    rows = [
        ("found at", markdown.escaped(one["url"]) or "not published"),
        ("pictures", "; ".join(map(_terms, one["terms"]))),
        ("labels confirmed by reviewers", _confirmed(one["confirmed_by_reviewers"])),
        ("what changed", markdown.prose(one["notes"]) or "nothing is said"),
        ("products", ", ".join(markdown.escaped(p["name"]) for p in one["products"]) or "none: points were given"),
        ("load", markdown.code(f'tfds.load("{one["name"]}/{one["config"]}:{one["version"]}", data_dir=ROOT)')),
    ]
    return f"### {title}\n\n{shown}{markdown.table(FACTS, rows)}"


def _terms(of: Mapping[str, Any]) -> str:
    return f"{markdown.escaped(of['licence'])}: {markdown.escaped(of['attribution'])} ({of['pictures']})"


def _confirmed(parts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    shares = [
        f"{markdown.escaped(part.replace('_', ' '))} {sum(s['confirmed'] for s in of_part.values())} of "
        f"{sum(s['reviewed'] for s in of_part.values())}"
        for part, of_part in parts.items()
    ]
    return "; ".join(shares) or "nobody has looked yet"
