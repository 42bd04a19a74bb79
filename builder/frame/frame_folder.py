"""The folder of a frame on disk: what may be replaced, what is kept, and that it appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from builder import atomic, errors, output_folders
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.frame import moved_paths


def check(out: pathlib.Path, design: designs.SamplingDesign, *, overwrite: bool) -> None:
    """Looks at the output before any work is done.

    Raises:
      errors.InputError: if nothing can be written there, or there is a frame (of this or another design) and no
        `--overwrite`, or files that are no frame's, which `--overwrite` does not delete.
    """
    try:
        output_folders.check(out, frames.FOLDER, overwrite=overwrite)
    except errors.RefusedOverwrite as refused:
        raise errors.InputError(
            f"--out {out}: holds a frame already, {_difference(out, design)}. Name another --out, or give --overwrite "
            f"to replace it ({', '.join(frames.KEPT)} are kept)."
        ) from refused


def _difference(out: pathlib.Path, design: designs.SamplingDesign) -> str:
    """How the frame in `out` differs from one of `design`, as far as that is known before the products are read."""
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
def written(
    out: pathlib.Path, *, imagery: pathlib.Path | None, overwrite: bool, dry_run: bool = False
) -> Iterator[pathlib.Path]:
    """A temporary folder that becomes the frame `out` when the block ends well; after a dry run it is removed.

    `imagery` is copied in, its relative paths rewritten. Of a frame that is replaced, the chips, the reviews and
    (without `imagery`) imagery.toml are kept.

    Raises:
      errors.RefusedOverwrite: if there is a frame in `out`, before or after the block, and `overwrite` is false.
    """
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="globeland-") as scratch:
            yield pathlib.Path(scratch)
        return
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
    if old.is_symlink():
        new.symlink_to(old.readlink())  # both folders lie side by side, so a relative link leads to the same place
    elif old.is_dir():
        shutil.copytree(old, new, copy_function=_link, symlinks=True)
    else:
        _link(str(old), str(new))


def _link(old: str, new: str) -> None:
    try:
        os.link(old, new)
    except OSError:  # another file system, or one without links
        shutil.copy2(old, new)
