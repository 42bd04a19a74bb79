"""Are labels on which five products agree better than those of any one product? Judged by the truth of a demo world.

    python -m builder demo DIR
    python -m benchmarks.demo_truth DIR

Truth of a cell: the class that covers most of the 90 m chip at its centre. For every class, `consensus` is the share
of consistent cells of the class that hold it in truth. Each product is judged on equally many cells: of all cells in
which it holds the class (strict crosswalk), those of the lowest hash, or for `globeland30 purest` those in which the
largest share of its own 30 m pixels holds the class. Errors of two products are correlated (phi) over the cells in
which both hold a class. Brackets: 95 % Wilson intervals; they take cells for independent, and neighbours are not.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys

import numpy as np
import rasterio

from builder import hashing
from builder.frame import frame, reviews
from builder.frame.layers import Band
from builder.geometry import ellipsoid, grid
from builder.legend import legend
from builder.maps import agreement
from builder.world import truth, world_settings

CHIP_M = 90.0
SAMPLES = 15  # points along a side of the chip
METRES_PER_DEGREE = np.radians(1.0) * ellipsoid.AUTHALIC_RADIUS_M


@dataclasses.dataclass(frozen=True)
class Cells:
    """Flat arrays over the cells of a frame; classes are codes."""

    cell: np.ndarray
    truth: np.ndarray
    consensus: np.ndarray  # 0 where the cell is not consistent
    purity: np.ndarray
    products: dict[str, np.ndarray]


def read(folder: pathlib.Path) -> Cells:
    """The cells of a demo folder."""
    drawn = frame.Frame.open(folder / "frame")
    window = grid.window_of_bbox(*drawn.design.region)
    with rasterio.open(drawn.layers_file) as layers:
        state, purity = layers.read(Band.STATE), layers.read(Band.PURITY)
    with rasterio.open(drawn.agreement_file) as consensus, rasterio.open(drawn.harmonized_file) as harmonized:
        consistent = np.where(state == agreement.State.CONSISTENT, consensus.read(1), 0)
        bands = dict(zip(harmonized.descriptions, harmonized.read(), strict=True))
    cells = window.cells().ravel()
    return Cells(
        cells,
        chip_truth(truth.read(folder / "truth.tif"), cells),
        consistent.ravel(),
        purity.ravel(),
        {name: band.ravel() for name, band in bands.items()},
    )


def chip_truth(ground: truth.Truth, cells: np.ndarray) -> np.ndarray:
    """The class that covers most of the chip at the centre of each cell."""
    lon, lat = grid.cell_centre(cells)
    offset = ((np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5) * CHIP_M / METRES_PER_DEGREE
    dy, dx = (a.ravel() for a in np.meshgrid(offset, offset, indexing="ij"))
    codes = np.array([*legend.seven().codes, world_settings.WETLAND])
    seen = ground.at(lon[:, None] + dx / np.cos(np.radians(lat))[:, None], lat[:, None] + dy)
    return codes[np.stack([(seen == code).sum(axis=1) for code in codes], axis=1).argmax(axis=1)]


def correct(cells: Cells, chosen: np.ndarray, code: int) -> reviews.Share:
    """How many of the chosen cells hold the class in truth."""
    return reviews.Share(int((cells.truth[chosen] == code).sum()), int(chosen.size))


def shares_of_class(cells: Cells, code: int, seed: int) -> dict[str, reviews.Share]:
    """Correct labels of the consensus and of each product, on equally many cells."""
    consistent = np.flatnonzero(cells.consensus == code)
    dice = hashing.uniform(hashing.stream(seed, "equal coverage"), cells.cell)
    shares = {"consensus": correct(cells, consistent, code)}
    for name, classes in cells.products.items():
        own = np.flatnonzero(classes == code)
        shares[name] = correct(cells, own[np.argsort(dice[own])][: consistent.size], code)
    base = next(iter(cells.products))
    own = np.flatnonzero(cells.products[base] == code)
    purest = own[np.lexsort((dice[own], -cells.purity[own].astype(int)))][: consistent.size]
    return {**shares, f"{base} purest": correct(cells, purest, code)}


def error_correlation(cells: Cells) -> np.ndarray:
    """float64[product, product]: phi of "wrong here", over cells in which both products hold a class."""
    codes = legend.seven().codes
    judged = np.isin(cells.truth, codes)
    wrong = [classes != cells.truth for classes in cells.products.values()]
    holds = [np.isin(classes, codes) & judged for classes in cells.products.values()]
    size = len(wrong)
    phi = np.eye(size)
    for i in range(size):
        for j in range(i):
            both = holds[i] & holds[j]
            phi[i, j] = phi[j, i] = np.corrcoef(wrong[i][both], wrong[j][both])[0, 1]
    return phi


def text(share: reviews.Share) -> str:
    """The share with its interval."""
    low, high = share.interval
    return f"{share.share:.3f} [{low:.3f}, {high:.3f}]"


def main() -> int:
    """Prints the two tables; 1 if the consensus does not beat every product in every class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, metavar="DIR", help="folder written by `python -m builder demo`")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the choice of equally many cells (default %(default)s)"
    )
    args = parser.parse_args()
    cells = read(args.folder)
    rows = {c.name: shares_of_class(cells, c.code, args.seed) for c in legend.seven().classes}
    names = list(next(iter(rows.values())))
    rows["all"] = {name: sum((row[name] for row in rows.values()), reviews.Share(0, 0)) for name in names}
    print("| class | cells | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 2) + "|")
    for label, shares in rows.items():
        print(f"| {label} | {shares['consensus'].reviewed} | " + " | ".join(text(shares[n]) for n in names) + " |")
    products = list(cells.products)
    print("\nCorrelation (phi) of errors:\n\n| | " + " | ".join(products) + " |\n" + "|---" * (len(products) + 1) + "|")
    for name, row in zip(products, error_correlation(cells), strict=True):
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + " |")
    best = [label for label, s in rows.items() if any(s[n].share > s["consensus"].share for n in names[1:])]
    print("\nConsensus is beaten in: " + (", ".join(best) or "no class"))
    return 1 if best else 0


if __name__ == "__main__":
    sys.exit(main())
