"""The sentences of the page, which prose.toml holds together."""

from __future__ import annotations

import functools
import pathlib
import tomllib

from refine.report import markup

_FILE = pathlib.Path(__file__).with_suffix(".toml")


def html(section: str, name: str, **values: object) -> markup.Html:
    """The sentence `name` of a section of prose.toml, filled with values, which are escaped unless they are HTML."""
    return markup.filled(_sentences()[section][name], **values)


@functools.cache
def _sentences() -> dict[str, dict[str, str]]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))
