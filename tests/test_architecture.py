"""The rooms of the house and the arrows between them, as CONTRIBUTING.md draws them."""

from __future__ import annotations

import ast
import collections
import functools
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping

import pytest
from checkout import ROOT

# What every room may use: plain modules at the top of builder.
FOUNDATION = {
    "errors", "hashing", "code_version", "atomic", "checksums", "input_files", "output_folders", "parquet_files",
    "progress", "proportions", "toml_tables", "command_line",
}  # fmt: skip

# Room -> rooms that it may import, beside itself and the foundation.
BUILDER: Mapping[str, set[str]] = {
    "geometry": set(),
    "legend": set(),
    "maps": {"geometry", "legend"},
    "frame": {"geometry", "legend", "maps"},
    "points": {"geometry", "legend", "maps", "frame"},
    "imagery": {"geometry"},
    "chips": {"geometry", "legend", "frame", "imagery"},
    "dataset": {"geometry", "legend", "frame", "chips"},
    "release": {"geometry", "legend", "maps", "frame", "chips", "dataset"},
    "pipeline": {"geometry", "legend", "maps", "frame", "points", "imagery", "chips", "dataset"},
    "steps": {"geometry", "legend", "maps", "frame", "points", "imagery", "chips", "dataset", "pipeline"},
    "world": {"geometry", "legend", "maps", "frame", "imagery", "chips", "steps"},
}
REFINE: Mapping[str, set[str]] = {
    "accuracy": set(),
    "artefacts": {"accuracy"},
    "samples": {"artefacts"},
    "network": {"artefacts", "samples"},
    "training": {"artefacts", "samples", "network"},
    "export": {"artefacts", "network"},
    "judging": {"artefacts", "accuracy", "samples", "network", "training"},
    "mapping": {"artefacts", "samples", "network", "export"},
    "report": {"artefacts", "accuracy", "samples"},
}
# What refine takes of builder; a released dataset it knows through TFDS alone.
REFINE_OF_BUILDER = {"geometry", "legend", "maps", "frame", "imagery", "chips"}
# Files with an arrow of their own, each with its reason.
EXCEPTIONS: Mapping[str, set[str]] = {
    "refine/mapping/map_inputs.py": {"builder.points"},  # an area of interest is read as `points` reads it
    "refine/mapping/tiles.py": {"builder.pipeline"},  # many base tiles are spread by Beam
}
COMMANDS = {  # they call every room
    "builder/__main__.py", "refine/__main__.py", "refine/command_parsers.py", "refine/option_groups.py",
    "refine/demo.py",
}  # fmt: skip
BEAM = {"builder/pipeline", "refine/mapping/tiles.py"}
HEAVY = {"keras", "tensorflow", "jax", "torch", "cleanlab"}

# Names that appear twice on purpose.
TWICE_ALLOWED = {
    "__init__": "a package's own file",
    "__main__": "a package's command",
    "demo": "a command of both programs",
}


def _python_files(*folders: str) -> list[pathlib.Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _name(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def _imports(path: pathlib.Path) -> frozenset[str]:
    """Every module that a file imports, inside functions too; `from a import b` counts as a and as a.b."""
    found: set[str] = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def _statements(tree: ast.AST) -> Iterable[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`, which never run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _statements(node)


def _packages(path: pathlib.Path) -> set[str]:
    return {name.partition(".")[0] for name in _imports(path)}


def _rooms(path: pathlib.Path, program: str) -> set[str]:
    """Rooms and top modules of `program` that a file imports."""
    parts = (name.split(".") for name in _imports(path) if name.startswith(f"{program}."))
    return {part[1] for part in parts}


def _room(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).parts[1]


def _allowed(path: pathlib.Path, program: str) -> set[str]:
    prefix = f"{program}."
    return {name.removeprefix(prefix) for name in EXCEPTIONS.get(_name(path), ()) if name.startswith(prefix)}


BUILDER_ROOMS = [path for room in BUILDER for path in _python_files(f"builder/{room}")]
REFINE_ROOMS = [path for room in REFINE for path in _python_files(f"refine/{room}")]
EVERYTHING = _python_files("builder", "refine")


def test_every_folder_is_a_room_of_the_drawing() -> None:
    folders = {p.parent.relative_to(ROOT).as_posix() for p in EVERYTHING} - {"builder", "refine"}
    assert folders == {f"builder/{room}" for room in BUILDER} | {f"refine/{room}" for room in REFINE}


@pytest.mark.parametrize("path", BUILDER_ROOMS, ids=_name)
def test_a_room_of_builder_imports_only_what_its_arrows_allow(path: pathlib.Path) -> None:
    allowed = BUILDER[_room(path)] | FOUNDATION | {_room(path)} | _allowed(path, "builder")
    assert _rooms(path, "builder") <= allowed


@pytest.mark.parametrize("path", REFINE_ROOMS, ids=_name)
def test_a_room_of_refine_imports_only_what_its_arrows_allow(path: pathlib.Path) -> None:
    assert _rooms(path, "refine") <= REFINE[_room(path)] | {_room(path)} | _allowed(path, "refine")
    assert _rooms(path, "builder") <= REFINE_OF_BUILDER | FOUNDATION | _allowed(path, "builder")


@pytest.mark.parametrize("name", sorted(FOUNDATION))
def test_the_foundation_imports_only_itself(name: str) -> None:
    assert _rooms(ROOT / "builder" / f"{name}.py", "builder") <= FOUNDATION


def test_no_import_leads_back_to_where_it_began() -> None:
    modules = {_name(p).removesuffix(".py").replace("/", ".").removesuffix(".__init__"): p for p in EVERYTHING}
    arrows = {name: {m for m in _imports(path) if m in modules and m != name} for name, path in modules.items()}
    # A package imports nothing by itself here, so an arrow to it is none to its modules.
    circles = [sorted(circle) for circle in _strongly_connected(arrows) if len(circle) > 1]
    assert circles == []


def _strongly_connected(arrows: Mapping[str, set[str]]) -> list[set[str]]:
    """Sets of modules that reach each other; source: Tarjan 1972, "Depth-first search and linear graph algorithms"."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(arrows[name]):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            place = stack.index(name)
            found.append(set(stack[place:]))
            del stack[place:]

    for name in sorted(arrows):
        if name not in order:
            visit(name)
    return found


def test_a_circle_is_seen() -> None:
    assert {"a", "b", "c"} in _strongly_connected({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})


@pytest.mark.parametrize("path", _python_files("builder"), ids=_name)
def test_builder_never_imports_refine_or_a_learning_framework(path: pathlib.Path) -> None:
    assert not _packages(path) & ({"refine"} | HEAVY)


@pytest.mark.parametrize("path", EVERYTHING, ids=_name)
def test_apache_beam_is_imported_in_its_rooms_only(path: pathlib.Path) -> None:
    in_its_room = any(_name(path).startswith(place) for place in BEAM)
    assert in_its_room or "apache_beam" not in _packages(path)


@pytest.mark.parametrize("path", _python_files("builder/pipeline"), ids=_name)
def test_pipelines_have_no_tags_and_no_side_inputs(path: pathlib.Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not any(word in text for word in ("with_outputs", "TaggedOutput", "pvalue."))


@pytest.mark.parametrize("path", _python_files("builder/imagery"), ids=lambda p: p.name)
def test_only_http_imports_requests(path: pathlib.Path) -> None:
    assert path.stem == "http" or "requests" not in _packages(path)


@pytest.mark.parametrize("path", _python_files("builder/maps", "builder/points"), ids=_name)
def test_only_geotiff_and_cog_open_maps(path: pathlib.Path) -> None:
    assert path.stem in {"geotiff", "cog"} or "rasterio.open(" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", _python_files("refine"), ids=_name)
def test_refine_knows_the_dataset_only_through_tfds(path: pathlib.Path) -> None:
    assert not any("dataset_builder" in name or name.startswith("datasets") for name in _imports(path))


@pytest.mark.parametrize("path", _python_files("refine/report", "refine/artefacts"), ids=_name)
def test_report_and_artefacts_name_no_learning_framework(path: pathlib.Path) -> None:
    assert not _packages(path) & HEAVY


def test_report_and_artefacts_import_where_learning_frameworks_are_absent() -> None:
    modules = [
        _name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for path in _python_files("refine/report", "refine/artefacts")
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {sorted(HEAVY)!r}: sys.modules[name] = None\n"  # importing it raises ModuleNotFoundError
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print('imported')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "imported", done.stderr


@pytest.mark.parametrize("module", ["builder.legend.crosswalk", "builder.__main__", "refine.__main__"])
def test_imports_are_cheap(module: str) -> None:
    heavy = [
        "apache_beam", "tensorflow", "tensorflow_datasets", "keras", "rasterio", "pyarrow", "geopandas", "matplotlib",
    ]  # fmt: skip
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_public_class_name_means_one_thing() -> None:
    places = collections.defaultdict(list)
    for path in EVERYTHING:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(_name(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1 and name not in TWICE_ALLOWED} == {}


def test_a_file_name_means_one_thing() -> None:
    places = collections.defaultdict(list)
    for path in EVERYTHING:
        places[path.stem].append(_name(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1 and name not in TWICE_ALLOWED} == {}


def test_no_file_is_longer_than_400_lines() -> None:
    assert [_name(p) for p in EVERYTHING if len(p.read_text(encoding="utf-8").splitlines()) > 400] == []


def test_every_module_has_a_docstring() -> None:
    files = _python_files("builder", "refine", "benchmarks")
    assert [_name(p) for p in files if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("path", _python_files("tests", "benchmarks"), ids=_name)
def test_no_module_imports_a_test_module(path: pathlib.Path) -> None:
    imported = {part for name in _imports(path) for part in name.split(".")}
    assert not {part for part in imported if part.startswith("test_")}


def test_every_file_and_name_that_contributing_sends_people_to_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## Where do I add")[1].split("## Glossary")[0]
    places = set(re.findall(r"`([^`]+)`", section)) - {"python -m builder catalog"}
    files = [path for package in ("builder", "refine", "datasets") for path in (ROOT / package).rglob("*.*")]
    file_names = {path.name for path in files}
    code = "\n".join(path.read_text(encoding="utf-8") for path in files if path.suffix == ".py")
    words = set(re.findall(r"\w+", code))
    assert len(places) > 50
    assert [
        place
        for place in sorted(places)
        if not ((ROOT / place).exists() or place in file_names or place.removesuffix("()") in words)
    ] == []
