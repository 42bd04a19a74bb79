"""An index of scenes by place, which finds the scenes of many areas at once."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Sequence

import numpy as np
import shapely

from builder.geometry import lonlat
from builder.geometry.lonlat import Bounds
from builder.imagery import source


class SceneIndex:
    """A fixed list of scenes that answers which of them touch an area."""

    def __init__(self, scenes: Sequence[source.Scene]) -> None:
        self.scenes = sorted(scenes, key=lambda scene: (scene.acquisition.scene_ids, scene.pixels.path))
        self._boxes, self._owner = lonlat.boxes([scene.bounds for scene in self.scenes])
        self._tree = shapely.STRtree(self._boxes)

    def find(self, areas: Sequence[Bounds]) -> list[list[source.Scene]]:
        """The scenes whose bounds touch each area, by scene id."""
        boxes, owner = lonlat.boxes(areas)
        asked, hit = self._tree.query(boxes)
        pairs = np.unique(np.stack([owner[asked], self._owner[hit]], axis=1), axis=0)
        found: list[list[source.Scene]] = [[] for _ in areas]
        for area, scene in pairs.tolist():
            found[area].append(self.scenes[scene])
        return found

    def fingerprint(self) -> str:
        """SHA-256 over all scenes; it changes with any scene, date or rule, and with size or time of a local file."""
        total = hashlib.sha256()
        for scene in self.scenes:
            total.update(f"{scene!r} {_state_of_file(scene.pixels.path)}\n".encode())
        return total.hexdigest()


def _state_of_file(path: str) -> tuple[int, int] | None:
    """(size, time of change) of a local file; None for a remote one, which would have to be requested."""
    try:
        found = pathlib.Path(path).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
