"""imagery.toml: the sources of imagery in their order, the rules, and the size of a chip."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from builder import errors, input_files, toml_tables
from builder.chips import imagery_rules
from builder.imagery import folder, http, source, stac
from builder.legend import legend

_RULES = ("dates", "prefer", "deny", "max_gsd_m", "season", "max_nodata_share")
_CHIP = ("size_m", "size_px", "jpeg_quality")
_STATED = ("licence", "attribution", "sensor", "gsd_m", "redistribution", "bands", "stretch", "nodata", "mask")
_SOURCE = {
    "stac": ("name", "type", "href", "path", "asset", *_STATED),
    "folder": ("name", "type", "path", "files", "date", "undated", *_STATED),
}
_DATE = ("from", "pattern", "file")
_UINT8 = 255
_MOST_BANDS = 65_535  # that a GeoTIFF can have
DIGEST_FORMAT = 1  # to be raised when new code makes other chips of the same imagery.toml


@dataclasses.dataclass(frozen=True)
class ChipSize:
    """Side of a chip on the ground (metres) and in pixels, and the JPEG quality (1..100) it is stored with."""

    size_m: float = 90.0
    size_px: int = 299
    jpeg_quality: int = 90


DEFAULT_RULES, DEFAULT_SIZE = imagery_rules.ImageryRules(), ChipSize()


@dataclasses.dataclass(frozen=True)
class Imagery:
    """The settings of imagery.toml. `digest` changes with every setting that could change a chip or a refusal."""

    sources: tuple[source.Source, ...]
    rules: imagery_rules.ImageryRules = DEFAULT_RULES
    chip: ChipSize = DEFAULT_SIZE
    digest: str = ""


def read(path: pathlib.Path) -> Imagery:
    """The settings in a TOML file; paths in it are relative to it.

    Raises:
      errors.InputError: naming the file, the key or value, and the cure.
    """
    table = input_files.read_toml(
        path,
        expected="the imagery to ask, and its rules",
        cure="Put an imagery.toml there, or name yours by `python -m builder points --imagery FILE`.",
    )
    try:
        return parse(table, path.parent)
    except errors.InputError as error:
        raise errors.InputError(f"{path}: {error}") from error


def parse(values: Mapping[str, Any], base: pathlib.Path) -> Imagery:
    """The settings in a parsed table; relative paths start at `base`.

    Raises:
      errors.InputError: naming the table, the key or value, and the cure.
    """
    toml_tables.Table.of(values, "the file", ("rules", "chip", "source"))
    entries = values.get("source", [])
    if not isinstance(entries, list) or not entries:
        raise errors.InputError("expected at least one [[source]] with name, type and path or href; received none.")
    sources = tuple(_source(entry, base) for entry in entries)
    names = [s.name for s in sources]
    if len(set(names)) != len(names):
        raise errors.InputError(f"two [[source]] have the same name: {', '.join(names)}. Give each its own.")
    rules, size = _rules(values.get("rules", {})), _chip(values.get("chip", {}))
    return Imagery(sources, rules, size, _digest(rules, size, entries))


def _digest(rules: imagery_rules.ImageryRules, size: ChipSize, sources: Iterable[Mapping[str, Any]]) -> str:
    content = {
        "format": DIGEST_FORMAT,
        "rules": dataclasses.asdict(rules),
        "chip": dataclasses.asdict(size),
        "source": list(sources),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _rules(values: object) -> imagery_rules.ImageryRules:
    """The table [rules]."""
    table, default = toml_tables.Table.of(values, "[rules]", _RULES), imagery_rules.ImageryRules()
    first, last = (table.as_day("dates", day) for day in table.pair("dates", (default.first_day, default.last_day)))
    if first > last:
        raise table.refusal("dates", "[first, last], the first day not after the last")
    seasons, for_all, every = _seasons(table)
    return imagery_rules.ImageryRules(
        first_day=first,
        last_day=last,
        prefer=table.day("prefer", default.prefer),
        deny=table.texts("deny", default.deny, 'a list of words, as ["NASA", "Landsat"]'),
        max_gsd_m=table.number("max_gsd_m", default.max_gsd_m, least=source.FINEST_GSD_M),
        seasons=seasons,
        season_for_all=for_all,
        every_season=every,
        max_nodata_share=table.number("max_nodata_share", default.max_nodata_share, least=0.0, most=1.0),
    )


def _seasons(
    rules: toml_tables.Table,
) -> tuple[tuple[tuple[str, imagery_rules.Season], ...], imagery_rules.Season | None, bool]:
    """(season of each class, season of every acquisition, whether each must satisfy the seasons of all classes)."""
    default, value = imagery_rules.ImageryRules().seasons, rules.values.get("season")
    if value is None:
        return default, None, False
    if value == "all":
        return default, None, True
    if not isinstance(value, dict):
        raise rules.refusal("season", '"all" or a table as { water = ["05-01", "09-30"] }')
    table = toml_tables.Table.of(value, "[rules] season", (*legend.seven().names, "all"))
    seasons = {
        name: imagery_rules.Season(*(_month_day(table, name, day) for day in table.pair(name))) for name in value
    }
    for_all = seasons.pop("all", None)
    return tuple(sorted(seasons.items())), for_all, False


def _month_day(table: toml_tables.Table, key: str, value: object) -> imagery_rules.MonthDay:
    """(month, day) of a text as "05-01"."""
    match = re.fullmatch(r"([0-9]{2})-([0-9]{2})", value) if isinstance(value, str) else None
    try:
        day = datetime.date(2000, int(match[1]), int(match[2])) if match else None
    except ValueError:
        day = None
    if day is None:
        raise table.refusal(key, 'days of the year, as ["05-01", "09-30"]')
    return day.month, day.day


def _chip(values: object) -> ChipSize:
    """The table [chip]."""
    table, default = toml_tables.Table.of(values, "[chip]", _CHIP), ChipSize()
    return ChipSize(
        table.number("size_m", default.size_m, least=1.0, most=10_000.0),
        table.whole("size_px", default.size_px, 8, 4096),
        table.whole("jpeg_quality", default.jpeg_quality, 1, 100),
    )


# --- Sources ----------------------------------------------------------------------------------------------------


def _source(values: object, base: pathlib.Path) -> source.Source:
    """One table [[source]]."""
    if not isinstance(values, Mapping):
        raise errors.InputError(
            f"[[source]]: expected a table with name, type and path or href; received {input_files.shown(values)}. "
            "Write each source as [[source]]."
        )
    name = toml_tables.Table(values, "[[source]]").text("name")
    where = f"[[source]] {name}"
    kind = toml_tables.Table(values, where).word("type", tuple(_SOURCE))
    table = toml_tables.Table.of(values, where, _SOURCE[kind])
    stated = _stated(table)
    if kind == "stac":
        return stac.Catalogue(name, _location(table, base), stated, table.optional_text("asset"))
    return folder.Folder(
        name,
        str(base / table.text("path", "the folder of GeoTIFFs")),
        stated,
        _dates(table, base),
        _pattern_of_files(table),
        table.word("undated", ("stop", "skip"), "stop") == "skip",
    )


def _location(table: toml_tables.Table, base: pathlib.Path) -> str:
    """The address of a catalogue: a URL, or a local path."""
    given = [key for key in ("href", "path") if table.holds(key)]
    if len(given) != 1:
        raise errors.InputError(
            f"{table.where}: expected href = a catalogue's URL, or path = its folder or file; received "
            f"{' and '.join(given) or 'neither'}. Give one of the two."
        )
    address = table.text(given[0], "a catalogue's URL, folder or file")
    return address if http.is_remote(address) else str(base / address)


def _pattern_of_files(table: toml_tables.Table) -> str | None:
    """The glob of the files below the folder."""
    pattern = table.optional_text("files", _FILES)
    if pattern is None:
        return None
    path = pathlib.PurePath(pattern)
    if not path.parts or path.is_absolute() or any("**" in part and part != "**" for part in path.parts):
        raise table.refusal("files", _FILES)
    return pattern


_FILES = 'one pattern below the folder, as "2010/**/*.tif"'


def _dates(of_source: toml_tables.Table, base: pathlib.Path) -> folder.Dates:
    """The table `date` of a folder."""
    table = toml_tables.Table.of(of_source.values.get("date", {}), f"{of_source.where} date", _DATE)
    kind = table.word("from", folder.DATE_KINDS, "tag")
    pattern, file = table.optional_text("pattern"), table.optional_text("file")
    if kind == "csv" and not file:
        raise errors.InputError(f'{table.where}: from = "csv" needs file, a CSV with the columns file,acquired.')
    try:
        groups = re.compile(pattern).groups if pattern is not None else 1
    except (re.error, RecursionError, OverflowError) as error:
        raise errors.InputError(
            f"{table.where}: expected pattern = a regular expression; {error} in {input_files.shown(pattern)}. "
            "Correct pattern."
        ) from error
    if groups < 1:
        raise errors.InputError(f"{table.where}: pattern {pattern!r} needs a group round the date, as (\\d{{8}}).")
    return folder.Dates(kind, pattern, str(base / file) if file else None)


def _stated(table: toml_tables.Table) -> source.Stated:
    """What a source's table states about all of its scenes."""
    stretch = _stretch(table)
    return source.Stated(
        licence=table.optional_text("licence"),
        attribution=table.optional_text("attribution"),
        sensor=table.optional_text("sensor"),
        gsd_m=table.number("gsd_m", 0.0, least=source.FINEST_GSD_M, most=source.COARSEST_GSD_M)
        if table.holds("gsd_m")
        else None,
        redistribution=table.word("redistribution", source.REDISTRIBUTION) if table.holds("redistribution") else None,
        bands=_bands(table),
        stretch=stretch,
        nodata=_nodata(table, is_stretched=stretch is not None),
        mask=table.flag("mask", True),
    )


def _bands(table: toml_tables.Table) -> tuple[int, int, int] | None:
    """Numbers of the bands that are red, green and blue, from 1."""
    if not table.holds("bands"):
        return None
    bands = table.values["bands"]
    is_good = isinstance(bands, list) and len(bands) == 3
    if not is_good or not all(isinstance(b, int) and not isinstance(b, bool) and 1 <= b <= _MOST_BANDS for b in bands):
        raise table.refusal("bands", "three band numbers from 1 for red, green, blue, as [3, 2, 1]")
    return bands[0], bands[1], bands[2]


def _stretch(table: toml_tables.Table) -> tuple[float, float] | None:
    """Sample values that become black and white."""
    if not table.holds("stretch"):
        return None
    low, high = table.pair("stretch")
    is_good = all(toml_tables.is_number(one) and abs(one) <= toml_tables.LARGEST for one in (low, high)) and low < high
    if not is_good:
        raise table.refusal("stretch", "[low, high], low below high, as [100, 2000]")
    return float(low), float(high)


def _nodata(table: toml_tables.Table, *, is_stretched: bool) -> float | None:
    """The sample value that means no data; samples that are not stretched have 8 bits."""
    if not table.holds("nodata"):
        return None
    if is_stretched:
        return table.number("nodata", 0.0)
    return float(table.whole("nodata", 0, 0, _UINT8))
