"""What is said of a release in its papers, computed once."""

from __future__ import annotations

import dataclasses

import pyarrow as pa

from builder import errors
from builder.dataset import index
from builder.release import extent, terms
from builder.release.extent import Extent
from builder.release.terms import Terms
from builder.release.version import Version


@dataclasses.dataclass(frozen=True, eq=False)
class Release:
    """A version with what its index says.

    Attributes:
      version: its folder and what TFDS and the build say of it.
      rows: the index: every example and every refused point.
      examples: the rows that are examples.
      terms: under which its pictures may be used.
      extent: where and when they were taken.
    """

    version: Version
    rows: pa.Table
    examples: pa.Table
    terms: tuple[Terms, ...]
    extent: Extent


def of_version(of: Version, rows: pa.Table) -> Release:
    """The facts of a version.

    Args:
      of: the version.
      rows: its index.

    Raises:
      errors.InputError: if the index holds no example, or one without a day of acquisition.
    """
    examples = index.examples_of(rows)
    if not len(examples) or any(examples[name].null_count for name in ("acquired_from", "acquired_to")):
        raise errors.InputError(
            f"{of.folder / index.FILE}: expected examples, each with its days of acquisition; received {len(examples)} "
            "examples. Build the dataset again."
        )
    return Release(of, rows, examples, terms.of_pictures(examples), extent.of_examples(examples))
