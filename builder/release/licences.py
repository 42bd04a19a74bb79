"""`LICENSES`: under which terms the pictures and the labels of a version may be used, and whom to credit."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator

import pyarrow as pa

from builder.release import version

FILE = "LICENSES"


@dataclasses.dataclass(frozen=True)
class Terms:
    """The terms of some pictures."""

    source: str
    licence: str
    attribution: str
    redistribution: str
    pictures: int


def of_pictures(examples: pa.Table) -> list[Terms]:
    """The different terms of the examples' pictures, the most frequent first."""
    columns = ("source", "licence", "attribution", "redistribution")
    rows = ([value or "" for value in examples[name].to_pylist()] for name in columns)
    counts = collections.Counter(zip(*rows, strict=True))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Terms(s, licence, credit, leave, count) for (s, licence, credit, leave), count in ordered]


def text(release: version.Version, examples: pa.Table) -> str:
    """The file's content."""
    return "\n".join([*_of_pictures(release, examples), "", *_of_labels(release)]) + "\n"


def _of_pictures(release: version.Version, examples: pa.Table) -> Iterator[str]:
    yield f"Terms of {release.title}"
    yield ""
    yield "PICTURES"
    yield "Each example carries the licence and attribution of its picture (features `licence`, `attribution`,"
    yield "`redistribution`); this is their union."
    for terms in of_pictures(examples):
        yield ""
        yield f"  {terms.licence or 'no licence stated'} ({terms.pictures} pictures from {terms.source})"
        yield f"    attribution: {terms.attribution or 'none stated'}"
        yield f"    may be passed on: {terms.redistribution}"


def _of_labels(release: version.Version) -> Iterator[str]:
    yield "LABELS"
    yield "Labels derive from these land cover products, and from people who looked at the pictures."
    for product in release.metadata["products"]:
        yield ""
        yield f"  {product.get('title', product['name'])}"
        yield f"    licence: {product.get('licence') or 'not stated'}"
        yield f"    citation: {product.get('citation') or 'see CITATIONS.bib of the project'}"
