from __future__ import annotations

import collections
import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.chips import rounds
from builder.frame import design as designs
from builder.frame import points_table

DESIGN = designs.SamplingDesign(products=("a",), base="a", per_class=40, test_per_stratum=10, validation_share=0.25)


def points(ranked, *, label="forest", split="train", blocks=3):
    """`ranked` points of one group."""
    count = range(ranked)
    is_labelled = split != "test_inconsistent"
    columns = {
        "key": [f"{split}-{label}-{i:04d}" for i in count],
        "lon": np.arange(ranked) * 0.01,
        "lat": np.full(ranked, 34.0),
        "state": ["consistent"] * ranked,
        "label": pa.array([label if is_labelled else None] * ranked, pa.string()),
        "base_class": [label] * ranked,
        "split": [split] * ranked,
        "stratum": [f"{label}/{'consistent' if is_labelled else 'inconsistent'}"] * ranked,
        "block": [f"b{i % blocks}" for i in count],
        "rank": pa.array(count, pa.int32()),
        "geometry": points_table.wkb_points(np.zeros(ranked), np.zeros(ranked)),
        "product_labels": pa.nulls(ranked, points_table.PRODUCT_LABELS),
    }
    rest = {f.name: pa.nulls(ranked, f.type) for f in points_table.SCHEMA if f.name not in columns}
    return pa.table({f.name: {**columns, **rest}[f.name] for f in points_table.SCHEMA}).cast(points_table.SCHEMA)


def answer(batches, refuse=lambda key: None, picture=lambda key: key):
    """Answers to all requests: a reason where `refuse` gives one, else a chip whose pixels are named by `picture`."""
    rows = []
    for batch in batches:
        for request in batch.requests:
            reason = refuse(request.key)
            sha = None if reason else hashlib.sha256(picture(request.key).encode()).hexdigest()
            rows.append(
                {"key": request.key, "parent": request.parent, "rotation_deg": request.rotation_deg, "lon": request.lon,
                 "lat": request.lat, "reason": reason, "pixels_sha256": sha, "batch": batch.name}
            )  # fmt: skip
    return pa.Table.from_pylist(rows, rounds.ANSWERS)


def campaign(ranked, design=DESIGN, **how):
    """(selection, asked_rounds) after going through all asked_rounds."""
    answers, asked_rounds = rounds.ANSWERS.empty_table(), []
    while batches := rounds.next_round(ranked, answers, design):
        asked_rounds.append(batches)
        answers = pa.concat_tables([answers, answer(batches, **how)])
    return rounds.selection(ranked, answers, design), asked_rounds


def sometimes(key, share):
    return "date" if hashlib.sha256(key.encode()).digest()[0] < share * 256 else None


def test_without_refusals_one_round_asks_exactly_the_quota():
    selection, asked_rounds = campaign(points(90))
    assert len(asked_rounds) == 1 and sum(len(b.requests) for b in asked_rounds[0]) == 30  # 40 less 10 of validation
    assert selection.kept["key"].to_pylist() == [f"train-forest-{i:04d}" for i in range(30)]
    assert len(selection.refused) == 0


def test_refused_ranks_are_replaced_by_the_next():
    selection, asked_rounds = campaign(points(90), refuse=lambda key: "date" if key.endswith("0") else None)
    kept = selection.kept["key"].to_pylist()
    assert len(kept) == 30 and not any(key.endswith("0") for key in kept)
    assert kept[-1] == "train-forest-0033"
    assert selection.refused["key"].to_pylist() == [f"train-forest-{i:04d}" for i in (0, 10, 20, 30)]
    tally = selection.counts["train", "forest"]
    assert (tally.wanted, tally.attempted, tally.kept, tally.refused, tally.missing) == (30, 34, 30, {"date": 4}, 0)
    assert len(asked_rounds) == 2


def test_rounds_are_few_even_when_most_is_refused():
    _, asked_rounds = campaign(points(2000), refuse=lambda key: sometimes(key, 0.9))
    assert len(asked_rounds) <= 6


def test_a_class_without_a_ranked_point_is_short_of_its_whole_quota():
    selection, _ = campaign(points(90))
    tally = selection.counts["validation", "water"]
    assert (tally.wanted, tally.ranked, tally.missing) == (10, 0, 10)
    assert next(iter(selection.counts)) == ("test", "artificial")
    assert len(selection.counts) == 4 * 7


def test_no_class_of_given_points_is_short():
    design = designs.SamplingDesign(given=(("train", 20),))
    ranked = pa.concat_tables([points(20), points(5, label="water")])
    selection, _ = campaign(ranked, design)
    assert {group: (tally.wanted, tally.missing) for group, tally in selection.counts.items()} == {
        ("train", "forest"): (20, 0),
        ("train", "water"): (5, 0),
    }


def test_all_refused_ends_when_the_ranks_are_exhausted():
    selection, asked_rounds = campaign(points(90), refuse=lambda key: "no scene")
    assert len(selection.kept) == 0 and len(selection.refused) == 90
    assert selection.counts["train", "forest"].missing == 30
    assert len({r.key for batches in asked_rounds for b in batches for r in b.requests}) == 90


@settings(max_examples=25)
@given(st.floats(0, 1), st.integers(1, 120))
def test_the_lowest_accepted_ranks_are_kept_whatever_is_refused(share, ranked):
    group = points(ranked)
    selection, asked_rounds = campaign(group, refuse=lambda key: sometimes(key, share))
    good = [key for key in group["key"].to_pylist() if not sometimes(key, share)]
    assert [k for k in selection.kept["key"].to_pylist() if "@" not in k] == good[:30]
    asked = collections.Counter(r.key for batches in asked_rounds for b in batches for r in b.requests)
    assert max(asked.values()) == 1


def test_the_order_of_answers_does_not_matter():
    group = pa.concat_tables([points(90), points(90, label="water"), points(40, split="test")])
    answers, order = rounds.ANSWERS.empty_table(), np.random.default_rng(0)
    while batches := rounds.next_round(group, answers, DESIGN):
        answers = pa.concat_tables([answers, answer(batches, refuse=lambda key: sometimes(key, 0.3))])
        shuffled = answers.take(pa.array(order.permutation(len(answers))))
        assert rounds.next_round(group, shuffled, DESIGN) == rounds.next_round(group, answers, DESIGN)
    first, second = (rounds.selection(group, rows, DESIGN) for rows in (answers, shuffled))
    assert first.kept["key"].equals(second.kept["key"]) and first.refused.equals(second.refused)
    assert first.counts == second.counts


def test_a_batch_is_of_one_block_and_at_most_64_points_by_rank():
    _, (batches,) = campaign(points(400, blocks=2), designs.SamplingDesign(products=("a",), base="a", per_class=300))
    assert sum(len(b.requests) for b in batches) == 270
    assert [len(b.requests) for b in batches] == [64, 64, 7, 64, 64, 7]
    for batch in batches:
        ranks = [int(r.key[-4:]) for r in batch.requests]
        assert ranks == sorted(ranks) and len({rank % 2 for rank in ranks}) == 1
    assert len({b.name for b in batches}) == 6


def test_the_name_of_a_batch_follows_what_is_asked():
    asked = points(3, blocks=1)
    as_candidates = asked.append_column("rotation_deg", pa.array(np.zeros(3))).append_column(
        "parent", pa.nulls(3, pa.string())
    )
    (batch,) = rounds.batches(as_candidates)
    (again,) = rounds.batches(as_candidates.take(pa.array([2, 0, 1])))
    assert again == batch
    (other,) = rounds.batches(as_candidates.slice(0, 2))
    assert other.name != batch.name


def test_an_equal_picture_is_kept_once_and_test_keeps_it():
    group = pa.concat_tables([points(90), points(30, split="test")])
    equal = {
        "train-forest-0003": "same",
        "test-forest-0005": "same",
        "train-forest-0008": "twin",
        "train-forest-0009": "twin",
    }
    selection, _ = campaign(group, picture=lambda key: equal.get(key, key))
    kept = set(selection.kept["key"].to_pylist())
    assert {"test-forest-0005", "train-forest-0008"} <= kept
    refused = dict(zip(selection.refused["key"].to_pylist(), selection.refused["reason"].to_pylist(), strict=True))
    assert refused == {"train-forest-0003": "duplicate", "train-forest-0009": "duplicate"}
    assert len(kept) == 40


def test_refused_test_points_stay_as_non_response_down_to_the_last_one_needed():
    group = points(30, split="test_inconsistent")
    selection, _ = campaign(group, refuse=lambda key: "nodata" if key[-4:] in ("0002", "0025") else None)
    assert selection.refused["key"].to_pylist() == ["test_inconsistent-forest-0002"]
    assert selection.refused["stratum"].to_pylist() == ["forest/inconsistent"]
    assert selection.counts["test_inconsistent", "forest"].attempted == 11


def test_requests_of_inconsistent_points_carry_no_label():
    _, (batches,) = campaign(points(30, split="test_inconsistent"))
    assert {r.label for b in batches for r in b.requests} == {None}


def test_a_short_class_of_train_is_filled_by_rotated_footprints():
    selection, asked_rounds = campaign(points(8), refuse=lambda key: None)
    assert len(asked_rounds) == 2
    kept = selection.kept.to_pylist()
    assert len(kept) == 30
    turned = [row for row in kept if row["parent"]]
    per_parent = collections.Counter(row["parent"] for row in turned)
    assert len(per_parent) == 8 and max(per_parent.values()) - min(per_parent.values()) <= 1
    for row in turned:
        assert row["key"] == f"{row['parent']}@{int(row['rotation_deg']):03d}"
        assert row["rotation_deg"] % 15 == 0 and 0 < row["rotation_deg"] < 360
    tally = selection.counts["train", "forest"]
    assert (tally.kept, tally.rotated, tally.missing) == (8, 22, 0)


def test_no_parent_has_more_than_23_rotations_and_all_differ():
    selection, _ = campaign(points(1))
    turned = [row["rotation_deg"] for row in selection.kept.to_pylist() if row["parent"]]
    assert sorted(turned) == [15.0 * i for i in range(1, 24)]
    assert selection.counts["train", "forest"].missing == 6


def test_refused_rotations_are_replaced_and_listed():
    selection, _ = campaign(points(8), refuse=lambda key: "nodata" if key.endswith(("@015", "@090")) else None)
    assert len(selection.kept) == 30
    assert all(row["parent"] and row["reason"] == "nodata" for row in selection.refused.to_pylist())


@pytest.mark.parametrize("split", ["validation", "test", "test_inconsistent"])
def test_only_train_is_rotated(split):
    selection, _ = campaign(points(5, split=split))
    assert len(selection.kept) == 5
    assert not any(selection.kept["parent"].to_pylist())


def test_given_points_are_all_asked_and_never_rotated():
    given_design = designs.SamplingDesign(given=(("train", 5),))
    selection, asked_rounds = campaign(points(5), given_design)
    assert len(asked_rounds) == 1 and len(selection.kept) == 5
