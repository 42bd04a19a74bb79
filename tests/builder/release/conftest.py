"""A built and a published version of given points, made once for the tests of this folder."""

from __future__ import annotations

import datetime
import importlib
import pathlib
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

import generated_frame
import pytest
from checkout import ROOT

from builder.frame import frame as frames
from builder.release import release
from builder.steps import acquire_chips

COUNTS = {"train": 21, "validation": 7, "test": 14, "test_inconsistent": 7}
DAY = datetime.date(2026, 11, 23)


@pytest.fixture(scope="session")
def frame(tmp_path_factory: pytest.TempPathFactory) -> frames.Frame:
    frame = generated_frame.write(tmp_path_factory.mktemp("frame"), COUNTS)
    points = frame.points().to_pylist()
    generated_frame.review(frame, {p["key"]: p["base_class"] for p in points if p["split"] != "validation"})
    acquire_chips.acquire(frame)
    return frame


@pytest.fixture(scope="session")
def dataset() -> Iterator[Any]:
    sys.path.insert(0, str(ROOT / "datasets"))
    yield importlib.import_module("globeland_samples.globeland_samples_dataset_builder")
    sys.path.remove(str(ROOT / "datasets"))


@pytest.fixture(scope="session")
def build(dataset: Any) -> Callable[..., pathlib.Path]:
    """build(frame, data_dir, config) -> folder of the version."""

    def run(
        frame: frames.Frame, data: pathlib.Path, config: str = "rough", file_format: str = "tfrecord"
    ) -> pathlib.Path:
        import tensorflow_datasets as tfds

        built = dataset.Builder(data_dir=data, config=config, file_format=file_format)
        built.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=frame.path))
        return pathlib.Path(built.data_dir)

    return run


@pytest.fixture(scope="session")
def built(
    build: Callable[..., pathlib.Path], frame: frames.Frame, tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """A sound build. Do not change it: copy it."""
    return build(frame, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def published(built: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A sound release. Do not change it: copy it."""
    folder = tmp_path_factory.mktemp("published")
    return release.release(built, folder, record_in=folder / "records", date=DAY).folder


@pytest.fixture
def copy(published: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A release that a test may damage."""
    root = published.parents[2]
    shutil.copytree(root / "globeland_samples", tmp_path / "globeland_samples")
    return tmp_path / published.relative_to(root)


@pytest.fixture
def crafted(built: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A build that a test may damage."""
    return pathlib.Path(shutil.copytree(built, tmp_path / "built"))
