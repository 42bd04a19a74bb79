"""Which code and which provenance each pixel gets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from builder import errors
from builder.legend import crosswalk, legend
from builder.maps import agreement
from refine.artefacts import refined_map
from refine.artefacts.provenance import UNSEEN, Provenance
from refine.mapping import reclassify

TABLE = crosswalk.shipped("globeland30")
CODES = np.array(
    legend.seven().codes, np.uint8
)  # artificial, bareland, cultivated, forest, grass_shrub, snow_ice, water
INCONSISTENT = agreement.State.INCONSISTENT


def _one(
    base: int, predicted: str, sure: float, *, trust: float = 1 / 7, min_confidence: float = 0.5
) -> tuple[int, int, Provenance]:
    """(code, confidence, provenance) of one inconsistent pixel whose chip is classified; 1 / 7 weighs no class more."""
    code = np.array([[base]], np.uint8)
    provenance = reclassify.provenance_before(
        code, np.full((1, 1), INCONSISTENT), np.ones((1, 1), bool), TABLE, source="a.tif"
    )
    asked = reclassify.to_classify(provenance, include_undetermined=False)
    shares = np.full((int(asked.sum()), 7), (1 - sure) / 6)
    shares[:, legend.seven().names.index(predicted)] = sure
    done = reclassify.decide(
        code,
        provenance,
        asked,
        np.ones(len(shares), bool),
        shares,
        TABLE,
        reclassify.Rule(CODES, trust, min_confidence),
    )
    return done.codes.item(), done.confidence.item(), Provenance(done.provenance.item())


@pytest.mark.parametrize(
    ("base", "predicted", "sure", "expected"),
    [
        (20, "forest", 0.9, (20, 90, Provenance.CONFIRMED)),
        (20, "water", 0.9, (60, 90, Provenance.CHANGED)),
        (20, "water", 0.4, (20, 10, Provenance.UNSURE)),  # the confidence is that of forest, which stays
        (40, "grass_shrub", 0.9, (40, 90, Provenance.CONFIRMED)),  # shrubland stays shrubland
        (20, "grass_shrub", 0.9, (30, 90, Provenance.CHANGED)),  # a new one is grassland
        (50, "water", 0.99, (50, 255, Provenance.OUTSIDE_LEGEND)),
        (70, "bareland", 0.99, (70, 255, Provenance.OUTSIDE_LEGEND)),
        (0, "water", 0.99, (0, 255, Provenance.NO_DATA)),
    ],
)
def test_a_pixel_of_an_inconsistent_cell(
    base: int, predicted: str, sure: float, expected: tuple[int, int, Provenance]
) -> None:
    assert _one(base, predicted, sure) == expected


def _shares(**given_shares: float) -> np.ndarray:
    """float64[1, class] with the given probabilities, the rest spread over the other classes."""
    names = legend.seven().names
    rest = (1 - sum(given_shares.values())) / (len(names) - len(given_shares))
    return np.array([[given_shares.get(name, rest) for name in names]])


def test_the_picture_must_outweigh_the_trusted_base() -> None:
    # grassland on the map, bareland in the picture: 0.7 to 0.3 says less than a trust of 0.5, which is 6 to 1
    shares = _shares(bareland=0.7, grass_shrub=0.3)
    weighed = reclassify.weighed(shares, np.array([30], np.uint8), reclassify.Rule(CODES, base_trust=0.5))
    grass, bare = (weighed[0, legend.seven().names.index(name)] for name in ("grass_shrub", "bareland"))
    assert grass == pytest.approx(0.3 * 6 / (0.3 * 6 + 0.7))
    assert bare == pytest.approx(0.7 / (0.3 * 6 + 0.7))
    assert _one(30, "bareland", 0.7, trust=0.9)[::2] == (30, Provenance.UNSURE)
    assert _one(30, "bareland", 0.999, trust=0.9)[::2] == (90, Provenance.CHANGED)


def test_a_picture_that_rules_out_the_base_needs_no_majority_of_its_own() -> None:
    # 0.45 cultivated, 0.40 bareland, nothing of forest: the base is not among what it can be
    shares = _shares(cultivated=0.45, bareland=0.40, forest=0.0001)
    weighed = reclassify.weighed(shares, np.array([20], np.uint8), reclassify.Rule(CODES, base_trust=0.5))
    assert weighed.argmax() == legend.seven().names.index("cultivated")


@given(hnp.arrays(np.float64, (4, 7), elements=st.floats(0, 1)), st.sampled_from(CODES.tolist()))
def test_a_trust_of_one_in_seven_leaves_the_probabilities_as_they_are(raw: np.ndarray, base: int) -> None:
    shares = (raw + 0.01) / (raw + 0.01).sum(axis=1, keepdims=True)
    weighed = reclassify.weighed(shares, np.full(4, base, np.uint8), reclassify.Rule(CODES, base_trust=1 / 7))
    np.testing.assert_allclose(weighed, shares, atol=1e-9)


def test_full_trust_changes_nothing_and_a_class_that_the_model_lacks_is_not_weighed() -> None:
    assert _one(20, "water", 0.999, trust=1.0)[::2] == (20, Provenance.UNSURE)
    few = reclassify.Rule(CODES[:2], base_trust=0.9)
    weighed = reclassify.weighed(np.array([[0.3, 0.7]]), np.array([20], np.uint8), few)
    np.testing.assert_allclose(weighed, [[0.3, 0.7]])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (agreement.State.NODATA, Provenance.OUTSIDE_REGION),
        (agreement.State.CONSISTENT, Provenance.CONSISTENT),
        (agreement.State.INCONSISTENT, Provenance.UNSURE),
        (agreement.State.UNDETERMINED, Provenance.UNDETERMINED),
    ],
)
def test_only_inconsistent_cells_are_asked_about_unless_undetermined_ones_are_included(
    state: agreement.State, expected: Provenance
) -> None:
    provenance = reclassify.provenance_before(
        np.array([[20]], np.uint8), np.array([[state]]), np.array([[True]]), TABLE, source="a.tif"
    )
    assert provenance.item() == expected
    assert reclassify.to_classify(provenance, include_undetermined=False).item() == (state == INCONSISTENT)
    both = (INCONSISTENT, agreement.State.UNDETERMINED)
    assert reclassify.to_classify(provenance, include_undetermined=True).item() == (state in both)


def test_outside_the_region_nothing_is_asked() -> None:
    provenance = reclassify.provenance_before(
        np.array([[20]], np.uint8), np.array([[INCONSISTENT]]), np.array([[False]]), TABLE, source="a.tif"
    )
    assert provenance.item() == Provenance.OUTSIDE_REGION


def test_a_pixel_outside_the_legend_and_the_region_is_no_part_of_the_region() -> None:
    wetland, consistent = np.full((1, 2), 50, np.uint8), np.full((1, 2), INCONSISTENT)
    provenance = reclassify.provenance_before(wetland, consistent, np.array([[True, False]]), TABLE, source="a.tif")
    assert provenance.tolist() == [[Provenance.OUTSIDE_LEGEND, Provenance.OUTSIDE_REGION]]
    assert Provenance.OUTSIDE_REGION in UNSEEN  # so that areas of the region leave it out


def test_an_unknown_code_of_the_base_is_refused_with_its_file() -> None:
    with pytest.raises(errors.InputError, match=r"n49_30.*33"):
        reclassify.provenance_before(
            np.array([[33]], np.uint8), np.array([[2]]), np.array([[True]]), TABLE, source="n49_30_2010lc030.tif"
        )


def test_a_pixel_without_a_chip_keeps_its_code() -> None:
    base = np.array([[20, 20]], np.uint8)
    provenance = np.full((1, 2), Provenance.UNSURE, np.uint8)
    shares = np.eye(7)[[6]]
    done = reclassify.decide(
        base, provenance, provenance > 0, np.array([False, True]), shares, TABLE, reclassify.Rule(CODES)
    )
    assert done.provenance.tolist() == [[Provenance.NO_IMAGERY, Provenance.CHANGED]]
    assert done.codes.tolist() == [[20, 60]]


maps = hnp.arrays(np.uint8, (6, 5), elements=st.sampled_from([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]))
states = hnp.arrays(np.uint8, (6, 5), elements=st.integers(0, 3))


@given(maps, states, hnp.arrays(bool, (6, 5)), st.booleans(), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**31))
def test_a_code_differs_from_the_base_just_where_it_says_changed(
    base: np.ndarray, state: np.ndarray, region: np.ndarray, undetermined: bool, floor: float, trust: float, seed: int
) -> None:
    provenance = reclassify.provenance_before(base, state, region, TABLE, source="a.tif")
    asked = reclassify.to_classify(provenance, include_undetermined=undetermined)
    random = np.random.default_rng(seed)
    pictured = random.random(asked.sum()) < 0.7
    shares = random.dirichlet(np.ones(7), int(pictured.sum()))
    done = reclassify.decide(base, provenance, asked, pictured, shares, TABLE, reclassify.Rule(CODES, trust, floor))
    np.testing.assert_array_equal(done.codes != base, done.provenance == Provenance.CHANGED)
    np.testing.assert_array_equal(
        done.confidence != refined_map.NOT_CLASSIFIED,
        np.isin(done.provenance, [Provenance.CONFIRMED, Provenance.CHANGED])
        | (asked & (done.provenance == Provenance.UNSURE)),
    )
    assert not np.isin(done.provenance[np.isin(base, [0, 50, 70])], [Provenance.CHANGED, Provenance.CONFIRMED]).any()
