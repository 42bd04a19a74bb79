from __future__ import annotations

import hashlib

import imagehash
import imagery_files
import numpy as np
from PIL import Image

from builder.chips import pictures


def chip(seed, size=299):
    return np.moveaxis(imagery_files.texture(size, size, seed=seed, grain_px=40), 0, 2)


def test_the_hash_equals_the_one_of_imagehash():
    for seed in range(20):
        pixels = chip(seed)
        theirs = imagehash.phash(Image.fromarray(pixels)).hash
        ours = np.unpackbits(np.frombuffer(pictures.phash(pixels).to_bytes(8, "big", signed=True), np.uint8))
        np.testing.assert_array_equal(ours.reshape(8, 8), theirs)


def test_copies_are_near_and_strangers_are_far():
    first, second = chip(1), chip(2)
    copy = pictures.decoded(pictures.encoded(first, 75))
    hashes = np.array([pictures.phash(p) for p in (first, copy, second)])
    assert pictures.hamming(hashes[0], hashes[1]) <= 4
    assert pictures.hamming(hashes[0], hashes[2]) > 16
    assert pictures.hamming(hashes, hashes).tolist() == [0, 0, 0]


def test_jpeg_keeps_shape_and_nearly_the_values():
    pixels = chip(3)
    image = pictures.encoded(pixels, 90)
    assert image[:2] == b"\xff\xd8"
    assert np.abs(pictures.decoded(image).astype(int) - pixels).mean() < 2.0
    assert pictures.encoded(pixels, 90) == image


def test_the_digest_is_of_the_bytes_in_row_order():
    pixels = chip(4, 16)
    assert pictures.sha256(pixels) == hashlib.sha256(pixels.tobytes()).hexdigest()
    changed = pixels.copy()
    changed[0, 0, 0] ^= 1
    assert pictures.sha256(changed) != pictures.sha256(pixels)
