"""How often the 95 % intervals of accuracy figures hold the truth, in simulated surveys.

    python -m benchmarks.coverage [--surveys 2000] [--seed 0] [--workers 1]

Seven classes with fixed areas, two of them rare. Two kinds of populations:

random  each survey has its own population: user's accuracies from 0.60-0.98, errors spread over the other classes
        at random, so that a coverage is no accident of one accuracy and one sample size. Overall accuracy, kappa and
        user's accuracy must be covered 93-97 times in 100 there.
fixed   every class has the same user's accuracy, 0.80 to 0.99, and errors fall on the other classes by their area, so
        that the omissions of a rare class are rare in every stratum and mostly not met. An average over populations
        would hide their coverage. With few errors a sample can give only few different figures, and no interval of a
        share covers near 95 % at every truth: Wilson's holds 0.99 in 91.1 % of samples of 50.

Designs: a simple random sample; a sample stratified by map class; one stratified by the classes of another map (an
older one, which agrees with the judged map at 85 % of the places). In brackets, or in the column `value +- z s.e.`, the
coverage of the symmetric interval of the textbooks.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import functools
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
FIXED_USERS = (0.80, 0.90, 0.97, 0.99)
OVERALL, KAPPA, USERS, PRODUCERS, AREA = "overall accuracy", "kappa", "user's accuracy", "producer's accuracy", "area"
PROMISED = 93.0, 97.0
Tally = dict[tuple[str, str], np.ndarray]  # {(design, figure): see `coverage`}


@dataclasses.dataclass(frozen=True)
class Population:
    """Shares of the area: cells float64[map, reference], and in strata float64[stratum, map, reference]."""

    cells: np.ndarray
    in_strata: np.ndarray


def random_population(generator: np.random.Generator) -> Population:
    """A population with the fixed map areas and random errors."""
    users = generator.uniform(0.60, 0.98, len(NAMES))
    return _population(users, np.stack([generator.dirichlet(np.ones(len(NAMES) - 1)) for _ in NAMES]))


@functools.cache
def fixed_population(users: float) -> Population:
    """A population in which every class has this user's accuracy, and errors go by area."""
    others = np.stack([np.delete(SHARES, i) / np.delete(SHARES, i).sum() for i in range(len(NAMES))])
    return _population(np.full(len(NAMES), users), others)


def _population(users: np.ndarray, errors: np.ndarray) -> Population:
    """`errors` float64[map, other class] sum to 1 in each row."""
    size = len(NAMES)
    rows = np.diag(users)
    rows[~np.eye(size, dtype=bool)] = (errors * (1.0 - users[:, None])).ravel()
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
    yield OVERALL, assessment.overall, float(accuracy.overall(truth))
    yield KAPPA, assessment.kappa, float(accuracy.kappa(truth))
    per_class = (
        (USERS, assessment.users, accuracy.users(truth)),
        (PRODUCERS, assessment.producers, accuracy.producers(truth)),
        (AREA, assessment.shares, truth.sum(axis=0)),
    )
    for label, estimates, values in per_class:
        for name, estimate, value in zip(NAMES, estimates, values.tolist(), strict=True):
            yield f"{label}, {'rare' if name in RARE else 'common'} classes", estimate, value


def coverage(size: int, users: float | None, count: int, seed: int) -> Tally:
    """{(design, figure): [hits of ours, hits of value +- z s.e., intervals, undefined]} over `count` surveys.

    Of random populations where `users` is None, else of the fixed one.
    """
    tally: Tally = collections.defaultdict(lambda: np.zeros(4, np.int64))
    z = intervals.z_value(intervals.LEVEL)
    for survey in range(count):
        purpose = f"coverage/{size}/{survey}" if users is None else f"coverage/{users}/{size}/{survey}"
        generator = np.random.default_rng(hashing.stream(seed, purpose))
        truth = random_population(generator) if users is None else fixed_population(users)
        for design, assessment in surveys(truth, size, generator):
            for figure, estimate, value in figures(assessment, truth.cells):
                known = not math.isnan(estimate.low)
                ours = estimate.low <= value <= estimate.high
                textbook = abs(estimate.value - value) <= z * estimate.standard_error
                tally[design, figure] += (known and ours, known and textbook, known, not known)
    return dict(tally)


def print_random(tallies: dict[int, Tally]) -> list[str]:
    """The table of random populations; returns the promises that are missed."""
    print("\nRandom populations.\n")
    print("| design | samples per stratum | figure | coverage | value +- z s.e. | undefined |\n|--|--|--|--|--|--|")
    missed = []
    for size, tally in tallies.items():
        for (design, figure), (ours, textbook, known, unknown) in tally.items():
            share = 100.0 * ours / known
            print(f"| {design} | {size} | {figure} | {share:.1f} | {100.0 * textbook / known:.1f} | {unknown} |")
            promised = figure in (OVERALL, KAPPA) or figure.startswith(USERS)
            if promised and not PROMISED[0] <= share <= PROMISED[1]:
                missed.append(f"{design}, {size}, {figure}: {share:.1f}")
    return missed


def print_fixed(tallies: dict[tuple[float, int], Tally]) -> None:
    """The table of fixed populations: one row per design, user's accuracy and sample size."""
    rare = [f"{label}, rare classes" for label in (USERS, PRODUCERS, AREA)]
    columns = (OVERALL, KAPPA, f"{USERS}, common classes", *rare)
    print("\nFixed populations; in brackets value +- z s.e.\n")
    print(f"| design | user's accuracy | samples per stratum | {' | '.join(columns)} | undefined |")
    print("|--" * (len(columns) + 4) + "|")
    for design in dict.fromkeys(design for tally in tallies.values() for design, _ in tally):
        for (users, size), tally in tallies.items():
            rows = [tally[design, figure] for figure in columns]
            cells = [
                f"{100.0 * ours / known:.1f} ({100.0 * textbook / known:.1f})" for ours, textbook, known, _ in rows
            ]
            unknown = sum(row[3] for row in rows)
            print(f"| {design} | {users:.2f} | {size} | {' | '.join(cells)} | {unknown} |")


def main() -> None:
    """Prints the coverage tables as Markdown; exits with an error if a promised coverage is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surveys", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    asked = [(size, users) for users in (None, *FIXED_USERS) for size in PER_STRATUM]
    with concurrent.futures.ProcessPoolExecutor(args.workers) as pool:
        sizes, users = zip(*asked, strict=True)
        counts, seeds = [args.surveys] * len(asked), [args.seed] * len(asked)
        found = dict(zip(asked, pool.map(coverage, sizes, users, counts, seeds), strict=True))
    print(f"{args.surveys} surveys per row; coverage of 95 % intervals in %.")
    missed = print_random({size: tally for (size, users), tally in found.items() if users is None})
    print_fixed({(users, size): tally for (size, users), tally in found.items() if users is not None})
    if missed:
        raise SystemExit("\nrandom populations, outside 93-97 %: " + "; ".join(missed))
    print("\nRandom populations: overall accuracy, kappa and user's accuracy are all covered 93-97 times in 100.")


if __name__ == "__main__":
    main()
