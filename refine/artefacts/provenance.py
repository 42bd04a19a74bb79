"""Why a pixel of a refined map holds its code: the values of the provenance raster, with titles and colours."""

from __future__ import annotations

import enum

from builder.legend import legend as legends


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

    @property
    def title(self) -> str:
        """The reason in words."""
        return _SHOWN[self][0]

    @property
    def colour(self) -> str:
        """#rrggbb, in the provenance raster and on pages."""
        return _SHOWN[self][1]


_SHOWN = {
    Provenance.NO_DATA: ("no data in the base map", "#ffffff"),
    Provenance.CONSISTENT: ("consistent: kept", "#d9d9d9"),
    Provenance.CONFIRMED: ("classified: confirmed", "#4daf4a"),
    Provenance.CHANGED: ("classified: changed", "#984ea3"),
    Provenance.UNSURE: ("classified: kept because unsure", "#ffb000"),
    Provenance.NO_IMAGERY: ("kept because no imagery", "#377eb8"),
    Provenance.UNDETERMINED: ("undetermined: kept", "#969696"),
    Provenance.OUTSIDE_LEGEND: ("outside the legend: kept", "#a65628"),
    Provenance.OUTSIDE_REGION: ("outside the region or the frame: kept", "#f0f0f0"),
}
CLASSIFIED = (Provenance.CONFIRMED, Provenance.CHANGED, Provenance.UNSURE)
UNSEEN = (Provenance.NO_DATA, Provenance.OUTSIDE_REGION)  # pixels that are not part of the refined region


def legend() -> legends.Legend:
    """Names and colours of the provenance raster; 0 is its nodata."""
    kinds = [kind for kind in Provenance if kind]
    return legends.Legend(
        "provenance",
        tuple(
            legends.LandCoverClass(i, int(kind), kind.name.lower(), kind.title, "", kind.colour)
            for i, kind in enumerate(kinds)
        ),
    )
