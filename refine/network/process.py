"""Process settings for training on CPUs: keep freed memory in the process (glibc), collect garbage rarely."""

from __future__ import annotations

import ctypes
import gc
import sys

# Parameters of glibc's mallopt(3), from <malloc.h>.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
# Tracing a training step of InceptionV3 makes a million objects that stay.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def suit_networks() -> None:
    """Applies both; call it only in a program that owns its process."""
    keep_freed()
    collect_rarely()


def keep_freed() -> None:
    """Lets this process keep large blocks that it frees, where the C library is glibc; elsewhere it does nothing.

    By default glibc returns them to the system at once, and the next step waits for the same pages again: half the
    time of a training step of InceptionV3 on processors. The price: memory stays at its peak.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)


def collect_rarely() -> None:
    """Lets Python look for garbage less often, which takes an eighth of the time of tracing a training step."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
