from __future__ import annotations

import functools
import operator
import pathlib

import numpy as np
import pytest
import rasterio
import shapely

from builder import errors
from builder.frame import frame as frames
from builder.frame import layers
from builder.geometry import grid
from builder.legend import crosswalk as crosswalks
from builder.maps import agreement, compare_products, products, rasters
from builder.pipeline import agreement_maps

WINDOW = grid.CellWindow(20010, 20050, 100020, 100070)
WEST, SOUTH, EAST, NORTH = WINDOW.bounds
CODES = {"globeland30": [10, 20, 50], "cci_lc": [10, 60, 50, 100], "glcnmo": [11, 1, 16]}


def product(folder: pathlib.Path, name: str, per_cell: int, seed: int) -> products.Product:
    random = np.random.default_rng(seed)
    coarse = random.choice(np.array(CODES[name], np.uint8), (4, 5)).repeat(10 * per_cell, 0).repeat(10 * per_cell, 1)
    codes = np.where(random.random(coarse.shape) < 0.2, random.choice(CODES[name], coarse.shape), coarse).astype(
        np.uint8
    )
    path = folder / f"{name}.tif"
    size = 1 / 360 / per_cell
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="uint8", height=codes.shape[0], width=codes.shape[1],
        crs="EPSG:4326", transform=rasterio.Affine(size, 0, WEST, 0, -size, NORTH),
    ) as dataset:  # fmt: skip
        dataset.write(codes, 1)
    return products.Product(
        name=name, title="", year=2010, version="", resolution_m=300 / per_cell, licence="", citation="", access="",
        published_accuracy="", crosswalk=crosswalks.shipped(name), nodata=None, files=(rasters.describe(path),),
        is_base=name == "globeland30", sampling="mode" if per_cell > 1 else "centre",
    )  # fmt: skip


@pytest.fixture(scope="module")
def product_set(tmp_path_factory: pytest.TempPathFactory) -> products.ProductSet:
    folder = tmp_path_factory.mktemp("products")
    fine, same, third = ("globeland30", 10, 1), ("cci_lc", 1, 1), ("glcnmo", 1, 1)
    return products.ProductSet(tuple(product(folder, *each) for each in (fine, same, third)))


def maps_of(folder: pathlib.Path) -> dict[str, np.ndarray]:
    found = {}
    for name in frames.RASTERS:
        with rasterio.open(folder / name) as dataset:
            found[name] = dataset.read()
    return found


@pytest.fixture(scope="module")
def written(
    product_set: products.ProductSet, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pathlib.Path, agreement.AgreementSummary]:
    out = tmp_path_factory.mktemp("frame")
    return out, agreement_maps.write_agreement(product_set, WINDOW, out, min_agreement=2, tile_cells=16)


def test_beam_gives_what_a_loop_over_the_same_functions_gives(
    product_set: products.ProductSet, written: tuple[pathlib.Path, agreement.AgreementSummary]
) -> None:
    whole = compare_products.compare(product_set.products, WINDOW, min_agreement=2)
    maps = maps_of(written[0])
    for name, array in layers.arrays_of(whole).items():
        np.testing.assert_array_equal(maps[name], array)
    parts = (compare_products.compare(product_set.products, tile, min_agreement=2) for tile in WINDOW.tiles(7))
    summaries = (agreement.summarize(part.agreement) for part in parts)
    assert written[1] == functools.reduce(operator.add, summaries, agreement.AgreementSummary())


def test_two_workers_write_the_same_bytes_as_one(
    product_set: products.ProductSet,
    written: tuple[pathlib.Path, agreement.AgreementSummary],
    tmp_path: pathlib.Path,
) -> None:
    summary = agreement_maps.write_agreement(
        product_set, WINDOW, tmp_path, min_agreement=2, tile_cells=16, beam_options=["--direct_num_workers=2"]
    )
    assert summary == written[1]
    for file in sorted(written[0].iterdir()):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_the_folder_holds_three_maps_with_their_names_and_no_litter(
    product_set: products.ProductSet, written: tuple[pathlib.Path, agreement.AgreementSummary]
) -> None:
    names = frames.RASTERS
    assert {p.name for p in written[0].iterdir()} == {*names, *(f"{n}.aux.xml" for n in names)}
    with rasterio.open(written[0] / frames.LAYERS) as dataset:
        assert dataset.descriptions == layers.BANDS
        assert product_set.products[0].files[0].sha256 in dataset.tags()["GLOBELAND_PRODUCTS"]
    with rasterio.open(written[0] / frames.HARMONIZED) as dataset:
        assert dataset.descriptions == ("globeland30", "cci_lc", "glcnmo")


def test_the_layers_say_what_their_names_say(written: tuple[pathlib.Path, agreement.AgreementSummary]) -> None:
    maps = maps_of(written[0])
    state, votes, purity, agreeing, base, core, valid = maps[frames.LAYERS]
    strict = maps[frames.HARMONIZED]
    consistent = state == agreement.State.CONSISTENT
    assert consistent.any() and (state == agreement.State.INCONSISTENT).any()
    assert ((maps[frames.AGREEMENT][0] != 0) == consistent).all()
    assert (votes[consistent] == (strict == maps[frames.AGREEMENT]).sum(axis=0)[consistent]).all()
    assert ((purity >= 30) & (purity <= 100)).all() and (agreeing & 1).all() and (valid == 3).all()
    assert set(np.unique(core)) <= {0, 10, 20} and (core == base).mean() > 0.05


def test_cells_outside_the_area_of_interest_have_no_data(
    product_set: products.ProductSet, tmp_path: pathlib.Path
) -> None:
    middle = (WEST + EAST) / 2
    triangle = shapely.Polygon([(WEST, SOUTH), (middle, SOUTH), (WEST, NORTH)])
    summary = agreement_maps.write_agreement(product_set, WINDOW, tmp_path, aoi=triangle)
    maps = maps_of(tmp_path)
    lon, lat = grid.cell_centre(WINDOW.cells())
    inside = shapely.contains_xy(triangle, lon, lat)
    assert not any(band[~inside].any() for stack in maps.values() for band in stack)
    assert maps[frames.HARMONIZED][:, inside].all()
    assert summary.of_state(agreement.State.NODATA) == (~inside).sum()


def test_an_area_given_beyond_180_degrees_is_the_same_place(
    product_set: products.ProductSet, tmp_path: pathlib.Path
) -> None:
    box = shapely.box(WEST - 360, SOUTH, EAST - 360, NORTH)
    assert compare_products.holds(box, WINDOW).all()


@pytest.mark.parametrize("options", [[], ["--direct_num_workers=2"]])
def test_an_unknown_code_ends_with_its_own_words_and_leaves_nothing(
    product_set: products.ProductSet, tmp_path: pathlib.Path, options: list[str]
) -> None:
    odd = product(tmp_path, "cci_lc", 1, 5)
    with rasterio.open(odd.files[0].path, "r+") as dataset:
        dataset.write(np.full((1, 1), 9, np.uint8), 1, window=rasterio.windows.Window(3, 3, 1, 1))
    broken = products.ProductSet((product_set.base, odd))
    with pytest.raises(errors.InputError) as raised:
        agreement_maps.write_agreement(broken, WINDOW, tmp_path / "out", beam_options=options)
    assert "holds class codes that the crosswalk lacks: code 9 (1 pixels)" in str(raised.value)
    assert "while running" not in str(raised.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_too_small_a_majority_is_refused_before_any_work(
    product_set: products.ProductSet, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(errors.InputError, match=r"expected a strict majority of the 3 products, 2\.\.3; received 1"):
        agreement_maps.write_agreement(product_set, WINDOW, tmp_path / "out", min_agreement=1)
    assert not (tmp_path / "out").exists()
