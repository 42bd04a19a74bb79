"""The sidecar of a raster (`.aux.xml`): names of classes, which no driver of GDAL can write through rasterio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from builder.legend import legend as legends

_RAT_FIELDS = (("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8))  # name, GFT_*, GFU_*


def document(categories: Sequence[Mapping[int, str]], palette: legends.Legend | None = None) -> bytes:
    """The sidecar of a raster.

    Args:
      categories: per band, class names by value; an empty mapping for a band that has none.
      palette: if given, the first band also gets a raster attribute table with its colours, which QGIS classifies by.

    Returns:
      XML in UTF-8 for `<raster file name>.aux.xml`, without a declaration: GDAL ignores a sidecar that has one.
    """
    root = ElementTree.Element("PAMDataset")
    for number, names in enumerate(categories, start=1):
        if names:
            band = ElementTree.SubElement(root, "PAMRasterBand", band=str(number))
            _add_names(band, names)
            if palette is not None and number == 1:
                _add_attribute_table(band, names, palette)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8"))


def _add_names(band: ElementTree.Element, names: Mapping[int, str]) -> None:
    """GDAL counts category names from 0, so values between two classes get empty names."""
    listed = ElementTree.SubElement(band, "CategoryNames")
    for value in range(max(names) + 1):
        ElementTree.SubElement(listed, "Category").text = names.get(value, "")


def _add_attribute_table(band: ElementTree.Element, names: Mapping[int, str], palette: legends.Legend) -> None:
    table = ElementTree.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage) in enumerate(_RAT_FIELDS):
        field = ElementTree.SubElement(table, "FieldDefn", index=str(index))
        for tag, text in (("Name", name), ("Type", kind), ("Usage", usage)):
            ElementTree.SubElement(field, tag).text = str(text)
    colours = {c.code: c.rgb for c in palette.classes}
    for index, (value, name) in enumerate(sorted(names.items())):
        row = ElementTree.SubElement(table, "Row", index=str(index))
        for cell in (value, name, *colours.get(value, (0, 0, 0))):
            ElementTree.SubElement(row, "F").text = str(cell)
