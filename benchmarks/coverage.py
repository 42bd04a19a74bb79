"""Do the 95 % intervals of accuracy figures hold the truth 95 times in 100? Measured on simulated surveys.

    python benchmarks/coverage.py [--surveys 2000] [--seed 0]

Each survey has a population of its own: seven classes with fixed areas (two of them rare), user's accuracies drawn from
0.60-0.98, errors spread over the other classes at random. So a coverage is not an accident of one accuracy and one
sample size. Designs: a simple random sample; a sample stratified by map class; one stratified by the classes of another
map (an older one, which agrees with the judged map at 85 % of the places). For comparison the column
`value +- z s.e.` gives the coverage of the symmetric interval of the textbooks.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from builder import hashing
from refine.accuracy import accuracy, estimators, intervals

NAMES = ("artificial", "bareland", "cultivated", "forest", "grass_shrub", "snow_ice", "water")
SHARES = np.array([0.0075, 0.165, 0.135, 0.27, 0.33, 0.02, 0.0725])
RARE = ("artificial", "snow_ice")
OLD_MAP_AGREES = 0.85
PER_STRATUM = (50, 100, 200)


@dataclasses.dataclass(frozen=True)
class Population:
    """Shares of the area: cells float64[map, reference], and in strata float64[stratum, map, reference]."""

    cells: np.ndarray
    in_strata: np.ndarray


def population(generator: np.random.Generator) -> Population:
    """A population with the fixed map areas and random errors."""
    size = len(NAMES)
    rows = np.zeros((size, size))
    for i, users in enumerate(generator.uniform(0.60, 0.98, size)):
        rows[i, np.arange(size) != i] = generator.dirichlet(np.ones(size - 1)) * (1.0 - users)
        rows[i, i] = users
    cells = SHARES[:, None] * rows
    strays = (1.0 - OLD_MAP_AGREES) * SHARES[:, None] * np.ones((size, size))
    given_map = OLD_MAP_AGREES * np.eye(size) + strays  # [stratum, map]: P(stratum | map), independent of the reference
    given_map /= given_map.sum(axis=0)
    return Population(cells, given_map[:, :, None] * cells[None])


def surveys(
    truth: Population, size: int, generator: np.random.Generator
) -> Iterator[tuple[str, estimators.Assessment]]:
    """(design, assessment) of one survey per design, with `size` samples per stratum or per class on average."""
    classes = len(NAMES)
    areas = dict(zip(NAMES, SHARES.tolist(), strict=True))
    drawn = generator.multinomial(size * classes, truth.cells.ravel()).reshape(classes, classes)
    yield "simple random", estimators.simple_random(accuracy.Confusion(drawn, NAMES))
    rows = np.stack([generator.multinomial(size, row / row.sum()) for row in truth.cells])
    yield "stratified by map class", estimators.olofsson(accuracy.Confusion(rows, NAMES), areas)
    strata = np.stack([generator.multinomial(size, part.ravel() / part.sum()) for part in truth.in_strata])
    cell = np.concatenate([np.repeat(np.arange(classes**2), counts) for counts in strata])
    sizes = dict(zip(NAMES, truth.in_strata.sum(axis=(1, 2)).tolist(), strict=True))
    labels = [name for name in NAMES for _ in range(size)]
    yield "other strata", estimators.stehman(labels, cell // classes, cell % classes, NAMES, sizes)


def figures(assessment: estimators.Assessment, truth: np.ndarray) -> Iterator[tuple[str, intervals.Estimate, float]]:
    """(figure, its estimate, its true value)."""
    yield "overall accuracy", assessment.overall, float(accuracy.overall(truth))
    yield "kappa", assessment.kappa, float(accuracy.kappa(truth))
    per_class = (
        ("user's accuracy", assessment.users, accuracy.users(truth)),
        ("producer's accuracy", assessment.producers, accuracy.producers(truth)),
        ("area", assessment.shares, truth.sum(axis=0)),
    )
    for label, estimates, values in per_class:
        for name, estimate, value in zip(NAMES, estimates, values.tolist(), strict=True):
            yield f"{label}, {'rare' if name in RARE else 'common'} classes", estimate, value


def coverage(size: int, count: int, seed: int) -> dict[tuple[str, str], np.ndarray]:
    """{(design, figure): [hits of ours, hits of value +- z s.e., intervals, undefined]} over `count` surveys."""
    tally: dict[tuple[str, str], np.ndarray] = collections.defaultdict(lambda: np.zeros(4, np.int64))
    z = intervals.z_value(intervals.LEVEL)
    for survey in range(count):
        generator = np.random.default_rng(hashing.stream(seed, f"coverage/{size}/{survey}"))
        truth = population(generator)
        for design, assessment in surveys(truth, size, generator):
            for figure, estimate, value in figures(assessment, truth.cells):
                known = not math.isnan(estimate.low)
                ours = estimate.low <= value <= estimate.high
                textbook = abs(estimate.value - value) <= z * estimate.standard_error
                tally[design, figure] += (known and ours, known and textbook, known, not known)
    return dict(tally)


def main() -> None:
    """Prints the coverage table as Markdown; leaves with an error where a promised coverage is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surveys", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(f"{args.surveys} surveys per row; coverage of 95 % intervals in %.\n")
    print("| design | samples per stratum | figure | coverage | value +- z s.e. | undefined |\n|--|--|--|--|--|--|")
    missed = []
    for size in PER_STRATUM:
        for (design, figure), (ours, textbook, known, unknown) in coverage(size, args.surveys, args.seed).items():
            share = 100.0 * ours / known
            print(
                f"| {design} | {size} | {figure} | {share:.1f} | {100.0 * textbook / known:.1f} | {unknown} |",
                flush=True,
            )
            promised = figure in ("overall accuracy", "kappa") or figure.startswith("user's")
            if promised and not 93.0 <= share <= 97.0:
                missed.append(f"{design}, {size}, {figure}: {share:.1f}")
    if missed:
        raise SystemExit("outside 93-97 %: " + "; ".join(missed))
    print("\noverall accuracy, kappa and user's accuracy: all within 93-97 %")


if __name__ == "__main__":
    main()
