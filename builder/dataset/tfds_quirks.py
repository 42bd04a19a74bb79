"""What TensorFlow Datasets does otherwise than this project needs, and what we do about it."""

from __future__ import annotations

import pathlib
import shutil

from builder import errors
from builder.dataset import shard_files

INCOMPLETE_PREFIX = "incomplete."  # TFDS's name for a folder under construction


def check_format(file_format: str) -> None:
    """Raises InputError for a file format that the build cannot read back and check."""
    if file_format not in shard_files.FORMATS:
        raise errors.InputError(
            f"--file_format: expected {' or '.join(shard_files.FORMATS)}; received {file_format}. The first is for "
            "tfds.load, the second for tfds.data_source; `python -m builder release` makes a folder with both."
        )


def remove_litter(incomplete: pathlib.Path) -> None:
    """Removes what killed builds of the same version left beside the folder that is under construction."""
    version = incomplete.name.partition("_")[2]
    for path in incomplete.parent.glob(f"{INCOMPLETE_PREFIX}*_{version}"):
        if path != incomplete:
            shutil.rmtree(path, ignore_errors=True)


def remove_shard_notes(folder: pathlib.Path) -> None:
    """Removes the notes on shards that TFDS forgets where it writes shards on Beam."""
    for leftover in folder.glob("*.shard_infos.json"):
        leftover.unlink()


def remove_empty_folders(version_folder: pathlib.Path) -> None:
    """Removes the folders of a config and of the dataset if a failed build leaves nothing in them."""
    config_folder, dataset_folder = version_folder.parent, version_folder.parent.parent
    if config_folder.is_dir() and not any(config_folder.iterdir()):
        config_folder.rmdir()
    if dataset_folder.is_dir() and [path.name for path in dataset_folder.iterdir()] == [".config"]:
        shutil.rmtree(dataset_folder)
