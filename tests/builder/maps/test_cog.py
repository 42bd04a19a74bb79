from __future__ import annotations

import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import rio_cogeo

from builder import errors
from builder.geometry import grid
from builder.geometry.lattice import Lattice
from builder.legend import legend as legends
from builder.maps import cog

WINDOW = grid.CellWindow(20000, 21300, 100000, 101100)
CODES = np.array([0, *legends.seven().codes], np.uint8)


def classes(shape: tuple[int, int], bands: int = 1) -> np.ndarray:
    return np.random.default_rng(0).choice(CODES, (bands, *shape))


def in_tiles(array: np.ndarray, size: int) -> Iterator[cog.Block]:
    """Last tile first."""
    corners = [(r, c) for r in range(0, array.shape[1], size) for c in range(0, array.shape[2], size)]
    return ((r, c, array[:, r : r + size, c : c + size]) for r, c in reversed(corners))


def write_classes(path: pathlib.Path) -> np.ndarray:
    array = classes(WINDOW.shape)
    tags = {"GLOBELAND_PRODUCTS": "[1]"}
    cog.from_blocks(
        path, cog.of_window(WINDOW), in_tiles(array, 360), palette=legends.seven(), band_names=("consensus",), tags=tags
    )
    return array


def test_blocks_in_any_order_give_the_whole_raster_on_its_grid(tmp_path: pathlib.Path) -> None:
    array = write_classes(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(), array)
        assert tuple(dataset.transform)[:6] == WINDOW.lattice.transform
        assert (dataset.crs.to_epsg(), dataset.nodata, dataset.descriptions) == (4326, 0, ("consensus",))
        assert dataset.tags()["GLOBELAND_PRODUCTS"] == "[1]"
        assert dataset.tags()["TIFFTAG_SOFTWARE"].startswith("globeland ")


def test_it_is_a_valid_cog_without_warnings(tmp_path: pathlib.Path) -> None:
    write_classes(tmp_path / "a.tif")
    assert rio_cogeo.cog_validate(tmp_path / "a.tif", strict=True) == (True, [], [])


def test_colours_are_those_of_the_legend(tmp_path: pathlib.Path) -> None:
    write_classes(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        colours = dataset.colormap(1)
    assert {c.code: (*c.rgb, 255) for c in legends.seven().classes} == {c: colours[c] for c in legends.seven().codes}
    assert colours[0] == (0, 0, 0, 0)


def test_overviews_hold_the_most_frequent_class(tmp_path: pathlib.Path) -> None:
    array = np.full((1, 1024, 1024), 10, np.uint8)
    array[:, ::2, ::2] = 80
    cog.from_blocks(
        tmp_path / "a.tif", cog.of_window(grid.CellWindow(0, 1024, 0, 1024)), [(0, 0, array)], palette=legends.seven()
    )
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        assert dataset.shape == (512, 512) and set(np.unique(dataset.read(1))) == {10}


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="needs gdalinfo (Debian: gdal-bin)")
def test_gdalinfo_shows_names_and_colours(tmp_path: pathlib.Path) -> None:
    write_classes(tmp_path / "a.tif")
    shown = subprocess.run(["gdalinfo", tmp_path / "a.tif"], capture_output=True, text=True, check=True).stdout
    assert "20: Forest" in shown and "20: 27,120,55,255" in shown and "Description = consensus" in shown
    assert '<FieldDefn index="1">' in shown


def test_each_band_has_its_own_names(tmp_path: pathlib.Path) -> None:
    profile = cog.of_window(grid.CellWindow(0, 20, 0, 30), bands=2)
    cog.from_blocks(
        tmp_path / "a.tif", profile, [], band_names=("state", "votes"), categories={1: {0: "no data", 2: "bad"}}
    )
    root = ElementTree.parse(tmp_path / "a.tif.aux.xml").getroot()
    assert [b.get("band") for b in root.findall("PAMRasterBand")] == ["1"]
    assert [c.text for c in root.iter("Category")] == ["no data", None, "bad"]


def test_any_grid_and_type_can_be_written(tmp_path: pathlib.Path) -> None:
    profile = cog.Profile(Lattice("EPSG:32649", (30, 0, 3e5, 0, -30, 3.8e6), (70, 90)), 1, "float32", -1.0)
    cog.from_blocks(tmp_path / "a.tif", profile, [(10, 20, np.full((1, 5, 5), 0.25, np.float32))], overviews="average")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        array = dataset.read(1)
        assert (dataset.crs.to_epsg(), dataset.nodata, array[12, 22], array[0, 0]) == (32649, -1, 0.25, -1)


def test_nothing_is_left_when_a_block_cannot_be_made(tmp_path: pathlib.Path) -> None:
    def blocks() -> Iterator[cog.Block]:
        yield 0, 0, classes((10, 10))
        raise errors.InputError("no such tile")

    with pytest.raises(errors.InputError, match="no such tile"):
        cog.from_blocks(tmp_path / "a.tif", cog.of_window(grid.CellWindow(0, 20, 0, 20)), blocks())
    assert list(tmp_path.iterdir()) == []


def test_a_block_outside_the_raster_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="expected a block inside"):
        cog.from_blocks(tmp_path / "a.tif", cog.of_window(grid.CellWindow(0, 9, 0, 9)), [(5, 5, classes((5, 5)))])


def test_a_palette_for_several_bands_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="one band of uint8"):
        cog.from_blocks(tmp_path / "a.tif", cog.of_window(WINDOW, bands=2), [], palette=legends.seven())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(errors.InputError, match=r"cannot write it.*permissions"):
        cog.from_blocks(tmp_path / "file" / "a.tif", cog.of_window(WINDOW), [])


def test_the_same_input_gives_the_same_bytes(tmp_path: pathlib.Path) -> None:
    write_classes(tmp_path / "a.tif")
    write_classes(tmp_path / "b.tif")
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
