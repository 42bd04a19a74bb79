"""The parts of a report that come from the dataset, the frame, the comparison and the search for doubtful labels."""

from __future__ import annotations

import csv
import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import rasterio

from builder import errors, hashing
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.legend import legend
from builder.maps import agreement
from refine.accuracy import accuracy, estimators, intervals, support
from refine.artefacts import comparison, noise_summary
from refine.mapping import writing
from refine.report import map_layers, page_pictures, parts
from refine.samples import batches, datasets

CHIPS_PER_CLASS = 12
CHIP_PX = 128
SHOWN_POINTS = 3000
DOUBT_COLUMNS = ("key", "label", "suggested", "probability_of_suggested", "reason")
WORST_SHOWN = 24
STATE_COLOURS = {
    agreement.State.CONSISTENT: "#4c9a6a",
    agreement.State.INCONSISTENT: "#e08a3c",
    agreement.State.UNDETERMINED: "#a8a8b0",
}


def read_changes(refined: pathlib.Path) -> tuple[parts.Change, ...]:
    """The change table beside a refined map, the largest change first.

    Raises:
      errors.InputError: if it is missing.
    """
    path = writing.beside(refined, "changes", ".csv")
    colours = {c.code: c.colour for c in legend.read(writing.BASE_LEGEND).classes}
    return tuple(
        parts.Change(
            before=row["from"],
            after=row["to"],
            before_colour=colours.get(int(row["from_code"]), "#999999"),
            after_colour=colours.get(int(row["to_code"]), "#999999"),
            pixels=int(row["pixels"]),
            hectares=float(row["hectares"]),
        )
        for row in _csv(path, "python -m refine map")
    )


def read_sheets(dataset: datasets.Dataset, split_name: str = "train") -> parts.SheetsPart:
    """Samples of each class, chosen by hashed key, with what is known of them.

    Raises:
      errors.InputError: if the dataset has no such split.
    """
    known = [name for name in ("acquired_from", "sensor", "gsd_m", "label_origin") if name in dataset.scalars]
    split = dataset.split(split_name, columns=known)
    chosen = {label: _chosen(split, label) for label in range(len(dataset.classes))}
    wanted = sorted({row for rows in chosen.values() for row in rows})
    chips = dict(zip(wanted, batches.pictures(split, wanted, CHIP_PX), strict=True))
    sheets = []
    for label, name in enumerate(dataset.classes):
        title, colour, definition = _described(name)
        pictured = tuple(_sample(split, row, chips[row], title) for row in chosen[label])
        total = int((split.labels == label).sum())
        sheets.append(parts.Sheet(title, colour, definition, total, pictured))
    return parts.SheetsPart(dataset.full_name, split_name, tuple(sheets))


def read_sampling(frame: frames.Frame) -> parts.SamplingPart:
    """Points by class and split, over the agreement map where the frame has one."""
    points = frame.points().select(["lon", "lat", "label", "base_class", "split", "rank"]).to_pydict()
    classes = [label or base for label, base in zip(points["label"], points["base_class"], strict=True)]
    splits = tuple(dict.fromkeys(["train", "validation", "test", "test_inconsistent", *points["split"]]))
    splits = tuple(split for split in splits if split in points["split"])
    counts: dict[str, dict[str, int]] = {}
    for name in dict.fromkeys([*legend.seven().names, *(c for c in classes if c)]):
        row = dict.fromkeys(splits, 0)
        for split, label in zip(points["split"], classes, strict=True):
            row[split] += label == name
        if any(row.values()):
            counts[_described(name)[0]] = row
    if frame.design.is_given:
        return parts.SamplingPart(None, splits, counts, 0, len(classes))
    order = np.argsort(points["rank"], kind="stable")[:SHOWN_POINTS]
    places = np.array([points["lon"], points["lat"]])[:, order]
    colours = [_described(classes[i] or "")[1] for i in order]
    return parts.SamplingPart(_agreement_view(frame, places, colours), splits, counts, len(order), len(classes))


def read_summary(folder: pathlib.Path) -> dict[str, Any]:
    """compare.json, as `python -m refine compare` wrote it.

    Raises:
      errors.InputError: if it is missing or of another format.
    """
    path = folder / comparison.SUMMARY
    told = _json(path, "python -m refine compare")
    if told.get("format") != comparison.FORMAT:
        raise errors.InputError(
            f"{path}: expected format {comparison.FORMAT}; received {told.get('format')}. Run `compare` again."
        )
    return told


def read_comparison(told: Mapping[str, Any]) -> parts.ComparisonPart:
    """The strategies of a summary, and what its test split supports."""
    strategies = tuple(_strategy(entry) for entry in told["strategies"])
    titles = tuple(_described(name)[0] for name in told["classes"])
    judged = support.of(
        estimators.simple_random(accuracy.Confusion(strategies[0].counts, titles)),
        population=support.population_of(told["test"]["dataset"], told["test"]["split"]),
    )
    return parts.ComparisonPart(
        test=f"{told['test']['dataset']}, split {told['test']['split']}",
        samples=int(told["test"]["examples"]),
        classes=titles,
        strategies=strategies,
        pairs=tuple(
            parts.Pair(t["first"], t["second"], t["only_first"], t["only_second"], t["p"]) for t in told["mcnemar"]
        ),
        statement=judged.statement,
        warnings=judged.warnings,
    )


def read_noise(folder: pathlib.Path, dataset: datasets.Dataset | None) -> parts.NoisePart:
    """What `python -m refine noise` wrote; with the dataset at hand the worst chips one by one, else its sheet.

    Raises:
      errors.InputError: if a file of it is missing.
    """
    told = _json(folder / noise_summary.SUMMARY, "python -m refine noise")
    rows = _csv(folder / noise_summary.DOUBTFUL, "python -m refine noise")[:WORST_SHOWN]
    for name, found, wanted in (
        (noise_summary.SUMMARY, told, ("dataset", "split", "examples", "doubtful", "rates")),
        (noise_summary.DOUBTFUL, rows[0] if rows else DOUBT_COLUMNS, DOUBT_COLUMNS),
    ):
        if absent := [key for key in wanted if not isinstance(found, Mapping | tuple) or key not in found]:
            raise errors.InputError(
                f"{folder / name}: expected {', '.join(absent)}; it lacks them. Give the folder that "
                "`python -m refine noise` wrote."
            )
    worst = _worst(dataset, told["split"], rows) if dataset is not None and dataset.full_name == told["dataset"] else ()
    picture = folder / noise_summary.SHEET
    sheet = None
    if not worst and picture.is_file():
        encoded = page_pictures.file_picture(picture.read_bytes(), widest_px=1400)
        sheet = parts.ChipPicture(encoded, "Sheet of the most doubtful chips with given and suggested labels.")
    return parts.NoisePart(
        dataset=told["dataset"],
        split=told["split"],
        examples=told["examples"],
        doubtful=told["doubtful"],
        rates=tuple(
            parts.NoiseRate(
                title=_described(rate["label"])[0],
                examples=rate["examples"],
                rate=intervals.Estimate(rate["rate"], math.nan, _or_nan(rate["low"]), _or_nan(rate["high"])),
                doubtful=rate["doubtful"],
                mostly=_described(rate["mostly"])[0] if rate["mostly"] else "",
            )
            for rate in told["rates"]
        ),
        worst=worst,
        sheet=sheet,
    )


def agreed(design: designs.SamplingDesign) -> str:
    """Which products make a consensus, as a clause: all of them, or as many as the design asks for."""
    products = len(design.products)
    return "all products agree" if design.min_agreement >= products else f"at least {_votes(design)} products agree"


def state_titles(design: designs.SamplingDesign) -> dict[agreement.State, str]:
    """What the states of a cell mean under a design."""
    return {
        agreement.State.CONSISTENT: f"consistent: {agreed(design)}",
        agreement.State.INCONSISTENT: "inconsistent: a product differs from the base map",
        agreement.State.UNDETERMINED: "undetermined: mixed or outside the legend",
    }


def _disagreed(design: designs.SamplingDesign) -> str:
    is_whole = design.min_agreement >= len(design.products)
    return "the products do not agree" if is_whole else f"fewer than {_votes(design)} products agree"


def _votes(design: designs.SamplingDesign) -> str:
    return f"{design.min_agreement} of {len(design.products)}"


def _agreement_view(frame: frames.Frame, places: np.ndarray, colours: Sequence[str]) -> parts.View:
    with rasterio.open(frame.agreement_file) as dataset:
        ground = page_pictures.Ground.of(dataset)
        shape = map_layers.scaled(dataset.shape, map_layers.LONGEST_PX)
        consensus = dataset.read(1, out_shape=shape)
    with rasterio.open(frame.layers_file) as dataset:
        state = dataset.read(1, out_shape=shape)
    seven = legend.seven()
    classes = page_pictures.painted(consensus, {c.code: c.colour for c in seven.classes})
    states = page_pictures.painted(state, {int(s): colour for s, colour in STATE_COLOURS.items()})
    titles = state_titles(frame.design)
    says = ", ".join(f"{title.partition(':')[0]} {float((state == s).mean()):.0%}" for s, title in titles.items())
    large = map_layers.scaled(shape, map_layers.LONGEST_PX, may_grow=True)
    row, column = ground.resampled(*large).places(*places)
    dots = page_pictures.dotted(large, row, column, colours, radius_px=3)
    return parts.View(
        name="agreement",
        title="Agreement of the products",
        layers=(
            parts.Layer(
                "consensus", "Class they agree on", page_pictures.lossless(classes),
                f"Cells coloured by the class on which {agreed(frame.design)}; {(consensus > 0).mean():.0%} have one.",
                parts.Key.CLASSES,
            ),
            parts.Layer(
                "state", "Agreement", page_pictures.lossless(states), f"State of the cells: {says}.",
                parts.Key.STATE,
            ),
        ),
        left="consensus",
        right="state",
        shape=ground.shape,
        width_m=ground.size_m()[1],
        place=map_layers.place(ground),
        classes=tuple((c.title, c.colour) for c in seven.classes),
        overlay=parts.Layer(
            "points", "Sample points", page_pictures.lossless(dots),
            f"{len(colours)} sample points, coloured by class.", parts.Key.CLASSES,
        ),
        blank=f"{_disagreed(frame.design)}.",
        states=tuple((title, STATE_COLOURS[s]) for s, title in titles.items()),
    )  # fmt: skip


def _strategy(told: Mapping[str, Any]) -> parts.Strategy:
    def estimates(name: str) -> tuple[intervals.Estimate, ...]:
        return tuple(_estimate(value) for value in told[name])

    return parts.Strategy(
        name=told["name"],
        overall=_estimate(told["overall"]),
        kappa=_estimate(told["kappa"]),
        users=estimates("users"),
        producers=estimates("producers"),
        counts=np.array(told["confusion"], np.int64),
        minutes=float(told["minutes"]),
        images_per_s=float(told["images_per_s"]),
        epochs=int(told["epochs"]),
        examples=int(told["train_examples"]),
        size_px=told.get("settings", {}).get("size_px"),
        by_season=tuple(
            (name.replace("_", " "), int(part["samples"]), _estimate(part))
            for name, part in (told.get("by_season") or {}).items()
        ),
    )


def _estimate(told: Mapping[str, float | None]) -> intervals.Estimate:
    return intervals.Estimate(*(_or_nan(told[name]) for name in ("value", "standard_error", "low", "high")))


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _chosen(split: datasets.Split, label: int) -> list[int]:
    """Ascending positions of the samples of a class whose hashed keys rank lowest."""
    members = np.flatnonzero(split.labels == label)
    stream = hashing.stream(0, "report sheet")
    order = sorted(members.tolist(), key=lambda row: hashing.text_bits(stream, str(split.keys[row])))
    return sorted(order[:CHIPS_PER_CLASS])


def _sample(split: datasets.Split, row: int, pixels: np.ndarray, title: str) -> parts.ChipPicture:
    told = {name: values[row] for name, values in split.columns.items()}
    facts = [str(told[name]) for name in ("acquired_from", "sensor") if told.get(name)]
    facts += [f"{float(told['gsd_m']):.2g} m"] if "gsd_m" in told else []
    facts += [f"label from {told['label_origin']}"] if "label_origin" in told else []
    says = f"{title}: {split.keys[row]}" + (f", {', '.join(facts)}" if facts else "")
    return parts.ChipPicture(page_pictures.thumbnail(pixels, CHIP_PX), says)


def _worst(
    dataset: datasets.Dataset, split_name: str, rows: Sequence[Mapping[str, str]]
) -> tuple[parts.ChipPicture, ...]:
    split = dataset.split(split_name)
    position = {key: i for i, key in enumerate(split.keys.tolist())}
    known = [row for row in rows if row["key"] in position]
    wanted = sorted(position[row["key"]] for row in known)
    chips = dict(zip(wanted, batches.pictures(split, wanted, CHIP_PX), strict=True))
    return tuple(
        parts.ChipPicture(
            picture=page_pictures.thumbnail(chips[position[row["key"]]], CHIP_PX),
            says=f"{row['key']}: labelled {_described(row['label'])[0]}, {row['reason']}",
            caption=f"{_described(row['label'])[0]} → {_described(row['suggested'])[0]} "
            f"({float(row['probability_of_suggested']):.0%})",
        )
        for row in known
    )


def _described(name: str) -> tuple[str, str, str]:
    """(title, colour, definition) of a class of the legend; other names stand for themselves."""
    for c in legend.seven().classes:
        if c.name == name:
            return c.title, c.colour, c.definition
    return name.replace("_", " "), "#888888", ""


def _json(path: pathlib.Path, command: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise errors.InputError(f"{path}: cannot be read: {error}. Give the folder that `{command}` wrote.") from error
    return read


def _csv(path: pathlib.Path, command: str) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))
    except OSError as error:
        raise errors.InputError(f"{path}: cannot be read: {error}. Give what `{command}` wrote.") from error
