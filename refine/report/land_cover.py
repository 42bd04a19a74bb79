"""Classes as the page shows them: title, colour and definition."""

from __future__ import annotations

import dataclasses

from builder.legend import legend
from refine.artefacts import refined_map

OTHER_COLOUR = "#888888"  # of a class that is not in the legend
OTHER_CODE_COLOUR = "#999999"  # of a code that is not in the legend of the base map
NO_INDEX = -1  # of a class that is not in the legend


def by_name(name: str) -> legend.LandCoverClass:
    """The class of the legend with that name; for another name a grey class of that title, without definition."""
    for land_cover in legend.seven().classes:
        if land_cover.name == name:
            return land_cover
    return legend.LandCoverClass(NO_INDEX, legend.NODATA, name, name.replace("_", " "), "", OTHER_COLOUR)


def of_base_map() -> tuple[legend.LandCoverClass, ...]:
    """The classes of the base map; where our legend holds the same class, with its definition."""
    ours = {land_cover.name: land_cover.definition for land_cover in legend.seven().classes}
    return tuple(
        dataclasses.replace(land_cover, definition=ours.get(land_cover.name, land_cover.definition))
        for land_cover in refined_map.base_legend().classes
    )


def by_code(code: int) -> legend.LandCoverClass:
    """The class of the base map with that code; for another code a grey class that names the code."""
    for land_cover in of_base_map():
        if land_cover.code == code:
            return land_cover
    return legend.LandCoverClass(NO_INDEX, code, f"code_{code}", f"code {code}", "", OTHER_CODE_COLOUR)
