"""A refined map on disk: its files, tags, legends and summary, known here alone.

refined.tif (codes), refined_provenance.tif, refined_confidence.tif, each with its .aux.xml, refined_changes.csv,
refined_changes.png and refined.json (a STAC item). `map` writes them; `report` and later runs read them.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import math
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from builder import errors, hashing, input_files
from builder.legend import legend
from refine.artefacts import changes, provenance

if TYPE_CHECKING:  # the defaults of a map are read without rasterio and pyproj
    import rasterio.io

    from builder.geometry import lattice

BASE_LEGEND = legend.LEGEND_FILE.with_name("globeland30.toml")
NOT_CLASSIFIED = 255  # value of the confidence raster where no chip was classified
BLOCK_PX = 128  # pixels along one side of a block: a block's changed pixels are counted with one area, in hectares
SUMMARY_PROPERTY = "globeland:summary"  # of the STAC item
_CURE = "Give the refined map that `python -m refine map` wrote, with its companions."


@functools.cache
def base_legend() -> legend.Legend:
    """Names and colours of the codes of a base map, which are those of its refined map too."""
    return legend.read(BASE_LEGEND)


@dataclasses.dataclass(frozen=True)
class MapTags:
    """How a refined map was made, as each of its rasters says; None where a raster does not say it.

    Attributes:
      identity: digest of everything that could change a pixel of the map.
      model_sha256: digest of the model's file.
      dataset: NAME/CONFIG:VERSION that the model was trained on.
      base: file name of the base map.
      base_sha256: digest of that file.
      imagery_rules: digest of the frame's imagery.toml.
      min_confidence: probability, 0..1, below which a pixel kept its code.
      base_trust: probability, 0..1, that the base map is right where products disagree.
      undetermined: what happened to undetermined cells, "classified" or "kept".
      engine: what ran the model.
    """

    identity: str | None = None
    model_sha256: str | None = None
    dataset: str | None = None
    base: str | None = None
    base_sha256: str | None = None
    imagery_rules: str | None = None
    min_confidence: float | None = None
    base_trust: float | None = None
    undetermined: str | None = None
    engine: str | None = None

    @classmethod
    def of_tags(cls, tags: Mapping[str, str], *, where: object) -> MapTags:
        """The tags of a raster; others than these are left out.

        Raises:
          errors.InputError: if a share is no number of 0..1; names `where`.
        """
        texts: dict[str, Any] = {name: tags[tag] for name, tag in _TAGS.items() if tag in tags}
        shares = {name: _share(texts[name], _TAGS[name], where) for name in _SHARES if name in texts}
        return cls(**(texts | shares))

    def texts(self) -> dict[str, str]:
        """Each attribute that is known, by its name, as text."""
        values = {name: getattr(self, name) for name in _TAGS}
        return {name: f"{v:g}" if name in _SHARES else v for name, v in values.items() if v is not None}

    def as_tags(self) -> dict[str, str]:
        """The tags of a raster."""
        return {_TAGS[name]: text for name, text in self.texts().items()}

    def as_stac(self) -> dict[str, str]:
        """The properties of a STAC item."""
        return {tag.lower().replace("globeland_", "globeland:"): text for tag, text in self.as_tags().items()}


_SHARES = ("min_confidence", "base_trust")
_TAGS = {
    "identity": "GLOBELAND_MAP",
    "model_sha256": "GLOBELAND_MODEL_SHA256",
    "dataset": "GLOBELAND_DATASET",
    "base": "GLOBELAND_BASE",
    "base_sha256": "GLOBELAND_BASE_SHA256",
    "imagery_rules": "GLOBELAND_IMAGERY_RULES",
    "min_confidence": "GLOBELAND_MIN_CONFIDENCE",
    "base_trust": "GLOBELAND_BASE_TRUST",
    "undetermined": "GLOBELAND_UNDETERMINED",
    "engine": "GLOBELAND_ENGINE",
}


@dataclasses.dataclass(frozen=True)
class MapSummary:
    """Pixels by provenance, chips refused by reason, and the change table; `+` adds two maps."""

    pixels: Mapping[int, int] = dataclasses.field(default_factory=dict)
    refused: Mapping[str, int] = dataclasses.field(default_factory=dict)
    changed: changes.Changes = dataclasses.field(default_factory=changes.Changes)

    def __add__(self, other: MapSummary) -> MapSummary:
        pixels = collections.Counter(self.pixels) + collections.Counter(other.pixels)
        refused = collections.Counter(self.refused) + collections.Counter(other.refused)
        return MapSummary(dict(pixels), dict(refused), self.changed + other.changed)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        pixels = {provenance.Provenance(p).name.lower(): n for p, n in sorted(self.pixels.items())}
        return {"pixels": pixels, "refused": dict(sorted(self.refused.items())), "changed": self.changed.rows()}

    @classmethod
    def from_json(cls, summary: Mapping[str, Any]) -> MapSummary:
        """The summary that `as_json` gave.

        Raises:
          KeyError, TypeError, ValueError: if `summary` is no such mapping.
        """
        pixels = {int(provenance.Provenance[name.upper()]): int(n) for name, n in summary["pixels"].items()}
        return cls(pixels, dict(summary["refused"]), changes.Changes.of_rows(summary["changed"]))


@dataclasses.dataclass(frozen=True)
class RefinedMap:
    """A refined map by the path of its codes (refined.tif). `RefinedMap.open` checks it; the constructor names it."""

    path: pathlib.Path

    @classmethod
    def open(cls, path: pathlib.Path) -> RefinedMap:
        """The map at `path`, whose rasters can be opened and lie on one grid.

        Raises:
          errors.InputError: naming the raster that is missing, damaged, or on another grid.
        """
        refined = cls(path)
        grid = refined.lattice()
        for raster in refined.rasters[1:]:
            _check_grid(raster, grid, path, cure=_CURE)
        return refined

    @property
    def provenance(self) -> pathlib.Path:
        """COG, uint8: values of `provenance.Provenance`."""
        return self._beside("provenance", self.path.suffix)

    @property
    def confidence(self) -> pathlib.Path:
        """COG, uint8: percent, NOT_CLASSIFIED where nothing was classified."""
        return self._beside("confidence", self.path.suffix)

    @property
    def change_table(self) -> pathlib.Path:
        """CSV, see `changes.COLUMNS`."""
        return self._beside("changes", ".csv")

    @property
    def change_figure(self) -> pathlib.Path:
        """PNG: the change table as a matrix."""
        return self._beside("changes", ".png")

    @property
    def stac_item(self) -> pathlib.Path:
        """JSON: footprint, grid, classes, tags and summary."""
        return self.path.with_suffix(".json")

    @property
    def rasters(self) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
        """Codes, provenance, confidence."""
        return self.path, self.provenance, self.confidence

    @property
    def outputs(self) -> tuple[pathlib.Path, ...]:
        """Every file of the map, the codes first."""
        described = [raster.with_name(f"{raster.name}.aux.xml") for raster in self.rasters]
        return (*self.rasters, *described, self.change_table, self.change_figure, self.stac_item)

    def lattice(self) -> lattice.Lattice:
        """The grid of the map, which is that of its base.

        Raises:
          errors.InputError: if it is missing or damaged.
        """
        return _lattice_of(self.path)

    def tags(self) -> MapTags:
        """How the map was made.

        Raises:
          errors.InputError: if it is missing or damaged.
        """
        with _opened(self.path, expected="a refined map") as dataset:
            tags = dict(dataset.tags())
        return MapTags.of_tags(tags, where=self.path)

    def identity(self) -> str | None:
        """The identity of the map; None if there is no map, or none of ours."""
        try:
            return self.tags().identity
        except errors.InputError:
            return None

    def summary(self) -> MapSummary:
        """Counts and changes of the map, from its STAC item.

        Raises:
          errors.InputError: if the item is missing or damaged.
        """
        item = input_files.read_json(self.stac_item, expected="the STAC item of a refined map", cure=_CURE)
        try:
            return MapSummary.from_json(item["properties"][SUMMARY_PROPERTY])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise errors.InputError(
                f"{self.stac_item}: expected the counts of a refined map in {SUMMARY_PROPERTY}; they are damaged "
                f"({error!r}). {_CURE}"
            ) from error

    def read_changes(self) -> changes.Changes:
        """The change table beside the map, with hectares of two decimals.

        Raises:
          errors.InputError: if the table is missing or damaged, or lacks a change that the map's STAC item has.
        """
        table = changes.read_csv(self.change_table)
        if self.stac_item.exists() and table.pixels != self.summary().changed.pixels:
            raise errors.InputError(
                f"{self.change_table}: expected the changes that {self.stac_item} lists; received others. {_CURE}"
            )
        return table

    def check_base(self, base: pathlib.Path) -> None:
        """Refuses a base map that is not the one that was refined.

        Raises:
          errors.InputError: if `base` is missing, damaged, on another grid, or another file of the same grid.
        """
        _check_grid(base, self.lattice(), self.path, cure="Give the base map that was refined.")
        tags = self.tags()
        if tags.base_sha256 is None:
            return
        received = hashing.sha256_of_file(base)
        if received != tags.base_sha256:
            raise errors.InputError(
                f"--base {base}: expected the map that {self.path} was made from, {tags.base or 'a file'} of SHA-256 "
                f"{tags.base_sha256}; received one of SHA-256 {received}. Give that file, or leave --base out."
            )

    def _beside(self, what: str, suffix: str) -> pathlib.Path:
        return self.path.with_name(f"{self.path.stem}_{what}{suffix}")


def _lattice_of(path: pathlib.Path) -> lattice.Lattice:
    from builder.geometry import lattice

    with _opened(path, expected="a raster of a refined map, or its base") as dataset:
        if dataset.crs is None:
            raise errors.NoCrs(f"{path}: expected a raster with a CRS; it has none. {_CURE}")
        return lattice.Lattice.of(dataset)


@contextlib.contextmanager
def _opened(path: pathlib.Path, *, expected: str) -> Iterator[rasterio.io.DatasetReader]:
    import rasterio.errors

    input_files.check_regular(path, expected=expected, cure=_CURE)
    try:
        with rasterio.open(path) as dataset:
            yield dataset
    except rasterio.errors.RasterioError as error:
        raise errors.InputError(
            f"{path}: expected a raster that can be read; {error.__cause__ or error}. {_CURE}"
        ) from error


def _check_grid(path: pathlib.Path, grid: lattice.Lattice, refined: pathlib.Path, *, cure: str) -> None:
    received = _lattice_of(path)
    if received != grid:
        raise errors.InputError(
            f"{path}: expected the grid of {refined}, {grid.shape} pixels at {grid.transform}; received "
            f"{received.shape} pixels at {received.transform}. {cure}"
        )


def _share(text: str, tag: str, where: object) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0.0 <= share <= 1.0:
        raise errors.InputError(f"{where}: expected the tag {tag} of 0..1; received {text!r}. {_CURE}")
    return share
