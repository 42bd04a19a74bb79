"""The figure of the change table."""

from __future__ import annotations

import pathlib

import pytest
from PIL import Image

from refine.artefacts import changes
from refine.mapping import change_figure

NAMES = {20: "Forest", 60: "Water bodies"}


@pytest.mark.parametrize("table", [changes.Changes({(20, 60): 2}, {(20, 60): 0.18}), changes.Changes()])
def test_the_figure_can_be_opened(tmp_path: pathlib.Path, table: changes.Changes) -> None:
    change_figure.draw(table, NAMES, {20: "#1b7837", 60: "#2c7fb8"}, tmp_path / "c.png")
    assert Image.open(tmp_path / "c.png").width > 200
