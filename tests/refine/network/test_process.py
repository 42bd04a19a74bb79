"""Freed memory stays with a process that runs a network."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PAGES = """
import resource, sys
import numpy as np
from refine.network import process
if sys.argv[1] == "keeping":
    process.keep_freed()
for turn in range(11):
    if turn == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(64 << 20, np.uint8)  # made, touched and freed
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PAGES, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can keep what is freed")
def test_blocks_of_the_step_before_are_used_again() -> None:
    # ten blocks of 64 MB; huge pages of 2 MB, where the system gives them, are asked for 320 times
    assert _faults("usual") >= 320
    assert _faults("keeping") < 100
