"""From tiles to ranked points: test first, then train and validation in what the test points leave open."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from builder.frame import design as designs
from builder.frame import layers, points_table, strata
from builder.geometry import grid
from builder.legend import legend as legends
from builder.points import sampling, spacing

# Applies a function to the layers of every tile and adds up the draws, in any order and by any number of workers.
OverTiles = Callable[[Callable[[layers.Tile], sampling.Draw]], sampling.Draw]

CANDIDATES_PER_POINT = 2  # kept in one pass for each point wanted: most of them pass the spacing
LEAST_CANDIDATES = 1024


@dataclasses.dataclass(frozen=True)
class Stratum:
    """One stratum of the test sample: its cells, their area, and the rank value below which a cell is ranked."""

    cells: int
    area_km2: float
    tau: float


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """The points of each (split, class) in rank order (`sampling.record_type`), the strata, and the census."""

    records: Mapping[sampling.Group, np.ndarray]
    strata: Mapping[sampling.Group, Stratum]
    census: Mapping[tuple[str, str, int, int], np.ndarray]


def draw(over_tiles: OverTiles, design: designs.SamplingDesign) -> Drawn:
    """Every ranked point of the region: equal for any cutting into tiles and any order of them."""
    tests = over_tiles(functools.partial(sampling.test_tile, design=design)).groups
    records = {group: lowest.records[: design.ranked(group[0])] for group, lowest in tests.items()}
    test_strata = {group: _stratum(lowest, design.ranked(group[0])) for group, lowest in tests.items()}
    ranked = np.concatenate([r["cell"] for r in records.values()]) if records else np.empty(0, np.int64)
    taught, census = _train_and_validation(over_tiles, design, spacing.Discs(ranked, design.buffer_m))
    return Drawn(records | taught, test_strata, census)


def _stratum(lowest: sampling.Lowest, ranked: int) -> Stratum:
    tau = float(lowest.records["xi"][ranked]) if len(lowest.records) > ranked else math.inf
    return Stratum(lowest.seen, lowest.area_cm2 / 1e10, tau)


def _train_and_validation(
    over_tiles: OverTiles, design: designs.SamplingDesign, tests: spacing.Discs
) -> tuple[dict[sampling.Group, np.ndarray], Mapping[tuple[str, str, int, int], np.ndarray]]:
    """The points of train and validation, and the census.

    A pass takes the lowest ranked candidates of each group and thins them. Where too few remain, the next pass takes
    candidates above the last rank decided and outside the discs round the points taken. The result equals that of
    thinning all candidates at once, but memory holds only a few candidates per wanted point.
    """
    wanted = {
        (split, c.name): design.ranked(split)
        for split in (designs.TRAIN, designs.VALIDATION)
        for c in legends.seven().classes
        if design.ranked(split)
    }
    sizes = {group: max(LEAST_CANDIDATES, CANDIDATES_PER_POINT * points) for group, points in wanted.items()}
    taken: dict[sampling.Group, np.ndarray] = {}
    above: dict[sampling.Group, float] = {}
    census: Mapping[tuple[str, str, int, int], np.ndarray] = {}
    while sizes:
        discs = {group: spacing.Discs(taken[group]["cell"], design.min_spacing_m) for group in sizes if group in taken}
        regions = 0 if above else sampling.region_cells(design)
        passed = sampling.Pass(sizes, {g: above[g] for g in discs}, discs, tests, regions)
        found = over_tiles(functools.partial(sampling.training_tile, design=design, passed=passed))
        census = census or found.census
        for group, lowest in found.groups.items():
            taken[group] = _taken(taken.get(group), lowest.records, wanted[group], design.min_spacing_m)
            above[group] = float(lowest.records["xi"][-1])
        sizes = {
            group: sizes[group]
            for group, lowest in found.groups.items()
            if len(taken[group]) < wanted[group] and not lowest.is_complete
        }
    return taken, census


def _taken(before: np.ndarray | None, candidates: np.ndarray, wanted: int, spacing_m: float) -> np.ndarray:
    """The records taken `before` and, up to `wanted`, the candidates that thinning leaves; none is near the former."""
    missing = wanted - (0 if before is None else len(before))
    new = candidates[spacing.thinned(candidates["cell"], spacing_m, missing)]
    return new if before is None else np.concatenate([before, new])


def table_of_drawn(drawn: Drawn, design: designs.SamplingDesign) -> pa.Table:
    """The drawn points as `points_table.SCHEMA`, split by split, class by class, in rank order."""
    order = [(split, c.name) for split in designs.SPLITS for c in legends.seven().classes]
    tables = [_rows(group, drawn, design) for group in order if len(drawn.records.get(group, ()))]
    return pa.concat_tables(tables) if tables else points_table.SCHEMA.empty_table()


def state_of(split: str) -> str:
    """The state of the cells from which the points of `split` are drawn, as `points_table` keeps it."""
    return points_table.INCONSISTENT if split == designs.TEST_INCONSISTENT else points_table.CONSISTENT


def _rows(group: sampling.Group, drawn: Drawn, design: designs.SamplingDesign) -> pa.Table:
    split, name = group
    records = drawn.records[group]
    cells, count = records["cell"], len(records)
    lon, lat = grid.cell_centre(cells)
    state = state_of(split)
    tau = drawn.strata[group].tau if group in drawn.strata else None
    names = {c.code: c.name for c in legends.seven().classes}
    columns = {
        "key": points_table.cell_keys(cells),
        "cell": cells,
        "lon": lon,
        "lat": lat,
        "state": [state] * count,
        "label": [name if state == points_table.CONSISTENT else None] * count,
        "base_class": [names.get(code) for code in records["base"].tolist()],
        "consensus": [names.get(code) for code in records["consensus"].tolist()],
        "votes": records["votes"],
        "valid": records["valid"],
        "purity": (records["purity"] / 100.0).astype(np.float32),
        "split": [split] * count,
        "stratum": [strata.name(name, state)] * count,
        "block": points_table.block_names(cells, design.block_cells),
        "rank": np.arange(count, dtype=np.int32),
        "rank_value": records["xi"],
        "inclusion_probability": [None] * count if tau is None else sampling.inclusion_probabilities(cells, tau),
        "product_labels": points_table.product_labels(records["harmonized"], design.products, names),
        "geometry": points_table.wkb_points(lon, lat),
    }
    return pa.table([pa.array(columns[f.name], type=f.type) for f in points_table.SCHEMA], schema=points_table.SCHEMA)
