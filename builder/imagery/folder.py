"""A folder of GeoTIFFs; the date is in a tag, in the file name, or in a table beside them."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import functools
import pathlib
import re
from collections.abc import Mapping, Sequence

from builder import errors
from builder.geometry.lonlat import Bounds
from builder.imagery import cogs, geotiffs, scene_index, source

DATE_KINDS = ("tag", "name", "csv")
# Of two dates in a NAIP name, the first is the capture.
DATE_IN_NAME = r"(?<!\d)((?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\d)"
_COLUMNS = ("file", "acquired", "acquired_to", "gsd_m", "sensor", "licence", "attribution", "url")
_SUFFIXES = (".tif", ".tiff")


@dataclasses.dataclass(frozen=True)
class Dates:
    """Where the date of a file is: `kind` tag (TIFFTAG_DATETIME), name (first group of `pattern`), or csv (`file`)."""

    kind: str = "tag"
    pattern: str | None = None
    file: str | None = None


DATE_IN_TAG = Dates()


@dataclasses.dataclass(frozen=True)
class Folder:
    """All GeoTIFFs below `path` (or those that the glob `files` matches). The gsd is the pixel size unless stated."""

    name: str
    path: str
    stated: source.Stated = source.NOTHING_STATED
    dates: Dates = DATE_IN_TAG
    files: str | None = None
    skip_undated: bool = False

    def find(self, areas: Sequence[Bounds]) -> list[list[source.Scene]]:
        """See `source.Source`; the folder is read once per process."""
        return _index(self).find(areas)

    def fingerprint(self) -> str:
        """See `source.Source`."""
        return _index(self).fingerprint()

    def read(self, scene: source.Scene, grids: Sequence[source.GroundGrid]) -> list[source.Patch | source.Unreadable]:
        """See `source.Source`."""
        return cogs.read(scene.pixels, grids)


@functools.lru_cache(maxsize=32)
def _index(folder: Folder) -> scene_index.SceneIndex:
    base = pathlib.Path(folder.path)
    if not base.is_dir():
        raise errors.InputError(f"{base}: no such folder. Mend path of source {folder.name!r} in imagery.toml.")
    below = sorted(path for path in base.glob(folder.files or "**/*") if path.is_file())
    paths = [path for path in below if folder.files or path.suffix.lower() in _SUFFIXES]
    if not paths:
        raise errors.InputError(
            f"{base}: no GeoTIFF for source {folder.name!r}. Put *.tif there, or mend files in imagery.toml."
        )
    rows = _table(pathlib.Path(folder.dates.file), base) if folder.dates.file else {}
    found = [_scene(path, folder, rows.get(path.resolve(), {})) for path in paths]
    return scene_index.SceneIndex([scene for scene in found if scene is not None])


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
        first = _day(row.get("acquired", ""), path)
        return (first, _day(row.get("acquired_to", ""), path) or first) if first else None
    if dates.kind == "name":
        match = re.search(dates.pattern or DATE_IN_NAME, path.name)
        text = match[1] if match else ""
    else:
        text = (header.datetime_tag or "")[:10].replace(":", "-")
    day = _day(text, path)
    return (day, day) if day else None


def _day(text: str, path: pathlib.Path) -> datetime.date | None:
    digits = re.sub(r"\D", "", text)
    if not digits:
        return None
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d").replace(tzinfo=datetime.UTC).date()
    except ValueError as error:
        raise errors.InputError(f"{path}: expected a day as 2010-07-01 or 20100701; received {text!r}.") from error


def _gsd_m(path: pathlib.Path, row: Mapping[str, str], stated: source.Stated, header: geotiffs.Header) -> float:
    text = row.get("gsd_m")
    if not text:
        return stated.gsd_m or header.pixel_m
    try:
        return float(text)
    except ValueError as error:
        raise errors.InputError(f"{path}: expected gsd_m in metres in the table; received {text!r}.") from error


def _table(file: pathlib.Path, base: pathlib.Path) -> dict[pathlib.Path, dict[str, str]]:
    """The rows of the table by file; file names are relative to the imagery folder."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise errors.InputError(
            f"{file}: cannot be read: {error}. It must be a CSV with the columns file,acquired."
        ) from error
    columns = rows[0].keys() if rows else ()
    unknown = [str(column) for column in columns if column not in _COLUMNS]
    if not {"file", "acquired"} <= set(columns) or unknown:
        raise errors.InputError(
            f"{file}: expected the columns {','.join(_COLUMNS)} (the first two always); "
            f"received {','.join(map(str, columns)) or 'no row'}."
        )
    return {(base / row["file"]).resolve(): {k: (v or "").strip() for k, v in row.items()} for row in rows}
