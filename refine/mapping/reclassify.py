"""Which pixels of a base map are asked again, and what becomes of each: pure functions on arrays.

Only pixels of *inconsistent* cells are reclassified, the paper's step 4. Everything else keeps its code, and a second
raster says why each pixel is as it is.
"""

from __future__ import annotations

import dataclasses
import enum

import numpy as np

from builder.legend import crosswalk, legend
from builder.maps import agreement


class Provenance(enum.IntEnum):
    """Why a pixel of the refined map holds its code. Values are those of the provenance raster."""

    NO_DATA = 0
    CONSISTENT = 1
    CONFIRMED = 2
    CHANGED = 3
    UNSURE = 4
    NO_IMAGERY = 5
    UNDETERMINED = 6
    OUTSIDE_LEGEND = 7
    OUTSIDE_REGION = 8


PROVENANCE_TITLES = {
    Provenance.NO_DATA: "no data in the base map",
    Provenance.CONSISTENT: "products agree: kept",
    Provenance.CONFIRMED: "classified: confirmed",
    Provenance.CHANGED: "classified: changed",
    Provenance.UNSURE: "classified: kept because unsure",
    Provenance.NO_IMAGERY: "kept because no imagery",
    Provenance.UNDETERMINED: "undetermined: kept",
    Provenance.OUTSIDE_LEGEND: "outside the legend: kept",
    Provenance.OUTSIDE_REGION: "outside the region or the frame: kept",
}
PROVENANCE_COLOURS = {
    Provenance.NO_DATA: "#ffffff",
    Provenance.CONSISTENT: "#d9d9d9",
    Provenance.CONFIRMED: "#4daf4a",
    Provenance.CHANGED: "#984ea3",
    Provenance.UNSURE: "#ffb000",
    Provenance.NO_IMAGERY: "#377eb8",
    Provenance.UNDETERMINED: "#969696",
    Provenance.OUTSIDE_LEGEND: "#a65628",
    Provenance.OUTSIDE_REGION: "#f0f0f0",
}
NOT_CLASSIFIED = 255  # value of the confidence raster where no chip was classified


@dataclasses.dataclass(frozen=True, eq=False)
class Refined:
    """One block of the refined map.

    codes: uint8[y, x], codes of the base map.
    confidence: uint8[y, x], calibrated probability of the predicted class in percent, NOT_CLASSIFIED elsewhere.
    provenance: uint8[y, x], values of `Provenance`.
    """

    codes: np.ndarray
    confidence: np.ndarray
    provenance: np.ndarray


def keep_all(
    base: np.ndarray, state: np.ndarray, region: np.ndarray, table: crosswalk.Crosswalk, *, source: str
) -> np.ndarray:
    """uint8[y, x]: the provenance of each pixel before anything is classified.

    Pixels to ask about are UNSURE where their cell is inconsistent, and UNDETERMINED where it is undetermined.

    Args:
      base: uint8[y, x], codes of the base map.
      state: uint8[y, x], `agreement.State` of the cell that holds each pixel's centre.
      region: bool[y, x], whether the pixel's centre is in the region asked for.
      table: crosswalk of the base map.
      source: file of the base map, for the message about unknown codes.

    Raises:
      errors.InputError: if the base map holds a code that its crosswalk lacks.
    """
    classes = crosswalk.recode(base, table, "dominant", source=source)
    provenance = np.full(base.shape, Provenance.OUTSIDE_REGION, np.uint8)
    inside = region & (state != agreement.State.NODATA)
    provenance[inside & (state == agreement.State.CONSISTENT)] = Provenance.CONSISTENT
    provenance[inside & (state == agreement.State.UNDETERMINED)] = Provenance.UNDETERMINED
    provenance[inside & (state == agreement.State.INCONSISTENT)] = Provenance.UNSURE
    provenance[classes == legend.OUTSIDE] = Provenance.OUTSIDE_LEGEND
    provenance[classes == legend.NODATA] = Provenance.NO_DATA
    return provenance


def wanted(provenance: np.ndarray, *, include_undetermined: bool) -> np.ndarray:
    """bool[y, x]: pixels to classify, given what `keep_all` returned."""
    asked = provenance == Provenance.UNSURE
    if include_undetermined:
        asked |= provenance == Provenance.UNDETERMINED
    return np.asarray(asked)


def decide(
    base: np.ndarray,
    provenance: np.ndarray,
    asked: np.ndarray,
    pictured: np.ndarray,
    probabilities: np.ndarray,
    table: crosswalk.Crosswalk,
    class_codes: np.ndarray,
    *,
    min_confidence: float,
) -> Refined:
    """The refined block: predictions that are sure enough replace base codes of another class.

    A base code that already means the predicted class stays (shrubland predicted as grass_shrub stays shrubland).

    Args:
      base: uint8[y, x], codes of the base map.
      provenance: uint8[y, x], from `keep_all`.
      asked: bool[y, x], from `wanted`; its n true pixels, row by row, are those of `pictured`.
      pictured: bool[n], whether a chip could be taken; its m true entries are those of `probabilities`.
      probabilities: float32[m, class], calibrated, each row sums to 1.
      table: crosswalk of the base map.
      class_codes: uint8[class], raster code of each class the model knows.
      min_confidence: 0..1; below it the base code is kept.
    """
    codes, confidence, provenance = base.copy(), np.full(base.shape, NOT_CLASSIFIED, np.uint8), provenance.copy()
    rows, columns = np.nonzero(asked)
    provenance[rows, columns] = Provenance.NO_IMAGERY
    rows, columns = rows[pictured], columns[pictured]
    if not len(rows):
        return Refined(codes, confidence, provenance)
    before = base[rows, columns]
    predicted = class_codes[probabilities.argmax(axis=1)]
    sure = probabilities.max(axis=1)
    same = crosswalk.recode(before, table, "dominant", source="the base map") == predicted
    changed = ~same & (sure >= min_confidence)
    codes[rows[changed], columns[changed]] = predicted[changed]
    confidence[rows, columns] = np.rint(sure * 100.0).astype(np.uint8)
    provenance[rows, columns] = np.select(
        [sure < min_confidence, same], [Provenance.UNSURE, Provenance.CONFIRMED], Provenance.CHANGED
    )
    return Refined(codes, confidence, provenance)
