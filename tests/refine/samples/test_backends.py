"""Which backend `refine` takes where nobody has chosen one."""

from __future__ import annotations

import os

import pytest

from refine.samples import backends


@pytest.mark.parametrize(
    ("installed", "chosen", "taken"),
    [
        ({"jax"}, None, "jax"),
        ({"jax", "tensorflow"}, None, None),
        ({"tensorflow"}, None, None),
        (set(), None, None),
        ({"jax"}, "tensorflow", "tensorflow"),
    ],
)
def test_jax_is_taken_only_where_nothing_else_could_be(
    installed: set[str], chosen: str | None, taken: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {} if chosen is None else {backends.VARIABLE: chosen})
    monkeypatch.setattr(backends, "_installed", installed.__contains__)
    backends.choose()
    assert os.environ.get(backends.VARIABLE) == taken
