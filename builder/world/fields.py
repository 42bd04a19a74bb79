"""Smooth random fields over a world."""

from __future__ import annotations

import dataclasses

import numpy as np

from builder import hashing
from builder.world import world_settings

SAMPLES_PER_CELL = 6  # about 50 m: fine enough for correlation lengths of 100 m and more


@dataclasses.dataclass(frozen=True)
class Field:
    """float32[y, x] over the ground of a world, row 0 at the north, `per_cell` samples along a cell."""

    values: np.ndarray
    west: float
    north: float
    per_cell: int = SAMPLES_PER_CELL

    def at(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """float32 values at points in degrees, any shape; bilinear, constant beyond the edge."""
        per_degree = self.per_cell * 360
        x = np.clip((np.asarray(lon) - self.west) * per_degree - 0.5, 0, self.values.shape[1] - 1.001)
        y = np.clip((self.north - np.asarray(lat)) * per_degree - 0.5, 0, self.values.shape[0] - 1.001)
        col, row = x.astype(np.int32), y.astype(np.int32)
        fx, fy = (x - col).astype(np.float32), (y - row).astype(np.float32)
        v = self.values
        top = v[row, col] * (1 - fx) + v[row, col + 1] * fx
        bottom = v[row + 1, col] * (1 - fx) + v[row + 1, col + 1] * fx
        return np.asarray(top * (1 - fy) + bottom * fy)


def gaussian(world: world_settings.World, purpose: str, scale_m: float) -> Field:
    """A field of mean 0 and variance 1 with a Gaussian correlation of length `scale_m`; one per (seed, purpose)."""
    rows, columns = (n * SAMPLES_PER_CELL for n in world.ground.shape)
    generator = np.random.default_rng(hashing.stream(world.seed, f"field {purpose}"))
    noise = generator.standard_normal(
        (rows * 2, columns * 2)
    )  # twice as large, because the Fourier transform wraps round
    east_m, north_m = (m / (360 * SAMPLES_PER_CELL) for m in world.metres_per_degree)
    ky = np.fft.fftfreq(rows * 2, north_m)[:, None]
    kx = np.fft.rfftfreq(columns * 2, east_m)[None, :]
    response = np.exp(-((np.pi * scale_m) ** 2) * (kx**2 + ky**2) / 2)
    smooth = np.fft.irfft2(np.fft.rfft2(noise) * response, noise.shape)[:rows, :columns]
    west, _, _, north = world.ground.bounds
    return Field(((smooth - smooth.mean()) / smooth.std()).astype(np.float32), west, north)


def uniform(field: Field) -> Field:
    """The field with values replaced by their ranks in (0, 1), so that a threshold equals a share of the area."""
    flat = field.values.ravel()
    ranks = np.empty(flat.size, np.float32)
    ranks[np.argsort(flat, kind="stable")] = (np.arange(flat.size, dtype=np.float32) + 0.5) / flat.size
    return dataclasses.replace(field, values=ranks.reshape(field.values.shape))


def mixed(parts: list[tuple[float, Field]]) -> Field:
    """Sum of fields, weighted by the square roots of their shares (part, field) of the variance."""
    total = sum(np.sqrt(share) * field.values for share, field in parts if share > 0)
    return dataclasses.replace(parts[0][1], values=np.asarray(total, np.float32))
