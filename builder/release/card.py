"""`README.md` of a release: what it is, may I use it, how to load it, how good its labels are, what changed.

The sentences are in card.md; here are the facts and tables that they need.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import Any

from builder import checksums
from builder.dataset import examples, index, inspection
from builder.release import licences, markdown, overview, templates, version
from builder.release.facts import Release

FILE = "README.md"
TEMPLATE = "card.md"
OF_GIVEN_POINTS = ("chip_size_m", "region")  # what the design of given points says; the rest is of drawing
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_FENCE = "`" * 3  # ends the block of code that the citation is in
SQUARE_DEG = 10  # side of the regions for which missing points are counted


def text(release: Release) -> str:
    """The card."""
    words = _files() | _facts(release) | _where_and_when(release) | _tables(release)
    return templates.filled(TEMPLATE, words, _conditions(release))


def _files() -> dict[str, str]:
    return {
        "licences_file": licences.FILE,
        "index_file": index.FILE,
        "map_file": overview.MAP_FILE,
        "sheet_file": overview.SHEET_FILE,
        "leakage_file": inspection.LEAKAGE_FILE,
        "sums_file": checksums.FILE,
    }


def _facts(release: Release) -> dict[str, object]:
    """Single words of the card."""
    of, metadata = release.version, release.version.metadata
    total = sum(of.examples.values())
    between = metadata["leakage"]["between_splits"]
    return {
        "name": of.name,
        "config": of.config,
        "number": of.number,
        "title": of.title,
        "size": next((name for limit, name in SIZES if total < limit), "n>1M"),
        "pictures": total,
        "size_m": f"{metadata['chip']['size_m']:g}",
        "size_px": metadata["chip"]["size_px"],
        "classes": len(of.classes),
        "config_description": markdown.prose(of.text("configDescription")),
        "rotated": _rotated(release),
        "alike_bits": between[0]["near_equal"]["at_most_bits"] if between else "",
        "reviewers": metadata["reviews"]["reviewers"],
        "reviews": metadata["reviews"]["rows"],
        "created_by": markdown.escaped(metadata["created_by"]),
        "digest": metadata["digest"],
        "list_of_notes": _list_of_notes(of.notes),
        "citation": of.text("citation").replace(_FENCE, ""),
    }


def _where_and_when(release: Release) -> dict[str, object]:
    west, south, east, north = release.extent.bounds
    return {
        "first_day": release.extent.first,
        "last_day": release.extent.last,
        "west": _degrees(west, "EW"),
        "east": _degrees(east, "EW"),
        "south": _degrees(south, "NS"),
        "north": _degrees(north, "NS"),
    }


def _conditions(release: Release) -> dict[str, bool]:
    """Which paragraphs the card has."""
    metadata = release.version.metadata
    return {
        "has_rotated": _rotated(release) > 0,
        "has_distances": bool(metadata["leakage"]["between_splits"]),
        "is_reviewed": metadata["reviews"]["rows"] > 0,
        "has_shares": bool(metadata["confirmed_by_reviewers"]),
        "is_given": release.version.is_given,
        "has_citation": bool(release.version.text("citation")),
    }


def _rotated(release: Release) -> int:
    return sum(1 for parent in release.examples["parent"].to_pylist() if parent)


def _degrees(value: float, sides: str) -> str:
    return f"{abs(value):.2f}° {sides[0] if value >= 0 else sides[1]}"


def _list_of_notes(notes: Mapping[str, str]) -> str:
    """What changed in each version, the newest first."""
    newest_first = sorted(notes, key=lambda number: [int(n) for n in number.split(".") if n.isdigit()], reverse=True)
    return "\n".join(f"- **{markdown.escaped(number)}**: {markdown.prose(notes[number])}" for number in newest_first)


def _tables(release: Release) -> dict[str, str]:
    metadata = release.version.metadata
    design: Mapping[str, Any] = metadata["design"]
    if release.version.is_given:
        design = {name: value for name, value in design.items() if name in OF_GIVEN_POINTS}
    return {
        "table_of_terms": _table_of_terms(release),
        "table_of_classes": _table_of_classes(release.version),
        "table_of_distances": _table_of_distances(metadata["leakage"]["between_splits"]),
        "table_of_features": _table_of_features(release.version),
        "table_of_origins": _table_of_origins(metadata["label_origins"]),
        "table_of_shares": _table_of_shares(metadata["confirmed_by_reviewers"]),
        "table_of_missing": _table_of_missing(release),
        "table_of_regions": _table_of_regions(release),
        "table_of_products": _table_of_products(metadata["products"]),
        "table_of_design": _table_of_values("design", design),
        "table_of_rules": _table_of_values("rule for pictures", metadata["imagery_rules"]),
    }


def _table_of_terms(release: Release) -> str:
    rows = [
        [str(one.pictures), *map(markdown.escaped, (one.source, one.licence, one.attribution, one.redistribution))]
        for one in release.terms
    ]
    return markdown.table(("pictures", "source", "licence", "attribution", "may be passed on"), rows)


def _table_of_classes(of: version.Version) -> str:
    counts = of.metadata["examples"]
    rows = [(markdown.code(n), *(str(counts.get(split, {}).get(n, 0)) for split in of.examples)) for n in of.classes]
    rows.append(("all", *map(str, of.examples.values())))
    return markdown.table(("class", *map(markdown.code, of.examples)), rows)


def _table_of_distances(pairs: list[Mapping[str, Any]]) -> str:
    rows = [
        (
            " and ".join(map(markdown.code, pair["splits"])),
            f"{pair['closest']['distance_m']:.0f} m" if pair.get("closest") else "",
            f"{pair['near_equal']['pairs']} pairs",
        )
        for pair in pairs
    ]
    return markdown.table(("splits", "closest centres", "pictures that look alike"), rows)


def _table_of_features(of: version.Version) -> str:
    """Name, type and meaning of each feature, as TFDS declares them, in the order of the project."""
    declared = version.features(of.folder)
    order = [feature.name for feature in examples.FEATURES]
    names = sorted(declared, key=lambda name: (order.index(name) if name in order else len(order), name))
    rows = [(markdown.code(n), markdown.escaped(declared[n][0]), markdown.prose(declared[n][1])) for n in names]
    return markdown.table(("feature", "type", "meaning"), rows)


def _table_of_origins(origins: Mapping[str, Mapping[str, int]]) -> str:
    rows = [
        (markdown.code(split), ", ".join(f"{markdown.escaped(origin)} {count}" for origin, count in counts.items()))
        for split, counts in origins.items()
    ]
    return markdown.table(("split", "labels by"), rows)


def _table_of_shares(parts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    rows = [
        (
            markdown.escaped(part.replace("_", " ")),
            markdown.code(label),
            f"{share['confirmed']} of {share['reviewed']}",
            f"{share['share']:.1%}",
            f"{share['low']:.1%} to {share['high']:.1%}",
        )
        for part, of_part in parts.items()
        for label, share in of_part.items()
    ]
    return markdown.table(("part", "class", "confirmed", "share", "interval"), rows)


def _table_of_missing(release: Release) -> str:
    """Examples and missing points of each split and class, with the reasons."""
    counts: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for row in release.rows.select(["split", "stratum", "label", "reason"]).to_pylist():
        of_class = (row["stratum"] or "").partition("/")[0] or row["label"] or "no class"
        counts[row["split"], of_class][row["reason"] or "kept"] += 1
    rows = [
        (
            markdown.code(split),
            markdown.code(label),
            str(reasons["kept"]),
            str(reasons.total() - reasons["kept"]),
            ", ".join(f"{markdown.escaped(reason)} {n}" for reason, n in sorted(reasons.items()) if reason != "kept"),
        )
        for (split, label), reasons in sorted(counts.items())
    ]
    return markdown.table(("split", "class", "examples", "missing", "why"), rows)


def _table_of_regions(release: Release) -> str:
    """Examples and missing points by square of 10 degrees."""
    squares: dict[str, collections.Counter[bool]] = collections.defaultdict(collections.Counter)
    for row in release.rows.select(["lon", "lat", "reason"]).to_pylist():
        west, south = (int(row[name] // SQUARE_DEG) * SQUARE_DEG for name in ("lon", "lat"))
        of_lon = f"{_degrees(west, 'EW')} to {_degrees(west + SQUARE_DEG, 'EW')}"
        of_lat = f"{_degrees(south, 'NS')} to {_degrees(south + SQUARE_DEG, 'NS')}"
        squares[f"{of_lon}, {of_lat}"][row["reason"] is None] += 1
    rows = [
        (square, str(n[True]), str(n[False]), f"{n[False] / n.total():.0%}") for square, n in sorted(squares.items())
    ]
    return markdown.table(("region", "examples", "missing", "share missing"), rows)


def _table_of_products(products: list[Mapping[str, Any]]) -> str:
    names = ("title", "year", "version", "licence")
    rows = [[markdown.escaped(product.get(name, "")) for name in names] for product in products]
    return markdown.table(("product", "year", "version", "licence"), rows)


def _table_of_values(what: str, values: Mapping[str, object]) -> str:
    """Name and value of what is stated; what is empty or None is not."""
    stated = {name: _plain(value) for name, value in values.items() if value not in (None, "", [])}
    rows = [(markdown.code(name), markdown.code(value)) for name, value in stated.items()]
    return markdown.table((what, "value"), rows)


def _plain(value: object) -> str:
    if isinstance(value, dict) and value.keys() == {"first", "last"}:  # a season: month and day
        return "..".join("-".join(str(part).zfill(2) for part in day) for day in (value["first"], value["last"]))
    if isinstance(value, list):
        return (" " if any(isinstance(v, dict) for v in value) else ", ").join(map(_plain, value))
    return str(value)
