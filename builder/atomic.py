"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator

from builder import errors

TEMPORARY_PREFIX = ".incomplete."
ASIDE_PREFIX = ".replaced."
_OWNED = re.compile(rf"{re.escape(TEMPORARY_PREFIX)}process-(?P<process>[0-9]{{1,10}})-on-(?P<host>[A-Za-z0-9-]+)\..+")
_DAY_S = 86_400
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT)  # of a rename that another process was faster with


@contextlib.contextmanager
def file(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary path beside `path` that is renamed to it when the block ends well, and removed when it does not.

    The temporary keeps the suffixes of `path`, since drivers choose formats by them. An existing file is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=_prefix(), suffix="".join(path.suffixes[-3:]), dir=path.parent)
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
    """A temporary folder beside `path` that is renamed to it when the block ends well, and removed when it does not.

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
    for litter in _temporaries(path.parent):
        if _OWNED.fullmatch(litter.name) and not _is_in_use(litter):  # a name of ours beyond doubt: others keep theirs
            shutil.rmtree(litter, ignore_errors=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=_prefix(), dir=path.parent))
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
    """Removes a folder that was replaced. It is renamed first, so that `recover` never puts back half of one."""
    litter = pathlib.Path(tempfile.mkdtemp(prefix=_prefix(), dir=aside.parent))
    with contextlib.suppress(FileNotFoundError):  # another process removed it
        aside.replace(litter / aside.name)
    shutil.rmtree(litter, ignore_errors=True)


def _is_taken(path: pathlib.Path) -> bool:
    return path.exists() and (not path.is_dir() or any(path.iterdir()))


def remove_litter(folder_path: pathlib.Path) -> list[pathlib.Path]:
    """Removes what killed runs left in `folder_path`; returns what was removed. Runs that go on keep theirs."""
    litter = [path for path in _temporaries(folder_path) if not _is_in_use(path)]
    for path in litter:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return litter


def _temporaries(folder_path: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder_path.glob(f"{TEMPORARY_PREFIX}*")) if folder_path.is_dir() else []


def _prefix() -> str:
    """The start of a temporary's name, which says whose it is: machine and process."""
    return f"{TEMPORARY_PREFIX}process-{os.getpid()}-on-{_host()}."


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40] or "localhost"


def _is_in_use(path: pathlib.Path) -> bool:
    """Whether the process that made a temporary still runs; on another machine, whether it is younger than a day."""
    owner = _OWNED.fullmatch(path.name)
    if owner is None:
        return False
    try:
        if owner["host"] != _host():
            return time.time() - path.stat().st_mtime < _DAY_S
        os.kill(int(owner["process"]), 0)  # signal 0 reaches nobody: it only asks
    except PermissionError:  # a process of somebody else
        return True
    except (OSError, OverflowError):
        return False
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
