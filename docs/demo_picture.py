"""Draws docs/demo.png for README.md from a demo with chips.

python docs/demo_picture.py DEMO
"""

from __future__ import annotations

import io
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")

import numpy as np
import rasterio
from matplotlib import patches, pyplot
from PIL import Image

from builder.chips import imagery_toml, store
from builder.frame import frame as frames
from builder.legend import legend
from builder.maps import agreement

CHIPS_PER_CLASS = 6
MARKERS = {"train": "o", "validation": "s", "test": "^", "test_inconsistent": "x"}


def draw(folder: pathlib.Path, out: pathlib.Path) -> None:
    """Draws agreement map, points and a sheet of chips of the demo in `folder` into the PNG `out`."""
    frame = frames.Frame.open(folder / "frame", needs_imagery=True)
    figure = pyplot.figure(figsize=(13, 7), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.12, 1))
    _draw_map(left, frame)
    _draw_chips(right, frame)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110, bbox_inches="tight", pad_inches=0.1)
    Image.open(drawn).convert("RGB").quantize(256).save(out, optimize=True)


def _draw_chips(figure: matplotlib.figure.SubFigure, frame: frames.Frame) -> None:
    """A row of chips of each class."""
    classes = legend.seven().classes
    grid = figure.subplots(len(classes), CHIPS_PER_CLASS)
    for row, c in zip(grid, classes, strict=True):
        for axes, picture in zip(row, _chips(frame, c.name), strict=False):
            axes.imshow(picture)
        for axes in row:
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(c.title.replace(" and ", "\nand "), rotation=0, ha="right", va="center", fontsize=9)
    figure.suptitle("Chips of train, 90 m x 90 m", fontsize=11)


def _draw_map(figure: matplotlib.figure.SubFigure, frame: frames.Frame) -> None:
    """Classes of consistent cells, with the ranked points."""
    with rasterio.open(frame.agreement_file) as dataset:
        codes, box = dataset.read(1), dataset.bounds
    with rasterio.open(frame.layers_file) as dataset:
        state = dataset.read(1)
    picture = np.full((*codes.shape, 3), 255, np.uint8)
    picture[state == agreement.State.INCONSISTENT] = (225, 225, 225)
    for c in legend.seven().classes:
        picture[codes == c.code] = c.rgb
    axes = figure.subplots()
    extent = (box.left, box.right, box.bottom, box.top)
    axes.imshow(
        picture, extent=extent, interpolation="nearest", aspect=1 / np.cos(np.radians((box.top + box.bottom) / 2))
    )
    points = frame.points().to_pandas()
    for split, marker in MARKERS.items():
        chosen = points[points.split == split]
        style = {"facecolors": "none", "edgecolors": "black"} if marker != "x" else {"c": "black"}
        axes.scatter(
            chosen.lon, chosen.lat, s=9, marker=marker, linewidths=0.6, label=split.replace("_", ", "), **style
        )
    handles = [patches.Patch(color=c.colour, label=c.title) for c in legend.seven().classes]
    handles += [patches.Patch(color=(0.88, 0.88, 0.88), label="products disagree")]
    figure.legend(handles=[*handles, *axes.collections], loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    axes.set_title("Where five products agree, and the ranked points", fontsize=11)
    axes.tick_params(labelsize=8)


def _chips(frame: frames.Frame, name: str) -> list[Image.Image]:
    """The first chips of a class of train, by rank."""
    points = frame.points().to_pandas()
    keys = points[(points.split == "train") & (points.label == name)].sort_values("rank").key
    folder = store.ChipStore(frame.chips_folder, imagery_toml.read(frame.imagery_file).digest)
    images = dict(folder.images(list(keys)))
    kept = [key for key in keys if key in images][:CHIPS_PER_CLASS]
    return [Image.open(io.BytesIO(images[key])) for key in kept]


if __name__ == "__main__":
    draw(pathlib.Path(sys.argv[1]), pathlib.Path(__file__).with_name("demo.png"))
