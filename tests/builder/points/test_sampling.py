"""The sample: which cells are drawn, with which chance, and what does not change it."""

from __future__ import annotations

import dataclasses

import frame_layers
import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.frame import design as designs
from builder.geometry import grid
from builder.points import drawing, sampling, spacing

XIAN = grid.CellWindow(20000, 20120, 103700, 103820)
ACROSS_180_AT_80_N = grid.CellWindow(3560, 3640, grid.COLUMNS - 60, grid.COLUMNS + 60)
NEAR_THE_POLE = grid.CellWindow(150, 230, 0, 3000)  # 89.5 N: 240,000 cells, the widest 5.5 m wide


def design_of(window: grid.CellWindow = XIAN, **numbers) -> designs.SamplingDesign:
    defaults = {"per_class": 40, "test_per_stratum": 3, "split_block_deg": 0.05, "validation_share": 0.25}
    return designs.SamplingDesign(
        products=frame_layers.PRODUCTS, base="base", region=window.bounds, **defaults | numbers
    )


def points_of(window: grid.CellWindow, design: designs.SamplingDesign, *, tile: int = 1000, order: int = 1):
    tiles = [frame_layers.layers(part) for part in window.tiles(tile)][::order]
    drawn = drawing.draw(frame_layers.by_loop(tiles), design)
    return drawing.table_of_drawn(drawn, design)


def keys_by_group(points) -> dict[tuple[str, str], list[str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for row in points.select(["split", "label", "base_class", "key"]).to_pylist():
        groups.setdefault((row["split"], row["label"] or row["base_class"]), []).append(row["key"])
    return groups


def geodesics_m(points, one: str, other: str) -> np.ndarray:
    split = np.array(points["split"].to_pylist())
    lon, lat = points["lon"].to_numpy(), points["lat"].to_numpy()
    i, j = np.nonzero((split[:, None] == one) & (split[None] == other))
    return pyproj.Geod(ellps="WGS84").inv(lon[i], lat[i], lon[j], lat[j])[2]


def test_the_rank_value_is_uniform_over_the_cosine_of_latitude():
    cells = np.array([0, 32400]) * grid.COLUMNS + 5
    xi = sampling.rank_values(cells, 0, "test")
    assert 0 < xi[1] < 1.0001
    assert sampling.cos_latitude(cells) == pytest.approx([np.cos(np.radians(90 - 0.5 / 360)), 1.0], abs=1e-9)
    assert not np.array_equal(xi, sampling.rank_values(cells, 0, "train"))


@settings(max_examples=15)
@given(st.integers(17, 200), st.sampled_from([1, -1]), st.sampled_from([XIAN, ACROSS_180_AT_80_N]), st.integers(0, 9))
def test_tiles_and_their_order_do_not_change_the_sample(tile, order, window, seed):
    design = design_of(window, seed=seed)
    assert points_of(window, design, tile=tile, order=order).equals(points_of(window, design))


@settings(max_examples=10)
@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 9))
def test_a_larger_quota_contains_the_smaller(per_class, more, seed):
    small = keys_by_group(points_of(XIAN, design_of(per_class=per_class, seed=seed)))
    large = keys_by_group(points_of(XIAN, design_of(per_class=per_class + more, seed=seed)))
    assert all(large[group][: len(keys)] == keys for group, keys in small.items())


@settings(max_examples=10)
@given(st.integers(1, 12), st.integers(0, 9))
def test_passes_of_few_candidates_equal_thinning_all_at_once(few, seed):
    design = design_of(per_class=30, min_spacing_m=2000.0, buffer_m=500.0, seed=seed)
    whole = points_of(XIAN, design)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "LEAST_CANDIDATES", few)
        patch.setattr(drawing, "CANDIDATES_PER_POINT", 0)
        assert points_of(XIAN, design).equals(whole)


@pytest.mark.parametrize("window", [XIAN, ACROSS_180_AT_80_N, NEAR_THE_POLE])
@pytest.mark.parametrize("numbers", [{}, {"buffer_m": 300.0, "min_spacing_m": 700.0}])
def test_points_of_different_splits_and_of_one_class_keep_their_distance(window, numbers):
    design = design_of(window, test_per_stratum=1, split_block_deg=0.025, **numbers)
    points = points_of(window, design)
    for one, other in (
        ("train", "test"),
        ("train", "test_inconsistent"),
        ("validation", "test"),
        ("train", "validation"),
    ):
        assert geodesics_m(points, one, other).min(initial=np.inf) >= design.buffer_m
    learned = points.filter([split in ("train", "validation") for split in points["split"].to_pylist()])
    assert learned.num_rows > 20
    labels, lon, lat = (np.array(learned[name].to_pylist()) for name in ("label", "lon", "lat"))
    i, j = np.triu_indices(len(labels), 1)
    i, j = (k[labels[i] == labels[j]] for k in (i, j))
    distance = pyproj.Geod(ellps="WGS84").inv(lon[i], lat[i], lon[j], lat[j])[2]
    assert distance.min() >= design.min_spacing_m - 1e-3


def test_a_cell_near_180_keeps_its_distance_from_one_on_the_other_side():
    points = points_of(ACROSS_180_AT_80_N, design_of(ACROSS_180_AT_80_N))
    lon = points["lon"].to_numpy()
    assert lon.max() > 179.9
    assert lon.min() < -179.9


def test_train_and_validation_come_from_consistent_cells_with_a_pure_core():
    layers = frame_layers.layers(XIAN)
    points = points_of(XIAN, design_of())
    rows, columns = np.divmod(points["cell"].to_numpy(), grid.COLUMNS)
    y, x = rows - XIAN.row0, columns - XIAN.col0
    learned = np.isin(points["split"].to_pylist(), ["train", "validation"])
    assert (layers.state[y, x][learned] == 1).all()
    assert (layers.core[y, x] == layers.consensus[y, x])[learned].all()
    assert set(layers.state[y, x][~learned].tolist()) == {1, 2}


def test_validation_has_whole_blocks():
    points = points_of(XIAN, design_of())
    blocks = {split: set() for split in designs.SPLITS}
    for row in points.select(["split", "block"]).to_pylist():
        blocks[row["split"]].add(row["block"])
    assert blocks["train"] and blocks["validation"]
    assert not blocks["train"] & blocks["validation"]


def test_ranks_count_from_zero_in_order_of_rank_value():
    points = points_of(XIAN, design_of()).to_pylist()
    groups: dict[tuple[str, str], list[dict]] = {}
    for row in points:
        groups.setdefault((row["split"], row["stratum"]), []).append(row)
    for rows in groups.values():
        assert [row["rank"] for row in rows] == list(range(len(rows)))
        assert [row["rank_value"] for row in rows] == sorted(row["rank_value"] for row in rows)


def test_the_rows_say_what_the_rasters_hold():
    row = next(r for r in points_of(XIAN, design_of()).to_pylist() if r["split"] == "test_inconsistent")
    assert row["label"] is None and row["consensus"] is None and row["state"] == "inconsistent"
    assert (row["votes"], row["valid"]) == (2, 3)
    assert row["purity"] == pytest.approx(0.8)
    assert row["stratum"] == f"{row['base_class']}/inconsistent"
    labels = {pair["product"]: pair["label"] for pair in row["product_labels"]}
    assert labels == {"base": row["base_class"], "second": row["base_class"], "third": "outside"}


def test_every_cell_of_an_exhausted_stratum_is_ranked_with_certainty():
    window = grid.CellWindow(20000, 20012, 103700, 103712)
    design = design_of(window, test_per_stratum=100)
    drawn = drawing.draw(frame_layers.by_loop([frame_layers.layers(window)]), design)
    assert all(stratum.tau == np.inf for stratum in drawn.strata.values())
    assert sum(stratum.cells for stratum in drawn.strata.values()) == (frame_layers.layers(window).state > 0).sum()
    points = drawing.table_of_drawn(drawn, design).to_pylist()
    assert {row["inclusion_probability"] for row in points if row["split"].startswith("test")} == {1.0}


def test_strata_know_their_area():
    layers = frame_layers.layers(XIAN)
    draw = sampling.test_tile(layers, design_of())
    rows = np.repeat(np.arange(XIAN.row0, XIAN.row1), (layers.state > 0).sum(axis=1))
    area = sum(lowest.area_cm2 for lowest in draw.groups.values()) / 1e10
    assert area == pytest.approx(grid.cell_area_km2(rows).sum(), rel=1e-9)


def test_cells_are_ranked_as_often_as_their_inclusion_probability_says():
    """Half the cells lie at the equator, half at 75 N: over seeds the poles must not be drawn more often."""
    equator, north = grid.CellWindow(32400, 32404, 0, 30), grid.CellWindow(5400, 5404, 0, 30)
    forest = np.array([20], np.uint8)
    tiles = [frame_layers.layers(window, codes=forest) for window in (equator, north)]
    tiles = [dataclasses.replace(t, state=np.ones_like(t.state), consensus=t.base) for t in tiles]
    seeds = 500
    ranked, expected = np.zeros(2), np.zeros(2)
    every = [tile.window.cells().ravel() for tile in tiles]
    for seed in range(seeds):
        design = design_of(equator, test_per_stratum=10, reserve=1.0, seed=seed)
        records = (
            (sampling.test_tile(tiles[0], design) + sampling.test_tile(tiles[1], design))
            .groups["test", "forest"]
            .records
        )
        rows, tau = records["cell"][:10] // grid.COLUMNS, float(records["xi"][10])
        ranked += [(rows > 10000).sum(), (rows < 10000).sum()]
        expected += [sampling.inclusion_probabilities(cells, tau).sum() for cells in every]
    expected *= 10 / 11  # tau is the 11th rank value: see `inclusion_probabilities`
    error = np.sqrt(seeds * 10 * 0.2 * 0.8)  # binomial: a fifth of the points are expected in the north
    assert ranked == pytest.approx(expected, abs=4 * error)
    assert ranked[1] / ranked[0] == pytest.approx(np.cos(np.radians(75.0)), rel=0.12)


def test_weights_of_the_test_sample_recover_the_area_of_the_stratum():
    """The Horvitz-Thompson estimate of a stratum's cells is right on average over seeds."""
    window = grid.CellWindow(5400, 5460, 0, 60)
    tile, estimates = frame_layers.layers(window), []
    for seed in range(300):
        design = design_of(window, test_per_stratum=10, seed=seed)
        records = sampling.test_tile(tile, design).groups["test", "forest"].records
        chance = sampling.inclusion_probabilities(records["cell"][:30], float(records["xi"][30]))
        estimates.append((1.0 / chance).sum())
    cells = int((tile.consensus == 20).sum())
    assert np.mean(estimates) == pytest.approx(cells, abs=4 * np.std(estimates) / np.sqrt(len(estimates)))


def test_draws_add_in_any_order():
    parts = [sampling.test_tile(frame_layers.layers(tile), design_of()) for tile in XIAN.tiles(50)]
    forward = sum(parts, sampling.Draw())
    backward = sum(parts[::-1], sampling.Draw())
    for group, lowest in forward.groups.items():
        other = backward.groups[group]
        np.testing.assert_array_equal(lowest.records, other.records)
        assert (lowest.seen, lowest.area_cm2) == (other.seen, other.area_cm2)


def test_a_test_point_closes_its_surroundings():
    cells = np.sort(XIAN.cells().ravel())
    centre = cells[len(cells) // 2 + 60]
    design = design_of(validation_share=0.0)
    validation = np.zeros(len(cells), bool)
    shut = sampling.closed(cells, validation, XIAN, design, spacing.Discs(np.array([centre]), 1000.0))
    assert shut[cells == centre].all()
    assert 35 <= shut.sum() <= 45  # a disc of 1 km over cells of 309 x 257 m: 3.14 / 0.0794 = 39.6


def test_the_census_counts_what_each_rule_leaves():
    design = design_of()
    drawn = drawing.draw(frame_layers.by_loop([frame_layers.layers(XIAN)]), design)
    consistent, pure, open_ = np.sum(list(drawn.census.values()), axis=0)
    layers = frame_layers.layers(XIAN)
    assert consistent == (layers.state == 1).sum()
    assert pure == ((layers.state == 1) & (layers.core == layers.consensus)).sum()
    assert 0 < open_ < pure
