"""How the map, the sample and the models were made: versions, digests, licences and credits."""

from __future__ import annotations

import collections
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import rasterio
import rasterio.crs

from builder import hashing
from builder.chips import imagery_toml, store
from builder.frame import frame as frames
from builder.frame import points_table
from builder.imagery import source
from refine.artefacts import comparison as comparisons
from refine.artefacts import json_record, refined_map
from refine.report import inputs, markup, parts

PACKAGES = (
    "globeland", "numpy", "rasterio", "pyproj", "tensorflow-datasets", "apache-beam", "keras", "tensorflow", "jax",
    "onnxruntime", "cleanlab",
)  # fmt: skip
SETTING_TITLES = {
    "weights": "started from",
    "size_px": "input, pixels",
    "batch_norm": "batch normalization",
    "epochs": "epochs, at most",
    "warmup_epochs": "epochs of the head alone",
    "base_share": "learning rate of the base, share of the head's",
    "weigh_by": "examples weighed by",
}
LOSS_NUMBERS = {"smoothing": "smoothing", "generalized": "q"}  # the setting that a loss uses
CREDIT = ("source", "sensor", "licence", "attribution", "redistribution")
BEGINS = "SHA-256 begins"
TAG_TITLES = {
    "model_sha256": "model, SHA-256",
    "dataset": "trained on",
    "base": "base map",
    "base_sha256": "base map, SHA-256",
    "imagery_rules": "imagery rules, digest",
    "min_confidence": "changed where the probability is at least",
    "base_trust": "trust in the base map where products disagree",
    "undetermined": "undetermined cells",
    "engine": "engine",
}
DESIGN_TITLES = {
    "min_agreement": "products that must agree",
    "per_class": "training and validation samples wanted per class",
    "test_per_stratum": "test samples per stratum",
    "validation_share": "validation share",
    "min_spacing_m": "least distance of points of a class (m)",
    "buffer_m": "least distance between splits (m)",
    "split_block_deg": "side of the blocks that form splits (degrees)",
    "chip_size_m": "side of a chip (m)",
    "seed": "seed",
}


def of_map(refined: refined_map.RefinedMap, model: str | None = None) -> parts.FactTable:
    """Grid, digest and tags of the refined map; `model` is the compared strategy that made it."""
    lattice, tags = refined.lattice(), refined.tags().texts()
    (width, height), (rows, columns) = lattice.pixel_size, lattice.shape
    crs = rasterio.crs.CRS.from_user_input(lattice.crs)
    facts = [
        ("file", refined.path.name),
        ("SHA-256", hashing.sha256_of_file(refined.path)),
        ("grid", f"{columns} x {rows} pixels of {width:g} x {height:g} {_unit(crs)}"),
        ("CRS", _name(crs)),
    ]
    facts += [("model", model)] if model is not None else []
    facts += [(title, tags[name]) for name, title in TAG_TITLES.items() if name in tags]
    return parts.FactTable("The refined map", tuple(facts))


def of_frame(frame: frames.Frame) -> list[parts.FactTable]:
    """The design of the sample, and the products it rests on.

    Raises:
      errors.InputError: if the metadata of the points lacks one of these facts.
    """
    metadata = json_record.JsonRecord(frame.metadata, f"{frame.points_file}", points_table.CURE)
    design = metadata.record("design")
    rows = [(title, design.plain(key)) for key, title in DESIGN_TITLES.items() if key in design.values]
    rows += [("design, SHA-256", metadata.text("design_sha256")), ("made by", metadata.text("created_by"))]
    facts = [parts.FactTable("Sampling design", tuple(rows))]
    if products := metadata.records("products") if metadata.values.get("products") else ():
        header = ("product", "year", "version", "licence", "source", "files, SHA-256")
        facts.append(parts.FactTable("Land cover products", tuple(map(_product, products)), header))
    return facts


def of_imagery(frame: frames.Frame | None, shown: Sequence[source.Acquisition]) -> parts.FactTable | None:
    """Sources, licences and credits of the chips in the frame's store and of the pictures of the map."""
    used = [(_credit(vars(acquisition), "this page's pictures"), vars(acquisition)) for acquisition in shown]
    used += [(_credit(chip, "chips"), chip) for chip in _accepted_chips(frame)]
    days: dict[tuple[str, ...], list[tuple[Any, Any]]] = collections.defaultdict(list)
    for credit, picture in used:
        days[credit].append((picture["acquired_from"], picture["acquired_to"]))
    if not days:
        return None
    rows = tuple(
        (*what, f"{min(first for first, _ in spans)} to {max(last for _, last in spans)}", purpose, str(len(spans)))
        for (*what, purpose), spans in sorted(days.items())
    )
    header = ("source", "sensor", "licence", "credit", "may be passed on", "acquired", "used for", "pictures")
    return parts.FactTable("Imagery: licences and credits", rows, header)


def _accepted_chips(frame: frames.Frame | None) -> list[dict[str, Any]]:
    """Source, credit and dates of every chip in the store of a frame."""
    if frame is None or not frame.imagery_file.is_file() or not frame.chips_folder.is_dir():
        return []
    index = store.ChipStore(frame.chips_folder, imagery_toml.read(frame.imagery_file).digest).index()
    accepted = index.filter(index["reason"].is_null()).select([*CREDIT, "acquired_from", "acquired_to"])
    chips: list[dict[str, Any]] = accepted.to_pylist()
    return chips


def of_models(comparison: comparisons.Comparison) -> list[parts.FactTable]:
    """The models of a comparison, one column each: trained on what, how, with which versions."""
    columns = [_model(strategy) for strategy in comparison.strategies]
    titles = dict.fromkeys(title for column in columns for title in column)
    rows = tuple((title, *(column.get(title, markup.DASH) for column in columns)) for title in titles)
    header = ("setting", *(strategy.name for strategy in comparison.strategies))
    test = comparison.test
    judged = [("dataset", test.dataset), ("split", test.split), ("samples", f"{test.examples:,}")]
    judged.append(("SHA-256", test.sha256))
    return [parts.FactTable("Models", rows, header), parts.FactTable("What the models are judged on", tuple(judged))]


def _model(strategy: comparisons.Strategy) -> dict[str, str]:
    """{what: value} of one model of a comparison."""
    facts = {"dataset": strategy.dataset}
    for split, digest in strategy.dataset_sha256.items():
        facts[f"split {split}, {BEGINS}"] = str(digest)[: inputs.DIGEST_SHOWN]
    for name, value in strategy.settings.items():
        facts[SETTING_TITLES.get(name, name.replace("_", " "))] = _loss(value) if name == "loss" else _setting(value)
    facts |= {f"version of {name}": str(value) for name, value in strategy.versions.items()}
    return facts | {f"model, {BEGINS}": strategy.model_sha256[: inputs.DIGEST_SHOWN]}


def _loss(loss: Any) -> str:
    """The loss and the one number that it uses."""
    if not isinstance(loss, Mapping):
        return _setting(loss)
    kind = str(loss.get("kind"))
    number = LOSS_NUMBERS.get(kind, "")
    value = loss.get(number)
    return f"{kind}, {number} {value:g}" if isinstance(value, int | float) else kind


def _setting(value: Any) -> str:
    """A value of a model's settings in words; of a path the file's name."""
    if value is None or value == []:
        return markup.DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value.rpartition("/")[2] if isinstance(value, str) else f"{value}"


def of_software() -> parts.FactTable:
    """Versions of the packages that are installed here."""
    versions = [("Python", platform.python_version()), ("GDAL", rasterio.__gdal_version__)]
    for name in PACKAGES:
        try:
            versions.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return parts.FactTable("Software that wrote this page", tuple(versions))


def _product(product: json_record.JsonRecord) -> tuple[str, ...]:
    files = (f"{file.text('name')} {file.text('sha256')[: inputs.DIGEST_SHOWN]}…" for file in product.records("files"))
    citation = product.text("citation") if product.values.get("citation") else ""
    facts = (product.plain(key) for key in ("title", "year", "version", "licence"))
    return (*facts, citation, "; ".join(files))


def _credit(picture: Mapping[str, Any], purpose: str) -> tuple[str, ...]:
    return (*(str(picture[name] or "not stated") for name in CREDIT), purpose)


def _unit(crs: Any) -> str:
    return "degrees" if crs.is_geographic else str(crs.linear_units).replace("metre", "m")


def _name(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt()[:80])
