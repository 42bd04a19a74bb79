"""The plan of the imagery: which satellite photographs which part of the world, when and how sharply."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterator

import numpy as np

from builder.geometry import lattice
from builder.world import world_settings

OVERLAP_M = 320.0  # of neighbouring scenes: more than the diagonal of a chip, so that one of them holds the whole chip
ZONES = (48, 49)
JANUARY_2010, JUNE_2010, JULY_2010 = (datetime.date(2010, *day) for day in ((1, 15), (6, 12), (7, 19)))
AUGUST_2011 = datetime.date(2011, 8, 3)
HIGH_RESOLUTION, MEDIUM_RESOLUTION, LANDSAT = "demo-high-resolution", "demo-medium-resolution", "demo-landsat"


@dataclasses.dataclass(frozen=True)
class Shot:
    """One day's pictures from one zone of UTM or both.

    `part` (west, south, east, north) is the share of the window that they cover, each in 0..1. `gain` and `haze`
    (grey levels) are the light of the day. `wedge` leaves out a north-eastern corner with these legs (shares).
    """

    collection: str
    platform: str
    instrument: str
    date: datetime.date
    gsd_m: float
    zones: tuple[int, ...] = ZONES
    part: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    winter: bool = False
    gain: float = 1.0
    haze: tuple[float, float, float] = (0.0, 0.0, 0.0)
    wedge: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class SceneFile:
    """One file to write: `left`, `top` in metres of the zone, `shape` (rows, columns) of pixels."""

    name: str
    shot: Shot
    zone: int
    left: float
    top: float
    shape: tuple[int, int]

    @property
    def lattice(self) -> lattice.Lattice:
        """The pixels on the ground, in the zone's CRS."""
        gsd_m = self.shot.gsd_m
        return lattice.Lattice(epsg(self.zone), (gsd_m, 0.0, self.left, 0.0, -gsd_m, self.top), self.shape)


def plan(world: world_settings.World) -> tuple[Shot, ...]:
    """The shots of a world: two good days of 2010, and imagery that the rules of the frame refuse or fall back on.

    The swath of the good days ends before the north-eastern corner: about 4 % of the window has no acceptable picture,
    only one of 2015 (too late, though sharper), one of winter, and coarse ones.
    """
    gsd_m = world.gsd_m
    summer = Shot(HIGH_RESOLUTION, "demosat-1", "pan-sharpened camera", JUNE_2010, gsd_m, wedge=(0.40, 0.22))
    spare = dataclasses.replace(summer, wedge=None)
    winter = dataclasses.replace(spare, date=JANUARY_2010, winter=True, gain=0.96)
    return (
        dataclasses.replace(summer, zones=(48,)),
        dataclasses.replace(summer, zones=(49,), date=JULY_2010, gain=0.93, haze=(6.0, 8.0, 12.0)),
        dataclasses.replace(spare, part=(0.10, 0.55, 0.30, 0.75), date=AUGUST_2011, gain=0.9, haze=(14.0, 16.0, 20.0)),
        dataclasses.replace(winter, part=(0.30, 0.15, 0.55, 0.45)),
        dataclasses.replace(winter, part=(0.82, 0.82, 1.0, 1.0)),
        dataclasses.replace(spare, part=(0.52, 0.30, 0.64, 0.42), date=datetime.date(2005, 6, 28), gain=1.04),
        dataclasses.replace(
            spare, part=(0.80, 0.80, 1.0, 1.0), date=datetime.date(2015, 7, 2), gsd_m=0.75 * gsd_m, gain=1.02
        ),
        Shot(MEDIUM_RESOLUTION, "demosat-2", "multispectral camera", datetime.date(2010, 7, 1), 15.0),
        Shot(LANDSAT, "landsat-5", "tm", datetime.date(2010, 7, 3), 30.0),
    )


def scene_files(world: world_settings.World) -> list[SceneFile]:
    """Every file of every shot."""
    return [scene for shot in plan(world) for zone in shot.zones for scene in _scenes_of(world, shot, zone)]


def _scenes_of(world: world_settings.World, shot: Shot, zone: int) -> Iterator[SceneFile]:
    west, south, east, north = world.window.bounds
    lon_range = [west + share * (east - west) for share in shot.part[::2]]
    lat_range = [south + share * (north - south) for share in shot.part[1::2]]
    edge = 6.0 * zone - 180.0  # east of this the next zone begins
    box_west, box_east = max(lon_range[0], edge - 6.0), min(lon_range[1], edge)
    if box_east - box_west < 1e-4:
        return
    lons, lats = np.meshgrid(np.linspace(box_west, box_east, 5), np.linspace(lat_range[0], lat_range[1], 5))
    x, y = lattice.from_lonlat(epsg(zone)).transform(lons, lats)
    across = max(1, round((x.max() - x.min()) / world.scene_m))
    down = max(1, round((y.max() - y.min()) / world.scene_m))
    side_x, side_y = (x.max() - x.min()) / across, (y.max() - y.min()) / down
    for row in range(down):
        for column in range(across):
            left = math.floor((x.min() + column * side_x - OVERLAP_M / 2) / shot.gsd_m) * shot.gsd_m
            top = math.ceil((y.max() - row * side_y + OVERLAP_M / 2) / shot.gsd_m) * shot.gsd_m
            shape = (math.ceil((side_y + OVERLAP_M) / shot.gsd_m), math.ceil((side_x + OVERLAP_M) / shot.gsd_m))
            name = f"{shot.platform}_{shot.date:%Y%m%d}_{zone}_{round(shot.part[0] * 100):03d}_r{row}c{column}"
            yield SceneFile(name, shot, zone, left, top, shape)


def epsg(zone: int) -> str:
    """The CRS of a northern zone of UTM."""
    return f"EPSG:326{zone}"
