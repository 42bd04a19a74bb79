"""Imagery of the world: cloud-optimized GeoTIFFs in UTM, painted from the truth and the textures."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import multiprocessing
import os
import pathlib
import signal
from collections.abc import Iterator

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine

from builder import atomic
from builder.geometry import window
from builder.legend import legend
from builder.progress import Progress
from builder.world import grains, scene_catalogue, shots, textures, truth, world_settings

BLOCK = 512  # pixels: rendered at once, and the block of the files
JPEG_QUALITY = 80
LIGHT_CHANGE = 0.13  # of brightness, standard deviation within a day
HAZE_CHANGE, HAZE_MOST = 22.0, 45.0  # grey levels
RAGGED_M = 4.0  # borders of classes wander by this much, so that the truth's pixels do not show


@dataclasses.dataclass(frozen=True)
class Studio:
    """The world, its truth and its grains, from which every scene is painted."""

    world: world_settings.World
    ground: truth.Truth
    grains: grains.Grains

    def paint(self, shot: shots.Shot, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """uint8[n, 3] colours of points in local metres (float32[n]) in the season of a shot."""
        codes = self.covers(x, y)
        image = np.empty((x.size, 3), np.uint8)
        for code in np.flatnonzero(np.bincount(codes, minlength=256)):
            here = np.flatnonzero(codes == code)
            whole = here.size == x.size
            surface = textures.Surface(x if whole else x[here], y if whole else y[here], self.grains, shot.winter)
            for band, values in enumerate(textures.TEXTURES[self._texture(int(code))](surface)):
                image[here if not whole else slice(None), band] = np.clip(values, 0, 255)
        return image

    def weather(self, shot: shots.Shot, pixels: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """uint8[y, x, 3]: the picture under the thin haze and uneven light of the day (`x`, `y` float32[y, x])."""
        drift = np.float32(37.0 * (shot.date.toordinal() % 997))
        coarse = textures.Surface(x[::8, ::8] + drift, y[::8, ::8] + drift, self.grains, shot.winter)
        light = shot.gain * (1 + np.clip(LIGHT_CHANGE * coarse.slow(9.0), -0.3, 0.3))
        haze = np.clip(HAZE_CHANGE * (coarse.slow(11.0) - 0.2), 0, HAZE_MOST)
        light, haze = (np.repeat(np.repeat(v, 8, 0), 8, 1)[: x.shape[0], : x.shape[1], None] for v in (light, haze))
        return np.asarray(
            np.clip(pixels * light.astype(np.float32) + (haze + np.array(shot.haze, np.float32)), 1, 255), np.uint8
        )

    def covers(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """uint8[n] truth at points in local metres, with borders that wander a little."""
        east_m, north_m = (m / self.ground.per_degree for m in self.world.metres_per_degree)
        rows, columns = self.ground.codes.shape
        ragged = np.float32(RAGGED_M)
        bent_x = x + ragged * self.grains.at("smooth", x, y, 1.6)
        bent_y = y + ragged * self.grains.at("smooth", y, x, 1.7)
        column = np.clip((bent_x * np.float32(1 / east_m)).astype(np.int32), 0, columns - 1)
        row = np.clip(rows - 1 - (bent_y * np.float32(1 / north_m)).astype(np.int32), 0, rows - 1)
        return np.asarray(self.ground.codes.ravel().take(row * columns + column))

    def _texture(self, code: int) -> int:
        """The class whose texture this class is painted with."""
        pair = self.world.indistinguishable
        if pair is not None and code == legend.seven().by_name(pair[1]).code:
            return legend.seven().by_name(pair[0]).code
        return code


def write(
    world: world_settings.World, ground: truth.Truth, folder: pathlib.Path, *, workers: int | None = None
) -> None:
    """Writes all scenes of the world and their STAC catalogue into `folder`.

    The files do not depend on the number of workers.
    """
    scenes = shots.scene_files(world)
    scene_catalogue.write(world, scenes, folder)
    studio = Studio(world, ground, grains.make(world.seed))
    workers = workers or min(2, os.cpu_count() or 1)
    with Progress("scenes", len(scenes), unit="files") as progress:
        if workers == 1:
            for scene in scenes:
                write_scene(studio, scene, folder)
                progress.advance()
            return
        context = multiprocessing.get_context("spawn")  # a forked child may inherit locks of running threads
        largest_first = sorted(scenes, key=lambda scene: -scene.shape[0] * scene.shape[1])
        with concurrent.futures.ProcessPoolExecutor(workers, context, _start, (studio, folder)) as pool:
            for _ in pool.map(_work, largest_first):
                progress.advance()


_worker: tuple[Studio, pathlib.Path] | None = None


def _start(studio: Studio, folder: pathlib.Path) -> None:
    global _worker  # noqa: PLW0603  (the studio is large: sent once per process, not once per scene)
    _worker = (studio, folder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent ends the pool


def _work(scene: shots.SceneFile) -> None:
    if _worker is None:
        raise RuntimeError("expected a worker that has its studio; _start must run in each worker before _work")
    write_scene(_worker[0], scene, _worker[1])


def write_scene(studio: Studio, scene: shots.SceneFile, folder: pathlib.Path) -> None:
    """Writes one scene as a COG with JPEG compression, overviews, and a mask where it is partly empty."""
    rows, columns = scene.shape
    profile = {
        "driver": "MEM", "height": rows, "width": columns, "count": 3, "dtype": "uint8", "crs": scene.lattice.crs,
        "transform": Affine(*scene.lattice.transform),
    }  # fmt: skip
    options = {"compress": "JPEG", "quality": JPEG_QUALITY, "blocksize": BLOCK, "overview_resampling": "average"}
    with rasterio.Env(GDAL_NUM_THREADS=1), rasterio.open("", "w", **profile) as picture:
        mask = np.full(scene.shape, 255, np.uint8)
        for part, pixels, valid in _blocks(studio, scene):
            picture.write(pixels, window=part.in_raster)
            mask[part.slices] = valid
        if not mask.all():
            picture.write_mask(mask)
        picture.update_tags(TIFFTAG_DATETIME=f"{scene.shot.date:%Y:%m:%d} 10:30:00")
        with atomic.file(folder / scene_catalogue.scene_path(scene)) as temporary:
            rasterio.shutil.copy(picture, temporary, driver="COG", **options)


def _blocks(studio: Studio, scene: shots.SceneFile) -> Iterator[tuple[window.Window, np.ndarray, np.ndarray]]:
    """(window, uint8[3, y, x], uint8[y, x] mask) block by block."""
    for part in scene.lattice.whole.tiles(BLOCK):
        column, row = np.meshgrid([part.col0 + 0.5, part.col1 - 0.5], [part.row0 + 0.5, part.row1 - 0.5])
        corners = studio.world.local_metres(*scene.lattice.lonlat(column, row))
        # Over one block the projection bends by millimetres: a bilinear mesh between its corners is exact enough.
        x, y = (_mesh(np.asarray(corner), *part.shape) for corner in corners)
        pixels = studio.paint(scene.shot, x.ravel(), y.ravel()).reshape(*part.shape, 3)
        pixels = studio.weather(scene.shot, pixels, x, y)
        valid = _valid(studio.world, scene.shot, x, y)
        pixels[valid == 0] = 0
        yield part, np.moveaxis(pixels, 2, 0), valid


def _mesh(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    down = np.linspace(0, 1, height)[:, None]
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    left = (corners[0, 0] * (1 - down) + corners[1, 0] * down).astype(np.float32)
    right = (corners[0, 1] * (1 - down) + corners[1, 1] * down).astype(np.float32)
    return np.asarray(left + (right - left) * across)


def _valid(world: world_settings.World, shot: shots.Shot, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """255 where the shot has data, 0 in the corner that its swath misses."""
    if shot.wedge is None:
        return np.full(x.shape, 255, np.uint8)
    west, south, east, north = world.window.bounds
    x0, y0 = world.local_metres(west, south)
    x1, y1 = world.local_metres(east, north)
    beyond = (x1 - x) / (x1 - x0) / shot.wedge[0] + (y1 - y) / (y1 - y0) / shot.wedge[1] < 1
    return np.where(beyond, 0, 255).astype(np.uint8)
