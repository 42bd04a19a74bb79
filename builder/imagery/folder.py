"""A folder of GeoTIFFs whose dates are in a tag, in the file name, or in a table."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import io
import math
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from builder import errors, input_files
from builder.imagery import geotiffs, listed_source, source

DATE_KINDS = ("tag", "name", "csv")
# Of two dates in a NAIP name, the first is the capture.
DATE_IN_NAME = r"(?<!\d)((?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\d)"
_COLUMNS = ("file", "acquired", "acquired_to", "gsd_m", "sensor", "licence", "attribution", "url")
_TABLE = "a CSV with the columns file,acquired"
_CORRECT_TABLE = "Correct the table, or name another as date.file in imagery.toml."
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_SUFFIXES = (".tif", ".tiff")


@dataclasses.dataclass(frozen=True)
class Dates:
    """Where dates are: `kind` "tag" (TIFFTAG_DATETIME), "name" (first group of `pattern`), or "csv" (table `file`)."""

    kind: str = "tag"
    pattern: str | None = None
    file: str | None = None


DATE_IN_TAG = Dates()


@dataclasses.dataclass(frozen=True)
class Folder(listed_source.ListedSource):
    """All GeoTIFFs below `path` (or those that the glob `files` matches). The gsd is the pixel size unless stated."""

    name: str
    path: str
    stated: source.Stated = source.NOTHING_STATED
    dates: Dates = DATE_IN_TAG
    files: str | None = None
    skip_undated: bool = False

    def scenes(self) -> list[source.Scene]:
        """The scene of every GeoTIFF; undated ones stop, or are left out if the user says so."""
        base = pathlib.Path(self.path)
        paths = _paths(self, base)
        rows = _table(pathlib.Path(self.dates.file), base) if self.dates.file else {}
        found = [_scene(path, self, rows.get(path.resolve(), {})) for path in paths]
        return [scene for scene in found if scene is not None]


def _paths(folder: Folder, base: pathlib.Path) -> list[pathlib.Path]:
    """The GeoTIFFs of the folder, sorted."""
    if not base.is_dir():
        raise errors.InputError(f"{base}: no such folder. Correct path of source {folder.name!r} in imagery.toml.")
    below = sorted(path for path in base.glob(folder.files or "**/*") if path.is_file())
    paths = [path for path in below if folder.files or path.suffix.lower() in _SUFFIXES]
    if not paths:
        raise errors.InputError(
            f"{base}: no GeoTIFF for source {folder.name!r}. Put *.tif there, or correct files in imagery.toml."
        )
    for path in paths:
        if not _is_utf8(str(path)):
            raise errors.InputError(
                f"{base}: expected file names in UTF-8, because they become part of every chip; received "
                f"{input_files.shown(path.name)}. Rename the file."
            )
    return paths


def _is_utf8(text: str) -> bool:
    """Whether a name read from the disk was UTF-8 there; Python keeps other bytes as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _scene(path: pathlib.Path, folder: Folder, row: Mapping[str, str]) -> source.Scene | None:
    header = geotiffs.header(str(path))
    dates = _dates(path, folder.dates, header, row)
    if dates is None:
        if folder.skip_undated:
            return None
        raise errors.InputError(
            f"{path}: no acquisition date {_LOOKED[folder.dates.kind]}. In imagery.toml set "
            'date = {from = "name"} (a date in the name), {from = "csv", file = "..."} (a table), or undated = "skip".'
        )
    stated = folder.stated
    licence = row.get("licence") or stated.licence or ""
    acquisition = source.Acquisition(
        source=folder.name,
        sensor=row.get("sensor") or stated.sensor or "",
        scene_ids=(path.stem,),
        acquired_from=dates[0],
        acquired_to=dates[1],
        gsd_m=_gsd_m(path, row, stated, header),
        licence=licence,
        attribution=row.get("attribution") or stated.attribution or "",
        url=row.get("url") or path.name,
        redistribution=stated.may_redistribute(licence),
    )
    return source.Scene(acquisition, stated.pixels(str(path)), header.bounds)


_LOOKED = {
    "tag": "in its tag TIFFTAG_DATETIME",
    "name": "in its name",
    "csv": "in the table",
}


def _dates(
    path: pathlib.Path, dates: Dates, header: geotiffs.Header, row: Mapping[str, str]
) -> tuple[datetime.date, datetime.date] | None:
    if dates.kind == "csv":
        return _dates_of_row(row, path)
    if dates.kind == "name":
        match = re.search(dates.pattern or DATE_IN_NAME, path.name)
        text = (match[1] if match else None) or ""  # the group may be optional
    else:
        text = (header.datetime_tag or "")[:10].replace(":", "-")
    day = _day(text, path)
    return (day, day) if day else None


def _dates_of_row(row: Mapping[str, str], path: pathlib.Path) -> tuple[datetime.date, datetime.date] | None:
    """First and last day in a row of the table; None without a first day."""
    first = _day(row.get("acquired", ""), path)
    if first is None:
        return None
    last = _day(row.get("acquired_to", ""), path) or first
    if last < first:
        raise errors.InputError(f"{path}: acquired {first} is after acquired_to {last} in the table. Correct the row.")
    return first, last


def _day(text: str, path: pathlib.Path) -> datetime.date | None:
    digits = re.sub(r"\D", "", text)
    if not digits:
        return None
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d").replace(tzinfo=datetime.UTC).date()
    except ValueError as error:
        raise errors.InputError(f"{path}: expected a day as 2010-07-01 or 20100701; received {text!r}.") from error


def _gsd_m(path: pathlib.Path, row: Mapping[str, str], stated: source.Stated, header: geotiffs.Header) -> float:
    """The ground sample distance: of the table, else as stated, else the pixel size on the ground."""
    text = row.get("gsd_m")
    try:
        gsd_m = float(text) if text else stated.gsd_m or header.pixel_m
    except ValueError:
        gsd_m = math.nan
    if not source.is_gsd(gsd_m):
        raise errors.InputError(
            f"{path}: expected gsd_m as a number of metres, {source.FINEST_GSD_M:g}..{source.COARSEST_GSD_M:g}; "
            f"received {text or gsd_m}. Correct the table, or state gsd_m for the source in imagery.toml."
        )
    return gsd_m


def _table(file: pathlib.Path, base: pathlib.Path) -> dict[pathlib.Path, dict[str, str]]:
    """The rows of the table by file; file names are relative to the imagery folder."""
    text = input_files.read_text(file, expected=_TABLE, cure=_CORRECT_TABLE).removeprefix(_BYTE_ORDER_MARK)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        rows = list(reader)
    except csv.Error as error:
        raise errors.InputError(
            f"{file}, line {reader.line_num}: expected {_TABLE}; {error}. {_CORRECT_TABLE}"
        ) from error
    columns = reader.fieldnames or ()
    unknown = [column for column in columns if column not in _COLUMNS]
    if not rows or not {"file", "acquired"} <= set(columns) or unknown:
        raise errors.InputError(
            f"{file}: expected the columns {','.join(_COLUMNS)} (the first two always); "
            f"received {','.join(columns) if rows else 'no row'}. {_CORRECT_TABLE}"
        )
    for row in rows:
        _check_row(row, file)
    return {(base / row["file"]).resolve(): {key: value.strip() for key, value in row.items()} for row in rows}


def _check_row(row: Mapping[str | None, Any], file: pathlib.Path) -> None:
    """Refuses a row of another length than the header, as the last one of a cut file, or that names no file."""
    if None in row or None in row.values() or not row["file"].strip() or "\0" in row["file"]:
        raise errors.InputError(
            f"{file}: expected a file and as many values as columns in each row; received "
            f"{input_files.shown(list(row.values()))}. {_CORRECT_TABLE}"
        )
