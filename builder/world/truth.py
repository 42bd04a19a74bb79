"""The truth of a world: land cover on the ground, finer than 30 m."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import rasterio

from builder import hashing
from builder.geometry.lattice import LONLAT, Lattice
from builder.legend import legend
from builder.maps import cog
from builder.world import fields, world_settings

QUANTILE_STEP = 7  # every seventh pixel is enough for a quantile
LAKE_WITH_SHORE = 1.12  # area of lakes and their wet shores, in lakes
REEDS_ABOVE = 0.2  # of a field of variance 1: reeds grow on about two fifths of the shores
_WETLAND = legend.LandCoverClass(
    7, world_settings.WETLAND, "wetland", "Wetland", "Reeds with open water between them; outside the legend", "#7a5fa8"
)


@dataclasses.dataclass(frozen=True)
class Truth:
    """uint8[y, x] class codes (and 50, wetland) on EPSG:4326, `TRUTH_PER_CELL` pixels along a cell."""

    codes: np.ndarray
    west: float
    north: float

    @property
    def per_degree(self) -> int:
        """Pixels along a degree."""
        return world_settings.TRUTH_PER_CELL * 360

    def at(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """uint8 code at points in degrees, any shape; constant beyond the edge."""
        column = ((np.asarray(lon) - self.west) * self.per_degree).astype(np.int32)
        row = ((self.north - np.asarray(lat)) * self.per_degree).astype(np.int32)
        rows, columns = self.codes.shape
        return np.asarray(self.codes[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)])

    def shares(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """float32[..., code index]: share of each of `TRUTH_CODES` among the points of the last axis."""
        seen = self.at(lon, lat)
        return np.stack(
            [(seen == code).mean(axis=-1, dtype=np.float32) for code in world_settings.TRUTH_CODES], axis=-1
        )


def draw(world: world_settings.World) -> Truth:
    """The truth of a world: massifs with snow and rock, woods, grass, a cultivated plain, towns, lakes and a river.

    Classes are placed one after another. Each takes the highest-scoring share of the free ground, so that every class
    has its share in every world.
    """
    canvas = _Canvas(world)
    height = canvas.field("height", world.terrain_scale_m)
    edge = canvas.field("edge", world.edge_scale_m, scaled=False) * np.float32(world.edge_weight)
    canvas.claim(world_settings.SNOW_ICE, world.snow_share, height + edge)
    canvas.claim(
        world_settings.BARELAND, world.rock_share, height + 0.35 * canvas.field("rock", world.cover_scale_m) + edge
    )
    _fill_lakes(world, canvas, height)
    river = _river(world, canvas.free | (canvas.codes == world_settings.BARELAND))
    canvas.take(world_settings.WATER, river)
    towns = canvas.field("city", 0.9 * world.cover_scale_m) - 0.35 * height + edge
    canvas.claim(world_settings.ARTIFICIAL, world.city_share, towns)
    canvas.claim(
        world_settings.BARELAND, world.sand_share, canvas.field("sand", world.cover_scale_m) + 0.2 * height + edge
    )
    cover = canvas.field("cover", world.cover_scale_m)
    canvas.claim(world_settings.CULTIVATED, world.cultivated_share, cover - 0.8 * height + edge / 2)
    woods = canvas.field("wood", world.cover_scale_m) - 0.4 * cover + 2 * edge
    canvas.claim(world_settings.FOREST, world.forest_share, woods)
    _build_villages(world, canvas)
    west, _, _, north = world.ground.bounds
    return Truth(canvas.codes, west, north)


def _fill_lakes(world: world_settings.World, canvas: _Canvas, height: np.ndarray) -> None:
    """Lakes in the lowest ground, with reeds along some of their shores."""
    depth = -height + 0.5 * canvas.field("lake", world.cover_scale_m)
    shore = canvas.threshold(LAKE_WITH_SHORE * world.lake_share, depth)
    canvas.claim(world_settings.WATER, world.lake_share, depth)
    reeds = canvas.field("reeds", 2 * world.edge_scale_m, scaled=False) > REEDS_ABOVE
    canvas.take(world_settings.WETLAND, canvas.free & (depth >= shore) & reeds)


def _build_villages(world: world_settings.World, canvas: _Canvas) -> None:
    plain = canvas.codes == world_settings.CULTIVATED
    score = canvas.field("village", 1.1 * world.edge_scale_m, scaled=False)
    canvas.take(
        world_settings.ARTIFICIAL, plain & (score > np.quantile(score[plain], 1 - world.village_share / plain.mean()))
    )


def write(ground: Truth, path: pathlib.Path) -> None:
    """Writes the truth as a COG with colours and class names."""
    seven = legend.seven()
    pixel_deg = 1 / ground.per_degree
    profile = cog.Profile(
        Lattice(LONLAT, (pixel_deg, 0.0, ground.west, 0.0, -pixel_deg, ground.north), ground.codes.shape)
    )
    palette = legend.Legend("demo truth", (*seven.classes, _WETLAND))
    note = {"NOTE": "generated: nothing here is real"}
    cog.from_blocks(path, profile, [(0, 0, ground.codes[None])], palette=palette, tags=note)


def read(path: pathlib.Path) -> Truth:
    """The truth that `write` wrote."""
    with rasterio.open(path) as source:
        return Truth(source.read(1), source.transform.c, source.transform.f)


class _Canvas:
    """The unfinished truth: `codes` uint8[y, x], grass at first, and `free` bool[y, x], without a class so far."""

    def __init__(self, world: world_settings.World) -> None:
        self._world = world
        rows, columns = (n * world_settings.TRUTH_PER_CELL for n in world.ground.shape)
        self.codes = np.full((rows, columns), world_settings.GRASS_SHRUB, np.uint8)
        self.free = np.ones((rows, columns), bool)

    def field(self, purpose: str, scale_m: float, *, scaled: bool = True) -> np.ndarray:
        """float32[y, x] of variance 1; `scaled` lengths shrink with the landscape."""
        scale = scale_m * (self._world.scale if scaled else 1.0)
        return _upsampled(fields.gaussian(self._world, f"truth {purpose}", scale).values, self.codes.shape)

    def threshold(self, share: float, score: np.ndarray) -> float:
        """The score above which free ground covers `share` of the whole."""
        left = min(1.0, share * self.free.size / max(1, int(self.free.sum())))
        return float(np.quantile(score[self.free][::QUANTILE_STEP], 1 - left))

    def claim(self, code: int, share: float, score: np.ndarray) -> None:
        """Gives the class the highest-scoring free ground, `share` of the whole."""
        self.take(code, self.free & (score >= self.threshold(share, score)))

    def take(self, code: int, where: np.ndarray) -> None:
        """Gives the class the ground `where`."""
        self.codes[where] = code
        self.free[where] = False


def _upsampled(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    for axis in (0, 1):
        position = (np.arange(shape[axis]) + 0.5) * values.shape[axis] / shape[axis] - 0.5
        position = np.clip(position, 0, values.shape[axis] - 1.001)
        low = position.astype(np.int32)
        part = (position - low).astype(np.float32)
        part = part[:, None] if axis == 0 else part[None, :]
        values = np.take(values, low, axis) * (1 - part) + np.take(values, low + 1, axis) * part
    return np.asarray(values)


def _river(world: world_settings.World, free: np.ndarray) -> np.ndarray:
    """bool[y, x]: the river, winding from the western to the eastern edge, round the snow."""
    rows, columns = free.shape
    north_m = world.metres_per_degree[1] / (world_settings.TRUTH_PER_CELL * 360)
    generator = np.random.default_rng(hashing.stream(world.seed, "river"))
    x = np.linspace(0, 1, columns)
    path = np.full(columns, generator.uniform(0.35, 0.65))
    for waves in (1, 2, 4, 7):
        path = path + generator.normal(0, 0.16 / waves) * np.sin(2 * np.pi * (waves * x + generator.uniform()))
    slope = np.gradient(path * rows) * 1.2
    half = world.river_half_width_m * (0.4 + 0.6 * world.scale) / north_m * np.sqrt(1 + slope**2)
    distance = np.abs(np.arange(rows)[:, None] - (path * rows)[None, :])
    return np.asarray(free & (distance < half[None, :]))
