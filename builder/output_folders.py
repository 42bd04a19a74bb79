"""What a command may replace: only folders that it wrote itself, and nothing of a user's in them."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import pathlib
from collections.abc import Iterator

from builder import atomic, checksums, errors, hashing


@dataclasses.dataclass(frozen=True)
class FolderKind:
    """How a folder that one command writes is recognised, and which files in it are the project's.

    Attributes:
      what: the folder in words, as "a sampling frame".
      mark: a file that every such folder holds, and that other folders do not.
      files: patterns of paths below the folder that the project writes there, as `fnmatch` takes them; "*" also
        matches "/", so "chips/*" are all files below chips. Files that the folder's SHA256SUMS lists need no pattern.
      keeps_edits: whether a file that SHA256SUMS lists counts as a stranger once its content was changed.
    """

    what: str
    mark: str
    files: tuple[str, ...] = ()
    keeps_edits: bool = False

    def strangers(self, folder: pathlib.Path) -> Iterator[str]:
        """Paths below `folder` that the command did not write, in order."""
        listed = dict(checksums.read(folder) or {})
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            is_file = path.is_symlink() or not path.is_dir()  # a link to a folder would be deleted too
            if not is_file or name == checksums.FILE or any(fnmatch.fnmatchcase(name, one) for one in self.files):
                continue
            if name not in listed or (self.keeps_edits and _was_changed(path, listed[name])):
                yield name


def _was_changed(path: pathlib.Path, listed: str) -> bool:
    return not path.is_file() or hashing.sha256_of_file(path) != listed


def check(out: pathlib.Path, kind: FolderKind, *, option: str = "--out", overwrite: bool) -> None:
    """Looks at an output folder before any work is done.

    Raises:
      errors.InputError: if nothing can be written there, it is the folder one works in or one above it, or it holds
        files that are not the project's, which `--overwrite` would delete.
      errors.RefusedOverwrite: if it holds such a folder already and `overwrite` is false.
    """
    check_place(out, option=option)
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / kind.mark).is_file():
        raise errors.InputError(
            f"{option} {out}: expected a new or empty folder, or {kind.what} to replace; it holds other files. "
            f"Name another {option}."
        )
    if not overwrite:
        raise errors.RefusedOverwrite(out, option)
    if strangers := list(kind.strangers(out)):
        others = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        raise errors.InputError(
            f"{option} {out}: --overwrite would delete {strangers[0]}{others}, which the command that made this folder "
            f"did not write. Move what you need elsewhere, or name another {option}."
        )


def check_place(out: pathlib.Path, *, option: str) -> None:
    """Refuses a place where no folder can be made, the current folder, and every folder above it.

    Raises:
      errors.InputError: naming the place.
    """
    try:
        target, here = out.resolve(), pathlib.Path.cwd()
        parent = next(path for path in (target, *target.parents) if path.exists())
    except (OSError, RuntimeError, ValueError) as error:  # too long a name, links in a circle, NUL
        raise errors.InputError(f"{option} {out}: no such place can be: {error}. Name another {option}.") from error
    if here.is_relative_to(target):
        raise errors.InputError(
            f"{option} {out}: expected a folder of its own; received the folder you are in, or one above it. Name a "
            f"new one, as {option} {here.name or 'results'}-out."
        )
    if not parent.is_dir() or not os.access(parent, os.R_OK | os.W_OK | os.X_OK):
        raise errors.InputError(
            f"{option} {out}: expected a folder that can be written; {parent} cannot. Name another {option}."
        )
    atomic.recover(target)
