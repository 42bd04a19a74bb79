"""`LICENSES`: under which terms the pictures and the labels of a version may be used, and whom to credit."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from builder.release import terms
from builder.release.facts import Release

FILE = "LICENSES"
_TEXT = string.Template("""\
Terms of $title

PICTURES
Each example carries the licence and attribution of its picture (features `licence`, `attribution`,
`redistribution`); this is their union.

$pictures

LABELS
Labels derive from these land cover products, and from people who looked at the pictures.

$products
""")
_OF_PICTURES = string.Template("""\
  $licence ($pictures pictures from $source)
    attribution: $attribution
    may be passed on: $redistribution""")
_OF_PRODUCT = string.Template("""\
  $title
    licence: $licence
    citation: $citation""")


def text(release: Release) -> str:
    """The file's content."""
    return (
        _TEXT.substitute(
            title=release.version.title,
            pictures="\n\n".join(map(_of_pictures, release.terms)),
            products="\n\n".join(map(_of_product, release.version.metadata["products"])),
        ).rstrip()
        + "\n"
    )


def _of_pictures(one: terms.Terms) -> str:
    return _OF_PICTURES.substitute(
        licence=_line(one.licence) or "no licence stated",
        pictures=one.pictures,
        source=_line(one.source),
        attribution=_line(one.attribution) or "none stated",
        redistribution=_line(one.redistribution),
    )


def _of_product(product: Mapping[str, Any]) -> str:
    return _OF_PRODUCT.substitute(
        title=_line(product.get("title") or product["name"]),
        licence=_line(product.get("licence") or "not stated"),
        citation=_line(product.get("citation") or "see CITATIONS.bib of the project"),
    )


def _line(text: str) -> str:
    """`text` on one line: what others wrote must not look like a line of ours."""
    return " ".join(text.split())
