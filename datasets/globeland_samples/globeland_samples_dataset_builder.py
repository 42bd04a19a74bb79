"""The dataset globeland_samples, declared for TFDS; the work is done in `builder`."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from builder import checksums
from builder.dataset import assembly, examples, tfds_quirks
from builder.dataset.examples import Kind
from builder.frame import frame
from builder.legend import legend
from builder.pipeline import running
from builder.steps import build_dataset

ROUGH = assembly.Contents()
ACCURATE = assembly.Contents(reviewed_only=True, per_class=800)


@dataclasses.dataclass(eq=False)
class SamplesConfig(tfds.core.BuilderConfig):
    """A config says which labels train and validation carry; the test splits are the same in all."""

    rules: assembly.Contents = ROUGH


class Builder(tfds.core.ShardBasedBuilder):
    """Chips of 90 m with the land cover class on which five global maps agree."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "Seven classes, five products of about 2010, test splits drawn as a probability sample."
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Give --manual_dir a sampling frame, the folder that `python -m builder points` writes:
      {frame.POINTS:<16} every ranked point (needed)
      {frame.IMAGERY:<16} imagery to ask, and the rules a chip must meet (needed)
      {frame.REVIEWS:<16} labels people gave; `accurate` and `test_inconsistent` need them
      {frame.CHIPS:<16} chips acquired so far; the build asks only for what is missing
      {checksums.FILE:<16} sums of the points and the maps, which the build checks (needed)
      {", ".join(frame.RASTERS)}: the maps (not for given points)
    Write one with: python -m builder points --products PRODUCTS --imagery imagery.toml --out FRAME
    """
    BUILDER_CONFIGS: ClassVar[list[SamplesConfig]] = [
        SamplesConfig(
            name="rough",
            description="Train and validation carry the class on which the maps agree. Test splits carry the label of "
            "reviewers where there is one.",
            rules=ROUGH,
        ),
        SamplesConfig(
            name="accurate",
            description="Train and validation hold reviewed chips only, at most 800 per class. Test splits are "
            "those of `rough`.",
            rules=ACCURATE,
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({f.name: CONNECTORS[f.kind](doc=f.doc) for f in examples.FEATURES}),
            supervised_keys=("image", "label"),
            homepage="not published yet",  # by default TFDS names a page of its own catalogue
            license="Labels derive from the products cited; each chip carries its imagery's licence and attribution.",
            metadata=tfds.core.MetadataDict(),
        )

    def download_and_prepare(self, **kwargs: Any) -> None:
        """As TFDS does it, but a build that fails leaves no empty folder."""
        try:
            super().download_and_prepare(**kwargs)
        finally:
            tfds_quirks.remove_empty_folders(pathlib.Path(self.data_path))

    def _download_and_prepare(
        self, dl_manager: tfds.download.DownloadManager, download_config: tfds.download.DownloadConfig
    ) -> None:
        incomplete = pathlib.Path(self.data_dir)
        tfds_quirks.remove_litter(incomplete)
        tfds_quirks.check_format(self.info.file_format.value)
        beam_options = download_config.beam_options
        flags = running.flags_of(beam_options)
        self._build = build_dataset.prepare(pathlib.Path(dl_manager.manual_dir), self.builder_config.rules, flags)
        runner = running.distributed_runner(beam_options)
        super()._download_and_prepare(dl_manager, dataclasses.replace(download_config, beam_runner=runner))
        self.info.metadata.update(self._build.finish(incomplete, self.info.file_format.value))

    def _shard_iterators_per_split(
        self, dl_manager: tfds.download.DownloadManager
    ) -> Mapping[str, list[Callable[[], Any]]]:
        return self._build.shards()


CONNECTORS: Mapping[Kind, Callable[..., tfds.features.FeatureConnector]] = {
    Kind.JPEG: functools.partial(tfds.features.Image, shape=(None, None, 3), dtype=np.uint8, encoding_format="jpeg"),
    Kind.CLASS: functools.partial(tfds.features.ClassLabel, names=legend.seven().names),
    Kind.TEXT: tfds.features.Text,
    Kind.INT32: functools.partial(tfds.features.Scalar, np.int32),
    Kind.INT64: functools.partial(tfds.features.Scalar, np.int64),
    Kind.FLOAT32: functools.partial(tfds.features.Scalar, np.float32),
    Kind.AFFINE: functools.partial(tfds.features.Tensor, shape=(6,), dtype=np.float32),
    Kind.CORNERS: functools.partial(tfds.features.Tensor, shape=(4, 2), dtype=np.int64),
    Kind.PRODUCT_LABELS: functools.partial(
        tfds.features.Sequence, {"product": tfds.features.Text(), "label": tfds.features.Text()}
    ),
}
