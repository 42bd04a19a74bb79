"""Facts of the products we know, from `known_products.toml`: what they are, who made them, and where to get them."""

from __future__ import annotations

import dataclasses
import functools
import pathlib

from builder import errors, input_files

FILE = pathlib.Path(__file__).with_name("known_products.toml")
BASE = "globeland30"


@dataclasses.dataclass(frozen=True)
class ProductFacts:
    """One product as its makers publish it.

    Attributes:
      resolution: of its pixels, with unit and grid.
      crosswalk: name of our crosswalk of its codes.
      file_pattern: how its files are named, by an example.
      found_by_name: whether `products.find` recognises its files by their names.
    """

    name: str
    title: str
    years: str
    resolution: str
    crosswalk: str
    licence: str
    citation: str
    published_accuracy: str
    access: str
    file_pattern: str
    found_by_name: bool = False


@functools.cache
def catalogue(path: pathlib.Path = FILE) -> tuple[ProductFacts, ...]:
    """All products we know, in the order of the file.

    Raises:
      errors.InputError: if the file is missing or no TOML, a fact is missing, unknown or no text, or two products share
        a name.
    """
    cure = "Install the package again."
    table = input_files.read_toml(path, expected="facts of known products", cure=cure)
    facts = tuple(_facts(path, entry) for entry in table.get("product", []))
    names = [one.name for one in facts]
    if len(set(names)) < len(names) or BASE not in names:
        raise errors.InputError(
            f"{path}: expected each product once, and {BASE} among them; received {', '.join(names)}. {cure}"
        )
    return facts


def _facts(path: pathlib.Path, entry: dict[str, object]) -> ProductFacts:
    types = {field.name: bool if field.name == "found_by_name" else str for field in dataclasses.fields(ProductFacts)}
    missing = types.keys() - entry.keys() - {"found_by_name"}
    wrong = [key for key, value in entry.items() if not (isinstance(value, types.get(key, type(None))) and value)]
    if missing or wrong:
        raise errors.InputError(
            f"{path}, {entry.get('name')}: expected a text for each of {', '.join(types)}; "
            f"received no usable {', '.join([*sorted(missing), *wrong])}. Install the package again."
        )
    return ProductFacts(**entry)  # type: ignore[arg-type]  # checked above


def found_by_name() -> tuple[str, ...]:
    """Names of the products whose files are recognised by their names, the base among them."""
    return tuple(facts.name for facts in catalogue() if facts.found_by_name)


def facts_of(name: str) -> ProductFacts | None:
    """What we know of the product called `name`; None if nothing."""
    return next((facts for facts in catalogue() if facts.name == name), None)


def what_to_put(name: str) -> str:
    """Where a product comes from and what goes into its folder, in one line of an error.

    Raises:
      errors.InputError: if files of the product are not known by name.
    """
    facts = facts_of(name)
    if facts is None or not facts.found_by_name:
        raise errors.InputError(
            f"{name}: its files are not known by name, as those of {', '.join(found_by_name())} are. "
            "Give `files` in products.toml."
        )
    return f"{name}/ holds {facts.title} as {facts.file_pattern} (from: {facts.access})"
