"""The folder of a frame on disk: what may be replaced, what is kept, and that it appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

from builder import atomic, errors
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.frame import moved_paths


def check(out: pathlib.Path, design: designs.SamplingDesign, *, overwrite: bool) -> None:
    """Looks at the output before any work is done.

    Raises:
      errors.InputError: if nothing can be written there, or there is a frame (of this or another design) and no
        `--overwrite`, or something that is no frame, which `--overwrite` does not replace.
    """
    parent = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise errors.InputError(
            f"--out {out}: expected a folder that can be written; {parent} cannot. Name another --out."
        )
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / frames.POINTS).is_file():
        raise errors.InputError(
            f"--out {out}: expected a new or empty folder, or a frame to replace; it holds other files. "
            "Name another --out."
        )
    if not overwrite:
        raise errors.InputError(
            f"--out {out}: holds a frame already, {_difference(out, design)}. Name another --out, or give --overwrite "
            f"to replace it ({', '.join(frames.KEPT)} are kept)."
        )


def _difference(out: pathlib.Path, design: designs.SamplingDesign) -> str:
    """What tells the frame in `out` from one of `design`, as far as that is known before the products are read."""
    try:
        there, here = frames.Frame(out).design.to_json(), design.to_json()
    except errors.InputError:
        return "whose points cannot be read"
    unknown = {"products", "base", "min_agreement", "region", "aoi_sha256"}
    differences = [
        f"{name} {there[name]} there, {here[name]} here"
        for name in here
        if name not in unknown and there[name] != here[name]
    ]
    return f"of another design ({'; '.join(differences)})" if differences else "of the same numbers"


@contextlib.contextmanager
def written(out: pathlib.Path, *, overwrite: bool, imagery: pathlib.Path | None) -> Iterator[pathlib.Path]:
    """A temporary folder that becomes the frame `out` when the block ends well.

    `imagery` is copied in, its relative paths rewritten. Of a frame that is replaced, the chips, the reviews and
    (without `imagery`) imagery.toml are kept.
    """
    with atomic.folder(out, overwrite=overwrite) as folder:
        if imagery is not None:
            text = moved_paths.moved(imagery.read_text(encoding="utf-8"), imagery.parent, out)
            (folder / frames.IMAGERY).write_text(text, encoding="utf-8")
        yield folder
        for name in frames.KEPT:
            if (out / name).exists() and not (folder / name).exists():
                _keep(out / name, folder / name)


def _keep(old: pathlib.Path, new: pathlib.Path) -> None:
    """`old` under the name `new` as well; by links, since chips are many and the old frame stays whole till the end."""
    if old.is_dir():
        shutil.copytree(old, new, copy_function=_link)
    else:
        _link(str(old), str(new))


def _link(old: str, new: str) -> None:
    try:
        os.link(old, new)
    except OSError:  # another file system, or one without links
        shutil.copy2(old, new)
