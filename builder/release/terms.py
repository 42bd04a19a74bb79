"""Under which terms the pictures of a version may be used."""

from __future__ import annotations

import collections
import dataclasses

import pyarrow as pa

COLUMNS = ("source", "licence", "attribution", "redistribution")


@dataclasses.dataclass(frozen=True)
class Terms:
    """The terms of some pictures.

    Attributes:
      source: of the imagery, as imagery.toml names it.
      licence: of the imagery.
      attribution: credit line that the licence asks for.
      redistribution: may the pictures be passed on: yes, no, or unknown.
      pictures: how many have these terms.
    """

    source: str
    licence: str
    attribution: str
    redistribution: str
    pictures: int


def of_pictures(examples: pa.Table) -> tuple[Terms, ...]:
    """The different terms of the examples' pictures, the most frequent first."""
    rows = ([value or "" for value in examples[name].to_pylist()] for name in COLUMNS)
    counts = collections.Counter(zip(*rows, strict=True))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Terms(s, licence, credit, leave, count) for (s, licence, credit, leave), count in ordered)
