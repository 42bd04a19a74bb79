"""Imagery of a part of a map lies on the ground that it shows."""

from __future__ import annotations

import pathlib

import imagery_files
import numpy as np
import pyproj
import pytest
import rasterio.transform
import report_artefacts

from builder.chips import chip, imagery_toml
from builder.geometry.lattice import Lattice
from builder.geometry.window import Window
from refine.report import page_imagery

GROUND = Lattice(
    report_artefacts.CRS, (30.0, 0.0, report_artefacts.ORIGIN[0], 0.0, -30.0, report_artefacts.ORIGIN[1]), (140, 120)
)


def test_a_window_of_the_ground_lies_where_it_lay() -> None:
    part = GROUND.window(Window(10, 20, 30, 50))
    assert part.centres()[0][0, 0] == GROUND.centres()[0][10, 30]
    assert part.resampled(2, 4).size_m() == pytest.approx(part.size_m())
    assert part.size_m() == pytest.approx((300.0, 600.0), rel=1e-3)


def test_places_and_centres_are_inverse() -> None:
    x, y = GROUND.centres()
    lon, lat = pyproj.Transformer.from_crs(GROUND.crs, 4326, always_xy=True).transform(x[7, 9], y[7, 9])
    column, row = GROUND.positions(np.array([lon]), np.array([lat]))
    assert (row[0], column[0]) == (pytest.approx(7.5, abs=1e-4), pytest.approx(9.5, abs=1e-4))


def test_imagery_lies_on_the_ground_it_shows(tmp_path: pathlib.Path) -> None:
    """A bright square of known place in the scene appears at that place of the picture, although pieces are turned."""
    left, top = report_artefacts.ORIGIN
    scene = np.full((3, 1500, 1500), 60, np.uint8)
    scene[:, 500:600, 900:1000] = 250  # 1,000-1,200 m south and 1,800-2,000 m east of the corner, 2 m pixels
    imagery_files.write(
        tmp_path / "scenes" / "a.tif",
        scene + np.random.default_rng(0).integers(0, 5, scene.shape).astype(np.uint8),
        transform=rasterio.transform.from_origin(left, top, 2.0, 2.0),
        tags={"TIFFTAG_DATETIME": "2010:07:01 00:00:00"},
    )
    (tmp_path / "imagery.toml").write_text(report_artefacts.IMAGERY, encoding="utf-8")
    ground = GROUND.window(Window(0, 100, 0, 100)).resampled(300, 300)  # 3 km as 300 pixels of 10 m
    picture = page_imagery.imagery(ground, imagery_toml.read(tmp_path / "imagery.toml"))
    rows, columns = np.nonzero(picture.pixels[..., 0] > 150)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((100, 119, 180, 199), abs=1)
    assert (picture.pixels[..., 3] == 255).mean() > 0.95
    assert len(picture.shown) == 1
    assert picture.refused == {}


def test_a_wide_region_is_read_in_the_pixels_in_which_it_is_shown(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = report_artefacts.write_frame(tmp_path / "frame")
    asked: list[tuple[int, int]] = []

    def acquire(requests, imagery):
        asked.append((len(requests), imagery.chip.size_px))
        return real(requests, imagery)

    real = chip.acquire
    monkeypatch.setattr(chip, "acquire", acquire)
    wide = Lattice(
        GROUND.crs, (*GROUND.transform[:2], GROUND.transform[2], 0.0, -30.0, GROUND.transform[5]), (1400, 1400)
    )
    picture = page_imagery.imagery(wide.resampled(280, 280), imagery_toml.read(frame / "imagery.toml"))
    assert (
        page_imagery.pieces(wide.resampled(280, 280)) == sum(count for count, _ in asked) == 24**2
    )  # of 12 px, 1.8 km
    assert [count for count, _ in asked] == [256, 256, 64]
    assert {size_px for _, size_px in asked} == {13}
    assert picture.refused["no scene"] > 500  # the scene covers 3 of 42 km
    assert picture.pixels[:20, :10, 3].all()
    assert not picture.pixels[100:, :, 3].any()


def test_ground_without_imagery_is_transparent(tmp_path: pathlib.Path) -> None:
    frame = report_artefacts.write_frame(tmp_path / "frame")
    far = Lattice(GROUND.crs, (30.0, 0.0, 700_000.0, 0.0, -30.0, 3_700_000.0), (20, 20))
    picture = page_imagery.imagery(far, imagery_toml.read(frame / "imagery.toml"))
    assert not picture.pixels.any()
    assert picture.shown == ()
    assert picture.refused == {"no scene": 1}


def test_places_across_the_antimeridian_lie_in_the_map() -> None:
    ground = Lattice("EPSG:4326", (0.5, 0, 179.0, 0, -0.5, 10.0), (4, 8))
    column, row = ground.positions(np.array([179.5, -179.5]), np.array([9.0, 9.0]))
    assert column.tolist() == [1.0, 3.0]
    assert row.tolist() == [2.0, 2.0]
