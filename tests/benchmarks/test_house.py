"""The measures of the code, on a small checkout whose numbers can be counted by eye."""

from __future__ import annotations

import pathlib

import pytest

from benchmarks import house

CHECKOUT = {
    "builder/errors.py": '"""Errors."""\n',
    "builder/maps/rasters.py": '''"""Rasters."""

import dataclasses


@dataclasses.dataclass
class Raster:
    """One raster."""

    transform: tuple
    part: "Window"


def read(path):
    """Reads.

    Twice.
    """
    # a comment
    first = open(path)

    def again():
        return first

    return again()
''',
    "refine/accuracy/lint.py": '''"""Lint."""


def lint():
    from refine.accuracy import repair

    return repair
''',
    "refine/accuracy/repair.py": '''"""Repair."""

import refine.network.model


class Raster:
    """Another."""
''',
    "refine/network/rasters.py": '"""A second file of that name."""\n',
    "tests/test_maps.py": "def test_one():\n    assert True\n",
}


@pytest.fixture
def modules(tmp_path: pathlib.Path) -> list[house.Module]:
    for name, text in CHECKOUT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return house.read_modules(tmp_path)


def test_a_functions_length_has_no_docstring_comment_or_blank_line(modules):
    lengths = {function.name: function.lines for module in modules for function in module.functions}
    assert lengths == {"read": 4, "again": 1, "lint": 2, "test_one": 1}


def test_every_module_is_in_its_room(modules):
    assert [module.room for module in modules] == [
        "builder",
        "builder/maps",
        "refine/accuracy",
        "refine/accuracy",
        "refine/network",
        "tests",
    ]


def test_a_row_of_sizes_counts_a_room(modules):
    assert house.size_row("maps", modules[1:2]) == ["maps", "1", "25", "2", "2.5", "4", "4", "0", "0", "1"]


def test_imports_inside_a_room_are_counted_lazy_ones_too(modules):
    assert house.arrows(modules) == {"refine/accuracy": {("lint", "repair")}, "refine/network": set()}


def test_types_that_hold_a_transform_are_found(modules):
    assert list(house.grids(modules)) == [("builder/maps/rasters.py", "Raster", "transform")]


def test_names_that_are_used_twice_are_found(modules, capsys):
    house.print_twins(modules)
    printed = capsys.readouterr().out
    assert "| Raster | builder/maps/rasters.py, refine/accuracy/repair.py |" in printed
    assert "| rasters | builder/maps, refine/network |" in printed
