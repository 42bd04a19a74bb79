"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from builder import errors

TEMPORARY_PREFIX = ".incomplete."
ASIDE_PREFIX = ".replaced."
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT)  # of a rename that another process was faster with


@contextlib.contextmanager
def file(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary path beside `path` that is renamed to it when the block ends well, and removed when it does not.

    The temporary keeps the suffixes of `path`, since drivers choose formats by them. An existing file is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, suffix="".join(path.suffixes[-3:]), dir=path.parent)
    os.close(handle)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def folder(path: pathlib.Path, *, overwrite: bool = False, option: str = "--out") -> Iterator[pathlib.Path]:
    """A temporary folder beside `path` that becomes `path` when the block ends well, and vanishes when it does not.

    A folder that is replaced is moved aside under a name of its own until the new one has its place: should the
    process be killed between the two renames, `recover` puts the old one back. Links are followed. `option` is the one
    that names the output, for the error.

    Raises:
      errors.RefusedOverwrite: if `path` exists and is not empty, before or after the block, and `overwrite` is false.
      errors.InputError: if another process replaced `path` at the same moment.
    """
    path = path.resolve()
    recover(path)
    if not overwrite and _is_taken(path):
        raise errors.RefusedOverwrite(path, option)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if not overwrite and _is_taken(path):  # another process was faster
            raise errors.RefusedOverwrite(path, option)
        _put_in_place(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recover(path: pathlib.Path) -> None:
    """Puts back the folder that a killed run had moved aside to replace it, if nothing took its place."""
    aside = _aside(path)
    if not aside.exists():
        return
    if path.exists():
        _remove_aside(aside)
    else:
        aside.replace(path)


def _put_in_place(new: pathlib.Path, path: pathlib.Path) -> None:
    """Renames `new` to `path`, after moving what lies there aside; on any failure the old folder is put back."""
    try:
        if path.exists():
            path.replace(_aside(path))
        new.replace(path)
    except OSError as error:
        if error.errno in _TAKEN:
            raise errors.InputError(
                f"{path}: another process replaced it at the same moment; what it wrote is kept. Run one command at a "
                "time on one folder, and this one again if you want its result."
            ) from error
        raise
    finally:
        recover(path)


def _aside(path: pathlib.Path) -> pathlib.Path:
    """Where a folder waits while it is replaced: one name, so that it is found after a kill."""
    return path.with_name(f"{ASIDE_PREFIX}{path.name}")


def _remove_aside(aside: pathlib.Path) -> None:
    """Removes a folder that was replaced; under another name first, so that a half removed one is never put back."""
    litter = pathlib.Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=aside.parent))
    with contextlib.suppress(FileNotFoundError):  # another process removed it
        aside.replace(litter / aside.name)
    shutil.rmtree(litter, ignore_errors=True)


def _is_taken(path: pathlib.Path) -> bool:
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def remove_litter(folder_path: pathlib.Path) -> list[pathlib.Path]:
    """Removes what killed runs left in `folder_path`; returns what was removed."""
    litter = sorted(folder_path.glob(f"{TEMPORARY_PREFIX}*")) if folder_path.is_dir() else []
    for path in litter:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return litter


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
