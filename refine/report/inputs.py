"""What a report reads of a map and its frame, and whether the inputs belong together."""

from __future__ import annotations

import dataclasses
import pathlib

from builder.chips import imagery_toml
from builder.frame import frame as frames
from refine.artefacts import comparison as comparisons
from refine.artefacts import refined_map

DIGEST_SHOWN = 16  # characters of a digest that tell two files apart for a reader


@dataclasses.dataclass(frozen=True)
class MapFiles:
    """A refined map, and the map before it; `base` None leaves out the layer "before"."""

    refined: refined_map.RefinedMap
    base: pathlib.Path | None

    @classmethod
    def open(cls, refined: pathlib.Path, base: pathlib.Path | None) -> MapFiles:
        """The maps at two paths, which belong together.

        Raises:
          errors.InputError: naming the file that is missing, damaged, on another grid, or not the base that was
            refined.
        """
        opened = refined_map.RefinedMap.open(refined)
        if base is not None:
            opened.check_base(base)
        return cls(opened, base)


def imagery_of(frame: frames.Frame | None) -> imagery_toml.Imagery | None:
    """The imagery settings of a frame; None where it has none.

    Raises:
      errors.InputError: if its imagery.toml cannot be read.
    """
    return imagery_toml.read(frame.imagery_file) if frame is not None and frame.imagery_file.is_file() else None


def mismatches(
    tags: refined_map.MapTags, imagery: imagery_toml.Imagery | None, compared: comparisons.Comparison | None
) -> tuple[str, ...]:
    """A sentence for each input that is not the one that the map was made with; empty where all belong together.

    Args:
      tags: of the refined map.
      imagery: settings of the frame.
      compared: the strategies of the page.
    """
    sentences = []
    rules, model = tags.imagery_rules, tags.model_sha256
    if imagery is not None and rules is not None and rules != imagery.digest:
        sentences.append(
            "The frame's imagery.toml is not the one that the map was made with (its digest "
            f"{imagery.digest[:DIGEST_SHOWN]}…, the map's {rules[:DIGEST_SHOWN]}…): the pictures on this page may not "
            "be those that the model saw."
        )
    if compared is not None and model is not None and model not in compared.names_of_models:
        sentences.append(
            f"The map's model (SHA-256 {model[:DIGEST_SHOWN]}…) is not among the compared ones: the accuracies on this "
            "page are those of other models."
        )
    return tuple(sentences)


def model_name(tags: refined_map.MapTags, compared: comparisons.Comparison | None) -> str | None:
    """The strategy whose model made the map, if it is among the compared ones."""
    if compared is None or tags.model_sha256 is None:
        return None
    return compared.names_of_models.get(tags.model_sha256)
