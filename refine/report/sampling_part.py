"""The part of a report about the sampling frame: where points lie, over the agreement of the products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import rasterio

from builder.frame import design as designs
from builder.frame import frame as frames
from builder.geometry import lattice as lattices
from builder.legend import legend
from builder.maps import agreement
from refine.report import land_cover, map_layers, page_pictures, parts

SHOWN_POINTS = 3000
DOT_PX = 3  # radius of a point
SPLITS = ("train", "validation", "test", "test_inconsistent")  # shown first, in this order
STATE_COLOURS = {
    agreement.State.CONSISTENT: "#4c9a6a",
    agreement.State.INCONSISTENT: "#e08a3c",
    agreement.State.UNDETERMINED: "#a8a8b0",
}


def read(frame: frames.Frame) -> parts.SamplingPart:
    """Points by class and split, over the agreement map where the frame has one."""
    points = frame.points().select(["lon", "lat", "label", "base_class", "split", "rank"]).to_pydict()
    classes = [label or base for label, base in zip(points["label"], points["base_class"], strict=True)]
    splits = tuple(split for split in dict.fromkeys([*SPLITS, *points["split"]]) if split in points["split"])
    counts = _counts(classes, points["split"], splits)
    if frame.design.is_given:
        return parts.SamplingPart(None, splits, counts, 0, len(classes))
    order = np.argsort(points["rank"], kind="stable")[:SHOWN_POINTS]
    places = np.array([points["lon"], points["lat"]])[:, order]
    colours = [land_cover.by_name(classes[i] or "").colour for i in order]
    return parts.SamplingPart(_view(frame, places, colours), splits, counts, len(order), len(classes))


def _counts(
    classes: Sequence[str | None], split_of_point: Sequence[str], splits: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Ranked points by title of the class and split; classes of the legend first."""
    counts: dict[str, dict[str, int]] = {}
    for name in dict.fromkeys([*legend.seven().names, *(name for name in classes if name)]):
        row = dict.fromkeys(splits, 0)
        for split, label in zip(split_of_point, classes, strict=True):
            row[split] += label == name
        if any(row.values()):
            counts[land_cover.by_name(name).title] = row
    return counts


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


def _view(frame: frames.Frame, places: np.ndarray, colours: Sequence[str]) -> parts.View:
    """The agreement map with points: `places` float64[lon and lat, point] in degrees, and their colours."""
    with rasterio.open(frame.agreement_file) as dataset:
        ground = lattices.Lattice.of(dataset)
        shape = map_layers.scaled(dataset.shape, map_layers.LONGEST_PX)
        consensus = dataset.read(1, out_shape=shape)
    with rasterio.open(frame.layers_file) as dataset:
        state = dataset.read(1, out_shape=shape)
    return parts.View(
        name="agreement",
        title="Agreement of the products",
        layers=(_consensus_layer(consensus, frame.design), _state_layer(state, frame.design)),
        left="consensus",
        right="state",
        shape=ground.shape,
        width_m=ground.size_m()[1],
        place=map_layers.place(ground),
        classes=tuple((c.title, c.colour) for c in legend.seven().classes),
        overlay=_points_layer(ground, map_layers.scaled(shape, map_layers.LONGEST_PX, may_grow=True), places, colours),
        blank=f"{_disagreed(frame.design)}.",
        states=tuple((title, STATE_COLOURS[state]) for state, title in state_titles(frame.design).items()),
    )


def _consensus_layer(consensus: np.ndarray, design: designs.SamplingDesign) -> parts.Layer:
    picture = page_pictures.painted(consensus, {c.code: c.colour for c in legend.seven().classes})
    share = (consensus > 0).mean()
    says = f"Cells coloured by the class on which {agreed(design)}; {share:.0%} have one."
    return parts.Layer("consensus", "Class they agree on", page_pictures.lossless(picture), says, parts.Key.CLASSES)


def _state_layer(state: np.ndarray, design: designs.SamplingDesign) -> parts.Layer:
    picture = page_pictures.painted(state, {int(kind): colour for kind, colour in STATE_COLOURS.items()})
    shares = (
        f"{title.partition(':')[0]} {float((state == kind).mean()):.0%}" for kind, title in state_titles(design).items()
    )
    says = f"State of the cells: {', '.join(shares)}."
    return parts.Layer("state", "Agreement", page_pictures.lossless(picture), says, parts.Key.STATE)


def _points_layer(
    ground: lattices.Lattice, shape: tuple[int, int], places: np.ndarray, colours: Sequence[str]
) -> parts.Layer:
    """Dots in a picture of `shape` of the ground."""
    column, row = ground.resampled(*shape).positions(*places)
    dots = page_pictures.dotted(shape, row, column, colours, radius_px=DOT_PX)
    says = f"{len(colours)} sample points, coloured by class."
    return parts.Layer("points", "Sample points", page_pictures.lossless(dots), says, parts.Key.CLASSES)
