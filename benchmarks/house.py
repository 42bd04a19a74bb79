"""How large the rooms of the house are, read from the syntax trees of the code.

    python -m benchmarks.house [--root CHECKOUT]

Prints tables in Markdown: the size of every room, the longest functions and files, the imports inside each room of
`refine`, the types that hold a raster's transform or a window of pixels, and the names that are used twice.

A function's length is the code lines of its body, without docstring, comments and blank lines; the functions inside a
function count in it and for themselves.
"""

from __future__ import annotations

import argparse
import ast
import collections
import dataclasses
import pathlib
import statistics
from collections.abc import Iterable, Iterator, Sequence

CODE, BESIDE = ("builder", "refine", "datasets"), ("tests", "benchmarks", "docs")
LONG_FUNCTION, LONG_FILE = 30, 350  # code lines; lines
TRANSFORM_FIELDS, WINDOW_FIELDS = {"transform", "affine"}, {"row0", "col0", "column0"}
TRANSFORM_TYPES, WINDOW_TYPES = {"Affine", "Transform"}, {"Window", "CellWindow"}
ENTRANCES = {"__init__", "__main__", "conftest"}  # names that every package may have


@dataclasses.dataclass(frozen=True)
class Function:
    """A function or method: where it is, and the code lines of its body."""

    path: pathlib.PurePath
    name: str
    lines: int


@dataclasses.dataclass(frozen=True, eq=False)
class Module:
    """One source file: path below the root, number of lines, and syntax tree."""

    path: pathlib.PurePath
    lines: int
    tree: ast.Module
    functions: tuple[Function, ...]

    @property
    def room(self) -> str:
        """Top folder and room, as `builder/maps`; the modules beside the rooms are in `builder`."""
        top, *inner = self.path.parts[:-1]
        return top if top in BESIDE else "/".join([top, *inner][:2])

    @property
    def classes(self) -> list[ast.ClassDef]:
        """The classes of the module's top level."""
        return [node for node in self.tree.body if isinstance(node, ast.ClassDef)]


def read_modules(root: pathlib.Path) -> list[Module]:
    """Every module of the code, the tests and the benchmarks below `root`."""
    paths = [path for top in (*CODE, *BESIDE) for path in sorted((root / top).rglob("*.py"))]
    return [_read_module(root, path) for path in paths]


def _read_module(root: pathlib.Path, path: pathlib.Path) -> Module:
    text = path.read_text(encoding="utf-8")
    tree, name = ast.parse(text), path.relative_to(root)
    source = text.splitlines()
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    functions = tuple(Function(name, node.name, _code_lines(node, source)) for node in nodes)
    return Module(name, len(source), tree, functions)


def _code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, source: Sequence[str]) -> int:
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if not body:
        return 0
    lines = (line.strip() for line in source[body[0].lineno - 1 : node.end_lineno])
    return sum(1 for line in lines if line and not line.startswith("#"))


def size_row(name: str, modules: Sequence[Module]) -> list[str]:
    """The cells of one row of the table of sizes."""
    lengths = sorted(function.lines for module in modules for function in module.functions)
    shape = [statistics.median(lengths), lengths[int(0.9 * len(lengths))], lengths[-1]] if lengths else [0, 0, 0]
    counts = [
        len(modules),
        sum(module.lines for module in modules),
        len(lengths),
        *(f"{value:g}" for value in shape),
        sum(length > LONG_FUNCTION for length in lengths),
        sum(module.lines > LONG_FILE for module in modules),
        sum(_is_dataclass(node) for module in modules for node in module.classes),
    ]
    return [name, *map(str, counts)]


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def print_sizes(modules: Sequence[Module]) -> None:
    """One row per room, then the sums."""
    head = ["room", "modules", "lines", "functions", "median", "p90", "longest", ">30", "files>350", "dataclasses"]
    rooms = collections.defaultdict(list)
    for module in modules:
        rooms[module.room].append(module)
    code = [module for module in modules if module.path.parts[0] in CODE]
    rows = [size_row(room, held) for room, held in rooms.items()]
    _print_table("Sizes of the rooms and of all code", [head, *rows, size_row("**all code**", code)])


def print_long(modules: Sequence[Module]) -> None:
    """Functions and files over the limits, longest first."""
    functions = sorted((f for m in modules for f in m.functions if f.lines > LONG_FUNCTION), key=lambda f: -f.lines)
    rows = [[f"{function.path}", function.name, str(function.lines)] for function in functions]
    _print_table(f"Functions of more than {LONG_FUNCTION} code lines", [["file", "function", "lines"], *rows])
    files = sorted((m for m in modules if m.lines > LONG_FILE), key=lambda m: -m.lines)
    rows = [[f"{module.path}", str(module.lines)] for module in files]
    _print_table(f"Files of more than {LONG_FILE} lines", [["file", "lines"], *rows])


def arrows(modules: Iterable[Module]) -> dict[str, set[tuple[str, str]]]:
    """{room of refine: {(importing module, imported module)}}, lazy imports counted."""
    found: dict[str, set[tuple[str, str]]] = collections.defaultdict(set)
    for module in modules:
        if not module.room.startswith("refine/"):
            continue
        room, own = module.room.replace("/", "."), module.path.stem
        found[module.room] |= {(own, name) for name in _imported_from(module.tree, room) if name != own}
    return dict(found)


def _imported_from(tree: ast.Module, room: str) -> Iterator[str]:
    """Names of the modules of the package `room` that are imported anywhere in the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == room:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{room}."):
            yield (node.module or "").removeprefix(f"{room}.")
        elif isinstance(node, ast.Import):
            yield from (a.name.removeprefix(f"{room}.") for a in node.names if a.name.startswith(f"{room}."))


def print_arrows(modules: Sequence[Module]) -> None:
    """How many modules of a room import each other."""
    size = collections.Counter(module.room for module in modules)
    rows = [[room, str(size[room]), str(len(inside))] for room, inside in arrows(modules).items()]
    _print_table("Imports inside the rooms of refine", [["room", "modules", "arrows"], *rows])


def grids(modules: Iterable[Module]) -> Iterator[tuple[str, str, str]]:
    """(file, type, what it holds) of each type with a raster's transform or a window of pixels among its fields."""
    for module in modules:
        if module.path.parts[0] not in CODE:
            continue
        for node in module.classes:
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            names = {ast.unparse(part.target) for part in fields}
            words = {word.id for part in fields for word in ast.walk(part.annotation) if isinstance(word, ast.Name)}
            words |= {w.attr for part in fields for w in ast.walk(part.annotation) if isinstance(w, ast.Attribute)}
            if names & TRANSFORM_FIELDS or words & TRANSFORM_TYPES:
                yield str(module.path), node.name, "transform"
            if names & WINDOW_FIELDS or words & WINDOW_TYPES:
                yield str(module.path), node.name, "window"
        for alias in module.tree.body:
            if isinstance(alias, ast.Assign) and "uple[" in ast.unparse(alias.value):
                name = ast.unparse(alias.targets[0])
                if name in WINDOW_TYPES | TRANSFORM_TYPES:
                    yield str(module.path), f"{name} (a tuple)", "transform" if name in TRANSFORM_TYPES else "window"


def twice(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """[name, places] of each name that occurs more than once among (name, place)."""
    places = collections.defaultdict(list)
    for name, place in pairs:
        places[name].append(place)
    return [[name, ", ".join(found)] for name, found in sorted(places.items()) if len(found) > 1]


def print_twins(modules: Sequence[Module]) -> None:
    """Public class names and file names that the code uses more than once."""
    code = [module for module in modules if module.path.parts[0] in CODE]
    classes = [(n.name, str(m.path)) for m in code for n in m.classes if not n.name.startswith("_")]
    _print_table("Public class names that are used twice", [["name", "files"], *twice(classes)])
    files = [(m.path.stem, str(m.path.parent)) for m in code if m.path.stem not in ENTRANCES]
    _print_table("File names that are used twice", [["name", "folders"], *twice(files)])


def _print_table(title: str, rows: Sequence[Sequence[str]]) -> None:
    head, *body = rows
    print(f"\n{title}: {len(body)}\n")
    if body:
        print("\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = pathlib.Path(__file__).resolve().parents[1]
    parser.add_argument("--root", type=pathlib.Path, default=here, help="checkout to measure (this one)")
    modules = read_modules(parser.parse_args().root)
    print_sizes(modules)
    print_long(modules)
    print_arrows(modules)
    _print_table("Types that hold a transform or a window", [["file", "type", "holds"], *map(list, grids(modules))])
    print_twins(modules)


if __name__ == "__main__":
    main()
