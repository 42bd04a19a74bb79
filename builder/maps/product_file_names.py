"""Finds the files of the five products by their names, and reads year, version and crosswalk from these."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Mapping

from builder import errors
from builder.maps import known_products

GLCNMO_YEARS = {"1": 2003, "2": 2008, "3": 2013}
RASTER_SUFFIXES = (".tif", ".tiff", ".hdf", ".nc")
LAYERS_WITH_WATER_0 = ("Land_Cover_Type_1", "Majority_Land_Cover_Type_1")
TIFF = r"\.tiff?$"

_GLOBELAND30 = re.compile(rf"^[ns]\d{{1,2}}_\d{{1,2}}_(?P<year>\d{{4}})(?P<version>lc030).*{TIFF}", re.I)
_MODIS_YEAR = re.compile(r"(?:\.A|doy)(\d{4})001(?!\d)|(?<!\d)(\d{4})[-_]01[-_]01(?!\d)", re.I)
_MODIS_COLLECTION = re.compile(r"(?:MCD12Q1|A\d{7}(?:\.h\d{2}v\d{2})?)[._](\d{3})(?!\d)", re.I)
_MODIS_LAYER = re.compile(r"LC_Type1(?!\d)|Land_Cover_Type_1(?!\d)", re.I)
_GLCNMO = re.compile(rf"^gm_lc_v(?P<version>[123])(?:_.*)?{TIFF}", re.I)
_CCI = re.compile(
    r"^(?:ESACCI|C3S)-LC-L4-LCCS-Map-300m-P\d+Y-(?P<year>\d{4})-v(?P<version>\d+(?:\.\d+)+).*\.(?:tiff?|nc)$", re.I
)
_GLOBCOVER = re.compile(
    rf"^GLOBCOVER_(?:L4_)?\d{{6}}_(?P<year>\d{{4}})\d{{2}}_V(?P<version>\d+(?:\.\d+)*)(?:_Global)?.*{TIFF}", re.I
)
_COMPANIONS = {  # rasters that come with the maps and hold no classes
    "mcd12q1": re.compile(r"Type_?[2-5](?!\d)|LC_Prop|(?<![a-z])(?:QC|QA|LW)(?![a-z])|Assessment", re.I),
    "globcover": re.compile(r"_QL", re.I),
}


@dataclasses.dataclass(frozen=True)
class Named:
    """The facts that a file name holds; all files of one product must agree in year and version."""

    year: int
    version: str
    crosswalk: str


def folder_of(folder: pathlib.Path, product: str) -> pathlib.Path | None:
    """The folder of `product` inside `folder`, in whatever case it is written; None if there is none."""
    children = sorted(folder.iterdir())
    return next((child for child in children if child.is_dir() and child.name.lower() == product), None)


def files_of(folder: pathlib.Path, product: str) -> tuple[tuple[pathlib.Path, ...], Named]:
    """The files of `product` in its folder (at any depth, in order), and the facts that all their names hold.

    Raises:
      errors.InputError: if there is no such folder or file, a raster is not named as the product's are, or the files
        are of different years or versions.
    """
    wanted = known_products.what_to_put(product)
    home = folder_of(folder, product)
    if home is None:
        raise errors.InputError(f"{folder}: expected the folder {product}; there is none. Put there: {wanted}.")
    names = {path: of(product, path) for path in _rasters(home) if not is_companion(product, path)}
    strangers = [path for path, named in names.items() if named is None]
    if strangers:
        raise errors.InputError(
            f"{strangers[0]}: not named as the files of {product} are. Move it out of {home}, or list the product's "
            f"files in products.toml. Expected: {wanted}."
        )
    if not names:
        zipped = " (unpack the zip files first)" if any(home.rglob("*.zip")) else ""
        raise errors.InputError(f"{home}: no map of {product} found{zipped}. Put there: {wanted}.")
    return tuple(names), _one_edition(home, {path: named for path, named in names.items() if named})


def _rasters(home: pathlib.Path) -> list[pathlib.Path]:
    paths = [pathlib.Path(folder) / name for folder, _, names in os.walk(home, followlinks=True) for name in names]
    visible = sorted(path for path in paths if not path.name.startswith("."))
    return [path for path in visible if path.suffix.lower() in RASTER_SUFFIXES]


def _one_edition(home: pathlib.Path, names: dict[pathlib.Path, Named]) -> Named:
    editions = {(named.year, named.version): path for path, named in names.items()}
    if len(editions) > 1:
        found = ", ".join(f"{year} {version} ({path.name})" for (year, version), path in sorted(editions.items()))
        raise errors.InputError(f"{home}: expected files of one year and version; received {found}. Keep those of one.")
    return next(iter(names.values()))


def of(product: str, path: pathlib.Path) -> Named | None:
    """The facts that the name of a file of `product` holds; None if it is not named as the product is distributed."""
    reader = _READERS.get(product)
    return None if reader is None or is_companion(product, path) else reader(path.name)


def is_companion(product: str, path: pathlib.Path) -> bool:
    """Whether the file comes with the product's maps but holds no land cover classes (quality layers and the like)."""
    pattern = _COMPANIONS.get(product)
    return pattern is not None and pattern.search(path.name) is not None and path.suffix.lower() != ".hdf"


def _cci_lc(name: str) -> Named | None:
    found = _CCI.match(name)
    return Named(int(found["year"]), f"v{found['version']}", "cci_lc") if found else None


def _globcover(name: str) -> Named | None:
    found = _GLOBCOVER.match(name)
    return Named(int(found["year"]), f"v{found['version']}", "globcover") if found else None


def _globeland30(name: str) -> Named | None:
    found = _GLOBELAND30.match(name)
    return Named(int(found["year"]), found["version"].lower(), "globeland30") if found else None


def _glcnmo(name: str) -> Named | None:
    found = _GLCNMO.match(name)
    return Named(GLCNMO_YEARS[found["version"]], f"v{found['version']}", "glcnmo") if found else None


def _mcd12q1(name: str) -> Named | None:
    is_hdf = name.lower().endswith(".hdf")
    layer, year = _MODIS_LAYER.search(name), _MODIS_YEAR.search(name)
    if "MCD12Q1" not in name.upper() or not year or not (is_hdf or (layer and re.search(TIFF, name, re.I))):
        return None
    collection = _MODIS_COLLECTION.search(name)
    version = collection[1] if collection else ""
    is_c5 = version in ("005", "051") or (layer is not None and layer[0].lower().startswith("land_cover"))
    return Named(int(year[1] or year[2]), version, "mcd12q1_c5" if is_c5 else "mcd12q1")


_READERS: Mapping[str, Callable[[str], Named | None]] = {
    "globeland30": _globeland30,
    "mcd12q1": _mcd12q1,
    "glcnmo": _glcnmo,
    "cci_lc": _cci_lc,
    "globcover": _globcover,
}
