"""Grains: periodic tiles that textures are composed of, such as noise, tree crowns, shrubs, dunes, shaded relief."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from builder import hashing

SIDE = 512  # samples; a power of two, so that wrapping is a mask
_MASK = SIDE - 1
_TABLE = 4096


@dataclasses.dataclass(frozen=True)
class Grains:
    """Flattened tiles float32[SIDE * SIDE] by name, of mean 0 and variance 1 unless noted in `make`, and a hash."""

    tiles: Mapping[str, np.ndarray]
    permutation: np.ndarray  # int32[4096]
    fractions: np.ndarray  # float32[4096] in 0..1

    def at(self, name: str, x: np.ndarray, y: np.ndarray, metres: float) -> np.ndarray:
        """float32 values of a tile at positions in metres; a sample every `metres`, repeated endlessly."""
        scale = np.float32(1 / metres)
        column = (x * scale).astype(np.int32) & _MASK
        row = (y * scale).astype(np.int32) & _MASK
        return np.asarray(self.tiles[name].take((row << 9) | column))

    def fraction(self, column: np.ndarray, row: np.ndarray, salt: int) -> np.ndarray:
        """float32 in 0..1: a hash of integer positions (int32), the same in every call."""
        inner = self.permutation.take((column + salt * 101) & (_TABLE - 1))
        return np.asarray(self.fractions.take((inner + row + salt * 57) & (_TABLE - 1)))


def make(seed: int) -> Grains:
    """The grains of a world."""
    generator = np.random.default_rng(hashing.stream(seed, "grains"))
    kx, ky = np.meshgrid(np.fft.rfftfreq(SIDE), np.fft.fftfreq(SIDE))
    k = np.hypot(kx, ky)
    k[0, 0] = 1.0

    def noise(response: np.ndarray) -> np.ndarray:
        field = np.fft.irfft2(np.fft.rfft2(generator.standard_normal((SIDE, SIDE))) * response, (SIDE, SIDE))
        return np.asarray((field - field.mean()) / field.std())

    def relief(height: np.ndarray) -> np.ndarray:
        lit = (np.roll(height, 1, 1) - height) + (height - np.roll(height, 1, 0))  # sun in the south-east
        return np.asarray(lit / lit.std())

    crown_light, crown_tone = _crowns(generator)
    tiles = {
        "white": noise(np.ones_like(k)),
        "smooth": noise(np.exp(-((np.pi * 10 * k) ** 2) / 2)),
        "broad": noise(np.exp(-((np.pi * 62 * k) ** 2) / 2)),
        "fractal": noise(k**-1.5),
        "rough": noise(k**-0.9 * np.exp(-((2 * k) ** 2))),
        "relief": relief(noise(k**-2.1 * np.exp(-((6 * k) ** 2)))),
        "crisp": relief(noise(k**-1.9 * np.exp(-((2 * k) ** 2)))),
        "gullies": -np.abs(noise(k**-1.4 * np.exp(-((4 * k) ** 2)))) + 0.8,
        "dunes": relief(noise(np.exp(-((np.hypot(26 * kx, 60 * (np.abs(ky) - 0.05))) ** 2)))),
        "ripples": noise(np.exp(-((np.hypot(12 * kx, 22 * (np.abs(ky) - 0.16))) ** 2))),
        "cracks": (np.abs(noise(np.exp(-((np.pi * 14 * k) ** 2) / 2))) < 0.035).astype(np.float64),  # 0 or 1
        "crowns": crown_light,  # -1 in the shadow .. 1 on the sunny side
        "tones": crown_tone,  # one value in -1..1 per crown
        "shrubs": _shrubs(generator),  # 1 on a shrub, 0 between them
    }
    flat = {name: np.ascontiguousarray(tile, np.float32).ravel() for name, tile in tiles.items()}
    permutation = generator.permutation(_TABLE).astype(np.int32)
    return Grains(flat, permutation, generator.random(_TABLE, np.float32))


def _crowns(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Light and tone of a closed canopy: one crown in every 8 x 8 samples, of random place, radius and tone."""
    spacing = 8
    n = SIDE // spacing
    place, radius = generator.random((2, n, n)), generator.uniform(4.2, 6.6, (n, n))
    tone = generator.uniform(-1, 1, (n, n))
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    top, light, tones = np.full((SIDE, SIDE), -0.9), np.full((SIDE, SIDE), -1.0), np.zeros((SIDE, SIDE))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            i, j = (row // spacing + dy), (column // spacing + dx)
            at = (i % n, j % n)
            y = row - (i + place[0][at]) * spacing
            x = column - (j + place[1][at]) * spacing
            height = 1 - (x**2 + y**2) / radius[at] ** 2
            sunny = 0.45 * height + 0.75 * (x - y) / radius[at] - 0.05  # rows count northward: sun in the south-east
            higher = height > top
            top = np.where(higher, height, top)
            light = np.where(higher & (height > 0), sunny, light)
            tones = np.where(higher, tone[at], tones)
    return np.clip(light, -1, 1), tones


def _shrubs(generator: np.random.Generator) -> np.ndarray:
    """Scattered shrubs: about one in every 10 x 10 samples."""
    tile = np.zeros((SIDE, SIDE))
    for _ in range(SIDE * SIDE // 100):
        y, x = generator.integers(0, SIDE, 2)
        radius = generator.uniform(0.8, 2.6)
        reach = np.arange(-4, 5)
        inside = np.clip(radius + 0.5 - np.hypot(reach[:, None], reach[None, :] + 0.6), 0, 1)
        rows, columns = (y + reach) & _MASK, (x + reach) & _MASK
        tile[np.ix_(rows, columns)] = np.maximum(tile[np.ix_(rows, columns)], inside)
    return tile
