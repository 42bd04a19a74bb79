"""The hidden folder beside a map's output: finished blocks, and the map's files until they get their names.

.incomplete.STEM.IDENTITY/ holds one .npz per finished block. Its folder `ready` appears when all files of the map are
written; from then on they only wait to be moved beside it.
"""

from __future__ import annotations

import pathlib
import re
import shutil
from collections.abc import Iterator

from builder import atomic
from refine.artefacts import refined_map

_STAGE = "ready"
_UNFINISHED = "unfinished"


def of(out: pathlib.Path, identity: str) -> pathlib.Path:
    """The folder of the map at `out` that has this identity."""
    return out.parent / f"{_prefix(out)}{identity}"


def remove_all(out: pathlib.Path) -> None:
    """Removes the folders of the map at `out`, those of earlier tries with other settings, too."""
    for folder in _all(out):
        shutil.rmtree(folder)


def is_staged(folder: pathlib.Path) -> bool:
    """Whether all files of the map were written, so that they only have to be moved."""
    return (folder / _STAGE).is_dir()


def staged(out: pathlib.Path) -> list[pathlib.Path]:
    """The folders of the map at `out` whose files wait to be moved, or were moved by a run that was killed then."""
    return [folder for folder in _all(out) if is_staged(folder)]


def unfinished(folder: pathlib.Path) -> pathlib.Path:
    """A new and empty place below `folder` to write the map's files to."""
    place = folder / _UNFINISHED
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def stage(folder: pathlib.Path) -> None:
    """Declares the files in `unfinished` to be all."""
    (folder / _UNFINISHED).rename(folder / _STAGE)


def publish(folder: pathlib.Path, out: pathlib.Path) -> None:
    """Moves the map's files beside `folder`, the map itself last: where it is, all is.

    An earlier map at `out` is removed first. Killed and called again, it moves what is left.
    """
    place = folder / _STAGE
    if (place / out.name).exists():
        out.unlink(missing_ok=True)
    for target in reversed(refined_map.RefinedMap(out).outputs):
        if (place / target.name).exists():
            (place / target.name).replace(target)


def published(refined: refined_map.RefinedMap) -> frozenset[pathlib.Path]:
    """Files of a map that got their names from a run that was killed before the others got theirs."""
    waiting = [folder / _STAGE for folder in staged(refined.path)]
    return frozenset(
        target for target in refined.outputs if any(not (place / target.name).exists() for place in waiting)
    )


def _prefix(out: pathlib.Path) -> str:
    return f"{atomic.TEMPORARY_PREFIX}{out.stem}."


def _all(out: pathlib.Path) -> Iterator[pathlib.Path]:
    ours = re.compile(re.escape(_prefix(out)) + "[0-9a-f]{16}")
    if out.parent.is_dir():
        yield from [path for path in out.parent.iterdir() if ours.fullmatch(path.name)]
