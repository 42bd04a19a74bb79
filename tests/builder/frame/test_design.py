"""The numbers of the sampling design: quotas, limits, JSON."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from builder.frame import design as designs
from builder.frame.design import SamplingDesign


def test_thirteen_thousand_chips_are_split_nine_to_one():
    design = SamplingDesign()
    assert [design.quota(split) for split in designs.SPLITS] == [11700, 1300, 100, 100]
    assert [design.ranked(split) for split in designs.SPLITS] == [35100, 3900, 300, 300]


def test_floats_do_not_add_a_chip():
    assert SamplingDesign(per_class=30).quota("validation") == 3
    assert SamplingDesign(per_class=10, reserve=1.1).ranked("train") == 10  # 9 x 1.1 = 9.9


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.floats(0.0, 0.9))
def test_a_larger_quota_lowers_no_split_and_all_chips_have_one(per_class, more, share):
    small = SamplingDesign(per_class=per_class, validation_share=share)
    large = SamplingDesign(per_class=per_class + more, validation_share=share)
    assert small.quota("train") + small.quota("validation") == per_class
    assert small.quota("train") >= 1
    assert all(small.quota(split) <= large.quota(split) for split in designs.SPLITS)


def test_json_keeps_the_design_and_its_digest():
    design = SamplingDesign(products=("a", "b"), base="a", region=(1.0, 2.0, 3.0, 4.0), given=(("train", 7),), seed=3)
    again = designs.from_json(design.to_json())
    assert again == design
    assert again.digest == design.digest != dataclasses.replace(design, seed=4).digest


def test_a_misspelt_name_gets_its_neighbour():
    with pytest.raises(errors.InputError, match=r"unknown name .min_spacing.\. Did you mean min_spacing_m"):
        designs.from_json({"min_spacing": 3})


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ({"per_class": 0}, "--per-class: expected a whole number of at least 1; received 0"),
        ({"test_per_stratum": 0}, "--test-per-stratum"),
        ({"reserve": 0.5}, "--reserve"),
        ({"min_spacing_m": -1.0}, "--min-spacing-m"),
        ({"min_spacing_m": float("nan")}, "--min-spacing-m"),
        ({"buffer_m": 127.0}, "--buffer-m: expected at least 127.3 m"),
        ({"buffer_m": 1000.0, "chip_size_m": 800.0}, "--buffer-m: expected at least 1131.4 m"),
        ({"split_block_deg": 0.0}, "--split-block"),
        ({"split_block_deg": float("nan")}, "--split-block: expected whole cells"),
        ({"split_block_deg": float("inf")}, "--split-block: expected whole cells"),
        ({"split_block_deg": 0.001}, "--split-block: expected whole cells"),
        ({"split_block_deg": 0.051}, "--split-block: expected whole cells"),
        ({"validation_share": 1.0}, "--validation-share"),
    ],
)
def test_a_number_out_of_range_is_refused_with_its_flag(numbers, text):
    with pytest.raises(errors.InputError, match=text):
        SamplingDesign(**numbers)


def test_given_points_bring_their_own_quotas():
    design = SamplingDesign(given=(("train", 40), ("test", 20)), reserve=1.0)
    assert [design.quota(split) for split in designs.SPLITS] == [40, 0, 20, 0]
    assert design.is_given


WRONG_TYPES = [
    ("per_class", "a"),
    ("per_class", True),
    ("per_class", 3.5),
    ("reserve", None),
    ("reserve", float("nan")),
    ("region", [1, 2]),
    ("region", "abcd"),
    ("region", [None] * 4),
    ("region", [float("inf"), 0, 1, 1]),
    ("given", [1]),
    ("given", {"a": 1}),
    ("given", [["train", -1]]),
    ("given", [["holdout", 1]]),
    ("products", 5),
    ("products", [1, 2]),
    ("seed", "x"),
    ("split_block_deg", "1"),
    ("min_agreement", [3]),
    ("base", None),
]


@pytest.mark.parametrize(("name", "value"), WRONG_TYPES, ids=lambda value: f"{value!r:.20}")
def test_a_value_of_another_type_is_refused_by_name(name, value):
    with pytest.raises(errors.InputError, match=f"sampling design: expected {name} of the kind of"):
        designs.from_json(SamplingDesign().to_json() | {name: value})


def test_every_design_comes_back_from_json():
    for design in (
        SamplingDesign(products=("a", "b"), base="a", min_agreement=2, region=(-1.0, 2.0, 3.0, 4.5), seed=2**63),
        SamplingDesign(given=(("train", 40), ("test", 20)), reserve=1.0, aoi_sha256="ab"),
    ):
        assert designs.from_json(json.loads(json.dumps(design.to_json()))) == design
