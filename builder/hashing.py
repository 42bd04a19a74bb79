"""Every random choice of the project: a hash of (seed, key), never a generator's next number.

A choice therefore does not depend on order, on the number of workers, or on other choices. Digests of files are here
too.
"""

from __future__ import annotations

import hashlib
import pathlib

import numpy as np

_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def stream(seed: int, purpose: str) -> int:
    """A 64-bit seed for one purpose ("rank", "split", ...), so that purposes are independent of each other."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def bits(stream_seed: int, keys: np.ndarray) -> np.ndarray:
    """uint64 hash of each integer key (any shape), by the SplitMix64 finalizer.

    Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
    """
    with np.errstate(over="ignore"):
        z = np.asarray(keys).astype(np.uint64) * _GOLDEN_GAMMA + np.uint64(stream_seed)
        for _ in range(2):  # two rounds: one leaves a trace of the seed in neighbouring streams
            z = (z ^ (z >> np.uint64(30))) * _MIX_1
            z = (z ^ (z >> np.uint64(27))) * _MIX_2
            z = z ^ (z >> np.uint64(31))
    return z


def uniform(stream_seed: int, keys: np.ndarray) -> np.ndarray:
    """float64 in (0, 1) for each integer key: never 0, never 1."""
    return ((bits(stream_seed, keys) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def text_bits(stream_seed: int, text: str) -> int:
    """64-bit hash of a text key."""
    digest = hashlib.sha256(f"{stream_seed}/{text}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def sha256_of_file(path: pathlib.Path) -> str:
    """SHA-256 of a file of any size, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
