"""Arrays to pictures."""

from __future__ import annotations

import base64
import io
import pathlib

import numpy as np
import pytest
from PIL import Image

from builder import errors
from refine.report import page_pictures


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


def test_a_wide_picture_file_is_scaled_down(tmp_path: pathlib.Path) -> None:
    Image.new("RGB", (400, 100), "red").save(tmp_path / "wide.png")
    assert _decoded(page_pictures.file_picture(tmp_path / "wide.png", widest_px=200)).shape == (50, 200, 3)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_refused(content: bytes, tmp_path: pathlib.Path) -> None:
    (tmp_path / "doubtful.png").write_bytes(content)
    with pytest.raises(errors.InputError, match=r"doubtful\.png: expected a picture"):
        page_pictures.file_picture(tmp_path / "doubtful.png", widest_px=200)
