"""CATALOG.md: every product, imagery source and release, made from the code so that it cannot go stale."""

from __future__ import annotations

import json
import pathlib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from builder import atomic
from builder.legend import crosswalk, legend
from builder.maps import known_products
from builder.release import markdown

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASES = ROOT / "datasets" / "globeland_samples" / "releases"
IMAGERY = pathlib.Path(__file__).resolve().parents[1] / "imagery" / "known.toml"


def write(path: pathlib.Path, records: pathlib.Path = RELEASES) -> None:
    """Writes the catalogue to `path`: Markdown, or its twin if the name ends in .html."""
    with atomic.file(path) as temporary:
        temporary.write_text(_content(path, records), encoding="utf-8")


def is_current(path: pathlib.Path, records: pathlib.Path = RELEASES) -> bool:
    """Whether `path` holds what `write` would write."""
    return path.is_file() and path.read_text(encoding="utf-8") == _content(path, records)


def _content(path: pathlib.Path, records: pathlib.Path) -> str:
    text = page(records)
    return markdown.page(text, title="globeland: catalogue", base="../") if path.suffix == ".html" else text


def page(records: pathlib.Path = RELEASES) -> str:
    """The catalogue as Markdown: what is it, releases, classes, products, imagery, models and maps.

    Args:
      records: folder of the records of releases.
    """
    return "\n".join(
        [
            "# Catalogue",
            "",
            "Made by `python -m builder catalog`; do not edit by hand. What an entry marks *unverified* was not "
            "checked against its makers' own text.",
            "",
            *_what(),
            *_releases(records),
            *_classes(),
            *_products(),
            *_imagery(),
            *_models(),
        ]
    )


def _what() -> Iterable[str]:
    yield from _heading(
        "What is this?",
        "`globeland_samples` is a dataset for training and judging land cover classifiers: pictures of 90 m x 90 m of "
        "ground, each with the class on which several global maps agree or which people gave. It comes as TFDS "
        "versions that load without this project's code. Each version carries a card that says what it is, under which "
        "terms it may be used, how to load it, how good its labels are and what changed.",
    )


def _models() -> Iterable[str]:
    yield from _heading(
        "Models and maps",
        "None is published. `python -m refine train` makes a model from a version of the dataset and refuses another "
        "one; `python -m refine map` makes a refined map with the confidence and origin of every pixel, and a STAC "
        "item.",
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
    for facts in known_products.catalogue():
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


def _releases(folder: pathlib.Path) -> Iterable[str]:
    yield from _heading(
        "Releases", "Versions of the dataset that were recorded, with the digest of every feature of every example."
    )
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    records = {path: json.loads(path.read_text(encoding="utf-8")) for path in paths}
    if not records:
        yield "None is recorded yet. `tfds build` makes your own; README.md says how."
        yield ""
        return
    yield from _table(["config", "version", "date", "examples", "digest"], [_release(r) for r in records.values()])
    for path, record in records.items():
        yield from _of_release(record, path)


def _release(record: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{split} {number}" for split, number in record["examples"].items())
    return [record["config"], record["version"], record["date"], counts, f"`{record['digest'][:16]}`"]


def _of_release(record: Mapping[str, Any], path: pathlib.Path) -> Iterable[str]:
    """May I use it, how do I load it, how good are its labels, what changed."""
    yield f"### {record['config']} {record['version']}"
    yield ""
    picture = path.with_suffix(".png")
    if picture.is_file() and picture.is_relative_to(ROOT):
        yield f"![points of {record['config']} {record['version']}]({picture.relative_to(ROOT).as_posix()})"
        yield ""
    yield from _table(
        ["what", "fact"],
        [
            ["found at", record["url"] or "not published"],
            ["pictures", "; ".join(f"{t['licence']}: {t['attribution']} ({t['pictures']})" for t in record["terms"])],
            ["labels confirmed by reviewers", _confirmed(record["confirmed_by_reviewers"])],
            ["what changed", record["notes"] or "nothing is said"],
            ["products", ", ".join(product["name"] for product in record["products"]) or "none: points were given"],
            ["load", f'`tfds.load("{record["name"]}/{record["config"]}:{record["version"]}", data_dir=ROOT)`'],
        ],
    )


def _confirmed(parts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> str:
    shares = [
        f"{part.replace('_', ' ')} {sum(s['confirmed'] for s in of_part.values())} of "
        f"{sum(s['reviewed'] for s in of_part.values())}"
        for part, of_part in parts.items()
    ]
    return "; ".join(shares) or "nobody has looked yet"


def _heading(title: str, text: str) -> Iterable[str]:
    yield from (f"## {title}", "", text, "")


def _table(titles: list[str], rows: Iterable[list[str]]) -> Iterable[str]:
    yield "| " + " | ".join(titles) + " |"
    yield "| " + " | ".join("---" for _ in titles) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""
