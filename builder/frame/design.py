"""How points are drawn: every number of the sampling design, checked, with its JSON and digest."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from builder import errors, input_files, toml_tables
from builder.geometry import grid

TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
TEST_INCONSISTENT = "test_inconsistent"
TEST_SPLITS = (TEST, TEST_INCONSISTENT)
SPLITS = (TRAIN, VALIDATION, *TEST_SPLITS)
# The numbers that a person chooses, and the flags of `python -m builder points` that take them.
FLAGS = {
    "per_class": "--per-class",
    "test_per_stratum": "--test-per-stratum",
    "validation_share": "--validation-share",
    "split_block_deg": "--split-block",
    "buffer_m": "--buffer-m",
    "min_spacing_m": "--min-spacing-m",
    "reserve": "--reserve",
    "seed": "--seed",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplingDesign:
    """The sampling design of one frame: two frames of equal designs and equal rasters hold equal points.

    Attributes:
      products: names of the products, base first; empty where the points were given.
      base: the product whose classes make the strata and whose pixels in the middle of a training cell, where
        the chip lies, all hold its class.
      min_agreement: products that must hold the class of a consistent cell.
      per_class: accepted chips wanted per class, train and validation together.
      test_per_stratum: accepted chips wanted per class in `test` and in `test_inconsistent`.
      validation_share: share of blocks (and of `per_class`) that goes to validation, 0 included .. 1 excluded.
      reserve: ranked points per wanted chip, at least 1; imagery refuses many.
      min_spacing_m: least distance between train or validation points of one class.
      buffer_m: least distance between points of different splits.
      split_block_deg: side of the blocks that go whole to train or validation; whole cells of 1/360 degree.
      chip_size_m: side of a chip on the ground.
      seed: seed of every random choice.
      region: (west, south, east, north) in degrees; east passes 180 where the region crosses the antimeridian.
      aoi_sha256: digest of the area of interest, "" where the region is the whole box.
      given: accepted chips wanted per class of each split, as ((split, number), ...), where the points were given
        instead of drawn; the quotas above do not count then.

    Raises:
      errors.InputError: naming the flag, if a number is out of its range or the numbers contradict each other.
    """

    products: tuple[str, ...] = ()
    base: str = ""
    min_agreement: int = 0
    per_class: int = 13000
    test_per_stratum: int = 100
    validation_share: float = 0.1
    reserve: float = 3.0
    min_spacing_m: float = 500.0
    buffer_m: float = 1000.0
    split_block_deg: float = 1.0
    chip_size_m: float = 90.0
    seed: int = 0
    region: tuple[float, float, float, float] = (-180.0, -90.0, 180.0, 90.0)
    aoi_sha256: str = ""
    given: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        _check_whole(FLAGS["per_class"], self.per_class, 1)
        _check_whole(FLAGS["test_per_stratum"], self.test_per_stratum, 1)
        _check_range(FLAGS["validation_share"], self.validation_share, 0.0, 0.999, "a share of the blocks")
        _check_range(FLAGS["reserve"], self.reserve, 1.0, 1000.0, "ranked points per wanted chip")
        _check_range(FLAGS["min_spacing_m"], self.min_spacing_m, 0.0, 1e6, "metres")
        _check_range(FLAGS["buffer_m"], self.buffer_m, 0.0, 1e6, "metres")
        _check_range("the chip size", self.chip_size_m, 1.0, 1e5, "metres")
        self._check_buffer()
        self._check_block()

    def _check_buffer(self) -> None:
        if self.buffer_m < self.chip_diagonal_m:
            raise errors.InputError(
                f"{FLAGS['buffer_m']}: expected at least {self.chip_diagonal_m:.1f} m, the diagonal of a rotated chip "
                f"of {self.chip_size_m:g} m, so that no two splits see the same ground; received {self.buffer_m:g}."
            )

    def _check_block(self) -> None:
        cells = self.split_block_deg * grid.CELLS_PER_DEGREE
        fits = 0.5 <= cells <= 90 * grid.CELLS_PER_DEGREE  # not so for NaN
        if not fits or abs(cells - self.block_cells) > 1e-6:
            raise errors.InputError(
                f"{FLAGS['split_block_deg']}: expected whole cells of 1/360 degree, for example 0.05, 0.1, 0.25 or 1, "
                f"at most 90; received {self.split_block_deg:g} degrees, which is {cells:g} cells."
            )

    @property
    def chip_diagonal_m(self) -> float:
        """Distance of two chip centres from which on the chips cannot overlap, however they are rotated (metres)."""
        return math.hypot(self.chip_size_m, self.chip_size_m)

    @property
    def block_cells(self) -> int:
        """Cells along one side of a block."""
        return round(self.split_block_deg * grid.CELLS_PER_DEGREE)

    @property
    def is_given(self) -> bool:
        """Whether the points were given (`points --from`): every one is wanted, and no class is short of its quota."""
        return bool(self.given)

    def quota(self, split: str) -> int:
        """Accepted chips wanted per class in `split`. A larger `per_class` never lowers one."""
        if self.given:
            return dict(self.given).get(split, 0)
        exact = round(self.per_class * self.validation_share, 9)  # 30 x 0.1 is 3, not the 3.0000000000000004 of floats
        validation = min(math.ceil(exact), self.per_class - 1)
        return {TRAIN: self.per_class - validation, VALIDATION: validation}.get(split, self.test_per_stratum)

    def ranked(self, split: str) -> int:
        """Points to rank per class in `split`: the quota and its reserves."""
        return math.ceil(round(self.reserve * self.quota(split), 9))

    @property
    def flags(self) -> list[str]:
        """The numbers that a person chooses, as arguments of `python -m builder points`."""
        values = {flag: getattr(self, name) for name, flag in FLAGS.items()}
        words = {flag: f"{value:g}" if isinstance(value, float) else str(value) for flag, value in values.items()}
        return [part for pair in words.items() for part in pair]

    def to_json(self) -> dict[str, Any]:
        """The design as JSON values."""
        return dataclasses.asdict(self) | {
            "products": list(self.products),
            "region": list(self.region),
            "given": [list(pair) for pair in self.given],
        }

    @property
    def digest(self) -> str:
        """sha256 of the design, hexadecimal."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def from_json(values: Mapping[str, Any]) -> SamplingDesign:
    """The design that `SamplingDesign.to_json` wrote.

    Raises:
      errors.InputError: if a name is not one of the design's, or a value is of another type or out of range.
    """
    fields = {field.name: field.default for field in dataclasses.fields(SamplingDesign)}
    for name, value in values.items():
        if name not in fields:
            raise errors.InputError(f"sampling design: unknown name {name!r}. {errors.did_you_mean(name, fields)}")
        if not _fits(name, value, fields[name]):
            raise errors.InputError(
                f"sampling design: expected {name} of the kind of {fields[name]!r}; received "
                f"{input_files.shown(value)}."
            )
    return SamplingDesign(
        **dict(values)
        | {
            "products": tuple(values.get("products", ())),
            "region": tuple(values.get("region", SamplingDesign.region)),
            "given": tuple((split, count) for split, count in values.get("given", ())),
        }
    )


def _fits(name: str, value: object, default: object) -> bool:
    """Whether a JSON value has the type of the field `name`, whose default is `default`."""
    if name == "products":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name == "region":
        return isinstance(value, list) and len(value) == 4 and all(map(toml_tables.is_number, value))
    if name == "given":
        return isinstance(value, list) and all(map(_is_given, value))
    if isinstance(default, float):
        return toml_tables.is_number(value)
    return type(value) is type(default)  # true and false are no whole numbers


def _is_given(pair: object) -> bool:
    """Whether a JSON value is [split, number of points]."""
    return isinstance(pair, list) and len(pair) == 2 and pair[0] in SPLITS and type(pair[1]) is int and pair[1] >= 0


def _check_whole(flag: str, value: int, least: int) -> None:
    if not isinstance(value, int) or value < least:
        raise errors.InputError(f"{flag}: expected a whole number of at least {least}; received {value}.")


def _check_range(flag: str, value: float, least: float, most: float, what: str) -> None:
    if not least <= value <= most:  # also catches NaN
        raise errors.InputError(f"{flag}: expected {what} within {least:g}..{most:g}; received {value:g}.")
