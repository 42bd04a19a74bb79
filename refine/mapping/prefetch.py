"""A thread that fetches the next item while the previous one is used."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
Task = tuple[concurrent.futures.Future[Any], Iterator[Any]]  # the iterator, and where its next item goes
WAIT_S = 5.0  # longest wait for the item that is being fetched when the work ends early


class Fetcher:
    """Goes through iterators one item ahead, all of them in one thread, since sources keep files open per thread.

    Use it as a context manager. When the work ends early, the thread is abandoned after `wait_s` seconds; an executor
    would make an interrupt wait until slow imagery has arrived.
    """

    def __init__(self, *, wait_s: float = WAIT_S) -> None:
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
        self._wait_s = wait_s

    def __enter__(self) -> Fetcher:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tasks.put(None)
        self._thread.join(self._wait_s)

    def ahead(self, items: Iterator[T]) -> Iterator[T]:
        """The same items in order (none may be None); an exception of `items` is raised here."""
        coming = self._next(items)
        while (item := coming.result()) is not None:
            coming = self._next(items)
            yield item

    def _next(self, items: Iterator[T]) -> concurrent.futures.Future[T | None]:
        future: concurrent.futures.Future[T | None] = concurrent.futures.Future()
        self._tasks.put((future, items))
        return future

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, items = task
            try:
                future.set_result(next(items, None))
            except BaseException as error:  # noqa: BLE001 - raised again where the item is awaited
                future.set_exception(error)
