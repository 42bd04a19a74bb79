"""The checks TFDS makes of every dataset, on a generated frame (`python tests/worlds/generated_frame.py DIR`)."""

from __future__ import annotations

import pathlib
import shutil
import tempfile

import tensorflow_datasets as tfds
from etils import epath

from . import globeland_samples_dataset_builder as declaration

DUMMY_DATA = pathlib.Path(__file__).with_name("dummy_data")


class GlobelandSamplesTest(tfds.testing.DatasetBuilderTestCase):
    """Builds `rough`; `accurate` differs in labels only, which tests/builder/steps/test_build_dataset.py looks at."""

    DATASET_CLASS = declaration.Builder
    BUILDER_CONFIG_NAMES_TO_TEST = ("rough",)
    SPLITS = {"train": 14, "validation": 7, "test": 7, "test_inconsistent": 7}  # noqa: RUF012 - TFDS compares a dict

    @classmethod
    def setUpClass(cls) -> None:
        """Builds from a copy, since a build fills the frame's chip store."""
        super().setUpClass()
        cls._folder = tempfile.TemporaryDirectory()
        cls.dummy_data = epath.Path(shutil.copytree(DUMMY_DATA, pathlib.Path(cls._folder.name) / "frame"))

    @classmethod
    def tearDownClass(cls) -> None:
        """Removes the copy."""
        cls._folder.cleanup()
        super().tearDownClass()


if __name__ == "__main__":
    tfds.testing.test_main()
