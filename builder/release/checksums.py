"""`SHA256SUMS`: the sum of every file of a release, in the form that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
import pathlib
import re
from collections.abc import Iterator

from builder import atomic

FILE = "SHA256SUMS"
_OWN = (
    "# sha256 of the lines above: "  # sha256sum takes the line for a comment; we can tell if the list itself is damaged
)
_LINE = re.compile(r"(?P<sum>[0-9a-f]{64})  (?P<name>.+)")


def of_file(path: pathlib.Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Every file in `folder` and below, but the list itself."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)


def write(folder: pathlib.Path) -> None:
    """Writes the list of all files in `folder`."""
    lines = "".join(f"{of_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files(folder))
    with atomic.file(folder / FILE) as temporary:
        temporary.write_text(f"{lines}{_OWN}{_sum_of(lines)}\n", encoding="utf-8")


def faults(folder: pathlib.Path) -> Iterator[str]:
    """A sentence for each file that is not as the list says: changed, missing, not listed; or the list is damaged."""
    path = folder / FILE
    if not path.is_file():
        yield f"{FILE}: missing"
        return
    content = path.read_bytes().decode("utf-8", "replace")
    lines, _, own = content.rpartition(_OWN)
    if own != f"{_sum_of(lines)}\n":
        yield f"{FILE}: damaged: its own sum, in its last line, does not fit"
        return
    listed = {m["name"]: m["sum"] for m in map(_LINE.fullmatch, lines.splitlines()) if m}
    present = {p.relative_to(folder).as_posix(): p for p in files(folder)}
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            yield f"{name}: missing"
        elif name not in listed:
            yield f"{name}: not listed in {FILE}"
        elif of_file(present[name]) != listed[name]:
            yield f"{name}: changed: its SHA-256 is not the listed one"


def _sum_of(lines: str) -> str:
    return hashlib.sha256(lines.encode()).hexdigest()
