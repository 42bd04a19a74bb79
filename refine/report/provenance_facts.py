"""How a refined map was made: versions, digests, licences and credits, gathered from what it was made of."""

from __future__ import annotations

import importlib.metadata
import pathlib
import platform
from collections.abc import Mapping
from typing import Any

import rasterio

from builder import hashing
from builder.chips import imagery_toml, store
from builder.frame import frame as frames
from builder.imagery import source
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
BEGINS = "SHA-256 begins"
TAG_TITLES = {
    "GLOBELAND_MODEL_SHA256": "model, SHA-256",
    "GLOBELAND_DATASET": "trained on",
    "GLOBELAND_BASE": "base map",
    "GLOBELAND_BASE_SHA256": "base map, SHA-256",
    "GLOBELAND_IMAGERY_RULES": "imagery rules, digest",
    "GLOBELAND_MIN_CONFIDENCE": "changed where the probability is at least",
    "GLOBELAND_BASE_TRUST": "trust in the base map where products disagree",
    "GLOBELAND_UNDETERMINED": "undetermined cells",
    "GLOBELAND_ENGINE": "engine",
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


def of_map(refined: pathlib.Path, model: str | None = None) -> parts.FactTable:
    """Grid, digest and tags of the refined map; `model` is the compared strategy that made it."""
    with rasterio.open(refined) as dataset:
        a, _, _, _, e, _ = tuple(dataset.transform)[:6]
        grid = f"{dataset.width} x {dataset.height} pixels of {a:g} x {-e:g} {_unit(dataset.crs)}"
        rows = [
            ("file", refined.name),
            ("SHA-256", hashing.sha256_of_file(refined)),
            ("grid", grid),
            ("CRS", _name(dataset.crs)),
        ]
        tags = dataset.tags()
    rows += [("model", model)] if model is not None else []
    rows += [(title, tags[tag]) for tag, title in TAG_TITLES.items() if tag in tags]
    return parts.FactTable("The refined map", tuple(rows))


def of_frame(frame: frames.Frame) -> list[parts.FactTable]:
    """The design of the sample, and the products it rests on."""
    told = frame.metadata
    design = told["design"]
    rows = [(title, f"{design[key]}") for key, title in DESIGN_TITLES.items() if key in design]
    rows += [("design, SHA-256", told["design_sha256"]), ("made by", told["created_by"])]
    facts = [parts.FactTable("Sampling design", tuple(rows))]
    products = told.get("products") or []
    if products:
        table = tuple(_product(product) for product in products)
        header = ("product", "year", "version", "licence", "source", "files, SHA-256")
        facts.append(parts.FactTable("Land cover products", table, header))
    return facts


def of_imagery(frame: frames.Frame | None, shown: tuple[source.Acquisition, ...]) -> parts.FactTable | None:
    """Sources, licences and credits of the chips in the frame's store and of the pictures of the map."""
    used = [_credit(vars(acquisition), "this page's pictures") for acquisition in shown]
    if frame is not None and frame.imagery_file.is_file() and frame.chips_folder.is_dir():
        index = store.ChipStore(frame.chips_folder, imagery_toml.read(frame.imagery_file).digest).index()
        columns = [
            "source",
            "sensor",
            "gsd_m",
            "licence",
            "attribution",
            "redistribution",
            "acquired_from",
            "acquired_to",
        ]
        used += [_credit(row, "chips") for row in index.filter(index["reason"].is_null()).select(columns).to_pylist()]
    merged: dict[tuple[str, ...], list[Any]] = {}
    for key, first, last in used:
        days = merged.setdefault(key, [first, last, 0])
        days[0], days[1], days[2] = min(days[0], first), max(days[1], last), days[2] + 1
    if not merged:
        return None
    rows = tuple(
        (*key[:-1], f"{first} to {last}", key[-1], str(count)) for key, (first, last, count) in sorted(merged.items())
    )
    header = ("source", "sensor", "licence", "credit", "may be passed on", "acquired", "used for", "pictures")
    return parts.FactTable("Imagery: licences and credits", rows, header)


def of_models(told: Mapping[str, Any]) -> list[parts.FactTable]:
    """The models of a comparison's summary, one column each: trained on what, how, with which versions."""
    columns = [_model(entry) for entry in told["strategies"]]
    titles = dict.fromkeys(title for column in columns for title in column)
    rows = tuple((title, *(column.get(title, markup.DASH) for column in columns)) for title in titles)
    header = ("setting", *(entry["name"] for entry in told["strategies"]))
    test = told["test"]
    judged = [("dataset", test["dataset"]), ("split", test["split"]), ("samples", f"{test['examples']:,}")]
    judged += [("SHA-256", test["sha256"])] if test.get("sha256") else []
    return [parts.FactTable("Models", rows, header), parts.FactTable("What the models are judged on", tuple(judged))]


def _model(entry: Mapping[str, Any]) -> dict[str, str]:
    """{what: value} of one model of a comparison."""
    told = {"dataset": entry["dataset"]}
    digests = entry.get("dataset_sha256") or {}
    told |= {f"split {split}, {BEGINS}": str(digest)[: inputs.DIGEST_SHOWN] for split, digest in digests.items()}
    settings_ = entry.get("settings") or {}
    for name, value in settings_.items():
        shown = _loss(value) if name == "loss" else _setting(value)
        told[SETTING_TITLES.get(name, name.replace("_", " "))] = shown
    told |= {f"version of {name}": str(value) for name, value in (entry.get("versions") or {}).items()}
    return told | {f"model, {BEGINS}": entry["model_sha256"][: inputs.DIGEST_SHOWN]}


def _loss(told: Mapping[str, Any]) -> str:
    """The loss and the one number that it uses."""
    number = {"smoothing": "smoothing", "generalized": "q"}.get(told["kind"])
    return f"{told['kind']}, {number} {told[number]:g}" if number else str(told["kind"])


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
    """Versions of what is installed here and had a part."""
    versions = [("Python", platform.python_version()), ("GDAL", rasterio.__gdal_version__)]
    for name in PACKAGES:
        try:
            versions.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return parts.FactTable("Software that wrote this page", tuple(versions))


def _product(told: Mapping[str, Any]) -> tuple[str, ...]:
    files = "; ".join(f"{file['name']} {file['sha256'][: inputs.DIGEST_SHOWN]}…" for file in told["files"])
    return told["title"], f"{told['year']}", f"{told['version']}", told["licence"], told.get("citation") or "", files


def _credit(told: Mapping[str, Any], purpose: str) -> tuple[tuple[str, ...], Any, Any]:
    key = tuple(
        str(told[name] or "not stated") for name in ("source", "sensor", "licence", "attribution", "redistribution")
    )
    return (*key, purpose), told["acquired_from"], told["acquired_to"]


def _unit(crs: Any) -> str:
    return "degrees" if crs.is_geographic else str(crs.linear_units).replace("metre", "m")


def _name(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt()[:80])
