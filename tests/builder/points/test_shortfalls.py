"""What the region could not give, in words and numbers."""

from __future__ import annotations

import frame_layers
import numpy as np
import pytest

from builder.frame import design as designs
from builder.geometry import grid
from builder.points import drawing, shortfalls

WINDOW = grid.CellWindow(20000, 20060, 103700, 103760)


def drawn_with(**numbers) -> tuple[drawing.Drawn, designs.SamplingDesign]:
    design = designs.SamplingDesign(
        products=frame_layers.PRODUCTS, region=WINDOW.bounds, split_block_deg=0.05, test_per_stratum=2, **numbers
    )
    forest_and_water = np.array([20, 60], np.uint8)
    tiles = [frame_layers.layers(WINDOW, codes=forest_and_water)]
    return drawing.draw(frame_layers.by_loop(tiles), design), design


def test_no_shortfall_is_reported_of_a_split_that_is_full():
    drawn, design = drawn_with(per_class=3, validation_share=0.0)
    short = {(record["split"], record["class"]) for record in shortfalls.find(drawn, design)}
    assert not short & {("train", "forest"), ("test", "forest"), ("validation", "forest"), ("train", "water")}
    assert ("train", "snow_ice") in short


def test_a_class_that_the_region_lacks_takes_one_line():
    drawn, design = drawn_with(per_class=3)
    lines = shortfalls.lines(shortfalls.find(drawn, design))
    assert "short: snow_ice: no cell for train, validation, test, test_inconsistent" in lines


def test_the_cause_and_its_flag_are_named():
    drawn, design = drawn_with(per_class=2000, validation_share=0.0, min_spacing_m=3000.0, buffer_m=200.0, reserve=1.0)
    text = "\n".join(shortfalls.lines(shortfalls.find(drawn, design)))
    assert "lower --min-spacing-m" not in text  # 2,000 wanted of a region of fewer open cells: no flag gives them
    drawn, design = drawn_with(per_class=100, validation_share=0.0, min_spacing_m=3000.0, buffer_m=200.0, reserve=1.0)
    assert "lower --min-spacing-m" in "\n".join(shortfalls.lines(shortfalls.find(drawn, design)))
    drawn, design = drawn_with(per_class=500, validation_share=0.0, min_spacing_m=0.0, buffer_m=3000.0)
    assert "lower --test-per-stratum" in "\n".join(shortfalls.lines(shortfalls.find(drawn, design)))


def test_an_empty_split_names_what_to_change():
    drawn, design = drawn_with(per_class=3, validation_share=0.001)
    assert shortfalls.empty_splits(drawn, design) == [
        "validation is empty: take smaller blocks (--split-block), so that some fall to validation, or a wider region."
    ]
    drawn, design = drawn_with(per_class=3, validation_share=0.0)
    assert shortfalls.empty_splits(drawn, design) == []  # none was wanted


def test_an_exhausted_stratum_has_no_tau():
    drawn, _ = drawn_with(per_class=3)
    strata = shortfalls.of_strata(drawn)
    assert set(strata) == {
        f"{name}/{state}" for name in ("forest", "water") for state in ("consistent", "inconsistent")
    }
    assert all(record["tau"] > 0 for record in strata.values())
    drawn = drawing.Drawn({}, {("test", "forest"): drawing.Stratum(2, 0.1, np.inf)}, {})
    assert shortfalls.of_strata(drawn) == {"forest/consistent": {"cells": 2, "area_km2": 0.1, "tau": None}}


def test_the_table_marks_what_falls_short_of_the_chips_wanted():
    drawn, design = drawn_with(per_class=3, validation_share=0.0)
    rows = {line.split()[0]: line for line in shortfalls.counts_table(drawn, design)}
    assert "9 / 9 " in rows["forest"]
    assert "0 / 9!" in rows["snow_ice"]


@pytest.mark.parametrize(("side", "cells"), [(0.05, 18), (3.0, 360), (100.0, 3600)])
def test_regions_are_blocks_or_degrees_so_that_people_can_read_them(side, cells):
    design = designs.SamplingDesign(split_block_deg=0.05, region=(0.0, 0.0, side, side * 0.8))
    assert shortfalls.sampling.region_cells(design) == cells
