"""Rate and time left of long work, on stderr: a moving line on a terminal, plain lines when piped."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TextIO

LINE_EVERY_S = 10.0


class Progress:
    """Counts finished units of `total`; prints rate and time left. Use as a context manager and call `advance`.

    `done` units were finished by an earlier run: they count as finished but not towards the rate. The time before the
    first unit does not count towards the rate either, because it holds work that happens once, such as compilation.
    """

    def __init__(
        self, what: str, total: int | None, *, unit: str = "", stream: TextIO | None = None, done: int = 0
    ) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._stream = stream or sys.stderr
        self._done = self._done_before = done
        self._started = time.monotonic()
        self._printed = self._started
        self._first_at, self._first_done = self._started, done
        self._is_terminal = bool(getattr(self._stream, "isatty", lambda: False)())

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._print(final=True)

    def advance(self, units: int = 1) -> None:
        """Counts `units` more as done."""
        self.reach(self._done + units)

    def reach(self, done: int) -> None:
        """Sets the count of finished units."""
        now = time.monotonic()
        if self._done == self._done_before < done:
            self._first_at, self._first_done = now, done
        self._done = done
        pause = 0.2 if self._is_terminal else LINE_EVERY_S
        if now - self._printed >= pause:
            self._print(final=False)

    def _print(self, *, final: bool) -> None:
        now = time.monotonic()
        self._printed = now
        elapsed_s = max(now - self._started, 1e-9)
        rate = (self._done - self._done_before) / elapsed_s
        if not final and self._done > self._first_done:
            rate = (self._done - self._first_done) / max(now - self._first_at, 1e-9)
        text = f"{self._what}: {self._done}{'' if self._total is None else f'/{self._total}'} {self._unit}".rstrip()
        text += f", {rate:.1f}/s" if rate >= 1 else f", {rate * 60:.1f}/min"
        if final:
            text += f", {duration(elapsed_s)} in all"
        elif self._total and rate > 0:
            text += f", {duration((self._total - self._done) / rate)} left"
        start, end = ("\r", "\x1b[K" + ("\n" if final else "")) if self._is_terminal else ("", "\n")
        print(f"{start}{text}", end=end, file=self._stream, flush=True)


def duration(seconds: float) -> str:
    """`seconds` as people say it: 41 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
