"""Cells drawn tile by tile: every choice is a hash of (seed, cell), every result a value that adds.

A tile yields a `Draw`: the lowest rank values of each group, and counts. The sum of the draws of all tiles is the draw
of the region. It does not depend on the tiles, their order or the number of workers.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from builder import hashing
from builder.frame import design as designs
from builder.frame import layers, points_table, strata
from builder.geometry import grid
from builder.legend import legend as legends
from builder.maps import agreement
from builder.points import spacing

Group = tuple[str, str]  # (split, class name)
REGION_SIZES_DEG = (1.0, 10.0)  # for reporting; blocks themselves where the whole region is small
REGIONS_SHOWN = 100  # the finer size is taken up to this number of regions, which people can still read
BLOCK_KEY_COLUMNS = 1 << 20
_Key = TypeVar("_Key")
_Value = TypeVar("_Value", "Lowest", np.ndarray)


@dataclasses.dataclass(frozen=True, eq=False)
class Lowest:
    """The `size` records of lowest rank value among `seen` cells of one group, in order of (rank value, cell).

    `area_cm2` is the area of all cells seen: a whole number, so that sums do not depend on their order.
    """

    size: int
    seen: int
    area_cm2: int
    records: np.ndarray

    def __add__(self, other: Lowest) -> Lowest:
        bound = self.records["xi"][-1] if len(self.records) == self.size else np.inf
        incoming = other.records[: np.searchsorted(other.records["xi"], bound, side="right")]
        records = _merged(self.records, incoming)[: self.size] if len(incoming) else self.records
        return Lowest(self.size, self.seen + other.seen, self.area_cm2 + other.area_cm2, records)

    @property
    def is_complete(self) -> bool:
        """Whether the records are all the cells seen."""
        return len(self.records) == self.seen


def _merged(records: np.ndarray, incoming: np.ndarray) -> np.ndarray:
    """Both in order of (rank value, cell). Each is in that order already, so most of the work is copying."""
    both = np.insert(records, np.searchsorted(records["xi"], incoming["xi"]), incoming)
    xi = np.ascontiguousarray(both["xi"])
    return both[np.lexsort([both["cell"], xi])] if (xi[1:] == xi[:-1]).any() else both


@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """The result of one tile, or of many.

    Attributes:
      groups: the lowest ranked cells of each (split, class).
      census: int64[3] of each (split, class, region row, region column): consistent cells, those whose core holds the
        class, and those of the latter that no test point and no validation block closes.
    """

    groups: Mapping[Group, Lowest] = dataclasses.field(default_factory=dict)
    census: Mapping[tuple[str, str, int, int], np.ndarray] = dataclasses.field(default_factory=dict)

    def __add__(self, other: Draw) -> Draw:
        return Draw(_added(self.groups, other.groups), _added(self.census, other.census))


def _added(one: Mapping[_Key, _Value], two: Mapping[_Key, _Value]) -> dict[_Key, _Value]:
    both = dict(one)
    for key, value in two.items():
        both[key] = both[key] + value if key in both else value
    return both


def record_type(products: int) -> np.dtype:
    """A drawn cell: its number, rank value and what the rasters hold there."""
    bytes_ = [(name, "u1") for name in ("consensus", "votes", "purity", "base", "valid")]
    return np.dtype([("cell", "i8"), ("xi", "f8"), *bytes_, ("harmonized", "u1", (products,))])


@functools.cache
def _row_cosines() -> np.ndarray:
    """float64[row]: cosine of the latitude of each row's centre; one table, so that it never depends on the tile."""
    return np.cos(np.radians(90.0 - (np.arange(grid.ROWS) + 0.5) / grid.CELLS_PER_DEGREE))


def cos_latitude(cells: np.ndarray) -> np.ndarray:
    """float64: cosine of the latitude of each cell's centre, to which its width and so its area are proportional."""
    cosines: np.ndarray = _row_cosines()[cells // grid.COLUMNS]
    return cosines


def rank_values(cells: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """float64: xi = u / cos(latitude) of each cell, u uniform in (0, 1) by the hash of (seed, purpose, cell).

    The lowest xi of a stratum are a sequential Poisson sample with chances proportional to area.
    Source: Ohlsson 1998, "Sequential Poisson sampling", Journal of Official Statistics 14.
    """
    values: np.ndarray = hashing.uniform(hashing.stream(seed, purpose), cells) / cos_latitude(cells)
    return values


def inclusion_probabilities(cells: np.ndarray, tau: float) -> np.ndarray:
    """float64: chance of each cell to be ranked, see `strata.inclusion_probability`.

    Given the other cells, a cell is ranked if its own u is below tau cos(latitude), tau being the (k+1)th rank value:
    so weights of one over this chance estimate totals without bias, for any k. Its mean over samples exceeds the
    frequency of being ranked by (k+1)/k.
    Source: Duffield, Lund & Thorup 2007, "Priority sampling for estimation of arbitrary subset sums", JACM 54.
    """
    return strata.inclusion_probability(tau, cos_latitude(cells))


def test_tile(tile: layers.Tile, design: designs.SamplingDesign) -> Draw:
    """The test strata of one tile: the lowest ranks and one more, whose rank value is tau.

    A stratum is a class and a state. Of a consistent cell the class is the consensus, which is the base class wherever
    the base takes part in the agreement; of an inconsistent cell it is the base class.
    """
    size = design.ranked(designs.TEST) + 1
    groups: dict[Group, Lowest] = {}
    for split, state, classes in (
        (designs.TEST, agreement.State.CONSISTENT, tile.consensus),
        (designs.TEST_INCONSISTENT, agreement.State.INCONSISTENT, tile.base),
    ):
        held = np.where(tile.state == state, classes, 0)
        for c in legends.seven().classes:
            y, x = np.nonzero(held == c.code)
            if len(y):
                groups[split, c.name] = lowest(tile, y, x, size=size, seed=design.seed, purpose="test")
    return Draw(groups)


def lowest(tile: layers.Tile, y: np.ndarray, x: np.ndarray, *, size: int, seed: int, purpose: str) -> Lowest:
    """The `size` lowest ranked of the cells at rows `y` and columns `x` of the tile."""
    cells = tile.window.cells()[y, x]
    xi = rank_values(cells, seed, purpose)
    order = np.lexsort([cells, xi]) if len(xi) <= size else _lowest_order(xi, cells, size)
    area = _row_areas_cm2()[cells // grid.COLUMNS].sum()
    records = np.empty(len(order), record_type(len(tile.harmonized)))
    records["cell"], records["xi"] = cells[order], xi[order]
    y, x = y[order], x[order]
    for name in ("consensus", "votes", "purity", "base", "valid"):
        records[name] = getattr(tile, name)[y, x]
    records["harmonized"] = tile.harmonized[:, y, x].T
    return Lowest(size, len(cells), int(area), records)


def _lowest_order(xi: np.ndarray, cells: np.ndarray, size: int) -> np.ndarray:
    """Indexes of the `size` lowest (xi, cell), in order."""
    bound = np.partition(xi, size - 1)[size - 1]
    few = np.flatnonzero(xi <= bound)
    order: np.ndarray = few[np.lexsort([cells[few], xi[few]])][:size]
    return order


@functools.cache
def _row_areas_cm2() -> np.ndarray:
    return np.rint(grid.cell_area_km2(np.arange(grid.ROWS)) * 1e10).astype(np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class Pass:
    """One pass for train and validation: the cells to look for, and the cells that earlier passes took.

    Attributes:
      sizes: number of records to keep of each group; other groups are done.
      above: rank value up to which earlier passes have decided each group.
      taken: discs of the minimum spacing round the cells that they took of each group.
      tests: discs of the buffer round every ranked test point.
      region_cells: side of the regions of the census, in cells; 0 = no census.
    """

    sizes: Mapping[Group, int]
    above: Mapping[Group, float]
    taken: Mapping[Group, spacing.Discs]
    tests: spacing.Discs
    region_cells: int


def training_tile(tile: layers.Tile, design: designs.SamplingDesign, passed: Pass) -> Draw:
    """The candidates for train and validation of one tile, and their census."""
    known = np.isin(tile.consensus, legends.seven().codes)
    y, x = np.nonzero((tile.state == agreement.State.CONSISTENT) & known)
    if not len(y):
        return Draw()
    order = np.argsort(tile.window.cells()[y, x], kind="stable")  # the antimeridian breaks the order of a window
    y, x = y[order], x[order]
    cells, classes = tile.window.cells()[y, x], tile.consensus[y, x]
    validation = in_validation(cells, design)
    is_core = tile.core[y, x] == classes
    is_open = is_core.copy()
    is_open[is_core] = ~closed(cells[is_core], validation[is_core], tile.window, design, passed.tests)
    groups: dict[Group, Lowest] = {}
    for group, size in passed.sizes.items():
        in_split = validation == (group[0] == designs.VALIDATION)
        chosen = np.flatnonzero(is_open & in_split & (classes == _code(group[1])))
        chosen = _undecided(chosen, cells, group, design, passed)
        if len(chosen):
            groups[group] = lowest(tile, y[chosen], x[chosen], size=size, seed=design.seed, purpose="train")
    if not passed.region_cells:
        return Draw(groups)
    return Draw(groups, _census(cells, classes, validation, (is_core, is_open), passed.region_cells))


def _undecided(
    chosen: np.ndarray, cells: np.ndarray, group: Group, design: designs.SamplingDesign, passed: Pass
) -> np.ndarray:
    """Those of the `chosen` indexes that earlier passes neither took nor ruled out by spacing."""
    if group not in passed.above:
        return chosen
    chosen = chosen[rank_values(cells[chosen], design.seed, "train") > passed.above[group]]
    undecided: np.ndarray = chosen[~passed.taken[group].hold(cells[chosen])]
    return undecided


def in_validation(cells: np.ndarray, design: designs.SamplingDesign) -> np.ndarray:
    """bool[cell]: whether the block of each cell belongs to validation."""
    return _blocks_of_validation(*points_table.block_numbers(cells, design.block_cells), design)


def _blocks_of_validation(rows: np.ndarray, columns: np.ndarray, design: designs.SamplingDesign) -> np.ndarray:
    chance = hashing.uniform(hashing.stream(design.seed, "split"), rows * BLOCK_KEY_COLUMNS + columns)
    return chance < design.validation_share


def closed(
    cells: np.ndarray,
    validation: np.ndarray,
    window: grid.CellWindow,
    design: designs.SamplingDesign,
    tests: spacing.Discs,
) -> np.ndarray:
    """bool[cell]: whether each cell of a tile may not be used for its split.

    A cell is closed if it lies within the buffer of a ranked test point. A cell of train is also closed if it lies
    within the buffer (or the spacing, if that is larger) of a block of validation: validation has a tenth of the
    blocks, so train loses far less than validation would. The rule looks at places only, never at quotas.
    """
    is_closed = tests.hold(cells)
    apart_m = max(design.buffer_m, design.min_spacing_m)
    train = np.flatnonzero(~is_closed & ~validation)
    is_closed[train] = spacing.near_boxes(cells[train], validation_boxes(window, design, apart_m), apart_m)
    return is_closed


def validation_boxes(window: grid.CellWindow, design: designs.SamplingDesign, within_m: float) -> np.ndarray:
    """int64[box, 4]: row0, row1, column0, column1 of each validation block that may be within `within_m`."""
    side = design.block_cells
    margin = spacing.row_margin(within_m)
    row0, row1 = max(window.row0 - margin, 0), min(window.row1 + margin, grid.ROWS)
    aside = spacing.column_margin(row0, row1, within_m)
    columns = np.unique(np.arange(window.col0 - aside, window.col1 + aside) % grid.COLUMNS // side)
    rows, columns = (a.ravel() for a in np.meshgrid(np.arange(row0 // side, (row1 - 1) // side + 1), columns))
    chosen = _blocks_of_validation(rows, columns, design)
    rows, columns = rows[chosen] * side, columns[chosen] * side
    ends = np.minimum(rows + side, grid.ROWS), np.minimum(columns + side, grid.COLUMNS)
    return np.stack([rows, ends[0], columns, ends[1]], axis=-1)


def region_cells(design: designs.SamplingDesign) -> int:
    """Side in cells of the regions in which shortfalls are reported: blocks, 1 or 10 degrees, a readable number."""
    west, south, east, north = design.region
    for size_deg in (design.split_block_deg, *REGION_SIZES_DEG):
        if (east - west) / size_deg * (north - south) / size_deg <= REGIONS_SHOWN:
            break
    return round(size_deg * grid.CELLS_PER_DEGREE)


def _census(
    cells: np.ndarray,
    classes: np.ndarray,
    validation: np.ndarray,
    passed: tuple[np.ndarray, np.ndarray],
    side: int,
) -> dict[tuple[str, str, int, int], np.ndarray]:
    """Cells, core cells and open cells of each (split, class, region row, region column)."""
    rows, columns = np.divmod(cells, grid.COLUMNS)
    shape = (2, 256, grid.ROWS // side + 1, grid.COLUMNS // side + 1)
    keys = np.ravel_multi_index((validation.astype(np.int64), classes, rows // side, columns // side), shape)
    unique, inverse = np.unique(keys, return_inverse=True)
    counts = [np.bincount(inverse, weights, len(unique)) for weights in (np.ones(len(cells)), *passed)]
    numbers = np.stack(counts, axis=-1).astype(np.int64)
    splits = (designs.TRAIN, designs.VALIDATION)
    places = zip(*(axis.tolist() for axis in np.unravel_index(unique, shape)), strict=True)
    names = [(splits[v], legends.seven().by_code(c).name, r, k) for v, c, r, k in places]
    return dict(zip(names, numbers, strict=True))


def _code(name: str) -> int:
    return legends.seven().by_name(name).code
