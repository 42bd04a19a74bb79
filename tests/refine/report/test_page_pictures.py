"""Arrays to pictures, and ground to imagery."""

from __future__ import annotations

import base64
import io
import pathlib

import imagery_files
import numpy as np
import pyproj
import pytest
import rasterio.transform
import report_artefacts
from PIL import Image

from builder.chips import chip, imagery_toml
from refine.report import page_pictures

GROUND = page_pictures.Ground(
    report_artefacts.CRS, (30.0, 0.0, report_artefacts.ORIGIN[0], 0.0, -30.0, report_artefacts.ORIGIN[1]), (140, 120)
)


def _decoded(uri: str) -> np.ndarray:
    kind, _, text = uri.partition(";base64,")
    assert kind.startswith("data:image/")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_classes_keep_their_exact_colours() -> None:
    painted = page_pictures.painted(np.array([[20, 60], [0, 20]], np.uint8), {20: "#1b7837", 60: "#2c7fb8"})
    assert painted[0].tolist() == [[0x1B, 0x78, 0x37, 255], [0x2C, 0x7F, 0xB8, 255]]
    assert painted[1, 0].tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(_decoded(page_pictures.lossless(painted)), painted)


def test_a_ramp_goes_from_its_first_to_its_last_colour() -> None:
    shades = page_pictures.ramp(
        np.array([[0, 50, 100, 7]]), ("#000000", "#ffffff"), low=0.0, high=100.0, missing=np.array([[0, 0, 0, 1]], bool)
    )
    assert shades[0, :, 0].tolist()[:3] == [0, 128, 255]
    assert shades[0, :, 3].tolist() == [255, 255, 255, 0]


def test_a_dot_at_the_edge_is_cut_off() -> None:
    dots = page_pictures.dotted(
        (10, 10), np.array([0.5, 5.5]), np.array([0.5, 5.5]), ("#ff0000", "#00ff00"), radius_px=2
    )
    assert dots[0, 0].tolist() == [255, 0, 0, 255]
    assert dots[5, 5].tolist() == [0, 255, 0, 255]
    assert dots[9, 0, 3] == 0


def test_a_window_of_the_ground_lies_where_it_lay() -> None:
    part = GROUND.window(10, 20, 30, 50)
    assert part.centres()[0][0, 0] == GROUND.centres()[0][10, 30]
    assert part.resampled(2, 4).size_m() == pytest.approx(part.size_m())
    assert part.size_m() == pytest.approx((300.0, 600.0), rel=1e-3)


def test_places_and_centres_are_inverse() -> None:
    x, y = GROUND.centres()
    lon, lat = pyproj.Transformer.from_crs(GROUND.crs, 4326, always_xy=True).transform(x[7, 9], y[7, 9])
    row, column = GROUND.places(np.array([lon]), np.array([lat]))
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
    ground = GROUND.window(0, 100, 0, 100).resampled(300, 300)  # 3 km as 300 pixels of 10 m
    picture = page_pictures.imagery(ground, imagery_toml.read(tmp_path / "imagery.toml"))
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
    wide = page_pictures.Ground(
        GROUND.crs, (*GROUND.transform[:2], GROUND.transform[2], 0.0, -30.0, GROUND.transform[5]), (1400, 1400)
    )
    picture = page_pictures.imagery(wide.resampled(280, 280), imagery_toml.read(frame / "imagery.toml"))
    assert (
        page_pictures.pieces(wide.resampled(280, 280)) == sum(count for count, _ in asked) == 24**2
    )  # of 12 px, 1.8 km
    assert [count for count, _ in asked] == [256, 256, 64]
    assert {size_px for _, size_px in asked} == {13}
    assert picture.refused["no scene"] > 500  # the scene covers 3 of 42 km
    assert picture.pixels[:20, :10, 3].all()
    assert not picture.pixels[100:, :, 3].any()


def test_ground_without_imagery_is_transparent(tmp_path: pathlib.Path) -> None:
    frame = report_artefacts.write_frame(tmp_path / "frame")
    far = page_pictures.Ground(GROUND.crs, (30.0, 0.0, 700_000.0, 0.0, -30.0, 3_700_000.0), (20, 20))
    picture = page_pictures.imagery(far, imagery_toml.read(frame / "imagery.toml"))
    assert not picture.pixels.any()
    assert picture.shown == ()
    assert picture.refused == {"no scene": 1}


def test_places_across_the_antimeridian_lie_in_the_map() -> None:
    ground = page_pictures.Ground("EPSG:4326", (0.5, 0, 179.0, 0, -0.5, 10.0), (4, 8))
    row, column = ground.places(np.array([179.5, -179.5]), np.array([9.0, 9.0]))
    assert column.tolist() == [1.0, 3.0]
    assert row.tolist() == [2.0, 2.0]


def test_a_wide_picture_file_is_scaled_down() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (400, 100), "red").save(buffer, "PNG")
    assert _decoded(page_pictures.file_picture(buffer.getvalue(), widest_px=200)).shape == (50, 200, 3)
