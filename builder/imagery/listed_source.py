"""Sources whose scenes can all be listed before any pixel is read: catalogues and folders."""

from __future__ import annotations

import abc
import functools
from collections.abc import Sequence

from builder.geometry.lonlat import Bounds
from builder.imagery import cogs, scene_index, source


class ListedSource(abc.ABC):
    """A source that lists its scenes once per process and reads their pixels from GeoTIFFs.

    Implementations are frozen dataclasses, so that equal ones share one list.
    """

    @abc.abstractmethod
    def scenes(self) -> list[source.Scene]:
        """All scenes, in any order.

        Raises:
          errors.InputError: if the source cannot be read, or one of its scenes lacks a fact.
        """

    def find(self, areas: Sequence[Bounds]) -> list[list[source.Scene]]:
        """The scenes whose bounds touch each area, by scene id; the scenes are listed once per process."""
        return _index_of(self).find(areas)

    def fingerprint(self) -> str:
        """Digest of all scenes, and of the size and time of local files."""
        return _index_of(self).fingerprint()

    def read(self, scene: source.Scene, grids: Sequence[source.GroundGrid]) -> list[source.Patch | source.Unreadable]:
        """The pixels of the scene's GeoTIFF on each grid, in order."""
        return cogs.read(scene.pixels, grids)


@functools.lru_cache(maxsize=32)
def _index_of(listed: ListedSource) -> scene_index.SceneIndex:
    return scene_index.SceneIndex(listed.scenes())
