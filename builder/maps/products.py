"""The land cover products of one folder, as distributed: found by their file names, or described in products.toml."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from builder import errors, input_files
from builder.geometry import grid, lonlat
from builder.geometry.lonlat import Bounds
from builder.legend import crosswalk as crosswalks
from builder.legend import legend as legends
from builder.maps import agreement, known_products, product_file_names, products_toml, rasters

Sampling = products_toml.Sampling

COARSEST_M = 500.0
FIRST_YEAR, LAST_YEAR = 2007, 2013
PIXELS_PER_CELL_SIDE = 2.0  # from here on a cell holds enough pixels for a mode
TWIN_TOLERANCE_PIXELS = 0.5
SIZE_TOLERANCE = 1e-4  # relative
OFFSET_TOLERANCE = 0.05  # of a cell
READERS = 8


@dataclasses.dataclass(frozen=True)
class Product:
    """One land cover map, ready to be read.

    Attributes:
      year: of the land that the map shows.
      crosswalk: class codes of the product to ours; it includes `nodata`.
      nodata: code that counts as no data beside the crosswalk's own; None if there is none.
      sampling: how pixels come onto the grid: the "mode" of finer pixels, the pixel at the cell's "centre", or, for
        pixels of the cell's size whose centres fall on cell corners, the pixels "touching" the centre.
      allow: the user's reason for a product outside the rules; None for one within them.
    """

    name: str
    title: str
    year: int
    version: str
    resolution_m: float
    licence: str
    citation: str
    access: str
    published_accuracy: str
    crosswalk: crosswalks.Crosswalk
    nodata: int | None
    files: tuple[rasters.RasterFile, ...]
    is_base: bool
    sampling: Sampling
    allow: str | None = None

    def files_over(self, box: Bounds) -> tuple[rasters.RasterFile, ...]:
        """The files that may hold pixels of a box in degrees; its east may exceed 180."""
        return tuple(file for file in self.files if lonlat.overlaps(file.bounds_lonlat, box))

    def record(self) -> dict[str, Any]:
        """The product in the metadata of a frame: plain values, with the digest of every file."""
        return {
            "name": self.name,
            "title": self.title,
            "year": self.year,
            "version": self.version,
            "resolution_m": round(self.resolution_m, 3),
            "licence": self.licence,
            "citation": self.citation,
            "is_base": self.is_base,
            "sampling": self.sampling,
            "allow": self.allow,
            "crosswalk": self.crosswalk.path.name,
            "crosswalk_sha256": self.crosswalk.sha256,
            "files": [{"name": f.path.name, "sha256": f.sha256, "size_bytes": f.size_bytes} for f in self.files],
        }


@dataclasses.dataclass(frozen=True)
class ProductSet:
    """The products of one run, the base first."""

    products: tuple[Product, ...]

    @property
    def base(self) -> Product:
        """The product that refined maps start from."""
        return self.products[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order: bit and band i belong to name i."""
        return tuple(product.name for product in self.products)

    def records(self) -> list[dict[str, Any]]:
        """`Product.record` of each."""
        return [product.record() for product in self.products]


def find(folder: pathlib.Path) -> ProductSet:
    """The products in `folder`: those of its products.toml if there is one, else the five, found by name.

    Every file is opened, and read once for its digest.

    Raises:
      errors.InputError: if the folder or a product is missing (the text names what to put where), a file cannot be
        read, two files hold one tile, or a product is coarser than 500 m or outside 2007-2013 and not allowed.
    """
    if not folder.is_dir():
        raise errors.InputError(
            f"{folder}: expected the folder of the products; there is none. "
            f"{_shopping_list(known_products.found_by_name())}"
        )
    toml = folder / products_toml.FILE_NAME
    descriptions = products_toml.read(toml) if os.path.lexists(toml) else _the_five(folder)
    if not 2 <= len(descriptions) <= agreement.MAX_PRODUCTS:
        raise errors.InputError(
            f"{toml}: expected 2 to {agreement.MAX_PRODUCTS} products, since agreement needs two; "
            f"received {len(descriptions)}."
        )
    base = _base(toml, descriptions)
    products = [_product(folder, d, is_base=d.name == base) for d in descriptions]
    return ProductSet(tuple(sorted(products, key=lambda product: not product.is_base)))


def _shopping_list(names: Sequence[str]) -> str:
    lines = "".join(f"\n  {known_products.what_to_put(name)}" for name in names)
    return f"Put there:{lines}\nor describe other maps in a {products_toml.FILE_NAME} beside them."


def _the_five(folder: pathlib.Path) -> tuple[products_toml.Description, ...]:
    names = known_products.found_by_name()
    missing = [name for name in names if product_file_names.folder_of(folder, name) is None]
    if missing:
        raise errors.InputError(
            f"{folder}: expected a folder for each of the five products; missing: {', '.join(missing)}. "
            f"{_shopping_list(missing)}"
        )
    return tuple(products_toml.Description(name, where=str(folder / name)) for name in names)


def _base(toml: pathlib.Path, descriptions: Sequence[products_toml.Description]) -> str:
    named = [d.name for d in descriptions if d.base]
    if not named and any(d.name == known_products.BASE for d in descriptions):
        return known_products.BASE
    if len(named) != 1:
        raise errors.InputError(
            f"{toml}: expected one product with base = true (or {known_products.BASE} among the products); "
            f"received {', '.join(named) or 'none'}."
        )
    return named[0]


def _product(folder: pathlib.Path, description: products_toml.Description, *, is_base: bool) -> Product:
    facts = known_products.facts_of(description.name)
    paths, named = _paths(folder, description)
    files = _described_files(paths, description)
    _check_twins(description.name, files)
    crosswalk = _crosswalk(folder, description, named, files)
    nodata = _nodata(crosswalk, files, description)
    product = Product(
        name=description.name,
        title=description.title or (facts.title if facts else description.name),
        year=_year(description, named),
        version=description.version or (named.version if named else ""),
        resolution_m=description.resolution_m or max(file.resolution_m for file in files),
        licence=_licence(description),
        citation=description.citation or (facts.citation if facts else ""),
        access=description.access or (facts.access if facts else ""),
        published_accuracy=facts.published_accuracy if facts else "",
        crosswalk=crosswalk if nodata is None else crosswalk.with_nodata(nodata),
        nodata=nodata,
        files=files,
        is_base=is_base,
        sampling=_sampling(description, files),
        allow=description.allow,
    )
    _check_rules(folder, product)
    return product


def _paths(
    folder: pathlib.Path, description: products_toml.Description
) -> tuple[tuple[pathlib.Path, ...], product_file_names.Named | None]:
    if description.files is None:
        return product_file_names.files_of(folder, description.name)
    paths: set[pathlib.Path] = set()
    for pattern in description.files:
        paths |= _matched(folder, pattern, description.where)
    ordered = tuple(sorted(paths))
    return ordered, product_file_names.of(description.name, ordered[0])


def _matched(folder: pathlib.Path, pattern: str, where: str) -> set[pathlib.Path]:
    anchor = pathlib.Path(pathlib.Path(pattern).anchor) if pathlib.Path(pattern).is_absolute() else folder
    relative = str(pathlib.Path(pattern).relative_to(anchor)) if anchor != folder else pattern
    try:
        matched = {path for path in anchor.glob(relative) if path.is_file()}
    except (ValueError, IndexError) as error:  # "", "/" and "a**" are no patterns
        raise errors.InputError(f"{where}: {pattern!r} is no name or pattern of files. Correct `files`.") from error
    if not matched:
        raise errors.InputError(f"{where}: no file matches {pattern!r} in {anchor}. Correct `files`.")
    return matched


def _described_files(
    paths: Sequence[pathlib.Path], description: products_toml.Description
) -> tuple[rasters.RasterFile, ...]:
    describe = functools.partial(rasters.describe, crs=description.crs, variable=description.variable)
    with concurrent.futures.ThreadPoolExecutor(READERS) as pool:  # the time goes into digests, which need no GIL
        return tuple(pool.map(describe, paths))


def _check_twins(name: str, files: Sequence[rasters.RasterFile]) -> None:
    """Refuses two files of one extent: they would be counted twice, or hide each other."""
    bounds = np.array([file.lattice.bounds for file in files])
    pixel_sizes = np.array([file.lattice.pixel_size for file in files])
    for i, file in enumerate(files[:-1]):
        apart = np.abs(bounds[i + 1 :] - bounds[i]) >= TWIN_TOLERANCE_PIXELS * np.tile(pixel_sizes[i], 2)
        for j in np.flatnonzero(~apart.any(axis=1)):
            twin = files[i + 1 + int(j)]
            if twin.crs == file.crs:
                raise errors.InputError(
                    f"{name}: {file.path} and {twin.path} hold one tile (the same extent). Remove one of the two."
                )


def _crosswalk(
    folder: pathlib.Path,
    description: products_toml.Description,
    named: product_file_names.Named | None,
    files: Sequence[rasters.RasterFile],
) -> crosswalks.Crosswalk:
    given = description.crosswalk
    if given is not None and given.lower().endswith(".csv"):
        path = folder / given
        input_files.check_regular(path, expected="a crosswalk as CSV", cure="Correct `crosswalk` in products.toml.")
        return crosswalks.read(path, legends.seven())
    facts = known_products.facts_of(description.name)
    name = given or (named.crosswalk if named else facts.crosswalk if facts else None)
    if name is None:
        raise errors.InputError(
            f"{description.where}: expected the key crosswalk: one of {', '.join(crosswalks.shipped_names())}, "
            "or the path of a CSV."
        )
    if given is None and any(file.variable in product_file_names.LAYERS_WITH_WATER_0 for file in files):
        name = "mcd12q1_c5"
    try:
        return crosswalks.shipped(name)
    except errors.InputError as error:
        raise errors.InputError(f"{description.where}: {error}") from error


def _nodata(
    crosswalk: crosswalks.Crosswalk, files: Sequence[rasters.RasterFile], description: products_toml.Description
) -> int | None:
    """The code that counts as no data beside the crosswalk's own: the user's if given, else that of the files' tags."""
    if description.nodata is not None or description.ignores_tags:
        return description.nodata
    tags = {file.nodata: file for file in files if file.nodata is not None}
    extra = {code: file for code, file in tags.items() if crosswalk.strict.get(code) != legends.NODATA}
    for code, file in extra.items():
        if code in crosswalk.strict:
            raise errors.InputError(
                f"{file.path}: its tag says nodata = {code}, but in {crosswalk.path.name} that is "
                f"{crosswalk.names[code]!r}. State which is right in {products_toml.FILE_NAME}: nodata = {code}, or "
                'nodata = "none" to ignore the tag.'
            )
    if len(extra) > 1:
        tagged = ", ".join(f"{code} ({file.path.name})" for code, file in sorted(extra.items()))
        raise errors.InputError(
            f"{description.name}: expected one nodata tag in all files; received {tagged}. Give the codes as nodata in "
            "a crosswalk CSV of your own."
        )
    return next(iter(extra), None)


def _year(description: products_toml.Description, named: product_file_names.Named | None) -> int:
    if description.year is not None:
        return description.year
    if named is None:
        raise errors.InputError(f"{description.where}: expected the key year, of the land that the map shows.")
    return named.year


def _licence(description: products_toml.Description) -> str:
    facts = known_products.facts_of(description.name)
    licence = description.licence or (facts.licence if facts else None)
    if licence is None:
        raise errors.InputError(f"{description.where}: expected the key licence: under what terms the map may be used.")
    return licence


def _sampling(description: products_toml.Description, files: Sequence[rasters.RasterFile]) -> Sampling:
    if description.sampling is not None:
        return description.sampling
    found = {_sampling_of(file) for file in files}
    if len(found) > 1:
        raise errors.InputError(
            f"{description.where}: expected files of one grid; some need sampling {' and some '.join(sorted(found))}. "
            "Keep the files of one resolution, or state `sampling` in products.toml."
        )
    return found.pop()


def _sampling_of(file: rasters.RasterFile) -> Sampling:
    cell = 1.0 / grid.CELLS_PER_DEGREE
    if file.resolution_m * PIXELS_PER_CELL_SIDE <= cell * rasters.METRES_PER_DEGREE:
        return "mode"
    left, _, _, top = file.lattice.bounds
    has_cell_size = all(abs(size / cell - 1.0) < SIZE_TOLERANCE for size in file.lattice.pixel_size)
    offsets = ((left + 180.0) / cell % 1.0, (90.0 - top) / cell % 1.0)
    on_corners = all(abs(offset - 0.5) < OFFSET_TOLERANCE for offset in offsets)
    return "touching" if file.lattice.is_geographic and has_cell_size and on_corners else "centre"


def _check_rules(folder: pathlib.Path, product: Product) -> None:
    if product.allow:
        return
    faults = []
    if product.resolution_m > COARSEST_M:
        faults.append(f"pixels of {product.resolution_m:.0f} m, where at most {COARSEST_M:.0f} m are expected")
    if not FIRST_YEAR <= product.year <= LAST_YEAR:
        faults.append(f"the year {product.year}, where {FIRST_YEAR}..{LAST_YEAR} is expected")
    if faults:
        raise errors.InputError(
            f"{product.name} ({product.files[0].path}) has {' and '.join(faults)}. Take another edition, or accept it "
            f'with allow = "<reason>" in {folder / products_toml.FILE_NAME}.'
        )
