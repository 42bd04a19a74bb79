"""imagery.toml: which sources to ask, in which order, under which rules, and what a chip is."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import hashlib
import json
import pathlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from builder import errors
from builder.chips import imagery_rules
from builder.imagery import folder, source, stac
from builder.legend import legend

_RULES = ("dates", "prefer", "deny", "max_gsd_m", "season", "max_nodata_share")
_CHIP = ("size_m", "size_px", "jpeg_quality")
_STATED = ("licence", "attribution", "sensor", "gsd_m", "redistribution", "bands", "stretch", "nodata", "mask")
_SOURCE = {
    "stac": ("name", "type", "href", "path", "asset", *_STATED),
    "folder": ("name", "type", "path", "files", "date", "undated", *_STATED),
}
LARGEST = 1e38
DIGEST_FORMAT = 1  # raise it when the same imagery.toml yields other chips
_DATE = ("from", "pattern", "file")


@dataclasses.dataclass(frozen=True)
class ChipSize:
    """Side of a chip on the ground (metres) and in pixels, and the JPEG quality (1..100) it is stored with."""

    size_m: float = 90.0
    size_px: int = 299
    jpeg_quality: int = 90


DEFAULT_RULES, DEFAULT_SIZE = imagery_rules.ImageryRules(), ChipSize()


@dataclasses.dataclass(frozen=True)
class Imagery:
    """What imagery.toml says. `digest` changes when anything does that could change a chip or a refusal."""

    sources: tuple[source.Source, ...]
    rules: imagery_rules.ImageryRules = DEFAULT_RULES
    chip: ChipSize = DEFAULT_SIZE
    digest: str = ""


def read(path: pathlib.Path) -> Imagery:
    """The settings in a TOML file; paths in it are relative to it.

    Raises:
      errors.InputError: naming the file, the key or value, and the cure.
    """
    if not path.is_file():
        raise errors.InputError(
            f"{path}: no such file. It says which imagery to ask, under which rules; put one there, or name it by "
            "`python -m builder points --imagery FILE`."
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.InputError(f"{path}: not a TOML file: {error}.") from error
    try:
        return parse(table, path.parent)
    except errors.InputError as error:
        raise errors.InputError(f"{path}: {error}") from error


def parse(table: Mapping[str, Any], base: pathlib.Path) -> Imagery:
    """The settings in a parsed table; relative paths start at `base`."""
    _known(table, ("rules", "chip", "source"), "the file")
    tables = table.get("source", [])
    if not isinstance(tables, list) or not tables:
        raise errors.InputError("expected at least one [[source]] with name, type and path or href; received none.")
    sources = tuple(_source(entry, base) for entry in tables)
    names = [s.name for s in sources]
    if len(set(names)) != len(names):
        raise errors.InputError(f"two [[source]] have the same name: {', '.join(names)}. Give each its own.")
    rules, size = _rules(table.get("rules", {})), _chip(table.get("chip", {}))
    return Imagery(sources, rules, size, _digest(rules, size, tables))


def _digest(rules: imagery_rules.ImageryRules, size: ChipSize, sources: Iterable[Mapping[str, Any]]) -> str:
    content = {
        "format": DIGEST_FORMAT,
        "rules": dataclasses.asdict(rules),
        "chip": dataclasses.asdict(size),
        "source": list(sources),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _rules(table: Mapping[str, Any]) -> imagery_rules.ImageryRules:
    _known(table, _RULES, "[rules]")
    default = imagery_rules.ImageryRules()
    first, last = _two(table, "dates", [default.first_day, default.last_day], _day)
    if first > last:
        raise errors.InputError(f"[rules] dates: expected [first, last]; received [{first}, {last}].")
    deny = table.get("deny", list(default.deny))
    if not isinstance(deny, list) or not all(isinstance(word, str) and word for word in deny):
        raise errors.InputError(f'[rules] deny: expected a list of words, as ["NASA", "Landsat"]; received {deny!r}.')
    seasons, for_all, every = _seasons(table.get("season"))
    return imagery_rules.ImageryRules(
        first,
        last,
        _day(table.get("prefer", default.prefer), "[rules] prefer"),
        tuple(deny),
        _number(table, "max_gsd_m", default.max_gsd_m, above=0.0),
        seasons,
        for_all,
        every,
        _number(table, "max_nodata_share", default.max_nodata_share, above=-1e-12, most=1.0),
    )


def _seasons(value: object) -> tuple[tuple[tuple[str, imagery_rules.Season], ...], imagery_rules.Season | None, bool]:
    default = imagery_rules.ImageryRules().seasons
    if value is None:
        return default, None, False
    if value == "all":
        return default, None, True
    if not isinstance(value, dict):
        raise errors.InputError(
            f'[rules] season: expected "all" or a table as {{ water = ["05-01", "09-30"] }}; received {value!r}.'
        )
    _known(value, (*legend.seven().names, "all"), "[rules] season")
    seasons = {name: imagery_rules.Season(*_two(value, name, None, _month_day)) for name in value}
    for_all = seasons.pop("all", None)
    return tuple(sorted(seasons.items())), for_all, False


def _chip(table: Mapping[str, Any]) -> ChipSize:
    _known(table, _CHIP, "[chip]")
    default = ChipSize()
    return ChipSize(
        _number(table, "size_m", default.size_m, above=0.0, most=10_000.0),
        _whole(table, "size_px", default.size_px, 8, 4096),
        _whole(table, "jpeg_quality", default.jpeg_quality, 1, 100),
    )


def _source(table: Mapping[str, Any], base: pathlib.Path) -> source.Source:
    kind, name = table.get("type"), table.get("name")
    if not isinstance(name, str) or not name:
        raise errors.InputError(f"[[source]]: expected a name; received {name!r}.")
    where = f"[[source]] {name}"
    if kind not in _SOURCE:
        raise errors.InputError(f"{where}: expected type = {' or '.join(map(repr, _SOURCE))}; received {kind!r}.")
    _known(table, _SOURCE[kind], where)
    stated = _stated(table, where)
    if kind == "stac":
        return stac.Catalogue(name, _location(table, base, where), stated, table.get("asset"))
    if not isinstance(table.get("path"), str):
        raise errors.InputError(f"{where}: expected path = the folder of GeoTIFFs; received {table.get('path')!r}.")
    undated = table.get("undated", "stop")
    if undated not in ("stop", "skip"):
        raise errors.InputError(f'{where}: expected undated = "stop" or "skip"; received {undated!r}.')
    dates = _dates(table.get("date", {}), base, where)
    return folder.Folder(name, str(base / table["path"]), stated, dates, table.get("files"), undated == "skip")


def _location(table: Mapping[str, Any], base: pathlib.Path, where: str) -> str:
    values = [table[key] for key in ("href", "path") if key in table]
    if len(values) != 1 or not isinstance(values[0], str):
        raise errors.InputError(
            f"{where}: expected href = a catalogue's URL, or path = its folder or file; received {values}."
        )
    return values[0] if re.match(r"https?://", values[0]) else str(base / values[0])


def _dates(table: Mapping[str, Any], base: pathlib.Path, where: str) -> folder.Dates:
    _known(table, _DATE, f"{where} date")
    kind, pattern, file = table.get("from", "tag"), table.get("pattern"), table.get("file")
    if kind not in folder.DATE_KINDS:
        kinds = ", ".join(map(repr, folder.DATE_KINDS))
        raise errors.InputError(f"{where}: expected date.from = {kinds}; received {kind!r}.")
    if kind == "csv" and not isinstance(file, str):
        raise errors.InputError(f'{where}: date.from = "csv" needs date.file, a CSV with the columns file,acquired.')
    try:
        groups = re.compile(pattern).groups if pattern is not None else 1
    except (re.error, TypeError) as error:
        raise errors.InputError(f"{where}: date.pattern {pattern!r} is no regular expression: {error}.") from error
    if groups < 1:
        raise errors.InputError(f"{where}: date.pattern {pattern!r} needs a group round the date, as (\\d{{8}}).")
    return folder.Dates(kind, pattern, str(base / file) if file else None)


def _stated(table: Mapping[str, Any], where: str) -> source.Stated:
    redistribution = table.get("redistribution")
    if redistribution not in (None, *source.REDISTRIBUTION):
        known = ", ".join(map(repr, source.REDISTRIBUTION))
        raise errors.InputError(f"{where}: expected redistribution = {known}; received {redistribution!r}.")
    bands, stretch = table.get("bands"), table.get("stretch")
    if bands is not None and not (_is_list_of(bands, int, 3) and min(bands) > 0):
        raise errors.InputError(
            f"{where}: expected bands = three band numbers from 1 for red, green, blue; received {bands!r}."
        )
    if stretch is not None and not (_is_list_of(stretch, int | float, 2) and stretch[0] < stretch[1]):
        raise errors.InputError(f"{where}: expected stretch = [low, high], low below high; received {stretch!r}.")
    texts = {key: table.get(key) for key in ("licence", "attribution", "sensor")}
    for key, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise errors.InputError(f"{where}: expected {key} = a text; received {value!r}.")
    return source.Stated(
        **texts,
        gsd_m=_number(table, "gsd_m", None, above=0.0) if "gsd_m" in table else None,
        redistribution=redistribution,
        bands=tuple(bands) if bands else None,
        stretch=(float(stretch[0]), float(stretch[1])) if stretch else None,
        nodata=_number(table, "nodata", None, above=-LARGEST) if "nodata" in table else None,
        mask=_flag(table, "mask", True, where),
    )


def _is_list_of(value: object, kind: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length and all(isinstance(v, kind) for v in value)


def _flag(table: Mapping[str, Any], key: str, default: bool, where: str) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise errors.InputError(f"{where}: expected {key} = true or false; received {value!r}.")
    return value


def _known(table: object, known: Iterable[str], where: str) -> None:
    known = tuple(known)
    if not isinstance(table, Mapping):
        raise errors.InputError(f"{where}: expected a table with the keys {', '.join(known)}; received {table!r}.")
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=2, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}."
            raise errors.InputError(f"{where}: unknown key {key!r}: {hint}")


def _number(table: Mapping[str, Any], key: str, default: float | None, *, above: float, most: float = LARGEST) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not above < value <= most:
        limit = "" if most >= LARGEST else f", at most {most:g}"
        least = "" if above <= -LARGEST else f" above {above:g}" if above >= 0 else " of at least 0"
        raise errors.InputError(f"{key}: expected a number{least}{limit}; received {value!r}.")
    return float(value)


def _whole(table: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise errors.InputError(f"{key}: expected a whole number of {least}..{most}; received {value!r}.")
    return value


def _two(table: Mapping[str, Any], key: str, default: list[Any] | None, convert: Any) -> tuple[Any, Any]:
    value = table.get(key, default)
    if not isinstance(value, list) or len(value) != 2:
        raise errors.InputError(f"{key}: expected [first, last]; received {value!r}.")
    return convert(value[0], key), convert(value[1], key)


def _day(value: object, where: str) -> datetime.date:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    try:
        return datetime.date.fromisoformat(str(value))
    except ValueError as error:
        raise errors.InputError(f"{where}: expected a day as 2010-07-01; received {value!r}.") from error


def _month_day(value: object, where: str) -> imagery_rules.MonthDay:
    match = re.fullmatch(r"(\d\d)-(\d\d)", str(value))
    try:
        day = datetime.date(2000, int(match[1]), int(match[2])) if match else None
    except ValueError:
        day = None
    if day is None:
        raise errors.InputError(f'season {where}: expected a day of the year as "05-01"; received {value!r}.')
    return day.month, day.day
