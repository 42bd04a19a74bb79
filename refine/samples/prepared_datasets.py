"""Releases on disk: which are there, and which one NAME/CONFIG:VERSION names."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence

from builder import errors, input_files

REFERENCE = re.compile(r"(?P<name>\w+)(?:/(?P<config>[^:/]+))?(?::(?P<version>\d+\.\d+\.\d+))?$")
VERSION_FOLDER = re.compile(r"\d+\.\d+\.\d+$")
INFO = "dataset_info.json"


def available(data_dir: pathlib.Path) -> list[str]:
    """NAME/CONFIG:VERSION of every prepared dataset under `data_dir`."""
    found = [path.parent for depth in ("*/*", "*/*/*") for path in data_dir.glob(f"{depth}/{INFO}")]
    return sorted(
        f"{p.parent.relative_to(data_dir).as_posix()}:{p.name}" for p in found if VERSION_FOLDER.match(p.name)
    )


def is_released(reference: str, data_dir: pathlib.Path | None) -> bool:
    """Whether `reference` names a release under `data_dir` (None: where TFDS keeps datasets)."""
    parts = REFERENCE.match(reference)
    return parts is not None and any(_is_meant(there, parts) for there in available(_root(data_dir)))


def find(reference: str, data_dir: pathlib.Path | None) -> tuple[pathlib.Path, str, str]:
    """(folder, NAME/CONFIG, version) of the release that NAME[/CONFIG][:VERSION] names.

    Without a config it is the only one there, without a version the newest one.

    Args:
      reference: names the release.
      data_dir: where releases lie; None: where TFDS keeps datasets.

    Raises:
      errors.InputError: if it is not there (lists what is), names several configs, or holds a FIFO or a device.
    """
    root = _root(data_dir)
    parts = REFERENCE.match(reference)
    if parts is None:
        raise errors.InputError(
            f"--dataset: expected NAME/CONFIG:VERSION, for example globeland_samples/rough:1.0.0, or a folder of "
            f"pictures; received {reference!r}."
        )
    there = [name for name in available(root) if _is_meant(name, parts)]
    if not there:
        raise errors.InputError(
            f"{reference} is not under {root}; there {_there(available(root))}. Give another --data_dir, or prepare it "
            f"with `tfds build {parts['name']} --data_dir {root}`."
        )
    if len({name.partition(":")[0] for name in there}) > 1:
        raise errors.InputError(f"{reference} has several configs: {', '.join(there)}. Name one.")
    name, _, version = max(there, key=lambda d: tuple(int(n) for n in d.rpartition(":")[2].split("."))).rpartition(":")
    _check_regular_files(root / name / version)
    return root / name / version, name, version


def _root(data_dir: pathlib.Path | None) -> pathlib.Path:
    import tensorflow_datasets as tfds

    return pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()


def _is_meant(prepared: str, wanted: re.Match[str]) -> bool:
    name, _, version = prepared.rpartition(":")
    dataset, _, config = name.partition("/")
    return (
        dataset == wanted["name"]
        and (wanted["config"] is None or config == wanted["config"])
        and (wanted["version"] is None or version == wanted["version"])
    )


def _check_regular_files(folder: pathlib.Path) -> None:
    """Refuses a release that holds a FIFO or a device, which would block its reader."""
    for path in sorted(folder.iterdir()):
        if path.exists() and not path.is_dir():
            input_files.check_regular(path, expected="a file of a release", cure="Copy the version again.")


def _there(found: Sequence[str]) -> str:
    return f"are {', '.join(found)}" if found else "is no prepared dataset"
