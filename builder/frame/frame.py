"""The sampling frame: the one folder between the maps, the chips, the dataset and the refinement."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import Any

import pyarrow as pa

from builder import atomic, checksums, errors, hashing, output_folders
from builder.frame import design as designs
from builder.frame import points_table
from builder.legend import legend

AGREEMENT = "agreement.tif"
LAYERS = "agreement_layers.tif"
HARMONIZED = "harmonized.tif"
POINTS = "points.parquet"
IMAGERY = "imagery.toml"
CHIPS = "chips"
REVIEWS = "reviews.parquet"
RASTERS = (AGREEMENT, LAYERS, HARMONIZED)
SEALED = (POINTS, *RASTERS)  # what `points` makes, and no other command or person changes
KEPT = (IMAGERY, CHIPS, REVIEWS)  # what `--overwrite` keeps: people and the network made them
FOLDER = output_folders.FolderKind(
    "a sampling frame",
    mark=POINTS,
    files=(*SEALED, *(f"{name}.aux.xml" for name in RASTERS), IMAGERY, REVIEWS, CHIPS, f"{CHIPS}/*"),
)


@dataclasses.dataclass(frozen=True)
class Frame:
    """A folder with the files below. `Frame.open` checks it; the constructor only names it."""

    path: pathlib.Path

    @classmethod
    def open(cls, path: pathlib.Path | str, *, needs_imagery: bool = False) -> Frame:
        """The frame in `path`, checked; its points and rasters are those that were sealed.

        A frame that a killed `points --overwrite` had moved aside is put back first.

        Raises:
          errors.InputError: if the folder, its points or its rasters are missing or changed, or `needs_imagery` and
            there is no imagery.toml; the text says what to put where. A frame of given points needs no rasters.
        """
        frame = cls(pathlib.Path(path))
        if not frame.path.exists():
            atomic.recover(frame.path.resolve())
        if not frame.path.is_dir():
            raise errors.InputError(
                f"{frame.path}: expected the folder of a sampling frame; found none. {_how_to(frame.path)}"
            )
        if frame.points_file.is_file():
            _check_sums(frame.path)
        needed = [POINTS] if not frame.points_file.is_file() or frame.design.is_given else [POINTS, *RASTERS]
        needed += [IMAGERY] if needs_imagery else []
        missing = [name for name in needed if not (frame.path / name).is_file()]
        if missing:
            raise errors.InputError(
                f"{frame.path}: expected a sampling frame with {', '.join(needed)}; missing {', '.join(missing)}. "
                f"{_how_to(frame.path)}"
            )
        return frame

    def __reduce__(self) -> tuple[type[Frame], tuple[pathlib.Path]]:
        return Frame, (self.path,)  # workers read the points themselves: a pickled frame is only its path

    @property
    def agreement_file(self) -> pathlib.Path:
        """COG, uint8: consensus class code, 0 = none."""
        return self.path / AGREEMENT

    @property
    def layers_file(self) -> pathlib.Path:
        """COG, uint8, the bands of `layers.Band`."""
        return self.path / LAYERS

    @property
    def harmonized_file(self) -> pathlib.Path:
        """COG, uint8, one band per product: strict class code, 0 = no data, 255 = outside the legend."""
        return self.path / HARMONIZED

    @property
    def points_file(self) -> pathlib.Path:
        """GeoParquet of `points_table.SCHEMA`."""
        return self.path / POINTS

    @property
    def imagery_file(self) -> pathlib.Path:
        """Which imagery to ask, and the rules a chip must meet."""
        return self.path / IMAGERY

    @property
    def chips_folder(self) -> pathlib.Path:
        """The chip store."""
        return self.path / CHIPS

    @property
    def reviews_file(self) -> pathlib.Path:
        """Labels that people gave; may be missing."""
        return self.path / REVIEWS

    @functools.cached_property
    def _table(self) -> pa.Table:
        return points_table.read(self.points_file, legend.seven())

    def points(self) -> pa.Table:
        """Every ranked point, as `points_table.SCHEMA`."""
        return self._table

    @functools.cached_property
    def metadata(self) -> dict[str, Any]:
        """Design, products with their digests, strata and shortfalls, as `builder.steps.make_frame` wrote them."""
        return points_table.metadata_of(self._table, self.points_file)

    @functools.cached_property
    def design(self) -> designs.SamplingDesign:
        """How the points were drawn."""
        design = self.metadata.get("design")
        if not isinstance(design, dict):
            raise errors.InputError(
                f"{self.points_file}: expected the sampling design in its metadata. {points_table.CURE}"
            )
        try:
            return designs.from_json(design)
        except errors.InputError as error:
            raise errors.InputError(f"{self.points_file}: {error} {points_table.CURE}") from error


def seal(folder: pathlib.Path) -> None:
    """Writes the SHA256SUMS of the frame in `folder`, over its points and its rasters; `Frame.open` checks them."""
    checksums.write(folder, [folder / name for name in SEALED if (folder / name).is_file()])


def _check_sums(folder: pathlib.Path) -> None:
    """Refuses a frame whose list of sums is missing or damaged, or whose points or rasters have another sum."""
    cure = f"Write the frame anew with `python -m builder points`, --out {folder} and --overwrite; its chips stay."
    listed = checksums.read(folder)
    if listed is None:
        raise errors.InputError(
            f"{folder / checksums.FILE}: expected the SHA-256 of the frame's files; it is missing or damaged. {cure}"
        )
    for file in (folder / name for name in SEALED if (folder / name).is_file()):
        status = file.stat()
        if listed.get(file.name) != _sum_of(file, status.st_ino, status.st_size, status.st_mtime_ns):
            raise errors.InputError(
                f"{file}: expected the file that `points` wrote; its SHA-256 is not the one in {checksums.FILE}. {cure}"
            )


@functools.lru_cache(maxsize=64)  # once for each state of a file: rasters of a continent take seconds to read
def _sum_of(file: pathlib.Path, *_state: int) -> str:
    return hashing.sha256_of_file(file)


def _how_to(path: pathlib.Path) -> str:
    return (
        f"Write it with `python -m builder points --products PRODUCTS --out {path} --imagery imagery.toml` "
        f"(or `--from POINTS.csv` for your own points), then "
        f"`tfds build datasets/globeland_samples --manual_dir {path}`. "
        f"It holds {POINTS}, {', '.join(RASTERS)} (not for given points), {IMAGERY}, and later {CHIPS}/ and {REVIEWS}."
    )
