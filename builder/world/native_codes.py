"""Native codes: the codes of the products' own legends for what they observe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from builder.world import perception
from builder.world.world_settings import ARTIFICIAL, BARELAND, CULTIVATED, FOREST, GRASS_SHRUB, SNOW_ICE, WATER, WETLAND

VEGETATION = (FOREST, GRASS_SHRUB, WETLAND)


@dataclasses.dataclass(frozen=True)
class NativeCodes:
    """The codes of one coarse product.

    A pure pixel takes the code of its class; a tuple holds one code per subtype, chosen by the trait that varies inside
    the class. A mixed pixel takes a mosaic code where the product has one, else the code of the largest class.
    """

    pure: Mapping[int, tuple[int, ...]]
    crops_over_nature: int
    nature_over_crops: int
    trees_over_grass: int
    grass_over_trees: int
    open_forest: int
    sparse: int


CODES: Mapping[str, NativeCodes] = MappingProxyType(
    {
        "mcd12q1": NativeCodes(
            {FOREST: (4, 5, 1), GRASS_SHRUB: (10, 10, 7), CULTIVATED: (12,), ARTIFICIAL: (13,), SNOW_ICE: (15,),
             BARELAND: (16,), WATER: (17,), WETLAND: (11,)},
            crops_over_nature=14, nature_over_crops=14, trees_over_grass=8, grass_over_trees=9, open_forest=8,
            sparse=16,
        ),
        "glcnmo": NativeCodes(
            {FOREST: (2, 5, 3), GRASS_SHRUB: (8, 9, 7), CULTIVATED: (11, 11, 12), ARTIFICIAL: (18,), SNOW_ICE: (19,),
             BARELAND: (17, 17, 16), WATER: (20,), WETLAND: (15,)},
            crops_over_nature=13, nature_over_crops=13, trees_over_grass=6, grass_over_trees=9, open_forest=6,
            sparse=10,
        ),
        "cci_lc": NativeCodes(
            {FOREST: (61, 90, 70), GRASS_SHRUB: (130, 130, 122), CULTIVATED: (10, 11, 20), ARTIFICIAL: (190,),
             SNOW_ICE: (220,), BARELAND: (202, 200, 201), WATER: (210,), WETLAND: (180,)},
            crops_over_nature=30, nature_over_crops=40, trees_over_grass=100, grass_over_trees=110, open_forest=62,
            sparse=150,
        ),
        "globcover": NativeCodes(
            {FOREST: (50, 100, 70), GRASS_SHRUB: (140, 140, 130), CULTIVATED: (14, 14, 11), ARTIFICIAL: (190,),
             SNOW_ICE: (220,), BARELAND: (200,), WATER: (210,), WETLAND: (180,)},
            crops_over_nature=20, nature_over_crops=30, trees_over_grass=110, grass_over_trees=120, open_forest=60,
            sparse=150,
        ),
    }
)  # fmt: skip


def coarse(native: NativeCodes, seen: perception.Observed, *, mosaic_below: float, open_share: float) -> np.ndarray:
    """uint8 native codes, in the shape of `seen`, of a product with mosaic classes.

    Args:
      native: codes of the product.
      seen: what it observes.
      mosaic_below: a pixel whose largest class has a lower share is mixed.
      open_share: share of the pure pixels that take a code for open or sparse cover.
    """
    codes = np.zeros(seen.first.shape, np.uint8)
    for cover, variants in native.pure.items():
        trait = {FOREST: seen.species, GRASS_SHRUB: seen.shrubbiness, CULTIVATED: seen.wetness}.get(cover, seen.species)
        chosen = np.array(variants, np.uint8)[np.minimum((trait * len(variants)).astype(int), len(variants) - 1)]
        codes = np.where(seen.first == cover, chosen, codes)
    is_mixed = seen.first_share < mosaic_below
    crops, nature = seen.first == CULTIVATED, np.isin(seen.first, VEGETATION)
    trees, grass = seen.first == FOREST, seen.first == GRASS_SHRUB
    bare = seen.first == BARELAND
    second = _is_second(seen)
    codes[is_mixed & crops & np.isin(seen.second, VEGETATION)] = native.crops_over_nature
    codes[is_mixed & nature & second(CULTIVATED)] = native.nature_over_crops
    codes[is_mixed & trees & second(GRASS_SHRUB)] = native.trees_over_grass
    codes[is_mixed & grass & second(FOREST)] = native.grass_over_trees
    codes[is_mixed & bare & second(GRASS_SHRUB)] = native.sparse
    is_open = ~is_mixed & (seen.openness < open_share)
    codes[is_open & trees] = native.open_forest
    codes[is_open & bare] = native.sparse
    return codes


def _is_second(seen: perception.Observed) -> Callable[[int], np.ndarray]:
    return lambda cover: np.asarray(seen.second == cover)


def globeland30(seen: perception.Observed) -> np.ndarray:
    """uint8 codes of GlobeLand30: those of the truth, with the shrubbiest fifth of the grass as shrubland (40)."""
    return np.where((seen.first == GRASS_SHRUB) & (seen.shrubbiness > 0.8), 40, seen.first).astype(np.uint8)
