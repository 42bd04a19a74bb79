"""A stored picture is the JPEG that its example promises, and the example says what can be."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from builder.chips import footprint, pictures
from builder.dataset import example_faults, examples

SIZE_PX, SIZE_M = 32, 90.0
PIXELS = np.random.default_rng(0).integers(0, 256, (SIZE_PX, SIZE_PX, 3), np.uint8)
IMAGE = pictures.encoded(PIXELS, 90)
DECODING = example_faults.Expected(SIZE_M, SIZE_PX, decodes=True)
HEADER_ONLY = dataclasses.replace(DECODING, decodes=False)


def stored(**changes: object) -> examples.Stored:
    corners = footprint.Footprint(10.0, 50.0).corners().ravel()
    sound = examples.Stored(
        key="r1c1",
        label=0,
        rotation_deg=0,
        lonlat=(10.0, 50.0),
        corners=tuple(round(value * 1e7) / 1e7 for value in corners.tolist()),
        gsd_m=0.5,
        acquired=("2010-07-01", "2010-07-02"),
        pixels_sha256=pictures.sha256(pictures.decoded(IMAGE)),
        phash=0,
    )
    return dataclasses.replace(sound, **changes)


def faults(image: bytes = IMAGE, expected: example_faults.Expected = DECODING, **changes: object) -> str:
    return "; ".join(example_faults.of_example(stored(**changes), image, expected))


def written(pixels: np.ndarray, file_format: str, mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, file_format)
    return stream.getvalue()


def header_of(width: int, height: int) -> bytes:
    """The sound picture, but its frame header claims another size."""
    start = IMAGE.index(b"\xff\xc0")
    return IMAGE[: start + 5] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + IMAGE[start + 9 :]


def test_a_sound_example_has_no_fault() -> None:
    assert faults() == "" == faults(expected=HEADER_ONLY)


@pytest.mark.parametrize("expected", [DECODING, HEADER_ONLY], ids=["decoding", "header only"])
@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (b"hello", "is no whole JPEG"),
        (b"", "is no whole JPEG"),
        (written(PIXELS, "PNG"), "is no whole JPEG"),
        (written(PIXELS[:5, :5], "JPEG"), "has 5 x 5 px instead of 32 x 32"),
        (written(PIXELS[:5], "JPEG"), "has 32 x 5 px instead of 32 x 32"),
        (written(PIXELS, "JPEG", "L"), "has 1 channels instead of 3"),
        (IMAGE[: len(IMAGE) // 2], "is no whole JPEG"),
        (header_of(20_000, 20_000), "has 20000 x 20000 px instead of 32 x 32"),
    ],
    ids=["text", "empty", "PNG", "small", "flat", "grey", "cut", "bomb"],
)
def test_a_picture_of_another_kind_or_size_is_seen_by_its_header(
    image: bytes, fault: str, expected: example_faults.Expected
) -> None:
    assert fault in faults(image, expected)


def test_other_pixels_are_seen_only_by_decoding() -> None:
    emptied = IMAGE[: IMAGE.index(b"\xff\xda")] + b"\xff\xd9"  # a header without a scan
    assert "cannot be decoded" in faults(emptied) and faults(emptied, HEADER_ONLY) == ""
    start = IMAGE.index(b"\xff\xda")
    two_headers = IMAGE[:start] + header_of(20_000, 20_000)[IMAGE.index(b"\xff\xc0") : start] + IMAGE[start:]
    assert "cannot be decoded" in faults(two_headers) and faults(two_headers, HEADER_ONLY) == ""
    assert "has pixels of the SHA-256" in faults(pixels_sha256="0" * 64)
    assert faults(pixels_sha256="0" * 64, expected=HEADER_ONLY) == ""


@pytest.mark.parametrize("gsd_m", [float("nan"), float("inf"), 0.0, -5.0])
def test_a_resolution_is_a_positive_number(gsd_m: float) -> None:
    assert "`gsd_m` is" in faults(gsd_m=gsd_m)


def test_the_corners_lie_around_the_centre() -> None:
    assert "its corners are" in faults(lonlat=(11.0, 50.0))
    assert "its corners are" in faults(corners=(10.0, 50.0) * 4)
    assert "its corners are" in faults(corners=stored().corners[:2] * 4)
    assert "not on the globe" in faults(lonlat=(190.0, 50.0))
    assert "not on the globe" in faults(lonlat=(10.0, 91.0))


@pytest.mark.parametrize("lon", [-180.0, 179.99999, 0.0])
@pytest.mark.parametrize("lat", [-89.9, 0.0, 75.0])
@pytest.mark.parametrize("rotation_deg", [0.0, 345.0])
def test_a_chip_is_sound_at_any_place_and_angle(lon: float, lat: float, rotation_deg: float) -> None:
    chip = footprint.Footprint(lon, lat, 10_000.0, rotation_deg)
    corners = tuple(round(value * 1e7) / 1e7 for value in chip.corners().ravel().tolist())
    expected = dataclasses.replace(DECODING, size_m=10_000.0)
    assert faults(lonlat=(lon, lat), corners=corners, expected=expected) == ""


@pytest.mark.parametrize("acquired", [("yesterday", "2010-07-01"), ("2010-07-01", ""), ("2010-07-02", "2010-07-01")])
def test_the_days_of_acquisition_are_days_in_order(acquired: tuple[str, str]) -> None:
    assert "acqui" in faults(acquired=acquired)
