"""What each product observes: mixed pixels, and errors that are correlated in space and between products."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from builder import hashing
from builder.world import fields, truth, world_settings

# What a class is mistaken for, with shares: the confusions of the paper's Table 2 (grass and bareland, cultivated and
# grass, water and snow in shadow), and others, so that every class has two or three.
MISTAKEN_FOR: Mapping[int, tuple[tuple[int, float], ...]] = MappingProxyType(
    {
        world_settings.ARTIFICIAL: ((world_settings.CULTIVATED, 0.6), (world_settings.BARELAND, 0.4)),
        world_settings.BARELAND: (
            (world_settings.GRASS_SHRUB, 0.65),
            (world_settings.CULTIVATED, 0.2),
            (world_settings.ARTIFICIAL, 0.15),
        ),
        world_settings.CULTIVATED: (
            (world_settings.GRASS_SHRUB, 0.6),
            (world_settings.FOREST, 0.2),
            (world_settings.ARTIFICIAL, 0.2),
        ),
        world_settings.FOREST: ((world_settings.GRASS_SHRUB, 0.65), (world_settings.CULTIVATED, 0.35)),
        world_settings.GRASS_SHRUB: (
            (world_settings.BARELAND, 0.45),
            (world_settings.CULTIVATED, 0.3),
            (world_settings.FOREST, 0.25),
        ),
        world_settings.SNOW_ICE: ((world_settings.BARELAND, 0.6), (world_settings.WATER, 0.4)),
        world_settings.WATER: (
            (world_settings.SNOW_ICE, 0.35),
            (world_settings.GRASS_SHRUB, 0.35),
            (world_settings.CULTIVATED, 0.3),
        ),
        world_settings.WETLAND: ((world_settings.GRASS_SHRUB, 0.5), (world_settings.WATER, 0.5)),
    }
)


@dataclasses.dataclass(frozen=True)
class Observed:
    """What a product observes in its pixels: arrays of one shape.

    `first` and `second` are the codes of the classes that it takes for the largest and the second, `first_share` is the
    share of the first. The other fields, in 0..1, choose subtypes: conifer or broadleaved, open or closed, and so on.
    """

    first: np.ndarray
    second: np.ndarray
    first_share: np.ndarray
    openness: np.ndarray
    species: np.ndarray
    shrubbiness: np.ndarray
    wetness: np.ndarray


class ErrorFields:
    """The random fields that decide where the products of one world are wrong; all products share them."""

    def __init__(self, world: world_settings.World) -> None:
        self._world = world
        self._shared = self._gaussian("shared", world.shared_scale_m)
        families = sorted({observer.family for observer in world.observers})
        self._families = {name: self._gaussian(f"family {name}", world.family_scale_m) for name in families}
        self._target = self._uniform("target", world.shared_scale_m)
        self._traits = {name: self._uniform(name, 700.0) for name in ("species", "shrubbiness", "wetness")}

    def observe(
        self, observer: world_settings.Observer, ground: truth.Truth, lon: np.ndarray, lat: np.ndarray
    ) -> Observed:
        """What `observer` takes its pixels for.

        Args:
          observer: the product.
          ground: the truth.
          lon: float64[..., sample], degrees: points spread evenly over each pixel.
          lat: float64[..., sample].
        """
        east_m, north_m = self._world.metres_per_degree
        shares = ground.shares(lon + observer.offset_m[0] / east_m, lat + observer.offset_m[1] / north_m)
        order = np.argsort(-shares, axis=-1, kind="stable")
        codes = np.array(world_settings.TRUTH_CODES, np.uint8)
        first, second = codes[order[..., 0]], codes[order[..., 1]]
        first_share = np.take_along_axis(shares, order[..., :1], -1)[..., 0]
        centre_lon, centre_lat = lon.mean(axis=-1), lat.mean(axis=-1)
        first = self._mistake(observer, first, centre_lon, centre_lat)
        openness = self._uniform(f"openness {observer.name}", 500.0).at(centre_lon, centre_lat)
        traits = {name: field.at(centre_lon, centre_lat) for name, field in self._traits.items()}
        return Observed(first, np.where(second == first, codes[order[..., 0]], second), first_share, openness, **traits)

    def _mistake(
        self, observer: world_settings.Observer, codes: np.ndarray, lon: np.ndarray, lat: np.ndarray
    ) -> np.ndarray:
        own_share = 1 - observer.shared_weight - observer.family_weight
        badness = fields.uniform(
            fields.mixed(
                [
                    (observer.shared_weight, self._shared),
                    (observer.family_weight, self._families[observer.family]),
                    (own_share, self._gaussian(f"own {observer.name}", observer.own_scale_m)),
                ]
            )
        ).at(lon, lat)
        target = self._target.at(lon, lat)
        rate = np.zeros(256, np.float32)
        for code, share in observer.error_rate.items():
            rate[code] = share * self._world.error_factor
        wrong = badness < rate[codes]
        if observer.speckle:
            dice = np.random.default_rng(_seed(self._world, f"speckle {observer.name}")).random(codes.shape)
            wrong = wrong | (dice < observer.speckle)
        seen = codes.copy()
        for code, choices in MISTAKEN_FOR.items():
            here = wrong & (codes == code)
            edges = np.cumsum([share for _, share in choices])[:-1]
            seen[here] = np.array([c for c, _ in choices], np.uint8)[np.searchsorted(edges, target[here])]
        return seen

    def _gaussian(self, purpose: str, scale_m: float) -> fields.Field:
        return fields.gaussian(self._world, f"error {purpose}", scale_m * self._world.scale)

    def _uniform(self, purpose: str, scale_m: float) -> fields.Field:
        return fields.uniform(self._gaussian(purpose, scale_m))


def _seed(world: world_settings.World, purpose: str) -> int:
    return hashing.stream(world.seed, purpose)
