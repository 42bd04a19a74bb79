"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from builder import errors

TEMPORARY_PREFIX = ".incomplete."


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
def folder(path: pathlib.Path, *, overwrite: bool = False) -> Iterator[pathlib.Path]:
    """A temporary folder beside `path` that becomes `path` when the block ends well, and vanishes when it does not.

    Raises:
      errors.RefusedOverwrite: if `path` exists and is not empty, and `overwrite` is false.
    """
    if not overwrite and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise errors.RefusedOverwrite(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            retired = pathlib.Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
            path.replace(retired / path.name)
            temporary.replace(path)
            shutil.rmtree(retired)
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
