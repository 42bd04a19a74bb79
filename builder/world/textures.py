"""Textures of the classes seen from above: one function per class, from positions in metres to colours.

Every texture varies inside its class (brightness, hue, direction, scale, mixture), and mean colours overlap between
classes, so that only structure distinguishes them: a grid of roofs and streets, dunes and rock, striped parcels, tree
crowns with shadows, mottled grass with shrubs, shaded snow, smooth water.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from builder.world import world_settings
from builder.world.grains import Grains

Colour = tuple[np.ndarray, np.ndarray, np.ndarray]  # red, green, blue: float32[n], 0..255
RGB = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Surface:
    """A surface to paint: positions `x`, `y` float32[n] in metres east and north, the grains, and the season."""

    x: np.ndarray
    y: np.ndarray
    grains: Grains
    winter: bool

    def grain(self, name: str, metres: float) -> np.ndarray:
        """A grain at these positions."""
        return self.grains.at(name, self.x, self.y, metres)

    def slow(self, metres: float) -> np.ndarray:
        """Slow variation without a visible period: two broad grains, turned and scaled differently."""
        x, y = self.x, self.y
        first = self.grains.at("broad", x * np.float32(0.9) + y * np.float32(0.43), y - x * np.float32(0.5), metres)
        x, y = y * np.float32(0.8) - x * np.float32(0.6), x + y * np.float32(0.7)
        return np.asarray((first + self.grains.at("broad", x, y, 1.31 * metres)) * np.float32(0.707))

    def districts(self, size_m: float, salt: int) -> tuple[np.ndarray, np.ndarray]:
        """int32 column and row of districts of about `size_m`, with winding borders."""
        bend = np.float32(0.12 * size_m)
        column = (self.x + bend * self.grains.at("broad", self.x, self.y, 1.8 + 0.2 * salt)) * np.float32(1 / size_m)
        row = (self.y + bend * self.grains.at("broad", self.y, self.x, 2.1 + 0.2 * salt)) * np.float32(1 / size_m)
        return column.astype(np.int32), row.astype(np.int32)

    def turned(self, turn: np.ndarray) -> Surface:
        """The same surface in axes turned by `turn` (0..1 for 0..180 degrees, float32[n])."""
        angle = (turn * 31).astype(np.int32)  # 32 directions: sines from a table
        cos, sin = _COS.take(angle), _SIN.take(angle)
        # A large shift keeps positions positive, where truncation to integers is a floor.
        return dataclasses.replace(self, x=self.x * cos + self.y * sin + 60_000, y=self.y * cos - self.x * sin + 60_000)


_ANGLES = np.arange(32, dtype=np.float32) * np.float32(np.pi / 32)
_COS, _SIN = np.cos(_ANGLES), np.sin(_ANGLES)


ROOFS = (
    (0.24, (150, 150, 152)),
    (0.42, (205, 203, 198)),
    (0.62, (150, 92, 74)),
    (0.72, (92, 116, 158)),
    (0.82, (176, 160, 138)),
    (1.0, (0, 0, 0)),  # a yard instead
)
CROPS = (
    (0.26, (96, 140, 66)),
    (0.46, (66, 112, 52)),
    (0.62, (142, 158, 82)),
    (0.78, (190, 168, 104)),
    (0.90, (156, 126, 94)),
    (1.0, (122, 96, 74)),
)
COVERS = ((0.5, (226, 228, 226)), (1.0, (180, 190, 196)))  # plastic of greenhouses and of mulch
ORCHARDS, PLASTIC = 0.10, 0.06  # shares of the parcels
WINTER_CROPS = ((0.35, (112, 138, 78)), (0.6, (168, 148, 112)), (0.8, (138, 112, 86)), (1.0, (186, 168, 124)))


def artificial(surface: Surface) -> Colour:
    """Streets, courtyards and roofs of several materials; each district has its own direction, size and density."""
    lot = _lots(surface)
    grain, leafy = surface.grain("white", 1.6), surface.grain("crowns", 1.1)
    tone = (0.66 + 0.6 * lot.lightness) * np.where((lot.depth_m % 13) < 6.5, np.float32(1.0), np.float32(0.86))
    roof = _choose(lot.kind, ROOFS)
    dark = np.where(lot.shadow, np.float32(0.42), np.float32(1.0))
    bands = []
    for band, (asphalt, yard, leaf) in enumerate(((118, 120, 26), (118, 124, 26), (119, 98, 20))):
        open_ground = np.where(lot.street, asphalt + 5 * grain, yard + leaf * leafy)
        bands.append(np.where(lot.roof, roof[band] * tone + 4 * grain, open_ground) * dark)
    return bands[0], bands[1], bands[2]


@dataclasses.dataclass(frozen=True)
class _Lots:
    """Where in its lot each position is: masks bool[n], a kind and a lightness in 0..1, metres from the front."""

    street: np.ndarray
    roof: np.ndarray
    shadow: np.ndarray
    kind: np.ndarray
    lightness: np.ndarray
    depth_m: np.ndarray


def _lots(surface: Surface) -> _Lots:
    g = surface.grains
    column, row = surface.districts(520.0, 1)
    city = surface.turned(g.fraction(column, row, 2))
    block_m = 52 + 46 * g.fraction(column, row, 3)
    depth_m = block_m * np.float32(0.62)
    u, v = city.x / block_m, city.y / depth_m
    i, j = u.astype(np.int32), v.astype(np.int32)
    in_block, edge_v = u - i, (v - j) * depth_m
    along = 2 + (3 * g.fraction(column, row, 1)).astype(np.int32)
    number = (in_block * along).astype(np.int32)
    lot_u = (in_block * along - number) * (block_m / along)
    half_m = block_m * np.float32(0.34)
    back = (edge_v > half_m).astype(np.int32)
    lot_v = edge_v - back * half_m
    street = (in_block * block_m < 8) | (edge_v < 6.5)
    kind = g.fraction(i * 8 + number, j * 2 + back, 4)
    dense = 0.5 + 0.5 * g.fraction(column, row, 18)
    built = ~street & (kind <= ROOFS[-2][0]) & (g.fraction(i * 8 + number, j * 2 + back, 19) < dense)
    roof = built & (lot_u > 3.2) & (lot_v > 7.5)
    shadow = built & (lot_u > 1.2) & (lot_u <= 3.2) & (lot_v > 6)
    return _Lots(street, roof, shadow, kind, g.fraction(i * 8 + number, j * 2 + back, 5), lot_v)


def bareland(surface: Surface) -> Colour:
    """Dunes in one place, flats, rock and gullies in others; from pale sand over red to grey; some shrubs."""
    g = surface.grains
    column, row = surface.districts(700.0, 2)
    turned = surface.turned(g.fraction(column, row, 6))
    sandy = _step(surface.slow(5.2), 0.25)
    wide = _step(surface.slow(7.2), 0.5)
    dunes = (1 - wide) * turned.grain("dunes", 1.9) + wide * turned.grain("dunes", 3.1)
    steep = 0.06 + 0.045 * np.clip(1 + surface.slow(6.1), 0, 2)
    rock = 0.9 * surface.grain("rough", 1.7) + 0.8 * surface.grain("gullies", 1.3) + 0.5 * turned.grain("relief", 1.9)
    light = 1 + sandy * (steep * dunes + 0.02 * surface.grain("white", 1.6)) + (1 - sandy) * 0.15 * rock
    light = light * (1 + 0.10 * surface.slow(2.8))
    tint = np.clip(0.5 + 0.4 * surface.slow(2.6), 0, 1)
    pale = _blend(tint, (208, 190, 152), (172, 138, 104))
    stone = _between(
        _step(surface.slow(4.4) - 0.8, 0.4),
        _blend(tint, (136, 132, 112), (152, 122, 98)),
        _blend(tint, (92, 88, 84), (104, 92, 80)),
    )
    shrubs = surface.grain("shrubs", 1.5) * (surface.slow(3.1) > 1.1)
    return _lit(_between(sandy, stone, pale), light * (1 - np.float32(0.4) * shrubs))


def cultivated(surface: Surface) -> Colour:
    """Parcels with rows in the colours of several crops, orchards, plastic; winter leaves soil, stubble, some wheat."""
    g = surface.grains
    column, row = surface.districts(640.0, 3)
    plain = surface.turned(g.fraction(column, row, 7))
    estate = 1 + 1.6 * (g.fraction(column, row, 16) > 0.6)  # some districts have large fields
    width, length = (24 + 32 * g.fraction(column, row, 8)) * estate, (80 + 100 * g.fraction(column, row, 9)) * estate
    v = plain.y / length
    j = v.astype(np.int32)
    u = plain.x / width + 7.3 * g.fraction(j, row, 10)
    i = u.astype(np.int32)
    crop, vigour, kind = g.fraction(i, j, 11), g.fraction(i, j, 12), g.fraction(i, j, 17)
    edge_m = np.minimum((u - i) * width, (v - j) * length)
    spacing = 4.6 + 3.4 * g.fraction(j, i, 13)
    rows = _wave(np.where(g.fraction(i, j, 14) < 0.2, plain.y, plain.x) / spacing)
    trees = (rows > 0) & (_wave(np.where(kind < ORCHARDS, plain.y / spacing, np.float32(0))) > 0)
    light = 0.82 + 0.34 * vigour + (0.03 + 0.08 * vigour) * rows + 0.03 * surface.grain("white", 1.6)
    light = light + 0.05 * surface.grain("smooth", 5.0)
    colour = _choose(crop, WINTER_CROPS if surface.winter else CROPS)
    bank = np.where(edge_m < 1.9, np.float32(0.66), np.float32(1.0))
    bank = np.where((kind < ORCHARDS) & trees, np.float32(0.55), bank)
    plastic = ((kind > 1 - PLASTIC) & (rows > -0.4)).astype(np.float32)
    return _lit(_between(plastic, colour, _choose(vigour, COVERS)), light * bank)


def forest(surface: Surface) -> Colour:
    """Crowns with a sunny and a shaded side, of broadleaved and coniferous trees, closed or open."""
    stand = _step(surface.slow(3.2) + 0.4 * surface.grain("rough", 4.0), 0.3)
    large = surface.slow(6.2) > 0
    crowns = np.where(large, surface.grain("crowns", 1.15), surface.grain("crowns", 1.75))
    tones = np.where(large, surface.grain("tones", 1.15), surface.grain("tones", 1.75))
    conifer, broad = (44, 74, 46), ((118, 104, 88) if surface.winter else (86, 116, 56))
    light = (0.96 + 0.46 * crowns + 0.13 * tones) * (1 + 0.13 * surface.slow(1.4)) + 0.05 * surface.grain("white", 1.6)
    trees = _lit(_blend(stand, conifer, broad), np.clip(light, 0.22, 1.8))
    gap = ((tones < -0.25) & (surface.slow(4.0) > 0.45)).astype(np.float32)
    floor = _blend(np.clip(0.5 + 0.3 * surface.grain("smooth", 1.7), 0, 1), (112, 128, 70), (150, 142, 92))
    return _between(gap, trees, floor)


def grass_shrub(surface: Surface) -> Colour:
    """Soft mottles of green, brown and grey with few or many shrubs; straw in winter, then close to bareland."""
    mottle = np.clip(0.5 + 0.3 * surface.grain("smooth", 1.7) + 0.16 * surface.grain("fractal", 1.9), 0, 1)
    lush = np.clip(0.5 + 0.5 * surface.slow(4.8), 0, 1)
    if surface.winter:
        meadow = _blend(mottle, (186, 166, 120), (160, 138, 100))
    else:
        fresh, dry = _blend(mottle, (98, 132, 62), (136, 146, 82)), _blend(mottle, (160, 150, 98), (188, 166, 122))
        meadow = _between(lush, dry, fresh)
    bushy = surface.slow(2.5)
    shrubs = np.maximum(surface.grain("shrubs", 1.5) * (bushy > -0.2), surface.grain("shrubs", 2.3) * (bushy > 0.7))
    light = 1 + 0.045 * surface.grain("rough", 1.6) + 0.02 * surface.grain("white", 1.6) + 0.09 * surface.slow(1.1)
    return _lit(meadow, light * (1 - np.float32(0.5) * shrubs))


def snow_ice(surface: Surface) -> Colour:
    """Bright slopes with blue shadows, bare and dirty ice, crevasses in places, and rock that shows through."""
    turned = surface.turned(np.full(surface.x.shape, 0.3, np.float32))
    relief = 0.65 * surface.grain("relief", 2.9) + 0.55 * turned.grain("crisp", 1.6)
    contrast = 0.17 + 0.1 * np.clip(1 + surface.slow(3.7), 0, 2)
    fresh = _blend(np.clip(0.32 - contrast * relief, 0, 1), (248, 249, 250), (120, 146, 186))
    dirty = _blend(np.clip(0.4 - contrast * relief, 0, 1), (206, 202, 192), (132, 134, 140))
    colour = _between(_step(surface.slow(4.9) - 0.7, 0.5), fresh, dirty)
    crevasse = turned.grain("cracks", 1.6) * (surface.slow(3.5) > 0.55)
    rock = (surface.grain("fractal", 1.6) + 0.4 * relief > 1.95).astype(np.float32)
    stone = 96 + 18 * surface.grain("rough", 1.7)
    dull = (1 - 0.09 * np.clip(1 + surface.slow(5.5), 0, 2)) * (1 - np.float32(0.35) * crevasse)
    return _lit(_between(rock, colour, (stone, stone, stone)), dull)


def water(surface: Surface) -> Colour:
    """Smooth: dark blue, green or turbid and pale, with ripples and glint; winter covers much of it with pale ice."""
    g = surface.grains
    column, row = surface.districts(1500.0, 4)
    turned = surface.turned(g.fraction(column, row, 15))
    clear = _blend(np.clip(0.5 + 0.5 * surface.slow(9.7), 0, 1), (28, 52, 76), (62, 88, 62))
    murky = _blend(np.clip(0.5 + 0.5 * surface.slow(8.3), 0, 1), (112, 112, 86), (166, 150, 118))
    colour = _between(_step(surface.slow(16.1) - 0.1, 0.9), clear, murky)
    light = 1 + 0.05 * turned.grain("ripples", 2.2) + 0.06 * surface.slow(3.8) + 0.015 * surface.grain("white", 1.6)
    shine = 46 * np.clip(surface.slow(12.7) - 0.6, 0, 1.5) * (1 + 0.12 * turned.grain("ripples", 1.7))
    glint = (turned.grain("ripples", 1.5) > 2.6) * (surface.slow(4.5) > 0.6)
    red, green, blue = (c * light + shine + np.float32(70) * glint for c in colour)
    if not surface.winter:
        return red, green, blue
    ice = _step(surface.slow(5.2) + 0.9 + 0.2 * surface.grain("fractal", 1.7), 0.12)
    pale = 214 + 9 * surface.slow(1.2) - 46 * surface.grain("cracks", 1.9)
    return _between(ice, (red, green, blue), (pale - 6, pale + 3, pale + 10))


def wetland(surface: Surface) -> Colour:
    """Reeds with open water between them."""
    pools = _step(surface.grain("fractal", 1.9) - 0.2, 0.1)
    return _between(pools, _lit(grass_shrub(surface), np.float32(0.8)), water(surface))


TEXTURES: Mapping[int, Callable[[Surface], Colour]] = MappingProxyType(
    {
        world_settings.ARTIFICIAL: artificial,
        world_settings.BARELAND: bareland,
        world_settings.CULTIVATED: cultivated,
        world_settings.FOREST: forest,
        world_settings.GRASS_SHRUB: grass_shrub,
        world_settings.SNOW_ICE: snow_ice,
        world_settings.WATER: water,
        world_settings.WETLAND: wetland,
    }
)


def _blend(part: np.ndarray, first: RGB, second: RGB) -> Colour:
    """`first` where `part` is 0, `second` where it is 1."""
    red, green, blue = (np.float32(a) + part * np.float32(b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _between(part: np.ndarray, first: Colour, second: Colour) -> Colour:
    """Like `_blend`, of colours that vary themselves."""
    red, green, blue = (a + part * (b - a) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _choose(fraction: np.ndarray, kinds: tuple[tuple[float, RGB], ...]) -> Colour:
    """The colour of the first kind whose bound is not below `fraction`."""
    index = np.searchsorted(np.array([bound for bound, _ in kinds], np.float32), fraction)
    table = np.array([colour for _, colour in kinds], np.float32)
    return table[:, 0].take(index), table[:, 1].take(index), table[:, 2].take(index)


def _lit(colour: Colour, light: np.ndarray | np.float32) -> Colour:
    red, green, blue = (c * light for c in colour)
    return red, green, blue


def _wave(phase: np.ndarray) -> np.ndarray:
    """A triangle wave in -1..1 of period 1, for phases of 0 and more."""
    return np.asarray(np.abs((phase - phase.astype(np.int32)) - np.float32(0.5)) * 4 - 1)


def _step(values: np.ndarray, width: float) -> np.ndarray:
    """0 below zero, 1 above, linear over `width`."""
    return np.asarray(np.clip(values * np.float32(0.5 / width) + 0.5, 0, 1))
