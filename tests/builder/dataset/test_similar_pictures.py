"""Similar pictures: all near pairs of hashes, each once."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.dataset import similar_pictures


@settings(max_examples=50)
@given(
    st.sets(st.integers(0, 2**12 - 1).map(lambda x: x * 0x0010_0400_8021_0041 & 2**63 - 1), min_size=2, max_size=40),
    st.integers(0, 5),
)
def test_similar_hashes_are_those_a_full_comparison_finds(values: set[int], distance: int) -> None:
    hashes = np.array(sorted(values), np.int64)
    found = sorted(
        (int(i), int(j), int(d))
        for part in similar_pictures.similar(hashes, distance)
        for i, j, d in zip(*part, strict=True)
    )
    bits = {
        (i, j): (int(hashes[i]) ^ int(hashes[j])).bit_count() for i, j in itertools.combinations(range(len(hashes)), 2)
    }
    assert found == sorted((i, j, d) for (i, j), d in bits.items() if d <= distance)
