"""What one example holds, and what a stored one says: the only place that knows the names of the features."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from builder import errors
from builder.dataset import assembly, shard_files

Row = Mapping[str, Any]  # one row of `assembly.Assembly.rows`
Images = Callable[[Collection[str], Iterable[str]], Iterable[tuple[str, bytes]]]  # (keys, batches) -> (key, JPEG)
DEGREES_TO_E7 = 10_000_000
CORNER_NUMBERS = 8  # longitude and latitude of four corners
_LABEL_AND_PICTURE = frozenset(("key", "label", "image", "pixels_sha256", "phash"))


class Kind(enum.Enum):
    """How a feature is stored; the dataset's declaration turns each into one of TFDS's stock features."""

    JPEG = enum.auto()
    CLASS = enum.auto()
    TEXT = enum.auto()
    INT32 = enum.auto()
    INT64 = enum.auto()
    FLOAT32 = enum.auto()
    AFFINE = enum.auto()  # float32[6]
    CORNERS = enum.auto()  # int64[4, 2]
    PRODUCT_LABELS = enum.auto()  # sequence of {product, label}


@dataclasses.dataclass(frozen=True)
class Feature:
    """Name, storage, meaning, and how the value comes out of a row."""

    name: str
    kind: Kind
    doc: str
    value: Callable[[Row], Any]


def _text(column: str) -> Callable[[Row], str]:
    return lambda row: row[column] or ""


def _column(column: str) -> Callable[[Row], Any]:
    return lambda row: row[column]


def _number(column: str, missing: float) -> Callable[[Row], float]:
    return lambda row: missing if row[column] is None else row[column]


def _e7(degrees: float) -> int:
    return round(degrees * DEGREES_TO_E7)


def _days(column: str) -> Callable[[Row], int]:
    return lambda row: (row[column] - assembly.EPOCH).days


FEATURES = (
    Feature(
        "image",
        Kind.JPEG,
        "Chip in true colour, uint8[y, x, rgb], north up unless `rotation_deg` is set. 90 m x 90 m of "
        "ground as 299 x 299 px unless the metadata's `chip` says otherwise. Stored as JPEG of quality 90, 4:2:0.",
        _column("image"),
    ),
    Feature(
        "label",
        Kind.CLASS,
        "Land cover class of the cell's centre, 0 artificial .. 6 water. `label_origin` says who gave it.",
        _column("label"),
    ),
    Feature(
        "key",
        Kind.TEXT,
        "Identity: r<row>c<column> of the cell in the 1/360 degree grid, or p<longitude><latitude> in units of "
        "1e-7 degree of a given point; a rotated chip adds @<angle>.",
        _column("key"),
    ),
    Feature(
        "lon_e7",
        Kind.INT64,
        "Longitude of the chip's centre in units of 1e-7 degree, WGS84 (EPSG:4326). Integer, because TFDS "
        "stores float64 as float32, which is off by up to 0.85 m.",
        lambda row: _e7(row["lon"]),
    ),
    Feature(
        "lat_e7",
        Kind.INT64,
        "Latitude of the chip's centre in units of 1e-7 degree, WGS84 (EPSG:4326).",
        lambda row: _e7(row["lat"]),
    ),
    Feature(
        "corners_e7",
        Kind.CORNERS,
        "Longitude and latitude of the chip's corners in units of 1e-7 degree: top left, top right, "
        "bottom right, bottom left.",
        lambda row: [[_e7(row["corners"][i]), _e7(row["corners"][i + 1])] for i in range(0, 8, 2)],
    ),
    Feature(
        "affine",
        Kind.AFFINE,
        "a, b, c, d, e, f: x = a column + b row + c and y = d column + e row + f in metres of `crs`; (0.5, "
        "0.5) is the centre of the first pixel.",
        _column("affine"),
    ),
    Feature(
        "crs",
        Kind.TEXT,
        "PROJ text of the local metric plane that `affine` refers to, centred at the chip.",
        _column("crs"),
    ),
    Feature(
        "rotation_deg",
        Kind.INT32,
        "Clockwise rotation of the footprint: 0, or a multiple of 15 for a chip cut again to fill a "
        "short class of train.",
        lambda row: round(row["rotation_deg"]),
    ),
    Feature("parent", Kind.TEXT, "Key of the chip that a rotated chip shows again; empty otherwise.", _text("parent")),
    Feature(
        "acquired_from",
        Kind.TEXT,
        "First day on which the imagery was acquired, ISO 8601.",
        lambda row: row["acquired_from"].isoformat(),
    ),
    Feature(
        "acquired_to",
        Kind.TEXT,
        "Last day on which the imagery was acquired, ISO 8601.",
        lambda row: row["acquired_to"].isoformat(),
    ),
    Feature("acquired_from_days", Kind.INT32, "`acquired_from` in days since 1970-01-01.", _days("acquired_from")),
    Feature("acquired_to_days", Kind.INT32, "`acquired_to` in days since 1970-01-01.", _days("acquired_to")),
    Feature("source", Kind.TEXT, "Imagery source, as named in imagery.toml.", _text("source")),
    Feature("sensor", Kind.TEXT, "Camera or satellite; empty where the source does not say.", _text("sensor")),
    Feature(
        "scene_ids",
        Kind.TEXT,
        "Scenes of one acquisition date that the chip was read from, separated by spaces.",
        lambda row: " ".join(row["scene_ids"] or ()),
    ),
    Feature("url", Kind.TEXT, "Where the scene can be found.", _text("url")),
    Feature(
        "gsd_m", Kind.FLOAT32, "Ground sample distance of the scene in metres, before resampling.", _column("gsd_m")
    ),
    Feature("licence", Kind.TEXT, "Licence of the imagery.", _text("licence")),
    Feature("attribution", Kind.TEXT, "Credit line that the imagery's licence asks for.", _text("attribution")),
    Feature("redistribution", Kind.TEXT, "May the picture be passed on: yes, no, or unknown.", _text("redistribution")),
    Feature(
        "state",
        Kind.TEXT,
        "What the maps say of the cell: consistent (all agree), inconsistent (one differs from the base map), or "
        "given (the point came with its label).",
        _text("state"),
    ),
    Feature("stratum", Kind.TEXT, "Stratum of the sample: class of the base map / state.", _text("stratum")),
    Feature("base_class", Kind.TEXT, "Class of the base map (GlobeLand30), or empty.", _text("base_class")),
    Feature("consensus", Kind.TEXT, "Class on which the maps agree, or empty.", _text("consensus")),
    Feature("votes", Kind.INT32, "Maps that hold the consensus class; 0 for given points.", _number("votes", 0)),
    Feature("valid", Kind.INT32, "Maps with data in the cell; 0 for given points.", _number("valid", 0)),
    Feature(
        "purity",
        Kind.FLOAT32,
        "Share of the base map's pixels in the cell that hold its class, 0..1; NaN for given points.",
        _number("purity", math.nan),
    ),
    Feature(
        "product_labels",
        Kind.PRODUCT_LABELS,
        "What each map says of the cell: product, and class name, `outside` or `nodata`.",
        lambda row: row["product_labels"] or [],
    ),
    Feature(
        "label_origin",
        Kind.TEXT,
        "Who gave the label: consensus (of the maps), review (majority of people who looked at the "
        "chip), or given (with the point).",
        _column("label_origin"),
    ),
    Feature(
        "inclusion_probability",
        Kind.FLOAT32,
        "Probability with which the cell entered the test sample: 1 over it is the cell's "
        "weight in an estimate. NaN in train and validation, which are no probability sample.",
        _number("inclusion_probability", math.nan),
    ),
    Feature(
        "pixels_sha256",
        Kind.TEXT,
        "SHA-256 of the decoded pixels, row by row, red green blue, as Pillow decodes the JPEG (TensorFlow's decoder "
        "may differ by a few grey levels).",
        _text("pixels_sha256"),
    ),
    Feature(
        "phash", Kind.INT64, "64-bit perceptual hash: pictures that look alike differ in few bits.", _column("phash")
    ),
)

DOCS: Mapping[str, str] = {feature.name: feature.doc for feature in FEATURES}


def of_row(row: Row) -> dict[str, Any]:
    """The example of one row, as TFDS encodes it."""
    return {feature.name: feature.value(row) for feature in FEATURES}


def of_shard(rows: pa.Table, images: Images) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, example) of every row of one shard, in order of the hashed key, so that classes and places are mixed.

    Args:
      rows: `assembly.Assembly.shards`.
      images: `store.ChipStore.images`; it is asked once, for the batches the rows are in.
    """
    keys = rows["key"].to_pylist()
    pictures = dict(images(keys, set(rows["batch"].to_pylist())))
    order = sorted(range(len(keys)), key=lambda i: assembly.order_of(keys[i]))
    for row in rows.take(pa.array(order, pa.int64())).to_pylist():
        yield row["key"], of_row({**row, "image": pictures.pop(row["key"])})


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """What one stored example says, without its picture.

    Attributes:
      label: number of the class in the legend.
      rotation_deg: of the footprint, clockwise.
      lonlat: longitude and latitude of the centre in degrees.
      corners: longitude and latitude in degrees of the four corners, in ring order: 8 numbers.
      gsd_m: ground sample distance of the scene in metres.
      acquired: first and last day, ISO 8601.
      pixels_sha256: of the decoded picture, hexadecimal.
      phash: perceptual hash of the picture, a signed 64-bit number.
    """

    key: str
    label: int
    rotation_deg: int
    lonlat: tuple[float, float]
    corners: tuple[float, ...]
    gsd_m: float
    acquired: tuple[str, str]
    pixels_sha256: str
    phash: int

    @classmethod
    def of(cls, example: shard_files.Example) -> Stored:
        """The facts of one example of a shard.

        Raises:
          LookupError, TypeError, ValueError: if it lacks a feature, or holds one of another type or shape.
        """
        corners = tuple(int(value) / DEGREES_TO_E7 for value in example["corners_e7"])
        if len(corners) != CORNER_NUMBERS:
            raise ValueError(f"corners_e7 holds {len(corners)} numbers instead of {CORNER_NUMBERS}")
        return cls(
            key=_stored_text(example, "key"),
            label=int(example["label"][0]),
            rotation_deg=int(example["rotation_deg"][0]),
            lonlat=(int(example["lon_e7"][0]) / DEGREES_TO_E7, int(example["lat_e7"][0]) / DEGREES_TO_E7),
            corners=corners,
            gsd_m=float(example["gsd_m"][0]),
            acquired=(_stored_text(example, "acquired_from"), _stored_text(example, "acquired_to")),
            pixels_sha256=_stored_text(example, "pixels_sha256"),
            phash=int(example["phash"][0]),
        )

    def shared(self, names: Sequence[str]) -> dict[str, object]:
        """What `index.parquet` says of the example too; `names` are those of the classes, in order."""
        return {
            "label": names[self.label] if self.label in range(len(names)) else self.label,
            "centre": self.lonlat,
            "acquired": self.acquired,
            "gsd_m": self.gsd_m,
            "pixels_sha256": self.pixels_sha256,
            "phash": self.phash,
        }


def shared_of_row(row: Row) -> dict[str, object]:
    """`Stored.shared` of the example that a row of `index.parquet` is about, as exactly as a shard stores it."""
    return {
        "label": row["label"],
        "centre": (_e7(row["lon"]) / DEGREES_TO_E7, _e7(row["lat"]) / DEGREES_TO_E7),
        "acquired": (str(row["acquired_from"]), str(row["acquired_to"])),
        "gsd_m": None if row["gsd_m"] is None else float(np.float32(row["gsd_m"])),
        "pixels_sha256": row["pixels_sha256"],
        "phash": row["phash"],
    }


COLUMNS_OF_SHARED = (
    "label", "lon", "lat", "acquired_from", "acquired_to", "gsd_m", "pixels_sha256", "phash",
)  # fmt: skip


def _stored_text(example: shard_files.Example, name: str) -> str:
    return bytes(example[name][0]).decode()


def read(shard: shard_files.Shard) -> Iterator[tuple[shard_files.Example, Stored]]:
    """Each example of a shard, with what it says, in order.

    Raises:
      errors.InputError: naming the shard and the example, if the shard is damaged or holds another kind of example.
    """
    for number, example in enumerate(shard_files.examples(shard)):
        try:
            picture_of(example)
            stored = Stored.of(example)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise errors.InputError(
                f"{shard.path}: expected the features of this dataset in every example; {error!r} in number {number}. "
                "Build or copy the dataset again."
            ) from error
        yield example, stored


def picture_of(example: shard_files.Example) -> bytes:
    """The stored picture of an example: the bytes of a JPEG."""
    return bytes(example["image"][0])


def without_label_and_picture(example: shard_files.Example) -> shard_files.Example:
    """The features that say neither which example it is, nor its label, nor what its picture shows."""
    return {name: values for name, values in example.items() if name not in _LABEL_AND_PICTURE}
