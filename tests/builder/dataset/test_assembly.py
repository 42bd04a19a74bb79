"""Which chips become examples, under which label, in which shard, with which inclusion probability."""

from __future__ import annotations

import collections

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from builder.chips import rounds
from builder.dataset import assembly, inclusion
from builder.frame import points_table, reviews

ROUGH = assembly.Contents()
ACCURATE = assembly.Contents(reviewed_only=True, per_class=2)


def points(*rows: tuple[str, str, str | None]) -> pa.Table:
    """Points (key, split, label), ranked in order."""
    return pa.Table.from_pylist(
        [
            {
                "key": key,
                "cell": number,
                "lon": 108.0,
                "lat": 34.0,
                "state": "consistent",
                "label": label,
                "base_class": label or "forest",
                "split": split,
                "stratum": f"{label or 'forest'}/consistent",
                "block": "b",
                "rank": number,
                "geometry": b"",
            }
            for number, (key, split, label) in enumerate(rows)
        ],
        points_table.SCHEMA,
    )


def chips(*keys: str, batch: str = "one") -> pa.Table:
    """Accepted chips; "a@015" is a rotated chip of "a"."""
    rows = [
        {
            "key": k,
            "parent": k.split("@")[0] if "@" in k else None,
            "rotation_deg": 0.0,
            "lon": 0.0,
            "lat": 0.0,
            "batch": batch,
        }
        for k in keys
    ]
    return pa.Table.from_pylist(rows, rounds.ANSWERS)


def left_out(built: assembly.Assembly) -> dict[tuple[str, str], str]:
    return {(r["split"], r["key"]): r["reason"] for r in built.left_out.to_pylist()}


def labels(built: assembly.Assembly) -> dict[str, tuple[str, str]]:
    return {r["key"]: (r["label"], r["label_origin"]) for r in built.rows.to_pylist()}


def test_rough_train_keeps_the_consensus_whatever_people_say() -> None:
    built = assembly.assemble(points(("a", "train", "forest")), chips("a", "a@015"), {"a": "water"}, ROUGH, 0.1)
    assert labels(built) == {"a": ("forest", "consensus"), "a@015": ("forest", "consensus")}


def test_people_decide_in_test_and_what_they_cannot_tell_is_left_out() -> None:
    asked = points(*((key, "test", "forest") for key in "abcd"))
    built = assembly.assemble(
        asked, chips(*"abcd"), {"b": "water", "c": reviews.UNUSABLE, "d": reviews.TIE}, ROUGH, 0.1
    )
    assert labels(built) == {"a": ("forest", "consensus"), "b": ("water", "review")}
    assert left_out(built) == {("test", "c"): "unusable", ("test", "d"): "tie"}


def test_inconsistent_points_need_a_review() -> None:
    asked = points(("a", "test_inconsistent", None), ("b", "test_inconsistent", None))
    built = assembly.assemble(asked, chips("a", "b"), {"b": "bareland"}, ROUGH, 0.1)
    assert labels(built) == {"b": ("bareland", "review")}
    assert left_out(built) == {("test_inconsistent", "a"): "not reviewed"}


def test_accurate_takes_reviewed_points_only_lowest_ranks_first_and_no_rotated_chips() -> None:
    asked = points(*((key, "train", "forest") for key in "abcd"), ("t", "test", "water"))
    verdicts = dict.fromkeys("abd", "water")
    built = assembly.assemble(asked, chips(*"abcdt", "a@015"), verdicts, ACCURATE, 0.0)
    assert labels(built) == {"a": ("water", "review"), "b": ("water", "review"), "t": ("water", "consensus")}
    expected = {"c": assembly.NOT_REVIEWED, "a@015": assembly.NOT_REVIEWED, "d": assembly.OVER_QUOTA}
    assert left_out(built) == {("train", key): reason for key, reason in expected.items()}


def test_both_configs_hold_the_same_test_examples() -> None:
    asked = points(("a", "train", "forest"), *((key, "test", "water") for key in "bcd"))
    verdicts = {"a": "forest", "c": "bareland", "d": reviews.UNUSABLE}
    rough, accurate = (assembly.assemble(asked, chips(*"abcd"), verdicts, rules, 0.1) for rules in (ROUGH, ACCURATE))
    test_of = [{k: v for k, v in labels(built).items() if k != "a"} for built in (rough, accurate)]
    assert test_of[0] == test_of[1] == {"b": ("water", "consensus"), "c": ("bareland", "review")}


def test_a_chip_of_another_frame_is_refused() -> None:
    with pytest.raises(errors.InputError, match="of another frame"):
        assembly.assemble(points(("a", "train", "forest")), chips("x"), {}, ROUGH, 0.1)


def test_two_chips_with_one_key_are_refused() -> None:
    with pytest.raises(errors.InputError, match="two chips with one key"):
        assembly.assemble(points(("a", "train", "forest")), chips("a", "a"), {}, ROUGH, 0.1)


def test_a_rotated_chip_is_in_the_shard_of_its_parent() -> None:
    keys = [f"p{i}" for i in range(4_000)]
    parents = pa.concat_tables([chips(*keys[i : i + 64], batch=f"parents{i}") for i in range(0, 4_000, 64)])
    turned = chips(*(f"{key}@015" for key in keys[:500]), batch="turned")
    built = assembly.assemble(
        points(*((key, "train", "forest") for key in keys)), pa.concat_tables([parents, turned]), {}, ROUGH, 0.1
    )
    shard = dict(zip(built.rows["key"].to_pylist(), built.rows["shard"].to_pylist(), strict=True))
    assert len(set(shard.values())) == 3
    assert all(shard[key] == shard[f"{key}@015"] for key in keys[:500])


@given(st.lists(st.integers(0, 300), min_size=1, max_size=3000), st.integers(1, 200))
def test_shards_are_numbered_without_gaps_and_keep_units_whole(units: list[int], per_shard: int) -> None:
    shards = assembly.partition([f"u{unit}" for unit in units], per_shard)
    assert sorted(set(shards.tolist())) == list(range(len(set(shards.tolist()))))
    of_unit = collections.defaultdict(set)
    for unit, shard in zip(units, shards.tolist(), strict=True):
        of_unit[unit].add(shard)
    assert all(len(found) == 1 for found in of_unit.values())
    largest_unit = max(collections.Counter(units).values())
    assert np.bincount(shards).max() < per_shard + largest_unit + 1


def test_the_probability_is_that_of_the_attempted_part() -> None:
    # Four ranked cells on the equator and at 60 N with rank values 0.1 .. 0.4; the frame drew them with tau 0.5.
    frame = pa.table(
        {
            "key": list("abcdt"),
            "lat": [0.0, 60.0, 0.0, 60.0, 0.0],
            "stratum": ["s"] * 4 + ["train"],
            "rank_value": [0.1, 0.2, 0.3, 0.4, 0.1],
            "inclusion_probability": pa.array([0.5, 0.25, 0.5, 0.25, None], pa.float64()),
        }
    )
    all_attempted = inclusion.of_attempted(frame, "abcd").to_pylist()
    assert all_attempted == [0.5, 0.25, 0.5, 0.25, None]
    two_attempted = inclusion.of_attempted(frame, "ab").to_pylist()  # the third was not needed: tau = 0.3
    assert two_attempted == pytest.approx([0.3, 0.15, 0.3, 0.15, None], nan_ok=True)


def test_weights_of_the_attempted_part_estimate_the_number_of_cells() -> None:
    rng = np.random.default_rng(1)
    lat = np.repeat([0.0, 60.0], 5_000)
    estimates = []
    for _ in range(40):
        value = rng.uniform(size=len(lat)) / np.cos(np.radians(lat))
        ranked = np.sort(value)[:600]
        drawn = np.where(value < ranked[-1], np.minimum(1.0, ranked[-1] * np.cos(np.radians(lat))), np.nan)
        chosen = np.flatnonzero(~np.isnan(drawn))
        frame = pa.table(
            {
                "key": [str(i) for i in chosen],
                "lat": lat[chosen],
                "stratum": ["s"] * len(chosen),
                "rank_value": value[chosen],
                "inclusion_probability": drawn[chosen],
            }
        )
        attempted = [str(i) for i in chosen[np.argsort(value[chosen])][:200]]
        probability = np.array(inclusion.of_attempted(frame, attempted).to_pylist())
        estimates.append((1 / probability[np.isin(frame["key"].to_pylist(), attempted)]).sum())
    assert np.mean(estimates) == pytest.approx(10_000, rel=0.03)
