"""`SHA256SUMS`: the sum of every file of a folder, in the form that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping

from builder import atomic, hashing

FILE = "SHA256SUMS"
# sha256sum takes the line for a comment; by it we know whether the list itself is damaged.
_OWN = "# sha256 of the lines above: "
_LINE = re.compile(r"(?P<sum>[0-9a-f]{64})  (?P<name>.+)")


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Every file in `folder` and below, but the list itself."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / FILE)


def write(folder: pathlib.Path, listed: Iterable[pathlib.Path] | None = None) -> None:
    """Writes the list of the files in `folder`: of `listed`, or of all."""
    chosen = files(folder) if listed is None else sorted(listed)
    lines = "".join(f"{hashing.sha256_of_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in chosen)
    with atomic.file(folder / FILE) as temporary:
        temporary.write_text(f"{lines}{_OWN}{_sum_of(lines)}\n", encoding="utf-8")


def read(folder: pathlib.Path) -> Mapping[str, str] | None:
    """The sum of each listed file, by its path below `folder`; None if the list is missing or damaged."""
    path = folder / FILE
    if not path.is_file():
        return None
    lines, _, own = path.read_bytes().decode("utf-8", "replace").rpartition(_OWN)
    if own != f"{_sum_of(lines)}\n":
        return None
    return {found["name"]: found["sum"] for found in map(_LINE.fullmatch, lines.split("\n")) if found}


def faults(folder: pathlib.Path) -> Iterator[str]:
    """A sentence for each file that differs from the list: changed, missing, or not listed; or the list is damaged."""
    if not (folder / FILE).is_file():
        yield f"{FILE}: missing"
        return
    listed = read(folder)
    if listed is None:
        yield f"{FILE}: damaged: its own sum, in its last line, does not fit"
        return
    present = {path.relative_to(folder).as_posix(): path for path in files(folder)}
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            yield f"{name}: missing"
        elif name not in listed:
            yield f"{name}: not listed in {FILE}"
        elif hashing.sha256_of_file(present[name]) != listed[name]:
            yield f"{name}: changed: its SHA-256 is not the listed one"


def _sum_of(lines: str) -> str:
    return hashlib.sha256(lines.encode()).hexdigest()
