"""A rectangle of pixels or cells: rows and columns, ends excluded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import rasterio.windows


@dataclasses.dataclass(frozen=True)
class Window:
    """Rows row0..row1 and columns col0..col1 of a raster, ends excluded, counted from its north-west corner."""

    row0: int
    row1: int
    col0: int
    col1: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.row1 - self.row0, self.col1 - self.col0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as an index of an array[y, x]."""
        return slice(self.row0, self.row1), slice(self.col0, self.col1)

    @property
    def in_raster(self) -> rasterio.windows.Window:
        """The same window as rasterio reads and writes it."""
        import rasterio.windows

        rows, columns = self.shape
        return rasterio.windows.Window(self.col0, self.row0, columns, rows)

    @property
    def size(self) -> int:
        """Number of pixels."""
        rows, columns = self.shape
        return rows * columns

    def holds(self, part: Window) -> bool:
        """Whether `part` lies inside; an empty part may lie on the edge."""
        return self.row0 <= part.row0 <= part.row1 <= self.row1 and self.col0 <= part.col0 <= part.col1 <= self.col1

    def within(self, outer: Window) -> Window:
        """The same pixels, counted from the north-west corner of `outer`."""
        return Window(self.row0 - outer.row0, self.row1 - outer.row0, self.col0 - outer.col0, self.col1 - outer.col0)

    def tiles(self, rows: int, columns: int | None = None) -> Iterator[Self]:
        """Parts of at most `rows` x `columns` (None: as many as rows), cut at multiples of them, row by row."""
        columns = rows if columns is None else columns
        for row in range(self.row0 - self.row0 % rows, self.row1, rows):
            for col in range(self.col0 - self.col0 % columns, self.col1, columns):
                yield dataclasses.replace(
                    self,
                    row0=max(row, self.row0),
                    row1=min(row + rows, self.row1),
                    col0=max(col, self.col0),
                    col1=min(col + columns, self.col1),
                )

    def joined(self, other: Self) -> Self:
        """The smallest window that holds both."""
        return dataclasses.replace(
            self,
            row0=min(self.row0, other.row0),
            row1=max(self.row1, other.row1),
            col0=min(self.col0, other.col0),
            col1=max(self.col1, other.col1),
        )


def of_shape(shape: tuple[int, int]) -> Window:
    """The window of a whole raster of `shape` (rows, columns)."""
    return Window(0, shape[0], 0, shape[1])
