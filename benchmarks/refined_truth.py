"""Is the refined map better than GlobeLand30 and than the majority of the five products? Judged by demo worlds.

    python -m benchmarks.refined_truth DIR --weights FILE none [--indistinguishable bareland grass_shrub]

For each seed a world is generated and its dataset built; for each start of the network (FILE: pretrained, none: random)
a head is trained on config `rough` (strategy `logits`), and the eastern GlobeLand30 tile refined in CELLS cells of the
1/360 degree grid, drawn by hash among all its cells: an equal probability sample of clusters. All 30 m pixels of those
cells are judged by the truth at their centres, all of them and those of inconsistent cells; intervals (95 %) draw whole
cells again. The majority is of the five strict classes at a pixel, GlobeLand30's at 30 m; ties and no votes take
GlobeLand30. Worlds, labels and figures are synthetic.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import shlex
import subprocess
import sys
from typing import Any

import numpy as np
import rasterio
import shapely

from builder import hashing
from builder.frame import frame as frames
from builder.geometry import grid, lattice
from builder.legend import crosswalk, legend
from builder.maps import agreement
from builder.world import make_world
from refine.mapping import engines
from tests.worlds import checkout

CELLS = 120
DRAWS = 2000
SEAM_LON = 108.0  # the eastern tile lies beyond it
MARGIN_DEG = 0.006  # cells at the seam hold pixels of both tiles


@dataclasses.dataclass(frozen=True, eq=False)
class Pixels:
    """The judged pixels; classes are codes of the legend, `cell` says which cluster, `names` which map."""

    cell: np.ndarray
    inconsistent: np.ndarray
    truth: np.ndarray
    maps: dict[str, np.ndarray]


def main() -> None:
    """Runs every seed and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--weights", required=True, nargs="+", metavar="FILE|none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33, 34, 35])
    parser.add_argument("--size", type=int, default=128, help="side of the network's input in pixels")
    parser.add_argument("--views", type=int, default=8, choices=(1, 8), help="turned views of each training chip")
    parser.add_argument("--engine", default="onnxruntime", choices=engines.ENGINES, help="what classifies")
    parser.add_argument("--indistinguishable", nargs=2)
    args = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {weights: [] for weights in args.weights}
    for seed in args.seeds:
        for weights in args.weights:
            pixels = refined(args.folder / f"seed-{seed}", seed, weights, args)
            results[weights].append({"seed": seed} | judge(pixels))
            if args.indistinguishable:
                results[weights][-1] |= between(pixels, *args.indistinguishable)
            print(json.dumps(results[weights][-1]), flush=True)
    for weights, rows in results.items():
        print(f"\nStart of the network: {pathlib.Path(weights).name}\n\n{table(rows)}")


def refined(folder: pathlib.Path, seed: int, weights: str, args: argparse.Namespace) -> Pixels:
    """The judged pixels of one world; what was finished before is not repeated."""
    world = folder / "world"
    own = folder / f"{pathlib.Path(weights).stem}-{args.size}px-{args.views}-{args.engine}"
    out = own / "refined.tif"
    tile = world / "products" / "globeland30" / "n49_30_2010lc030.tif"
    if not out.exists():
        if not world.exists():
            make_world.run(
                world, "small", seed, indistinguishable=args.indistinguishable and tuple(args.indistinguishable)
            )
        cells = drawn_cells(frames.Frame.open(world / "frame"), seed)
        (folder / "cells.geojson").write_text(geojson(cells))
        data, model = folder / "data", own / "model"
        if not (data / "globeland_samples" / "rough" / "1.0.0").is_dir():
            call(
                f"tfds build {checkout.ROOT}/datasets/globeland_samples --config rough --manual_dir {world}/frame "
                f"--data_dir {data}"
            )
        call(
            f"python -m refine train --dataset globeland_samples/rough:1.0.0 --data_dir {data} --strategy logits "
            f"--weights {weights} --size {args.size} --views {args.views} --out {model} --overwrite"
        )
        call(
            f"python -m refine map --model {model} --base {tile} --frame {world}/frame --aoi {folder}/cells.geojson "
            f"--engine {args.engine} --out {out}"
        )
    return read(
        folder, out, tile, frames.Frame.open(world / "frame"), drawn_cells(frames.Frame.open(world / "frame"), seed)
    )


def drawn_cells(frame: frames.Frame, seed: int) -> np.ndarray:
    """Numbers of CELLS cells of the eastern half, by hash."""
    cells = grid.window_of_bbox(*frame.design.region).cells().ravel()
    lon, _ = grid.cell_centre(cells)
    cells = cells[lon > SEAM_LON + MARGIN_DEG]
    order = np.argsort(hashing.bits(hashing.stream(seed, "judged"), cells))
    return np.sort(cells[order[:CELLS]])


def geojson(cells: np.ndarray) -> str:
    """The cells as a collection of squares."""
    half = 0.5 / grid.CELLS_PER_DEGREE
    lon, lat = grid.cell_centre(cells)
    squares = shapely.box(lon - half, lat - half, lon + half, lat + half)
    features = [{"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(s)} for s in squares]
    return json.dumps({"type": "FeatureCollection", "features": features})


def call(command: str) -> None:
    """Runs a command of the project with this Python."""
    print(f"$ {command}", file=sys.stderr, flush=True)
    words = shlex.split(command)
    words[0] = sys.executable if words[0] == "python" else str(pathlib.Path(sys.executable).parent / words[0])
    code = subprocess.run(words, cwd=checkout.ROOT, check=False, stdout=subprocess.DEVNULL).returncode
    if code not in (0, 3):  # 3: done with gaps, as where a pixel has no imagery
        raise SystemExit(f"the command above ended with exit code {code}")


def read(folder: pathlib.Path, out: pathlib.Path, tile: pathlib.Path, frame: frames.Frame, cells: np.ndarray) -> Pixels:
    """All pixels of the drawn cells whose truth is a class of the legend."""
    table = crosswalk.shipped("globeland30")
    with rasterio.open(tile) as before, rasterio.open(out) as after:
        lon, lat = lattice.Lattice.of(before).centres_lonlat()
        cell = grid.cell_of(lon, lat)
        base, new = (crosswalk.recode(d.read(1), table, "dominant", source=str(tile)) for d in (before, after))
    inside = np.isin(cell.ravel(), cells)
    codes = truth_at(folder / "world" / "truth.tif", lon.ravel()[inside], lat.ravel()[inside])
    truth = crosswalk.recode(codes, table, "dominant", source="truth.tif")
    window = grid.window_of_bbox(*frame.design.region)
    row, column = np.divmod(cell.ravel()[inside], grid.COLUMNS)
    place = row - window.row0, column - window.col0
    with rasterio.open(frame.layers_file) as layers, rasterio.open(frame.harmonized_file) as harmonized:
        state, others = layers.read(1)[place], harmonized.read()[1:, place[0], place[1]]
    base, new = base.ravel()[inside], new.ravel()[inside]
    known = np.isin(truth, legend.seven().codes)
    votes = np.concatenate([base[None], others])
    maps = {"GlobeLand30": base, "majority of five": majority(votes), "refined": new}
    return Pixels(
        cell.ravel()[inside][known],
        (state == agreement.State.INCONSISTENT)[known],
        truth[known],
        {name: values[known] for name, values in maps.items()},
    )


def truth_at(path: pathlib.Path, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """uint8[n]: codes of the truth at places in degrees."""
    with rasterio.open(path) as dataset:
        rows, columns = rasterio.transform.rowcol(dataset.transform, lon, lat)
        codes: np.ndarray = dataset.read(1)
    return codes[np.asarray(rows), np.asarray(columns)]


def majority(votes: np.ndarray) -> np.ndarray:
    """The class most rows of votes[product, pixel] hold; ties and no votes take the first row."""
    codes = np.array(legend.seven().codes)
    counts = (votes[None] == codes[:, None, None]).sum(axis=1)
    best = counts.max(axis=0)
    is_tie = ((counts == best).sum(axis=0) > 1) | (best == 0)
    return np.where(is_tie, votes[0], codes[counts.argmax(axis=0)])


def judge(pixels: Pixels) -> dict[str, dict[str, list[float]]]:
    """[accuracy, low, high] of each map, in inconsistent cells and in all."""
    everywhere = np.ones(len(pixels.truth), bool)
    return {"inconsistent": accuracies(pixels, pixels.inconsistent), "all": accuracies(pixels, everywhere)}


def accuracies(pixels: Pixels, chosen: np.ndarray) -> dict[str, list[float]]:
    """[accuracy, low, high] of each map on the chosen pixels, and how much the refined map gains."""
    return (
        {name: interval(pixels, values == pixels.truth, chosen) for name, values in pixels.maps.items()}
        | {"refined - GlobeLand30": difference(pixels, "GlobeLand30", chosen)}
        | {"refined - majority": difference(pixels, "majority of five", chosen)}
    )


def difference(pixels: Pixels, other: str, chosen: np.ndarray) -> list[float]:
    """[difference, low, high] of the refined map's accuracy to another map's on the same pixels."""
    gain = (pixels.maps["refined"] == pixels.truth).astype(float) - (pixels.maps[other] == pixels.truth)
    return interval(pixels, gain, chosen)


def interval(pixels: Pixels, values: np.ndarray, chosen: np.ndarray) -> list[float]:
    """[mean, low, high] of values over the chosen pixels; cells are drawn again, with their pixels."""
    _, cluster = np.unique(pixels.cell[chosen], return_inverse=True)
    total = np.bincount(cluster, values[chosen].astype(float))
    size = np.bincount(cluster).astype(float)
    clusters = len(size)
    draws = hashing.bits(hashing.stream(0, "bootstrap"), np.arange(DRAWS * clusters)).reshape(DRAWS, -1)
    picked = (draws % np.uint64(clusters)).astype(np.int64)
    means = total[picked].sum(axis=1) / size[picked].sum(axis=1)
    return [round(float(v), 4) for v in (total.sum() / size.sum(), *np.quantile(means, [0.025, 0.975]))]


def between(pixels: Pixels, one: str, two: str) -> dict[str, dict[str, list[float]]]:
    """Accuracy among two classes that look alike: where the truth is one of them, and where GlobeLand30 says so too.

    The second part shows gains between the two classes. In the first, GlobeLand30 may hold a third class, which a
    picture can rule out.
    """
    codes = [legend.seven().by_name(name).code for name in (one, two)]
    is_pair = pixels.inconsistent & np.isin(pixels.truth, codes)
    parts = {"truth": is_pair, "truth and GlobeLand30": is_pair & np.isin(pixels.maps["GlobeLand30"], codes)}
    return {f"{part} {one} or {two}, inconsistent": accuracies(pixels, chosen) for part, chosen in parts.items()}


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown."""
    names = [*results[0]["inconsistent"]]
    lines = ["| seed | cells | " + " | ".join(names) + " |", "|" + " --- |" * (len(names) + 2)]
    for result in results:
        for where in (name for name in result if name != "seed"):
            shown = [f"{v:.3f} [{low:.3f}, {high:.3f}]" for v, low, high in result[where].values()]
            lines.append(f"| {result['seed']} | {where} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
