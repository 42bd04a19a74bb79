"""Reclassification of a block as pure functions on arrays: which pixels to classify, and which code each one gets.

Only pixels of *inconsistent* cells are reclassified: the last step of the published method, which refines GlobeLand30
where the products contradict it. Everything else keeps its code. The provenance raster says why each pixel holds its
code.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from builder.legend import crosswalk, legend
from builder.maps import agreement
from refine.artefacts import refined_map
from refine.artefacts.provenance import Provenance

BASE_TRUST = 0.5  # where products disagree, the base map is as likely right as wrong before the picture is seen
MIN_CONFIDENCE = 0.5
SMALLEST = 1e-12  # the least probability: two opposite certainties must not divide by 0


@dataclasses.dataclass(frozen=True, eq=False)
class Refined:
    """One block of the refined map.

    codes: uint8[y, x], codes of the base map.
    confidence: uint8[y, x], probability in percent of the class that the map holds, given picture and base map;
      `refined_map.NOT_CLASSIFIED` where no picture was classified.
    provenance: uint8[y, x], values of `provenance.Provenance`.
    """

    codes: np.ndarray
    confidence: np.ndarray
    provenance: np.ndarray


def provenance_before(
    base: np.ndarray, state: np.ndarray, region: np.ndarray, table: crosswalk.Crosswalk, *, source: str
) -> np.ndarray:
    """uint8[y, x]: the provenance of each pixel before anything is classified.

    UNSURE marks the pixels of inconsistent cells, which are to be classified: it stands until a picture makes them
    CONFIRMED or CHANGED, and stays where no class is likely enough.

    Args:
      base: uint8[y, x], codes of the base map.
      state: uint8[y, x], `agreement.State` of the cell that holds each pixel's centre.
      region: bool[y, x], whether the pixel's centre is in the requested region.
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
    provenance[inside & (classes == legend.OUTSIDE)] = Provenance.OUTSIDE_LEGEND
    provenance[classes == legend.NODATA] = Provenance.NO_DATA
    return provenance


def to_classify(provenance: np.ndarray, *, include_undetermined: bool) -> np.ndarray:
    """bool[y, x]: the pixels to classify, given the provenance from `provenance_before`."""
    asked = provenance == Provenance.UNSURE
    if include_undetermined:
        asked |= provenance == Provenance.UNDETERMINED
    return np.asarray(asked)


@dataclasses.dataclass(frozen=True, eq=False)
class Rule:
    """When a prediction replaces the code of the base map.

    class_codes: uint8[class], raster code of each class the model knows.
    base_trust: 0..1, probability that the base map is right where products disagree, before any picture is seen. The
      picture must outweigh it: where it cannot tell two classes apart, the base map's class stays.
    min_confidence: 0..1; a pixel whose new class is less probable than this keeps its code.
    """

    class_codes: np.ndarray
    base_trust: float = BASE_TRUST
    min_confidence: float = MIN_CONFIDENCE


def weighed(probabilities: np.ndarray, base_classes: np.ndarray, rule: Rule) -> np.ndarray:
    """float64[n, class]: probabilities given the picture and the base map's class, each row sums to 1.

    Bayes' rule for two independent witnesses. The prior of the base map's class is `base_trust`; the other classes
    share the rest equally. The model was trained on equally many examples of each class, so its probabilities are
    proportional to likelihoods. A trust of 1 / classes does not change them, nor does a class that the model lacks.

    Args:
      probabilities: float[n, class], calibrated, from the picture alone.
      base_classes: uint8[n], code of the base map's class in the legend.
      rule: trust and class codes.
    """
    classes = len(rule.class_codes)
    is_base = rule.class_codes[np.newaxis] == base_classes[:, np.newaxis]
    prior = np.where(is_base, rule.base_trust, (1.0 - rule.base_trust) / max(1, classes - 1))
    prior[~is_base.any(axis=1)] = 1.0
    joint = np.maximum(probabilities, SMALLEST) * np.maximum(prior, SMALLEST)
    shares: np.ndarray = joint / joint.sum(axis=1, keepdims=True)
    return shares


def decide(
    base: np.ndarray,
    provenance: np.ndarray,
    asked: np.ndarray,
    pictured: np.ndarray,
    probabilities: np.ndarray,
    table: crosswalk.Crosswalk,
    rule: Rule,
) -> Refined:
    """The refined block: predictions that outweigh the base map and are sure enough replace codes of another class.

    A base code that already means the predicted class stays (shrubland predicted as grass_shrub stays shrubland).

    Args:
      base: uint8[y, x], codes of the base map.
      provenance: uint8[y, x], from `provenance_before`.
      asked: bool[y, x], from `to_classify`; its n true pixels, row by row, are those of `pictured`.
      pictured: bool[n], whether a chip could be taken; its m true entries are those of `probabilities`.
      probabilities: float32[m, class], calibrated, each row sums to 1.
      table: crosswalk of the base map.
      rule: class codes, trust in the base map, least confidence.
    """
    codes, confidence, provenance = (
        base.copy(),
        np.full(base.shape, refined_map.NOT_CLASSIFIED, np.uint8),
        provenance.copy(),
    )
    rows, columns = np.nonzero(asked)
    provenance[rows, columns] = Provenance.NO_IMAGERY
    rows, columns = rows[pictured], columns[pictured]
    if not len(rows):
        return Refined(codes, confidence, provenance)
    before = crosswalk.recode(base[rows, columns], table, "dominant", source="the base map")
    shares = weighed(probabilities, before, rule)
    seen = probabilities.argmax(axis=1)
    predicted, likely = rule.class_codes[seen], shares[np.arange(len(seen)), seen]
    of_base = (shares * (rule.class_codes[np.newaxis] == before[:, np.newaxis])).sum(axis=1)  # 0: a class it lacks
    is_same, is_sure = predicted == before, (likely >= rule.min_confidence) & (likely >= of_base)
    changed = ~is_same & is_sure
    codes[rows[changed], columns[changed]] = predicted[changed]
    confidence[rows, columns] = np.rint(np.where(changed, likely, of_base) * 100.0).astype(np.uint8)
    provenance[rows, columns] = np.select(
        [~is_sure, is_same], [Provenance.UNSURE, Provenance.CONFIRMED], Provenance.CHANGED
    )
    return Refined(codes, confidence, provenance)
