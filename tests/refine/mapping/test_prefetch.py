"""Items that are fetched one ahead, in one thread."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from refine.mapping import prefetch


def test_items_come_in_order_and_the_next_is_fetched_while_one_is_used() -> None:
    fetched: list[int] = []
    second = threading.Event()

    def items() -> Iterator[int]:
        for i in range(4):
            fetched.append(i)
            if i == 1:
                second.set()
            yield i

    with prefetch.Fetcher() as fetcher:
        coming = fetcher.ahead(items())
        assert next(coming) == 0
        assert second.wait(10)  # nobody has asked for it yet
        assert 2 not in fetched  # one ahead, no more
        assert list(coming) == [1, 2, 3]
        assert list(fetcher.ahead(iter(()))) == []


def test_all_iterators_are_gone_through_in_one_thread_that_is_not_the_callers() -> None:
    def threads() -> Iterator[int]:
        yield threading.get_ident()

    with prefetch.Fetcher() as fetcher:
        first, second = next(fetcher.ahead(threads())), next(fetcher.ahead(threads()))
    assert first == second != threading.get_ident()


def test_what_fetching_raises_is_raised_where_the_item_is_wanted() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("a scene is gone")

    with prefetch.Fetcher() as fetcher:
        coming = fetcher.ahead(items())
        assert next(coming) == 1
        with pytest.raises(OSError, match="a scene is gone"):
            next(coming)
        assert list(fetcher.ahead(iter((2, 3)))) == [2, 3]  # the thread goes on


def test_an_interrupt_does_not_wait_for_what_never_comes() -> None:
    never, begun = threading.Event(), threading.Event()

    def stuck() -> Iterator[int]:
        yield 1
        begun.set()
        never.wait()
        yield 2

    with pytest.raises(KeyboardInterrupt), prefetch.Fetcher(wait_s=0.1) as fetcher:
        for _ in itertools.islice(fetcher.ahead(stuck()), 1):
            assert begun.wait(10)
            raise KeyboardInterrupt
    assert not never.is_set()  # and yet we are here
    never.set()
