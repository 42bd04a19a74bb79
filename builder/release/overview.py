"""Pictures of a release: where its points are, and what its chips look like."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image, ImageDraw, ImageFont

from builder.dataset import assembly, examples, shard_files
from builder.frame import design as designs
from builder.geometry import lonlat
from builder.legend import legend
from builder.release import version

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP_FILE, SHEET_FILE = "map.png", "chips.png"
CHIPS_PER_CLASS = 10
TILE_PX, GAP_PX, MARGIN_PX = 96, 6, 150
# Longitude and latitude (degrees) of each continent's name, so that a world map without coasts can be read.
CONTINENTS = {
    "North America": (-102, 46),
    "South America": (-60, -14),
    "Europe": (18, 51),
    "Africa": (20, 6),
    "Asia": (92, 47),
    "Australia": (134, -25),
    "Antarctica": (0, -83),
}
REGION_MARGIN = 0.08  # of the region's larger side
SPLIT_COLOURS = dict(zip(designs.SPLITS, ("#1f77b4", "#9467bd", "#d62728", "#ff7f0e"), strict=True))
REFUSED_COLOUR = "#b0b0b0"


def write_map(path: pathlib.Path, index: pa.Table) -> None:
    """Writes a world map of all points, and beside it one of their region, by split; refused points are grey.

    Args:
      path: PNG to write.
      index: every example and every refused point.
    """
    import matplotlib as mpl
    from matplotlib import figure, ticker

    with mpl.rc_context({"font.size": 9}):
        drawing = figure.Figure(figsize=(11.0, 3.6), dpi=130, layout="constrained")
        world, region = drawing.subplots(1, 2, width_ratios=(1.6, 1.0))
        for axes in (world, region):
            axes.grid(color="#e4e4e4", linewidth=0.6)
            axes.set_axisbelow(True)
            axes.set(xlabel="longitude (degrees)", ylabel="latitude (degrees)")
        world.set(xlim=(-180, 180), ylim=(-90, 90), title="All points (circle: their middle)", aspect="equal")
        world.set(xticks=range(-180, 181, 30), yticks=range(-90, 91, 30))
        for name, (x, y) in CONTINENTS.items():
            world.text(x, y, name, ha="center", va="center", color="#9a9a9a", fontsize=8, zorder=0.5)
        lon, lat = _draw(world, index, size=4.0), index["lat"].to_numpy()
        world.scatter([lon.mean()], [lat.mean()], 260.0, "none", edgecolors="black", linewidths=0.8)
        _draw(region, index, size=9.0)
        region.xaxis.set_major_locator(ticker.MaxNLocator(4))
        region.ticklabel_format(useOffset=False)
        reach = REGION_MARGIN * max(np.ptp(lon), np.ptp(lat), 0.01)
        region.set(xlim=(lon.min() - reach, lon.max() + reach), ylim=(lat.min() - reach, lat.max() + reach))
        region.set(title="Their region", aspect=1.0 / np.cos(np.radians(np.clip(lat.mean(), -80, 80))))
        region.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, markerscale=1.6)
        drawing.savefig(path, format="png", metadata={"Software": None})


def _draw(axes: Axes, index: pa.Table, size: float) -> np.ndarray:
    """Draws the points; returns their longitudes, counted so that none of the region's neighbours are a turn apart."""
    lon, lat = (index[name].to_numpy() for name in ("lon", "lat"))
    west, _ = lonlat.narrowest(lon)
    lon = west + (lon - west) % 360.0
    refused = np.asarray(pc.is_valid(index["reason"]))
    splits = np.array(index["split"].to_pylist())
    if refused.any():
        axes.scatter(
            lon[refused], lat[refused], size, REFUSED_COLOUR, linewidths=0, label=f"refused ({int(refused.sum())})"
        )
    for split, colour in SPLIT_COLOURS.items():
        chosen = (splits == split) & ~refused
        if chosen.any():
            axes.scatter(lon[chosen], lat[chosen], size, colour, linewidths=0, label=f"{split} ({int(chosen.sum())})")
    unbroken: np.ndarray = lon
    return unbroken


def write_sheet(path: pathlib.Path, of: version.Version) -> None:
    """Writes a sheet of chips: a row per class, unrotated examples chosen by the hash of their key, train first.

    Args:
      path: PNG to write.
      of: the version whose shards are read.
    """
    names = of.classes
    chosen = _chosen(of, len(names))
    step = TILE_PX + GAP_PX
    sheet = Image.new("RGB", (MARGIN_PX + CHIPS_PER_CLASS * step, len(names) * step + GAP_PX), "white")
    canvas, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, name in enumerate(names):
        top = GAP_PX + row * step
        canvas.text((GAP_PX, top + TILE_PX // 2 - 8), _title(name), fill="black", font=font)
        for column, picture in enumerate(chosen.get(row, [])):
            tile = Image.open(io.BytesIO(picture)).convert("RGB").resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
            sheet.paste(tile, (MARGIN_PX + column * step, top))
    sheet.save(path)


def _title(name: str) -> str:
    titles = {c.name: c.name.replace("_", " and ") for c in legend.seven().classes}
    return titles.get(name, name)


def _chosen(of: version.Version, classes: int) -> Mapping[int, list[bytes]]:
    """Up to `CHIPS_PER_CLASS` JPEGs of each label: first those of train, then by the hash of the key."""
    best: dict[int, list[tuple[bool, int, bytes]]] = {label: [] for label in range(classes)}
    for shard in shard_files.shards(of.folder, of.formats[0]):
        for example, stored in examples.read(shard):
            if stored.rotation_deg == 0 and stored.label in best:
                ranked = best[stored.label]
                order = (shard.split != designs.TRAIN, assembly.order_of(stored.key))
                ranked.append((*order, examples.picture_of(example)))
                ranked.sort()
                del ranked[CHIPS_PER_CLASS:]
    return {label: [picture for _, _, picture in ranked] for label, ranked in best.items()}
