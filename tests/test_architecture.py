"""The arrows between the rooms, held."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOUNDATION = {"builder.errors", "builder.atomic", "builder.hashing", "builder.progress", "builder.command_line"}
ROOMS = {
    "geometry", "legend", "maps", "frame", "points", "imagery", "chips", "dataset", "release", "pipeline", "steps",
    "world",
}  # fmt: skip

# room -> rooms of builder that it may import, beside itself and the foundation
MAY_IMPORT = {
    "geometry": set(),
    "legend": set(),
    "maps": {"geometry", "legend"},
    "frame": {"geometry", "legend", "maps"},
    "points": {"geometry", "legend", "maps", "frame"},
    "imagery": {"geometry", "legend"},
    "chips": {"geometry", "legend", "frame", "imagery"},
    "dataset": {"geometry", "legend", "maps", "frame", "chips", "imagery"},
    "release": {"geometry", "legend", "maps", "frame", "chips", "imagery", "dataset"},
    "pipeline": {"geometry", "legend", "maps", "frame", "points", "imagery", "chips", "dataset"},
    "steps": ROOMS - {"world", "steps"},
    "world": ROOMS,
    "__main__": ROOMS,
}
REFINE_MAY_IMPORT = {"geometry", "legend", "maps", "frame", "imagery", "chips"}
# What refine takes of other rooms of builder, file by file.
REFINE_EXCEPTIONS = {"refine/mapping/inputs.py": {"points"}, "refine/mapping/tiles.py": {"pipeline"}}

# the same for the rooms of refine
REFINE_ROOM_MAY_IMPORT = {
    "accuracy": set(),
    "artefacts": {"accuracy"},
    "samples": {"artefacts"},
    "network": {"artefacts", "samples"},
    "training": {"artefacts", "samples", "network"},
    "export": {"artefacts", "network"},
    "judging": {"artefacts", "accuracy", "samples", "network", "training", "export"},
    "mapping": {"artefacts", "samples", "network", "export"},
    "report": {"artefacts", "accuracy", "samples", "network", "training", "export", "judging", "mapping"},
    "demo": set(),
    "__main__": {
        "accuracy", "artefacts", "samples", "network", "training", "export", "judging", "mapping", "report", "demo",
    },
    "__init__": set(),
}  # fmt: skip


def _python_files(folder: str) -> list[pathlib.Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def _imports(path: pathlib.Path) -> set[str]:
    """Every module that a file imports, anywhere in it; `from a import b` counts as a and as a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _room(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


def _rooms_imported(path: pathlib.Path) -> set[str]:
    parts = (name.split(".") for name in _imports(path) if name.startswith("builder."))
    return {p[1] for p in parts} & ROOMS


def _rooms_of_refine_imported(path: pathlib.Path) -> set[str]:
    parts = (name.split(".") for name in _imports(path) if name.startswith("refine."))
    return {p[1] for p in parts}


def _outside(path: pathlib.Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


BUILDER_FILES = [
    p for p in _python_files("builder") if len(p.relative_to(ROOT / "builder").parts) > 1 or p.stem in MAY_IMPORT
]


@pytest.mark.parametrize("path", BUILDER_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_its_arrows_allow(path: pathlib.Path) -> None:
    room = _room(path)
    assert _rooms_imported(path) <= MAY_IMPORT[room] | {room}


@pytest.mark.parametrize("path", _python_files("builder"), ids=lambda p: str(p.relative_to(ROOT)))
def test_builder_never_imports_refine_or_a_learning_framework(path: pathlib.Path) -> None:
    assert not _outside(path) & {"refine", "tensorflow", "keras", "jax", "torch"}


@pytest.mark.parametrize("path", _python_files("builder"), ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_pipeline_room_imports_beam(path: pathlib.Path) -> None:
    assert _room(path) == "pipeline" or "apache_beam" not in _outside(path)


@pytest.mark.parametrize("path", _python_files("builder/imagery"), ids=lambda p: p.name)
def test_only_http_imports_requests(path: pathlib.Path) -> None:
    assert path.stem == "http" or "requests" not in _outside(path)


@pytest.mark.parametrize("path", _python_files("builder/maps") + _python_files("builder/points"), ids=lambda p: p.name)
def test_only_rasters_and_cog_open_maps(path: pathlib.Path) -> None:
    assert path.stem in {"rasters", "cog"} or "rasterio.open(" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", _python_files("refine"), ids=lambda p: str(p.relative_to(ROOT)))
def test_refine_knows_the_dataset_only_through_tfds(path: pathlib.Path) -> None:
    allowed = REFINE_MAY_IMPORT | REFINE_EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), set())
    assert _rooms_imported(path) <= allowed
    assert not any("dataset_builder" in name or name.startswith("datasets") for name in _imports(path))


@pytest.mark.parametrize("path", _python_files("refine"), ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_tiles_of_refine_know_beam(path: pathlib.Path) -> None:
    assert path.stem == "tiles" or "apache_beam" not in _outside(path)


@pytest.mark.parametrize("path", _python_files("refine"), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_of_refine_imports_only_the_rooms_its_arrows_allow(path: pathlib.Path) -> None:
    room = _room(path)
    assert _rooms_of_refine_imported(path) <= REFINE_ROOM_MAY_IMPORT[room] | {room}


@pytest.mark.parametrize(
    "module", ["builder.legend.legend", "builder.legend.crosswalk", "builder.__main__", "refine.__main__"]
)
def test_imports_are_cheap(module: str) -> None:
    heavy = [
        "apache_beam",
        "tensorflow",
        "tensorflow_datasets",
        "keras",
        "rasterio",
        "pyarrow",
        "geopandas",
        "matplotlib",
    ]
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_of_the_package_has_a_docstring() -> None:
    missing = [
        p
        for f in ("builder", "refine", "benchmarks")
        for p in _python_files(f)
        if not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert missing == []
