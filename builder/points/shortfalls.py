"""Where a draw has fewer points than were asked for, and why: for people and for the metadata."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from builder.frame import design as designs
from builder.frame import frame as frames
from builder.frame import strata
from builder.geometry import grid
from builder.legend import legend as legends
from builder.points import drawing, sampling

REGIONS_PRINTED = 5
CURES = {
    designs.TRAIN: "take larger blocks (--split-block), a smaller --buffer-m, or a wider region (--bbox, --aoi)",
    designs.VALIDATION: "take smaller blocks (--split-block), so that some fall to validation, or a wider region",
    designs.TEST: "no cell is consistent: lower --min-agreement or take a wider region (--bbox, --aoi)",
    designs.TEST_INCONSISTENT: "no cell is inconsistent: take a wider region (--bbox, --aoi) or go without this test",
}
Record = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Account:
    """The points that were drawn, counted against those that were asked for.

    Attributes:
      strata: see `of_strata`.
      shortfalls: see `find`.
      empty_splits: see `empty_splits`.
      lines: for people: the counts of every class, and every shortfall.
    """

    strata: dict[str, Record]
    shortfalls: list[Record]
    empty_splits: list[str]
    lines: list[str]


def account(drawn: drawing.Drawn, design: designs.SamplingDesign) -> Account:
    """The account of what was drawn, for the metadata and for people."""
    found = find(drawn, design)
    text = [*counts_table(drawn, design), *lines(found)]
    return Account(of_strata(drawn), found, empty_splits(drawn, design), text)


def of_strata(drawn: drawing.Drawn) -> dict[str, Record]:
    """Cells, area and tau of each test stratum, as the metadata keep them; tau is null where all cells are ranked."""
    return {
        strata.name(name, drawing.state_of(split)): {
            "cells": stratum.cells,
            "area_km2": stratum.area_km2,
            "tau": stratum.tau if math.isfinite(stratum.tau) else None,
        }
        for (split, name), stratum in sorted(drawn.strata.items())
    }


def find(drawn: drawing.Drawn, design: designs.SamplingDesign) -> list[Record]:
    """Every (split, class) with fewer ranked points than `design.ranked` asks for, and the counts of each region."""
    found = []
    for split in designs.SPLITS:
        for c in legends.seven().classes:
            ranked = len(drawn.records.get((split, c.name), ()))
            if ranked < design.ranked(split):
                record = {"split": split, "class": c.name, "wanted": design.quota(split)}
                record |= {"to_rank": design.ranked(split), "ranked": ranked}
                found.append(record | {"regions": _regions((split, c.name), drawn, design)})
    return found


def _regions(group: sampling.Group, drawn: drawing.Drawn, design: designs.SamplingDesign) -> list[Record]:
    """Per region, cells that passed each rule; sorted from most to least."""
    side = sampling.region_cells(design)
    ranked = _per_region(drawn.records.get(group), side)
    census = {key[2:]: counts for key, counts in drawn.census.items() if key[:2] == group}
    rows = []
    for place in sorted(census.keys() | ranked.keys()):
        row, column = place
        window = grid.CellWindow(
            row * side, min((row + 1) * side, grid.ROWS), column * side, min((column + 1) * side, grid.COLUMNS)
        )
        record: Record = {"bbox": [round(v, 6) for v in window.bounds], "ranked": ranked.get(place, 0)}
        if place in census:
            names = ("consistent", "pure_core", "open")
            record |= dict(zip(names, (int(n) for n in census[place]), strict=True))
        rows.append(record)
    return sorted(rows, key=lambda r: (-int(r["consistent" if "consistent" in r else "ranked"]), r["bbox"]))


def _per_region(records: np.ndarray | None, side: int) -> Mapping[tuple[int, int], int]:
    if records is None:
        return {}
    rows, columns = np.divmod(records["cell"], grid.COLUMNS)
    return collections.Counter(zip((rows // side).tolist(), (columns // side).tolist(), strict=True))


def empty_splits(drawn: drawing.Drawn, design: designs.SamplingDesign) -> list[str]:
    """A sentence for each wanted split that has no point at all, naming what to change."""
    filled = {split for (split, _), records in drawn.records.items() if len(records)}
    return [
        f"{split} is empty: {CURES[split]}." for split in designs.SPLITS if design.quota(split) and split not in filled
    ]


def counts_table(drawn: drawing.Drawn, design: designs.SamplingDesign) -> list[str]:
    """Lines for people: consistent cells of each class, and points ranked of points to rank in each split."""
    head = f"{'class':<14}{'consistent':>12}{'pure core':>12}{'open':>12}"
    lines = [head + "".join(f"{split:>20}" for split in designs.SPLITS)]
    for c in legends.seven().classes:
        passed = sum((n for (_, name, *_), n in drawn.census.items() if name == c.name), np.zeros(3, np.int64))
        cells = "".join(f"{int(n):>12,}" for n in passed)
        ranked = "".join(_ranked(drawn, design, split, c.name) for split in designs.SPLITS)
        lines.append(f"{c.name:<14}{cells}{ranked}")
    lines.append("points are ranked / to rank; ! = fewer than the chips wanted, even if imagery refuses none")
    return lines


def _ranked(drawn: drawing.Drawn, design: designs.SamplingDesign, split: str, name: str) -> str:
    ranked = len(drawn.records.get((split, name), ()))
    mark = "!" if ranked < design.quota(split) else " "
    return f"{ranked:,} / {design.ranked(split):,}{mark}".rjust(20)


def lines(found: Sequence[Record]) -> list[str]:
    """Lines for people: each shortfall and the regions that had most of it."""
    text = [line for record in found if record["regions"] for line in _shortfall_lines(record)]
    absent: dict[str, list[str]] = {}
    for record in found:
        if not record["regions"]:
            absent.setdefault(record["class"], []).append(record["split"])
    return text + [f"short: {name}: no cell for {', '.join(splits)}" for name, splits in absent.items()]


def _shortfall_lines(record: Record) -> list[str]:
    regions = record["regions"]
    text = [
        f"short: {record['split']} {record['class']}: {record['ranked']:,} of {record['to_rank']:,} points to rank "
        f"({record['wanted']:,} chips wanted){_cause(record)}"
    ]
    text += [f"  {_region_text(region)}" for region in regions[:REGIONS_PRINTED]]
    if len(regions) > REGIONS_PRINTED:
        text.append(f"  and {len(regions) - REGIONS_PRINTED} more regions, all in the metadata of {frames.POINTS}")
    return text


def _cause(record: Record) -> str:
    """The rule that took most of the cells, and the flag that gives them back; "" where the region has few cells."""
    if record["ranked"] >= record["wanted"] or "open" not in record["regions"][0]:
        return ""
    pure, free = (sum(region[name] for region in record["regions"]) for name in ("pure_core", "open"))
    if free >= 2 * record["to_rank"]:
        return "; the rest is too near to a point of its class: lower --min-spacing-m"
    if pure >= 2 * max(free, 1):
        cure = "lower --test-per-stratum, --reserve or --buffer-m"
        return f"; the rest is too near to test points or validation blocks: {cure}"
    return ""


def _region_text(region: Record) -> str:
    box = ",".join(f"{v:g}" for v in region["bbox"])
    if "open" not in region:
        return f"{box}: {region['ranked']:,} ranked, every cell there is"
    return (
        f"{box}: {region['consistent']:,} consistent cells, {region['pure_core']:,} with a pure core, "
        f"{region['open']:,} far enough from other splits, {region['ranked']:,} ranked"
    )
