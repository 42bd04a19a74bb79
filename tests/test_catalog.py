"""CATALOG.md is what the code says."""

from __future__ import annotations

import pathlib

from builder.legend import legend
from builder.maps import known
from builder.publish import catalog

CATALOG = pathlib.Path(__file__).resolve().parents[1] / "CATALOG.md"


def test_the_catalogue_in_the_repository_is_current() -> None:
    assert catalog.is_current(CATALOG), "run `python -m builder catalog`"


def test_the_catalogue_names_every_class_product_and_imagery_source() -> None:
    text = catalog.page()
    for name in [*legend.seven().names, *(p.title for p in known.CATALOGUE), "NAIP (USDA)", "LINZ nz-imagery"]:
        assert name in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path / "CATALOG.md")
    width = 0
    for line in (tmp_path / "CATALOG.md").read_text().splitlines():
        cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
        assert width in (0, cells) or not cells
        width = cells
