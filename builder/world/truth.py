"""What is really on the ground, finer than 30 m."""

from __future__ import annotations

import dataclasses

import numpy as np

from builder import hashing
from builder.world import fields, settings


@dataclasses.dataclass(frozen=True)
class Truth:
    """uint8[y, x] class codes (and 50, wetland) on EPSG:4326, `settings.TRUTH_PER_CELL` pixels along a cell."""

    codes: np.ndarray
    west: float
    north: float

    @property
    def per_degree(self) -> int:
        """Pixels along a degree."""
        return settings.TRUTH_PER_CELL * 360

    def at(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """uint8 code at points (degrees, any shape); beyond the edge the edge's code."""
        column = ((np.asarray(lon) - self.west) * self.per_degree).astype(np.int32)
        row = ((self.north - np.asarray(lat)) * self.per_degree).astype(np.int32)
        rows, columns = self.codes.shape
        return np.asarray(self.codes[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)])

    def shares(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """float32[..., code index]: share of each of `settings.TRUTH_CODES` among the points of the last axis."""
        seen = self.at(lon, lat)
        return np.stack([(seen == code).mean(axis=-1, dtype=np.float32) for code in settings.TRUTH_CODES], axis=-1)


def draw(world: settings.World) -> Truth:
    """The ground of a world: massifs with snow and rock, woods, grass, a cultivated plain, towns, lakes and a river.

    Classes are cut out one after another, each as the highest-scoring share of what is left, so that every class has
    its share in every world.
    """
    west, _, _, north = world.ground.bounds
    rows, columns = (n * settings.TRUTH_PER_CELL for n in world.ground.shape)
    codes = np.full((rows, columns), settings.GRASS_SHRUB, np.uint8)
    free = np.ones((rows, columns), bool)
    score = _Scores(world, rows, columns)
    height = score.field("height", world.terrain_scale_m)

    def claim(code: int, share: float, values: np.ndarray) -> None:
        threshold = np.quantile(values[free][::7], 1 - min(1.0, share * free.size / max(1, free.sum())))
        chosen = free & (values >= threshold)
        codes[chosen] = code
        free[chosen] = False

    edge = score.field("edge", world.edge_scale_m, scaled=False) * np.float32(world.edge_weight)
    claim(settings.SNOW_ICE, world.snow_share, height + edge)
    rock = score.field("rock", world.cover_scale_m)
    claim(settings.BARELAND, world.rock_share, height + 0.35 * rock + 2 * edge)
    lakes = -height + 0.5 * score.field("lake", world.cover_scale_m)
    lake_share = world.lake_share * free.size / free.sum()
    wet_margin = np.quantile(lakes[free][::7], 1 - 1.12 * lake_share)
    claim(settings.WATER, world.lake_share, lakes)
    river = _river(world, free | (codes == settings.BARELAND))
    codes[river], free[river] = settings.WATER, False
    reeds = free & (lakes >= wet_margin) & (score.field("reeds", 2 * world.edge_scale_m, scaled=False) > 0.2)
    codes[reeds], free[reeds] = settings.WETLAND, False
    claim(settings.ARTIFICIAL, world.city_share, score.field("city", 0.9 * world.cover_scale_m) - 0.35 * height + edge)
    claim(settings.BARELAND, world.sand_share, score.field("sand", world.cover_scale_m) + 0.2 * height + edge)
    cover = score.field("cover", world.cover_scale_m)
    claim(settings.CULTIVATED, world.cultivated_share, cover - 0.8 * height + edge / 2)
    claim(settings.FOREST, world.forest_share, score.field("wood", world.cover_scale_m) - 0.4 * cover + 3 * edge)
    village = score.field("village", 1.1 * world.edge_scale_m, scaled=False)
    field_share = (codes == settings.CULTIVATED).mean()
    houses = (codes == settings.CULTIVATED) & (village > np.quantile(village[::5, ::5], 1 - world.village_share / field_share))
    codes[houses] = settings.ARTIFICIAL
    return Truth(codes, west, north)


class _Scores:
    """Fields of a world, upsampled to the truth's pixels."""

    def __init__(self, world: settings.World, rows: int, columns: int) -> None:
        self._world, self._shape = world, (rows, columns)

    def field(self, purpose: str, scale_m: float, *, scaled: bool = True) -> np.ndarray:
        """float32[y, x] of variance 1; `scaled` lengths shrink with the landscape."""
        scale = scale_m * (self._world.scale if scaled else 1.0)
        return _upsampled(fields.gaussian(self._world, f"truth {purpose}", scale).values, self._shape)


def _upsampled(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    for axis in (0, 1):
        position = (np.arange(shape[axis]) + 0.5) * values.shape[axis] / shape[axis] - 0.5
        position = np.clip(position, 0, values.shape[axis] - 1.001)
        low = position.astype(np.int32)
        part = (position - low).astype(np.float32)
        part = part[:, None] if axis == 0 else part[None, :]
        values = np.take(values, low, axis) * (1 - part) + np.take(values, low + 1, axis) * part
    return values


def _river(world: settings.World, free: np.ndarray) -> np.ndarray:
    """Where the river runs: from the western to the eastern edge, winding, round the snow."""
    rows, columns = free.shape
    north_m = world.metres_per_degree[1] / (settings.TRUTH_PER_CELL * 360)
    generator = np.random.default_rng(hashing.stream(world.seed, "river"))
    x = np.linspace(0, 1, columns)
    path = np.full(columns, generator.uniform(0.35, 0.65))
    for waves in (1, 2, 4, 7):
        path = path + generator.normal(0, 0.16 / waves) * np.sin(2 * np.pi * (waves * x + generator.uniform()))
    slope = np.gradient(path * rows) * 1.2
    half = world.river_half_width_m * (0.4 + 0.6 * world.scale) / north_m * np.sqrt(1 + slope**2)
    distance = np.abs(np.arange(rows)[:, None] - (path * rows)[None, :])
    return free & (distance < half[None, :])
