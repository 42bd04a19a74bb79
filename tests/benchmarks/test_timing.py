"""Cases take turns."""

from __future__ import annotations

from benchmarks import timing


def test_cases_take_turns_in_a_rotating_order_and_the_warm_up_is_not_counted():
    order: list[str] = []
    cases = {name: lambda name=name: order.append(name) or [] for name in "abc"}
    timed = timing.take_turns(cases, rounds=2, warm_up=1)
    assert "".join(order) == "abcbcacab"
    assert {case: len(seconds) for case, seconds in timed.seconds.items()} == {"a": 2, "b": 2, "c": 2}
    assert timed.returned == {"a": [], "b": [], "c": []}


def test_a_ratio_is_the_median_of_the_rounds():
    timed = timing.Timed({"fast": [1.0, 1.0, 9.0], "slow": [2.0, 4.0, 6.0]}, {})
    assert timed.median("slow") == 4.0
    assert timed.ratio("fast", "slow") == 0.5
