"""Stored answers, checked when they are read: against the batch that asked, and against what the project writes."""

from __future__ import annotations

import datetime
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from builder import errors, parquet_files
from builder.chips import chip, imagery_rules, imagery_toml, pictures, rounds
from builder.chips import store as stores
from builder.imagery import source

PLACE_TOLERANCE_DEG = 1e-7  # about a centimetre
_OPTIONAL = ("parent", "asked_for", "reason", "detail")  # columns that a chip may leave empty
_CORNERS, _AFFINE = 8, 6  # numbers per chip


def read(store: stores.ChipStore, batch: rounds.Batch, size: imagery_toml.ChipSize) -> pa.Table:
    """The answers to a finished batch, as rows of `rounds.ANSWERS`.

    Raises:
      errors.InputError: naming the file and a cure, if it is damaged, does not answer exactly the batch's requests,
        or holds a chip that this project does not write (see `check_rows`).
    """
    path = store.path(batch.name)
    rows = store.read(batch.name)
    _check_requests(rows, batch, path)
    check_rows(rows, size, path)
    index = rows.select(stores.INDEX.names)
    return index.append_column("batch", pa.array([batch.name] * len(rows), pa.string())).cast(rounds.ANSWERS)


def stored(store: stores.ChipStore, places: Mapping[str, str], size: imagery_toml.ChipSize) -> list[dict[str, Any]]:
    """The rows, images included, of keys that lie in the batch named for each: chips and refusals.

    Raises:
      errors.InputError: as `read`, for the files of these batches.
    """
    found: list[dict[str, Any]] = []
    for name in sorted(set(places.values())):
        keys = pa.array([key for key, place in places.items() if place == name], pa.string())
        rows = store.read(name)
        check_rows(rows, size, store.path(name))
        found += rows.filter(pc.is_in(rows["key"], value_set=keys)).to_pylist()
    return found


def _check_requests(rows: pa.Table, batch: rounds.Batch, path: pathlib.Path) -> None:
    """Refuses rows that are not the answers to the batch's requests, each once, in place and label."""
    requests = {request.key: request for request in batch.requests}
    keys = rows["key"].to_pylist()
    if sorted(keys) != sorted(requests):
        others = sorted(set(keys) - set(requests))
        example = f", of another batch such as {others[0]!r:.80}" if others else ""
        raise errors.InputError(
            f"{path}: expected one answer to each of the {len(requests)} requests of the batch; received {len(keys)} "
            f"rows for {len(set(keys) & set(requests))} of them{example}. {stores.CURE}"
        )
    columns = ("key", "lon", "lat", "asked_for", "rotation_deg", "parent")
    for row in rows.select(columns).to_pylist():
        answered = chip.Request(*(row[name] for name in columns))
        if not _is_answer(answered, requests[answered.key]):
            raise errors.InputError(
                f"{path}: expected the answer to {requests[answered.key]}; received that to {answered}. {stores.CURE}"
            )


def _is_answer(answered: chip.Request, asked: chip.Request) -> bool:
    return (
        abs(answered.lon - asked.lon) <= PLACE_TOLERANCE_DEG  # false for NaN
        and abs(answered.lat - asked.lat) <= PLACE_TOLERANCE_DEG
        and (answered.label, answered.rotation_deg, answered.parent) == (asked.label, asked.rotation_deg, asked.parent)
    )


def check_rows(rows: pa.Table, size: imagery_toml.ChipSize, path: pathlib.Path) -> None:
    """Refuses rows that the project does not write: reasons, dates, ground sample distances, pictures.

    A picture is known by the header of its JPEG; nothing is decoded.

    Args:
      rows: rows of `store.STORED`.
      size: the size that every picture must have.
      path: the file they come from.

    Raises:
      errors.InputError: naming the file, the column, a wrong value and its number of rows.
    """
    parquet_files.check_known(rows, "reason", [str(one) for one in imagery_rules.Reason], path=path, cure=stores.CURE)
    chips = rows.filter(pc.is_null(rows["reason"]))
    filled = pa.schema([field.with_nullable(field.name in _OPTIONAL) for field in stores.STORED])
    parquet_files.check_types(chips, filled, path=path, cure=stores.CURE)
    parquet_files.check_known(chips, "redistribution", source.REDISTRIBUTION, path=path, cure=stores.CURE)
    shape = (size.size_px, size.size_px, 3)
    is_picture = [pictures.header_shape(image.as_py()) == shape for image in chips["image"]]
    for name, is_good, expected in (
        ("gsd_m", _is_above_zero(chips["gsd_m"]), "a finite number of metres above 0"),
        ("acquired_from", _is_day(chips["acquired_from"]), "a day of the years 1 to 9999"),
        ("acquired_to", _is_day(chips["acquired_to"]), "a day of the years 1 to 9999"),
        ("acquired_to", pc.less_equal(chips["acquired_from"], chips["acquired_to"]), "a day not before acquired_from"),
        ("pixels_sha256", pc.match_substring_regex(chips["pixels_sha256"], "^[0-9a-f]{64}$"), "64 hexadecimal digits"),
        ("corners", _holds_finite(chips["corners"], _CORNERS), f"{_CORNERS} finite numbers"),
        ("affine", _holds_finite(chips["affine"], _AFFINE), f"{_AFFINE} finite numbers"),
        ("image", pa.array(is_picture, pa.bool_()), f"a JPEG of {size.size_px} x {size.size_px} pixels in colour"),
    ):
        parquet_files.check_values(chips, name, is_good, path=path, expected=expected, cure=stores.CURE)


def _is_above_zero(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.is_finite(values), pc.greater(values, 0.0))


def _is_day(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether Python knows each day."""
    first, last = pa.scalar(datetime.date.min), pa.scalar(datetime.date.max)
    return pc.and_(pc.greater_equal(values, first), pc.less_equal(values, last))


def _holds_finite(lists: pa.ChunkedArray, length: int) -> pa.Array:
    """Whether each list holds `length` finite numbers."""
    rows = lists.to_pylist()
    return pa.array(
        [len(row) == length and all(v is not None and math.isfinite(v) for v in row) for row in rows], pa.bool_()
    )
