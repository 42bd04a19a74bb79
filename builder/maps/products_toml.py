"""`products.toml`: products described by the user, whose files have other names or whose facts must be overridden.

    [[product]]
    name = "corine"                 # a short name; known ones bring title, licence, citation and crosswalk along
    base = true                     # exactly one product is the base; without any it is globeland30
    files = ["corine/*.tif"]        # relative to this file; without it, found by name in the product's folder
    crosswalk = "corine_grid"       # a crosswalk of ours, or the path of a CSV
    year = 2012
    nodata = "none"                 # a code that counts as no data too; "none" ignores the tags of the files
    crs = "EPSG:3035"               # where the files have none, or a wrong one
    allow = "the only edition"      # the reason to take a product coarser than 500 m or outside 2007-2013

Further keys: title, version, licence, citation, access, variable (layer of HDF4 or NetCDF), resolution_m, sampling.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from builder import errors, input_files

FILE_NAME = "products.toml"
Sampling = Literal["mode", "centre", "touching"]  # see `products.Product`
SAMPLINGS = get_args(Sampling)
NO_TAG = "none"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TYPES: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    "title": (str,),
    "files": (list,),
    "crosswalk": (str,),
    "year": (int,),
    "version": (str,),
    "nodata": (int, str),
    "licence": (str,),
    "citation": (str,),
    "access": (str,),
    "base": (bool,),
    "crs": (str,),
    "variable": (str,),
    "resolution_m": (int, float),
    "sampling": (str,),
    "allow": (str,),
}


@dataclasses.dataclass(frozen=True)
class Description:
    """One `[[product]]`; keys that are not given are None.

    `where` names the entry in errors. `ignores_tags` is true for nodata = "none": the files' nodata tags do not count.
    """

    name: str
    where: str
    title: str | None = None
    files: tuple[str, ...] | None = None
    crosswalk: str | None = None
    year: int | None = None
    version: str | None = None
    nodata: int | None = None
    ignores_tags: bool = False
    licence: str | None = None
    citation: str | None = None
    access: str | None = None
    base: bool = False
    crs: str | None = None
    variable: str | None = None
    resolution_m: float | None = None
    sampling: Sampling | None = None
    allow: str | None = None


def read(path: pathlib.Path) -> tuple[Description, ...]:
    """The products that a `products.toml` describes, in its order.

    Raises:
      errors.InputError: if it is no TOML, a key is unknown or of the wrong type, or two products share a name.
    """
    table = input_files.read_toml(
        path, expected="descriptions of products", cure="Correct it, or remove it to take the five products by name."
    )
    _check_keys(str(path), table, ("product",))
    entries = table.get("product", [])
    if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) for e in entries):
        raise errors.InputError(f"{path}: expected a table [[product]] for each product; found none.")
    descriptions = tuple(_description(path, i, entry) for i, entry in enumerate(entries, start=1))
    names = [d.name for d in descriptions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise errors.InputError(f"{path}: expected each name once; {', '.join(twice)} comes twice. Rename one.")
    return descriptions


def _description(path: pathlib.Path, number: int, entry: Mapping[str, Any]) -> Description:
    where = f"{path}, [[product]] {number}"
    if isinstance(entry.get("name"), str):
        where += f" ({entry['name']})"
    _check_keys(where, entry, tuple(_TYPES))
    for key, value in entry.items():
        _check_type(where, key, value)
    values = dict(entry)
    if not _NAME.fullmatch(values.get("name", "")):
        raise errors.InputError(
            f"{where}: expected a name of lower case letters, digits and underscores; received {values.get('name')!r}."
        )
    if values.get("sampling", "mode") not in SAMPLINGS:
        raise errors.InputError(
            f"{where}: expected sampling to be one of {', '.join(SAMPLINGS)}; received {values['sampling']!r}."
        )
    if "files" in values:
        values["files"] = tuple(values["files"])
    if values.get("nodata") == NO_TAG:
        values["nodata"], values["ignores_tags"] = None, True
    return Description(where=where, **values)


def _check_type(where: str, key: str, value: object) -> None:
    types = _TYPES[key]
    fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    if key == "files":
        fits = isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
    if key == "nodata":
        fits = fits and (value == NO_TAG if isinstance(value, str) else isinstance(value, int) and 0 <= value <= 65_535)
    if key == "resolution_m":
        fits = fits and isinstance(value, int | float) and 0 < value < math.inf
    if key in ("allow", "licence"):
        fits = fits and bool(str(value).strip())
    if not fits:
        expected = _EXPECTED.get(key, _kind(types))
        raise errors.InputError(f"{where}: expected {key} to be {expected}; received {value!r}.")


_EXPECTED = {
    "files": "a list of file names or patterns, at least one",
    "nodata": f'a class code of 0..65535, or "{NO_TAG}"',
    "resolution_m": "a number of metres above 0",
    "allow": "the reason, in words",
    "licence": "a text",
}


def _kind(types: tuple[type, ...]) -> str:
    return {str: "a text", bool: "true or false"}.get(types[0], "a number")


def _check_keys(where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise errors.InputError(f"{where}: unknown key {key!r}. {errors.did_you_mean(key, known)}")
