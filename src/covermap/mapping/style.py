"""What GIS programs show of a class map: colours, class names, an attribute table, styles."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import (
    Comment,
    Element,
    ParseError,
    SubElement,
    indent,
    parse,
    tostring,
)

from covermap.core.files import complete_file
from covermap.core.legend import Legend, LegendClass

# Types and usages of GDAL's raster attribute tables (gdal.h: GDALRATFieldType, GDALRATFieldUsage).
_INTEGER, _STRING = 0, 2
_NAME, _MIN_MAX, _RED, _GREEN, _BLUE = 2, 5, 6, 7, 8
_COLUMNS = [
    ("Value", _INTEGER, _MIN_MAX), ("Class", _STRING, _NAME),
    ("Red", _INTEGER, _RED), ("Green", _INTEGER, _GREEN), ("Blue", _INTEGER, _BLUE),
]  # fmt: skip
_SLD = "http://www.opengis.net/sld"
# Programs that save a style of their own leave it out.
_MARK = "written by covermap"


def colormap(legend: Legend) -> dict[int, tuple[int, int, int, int]]:
    """Class id to red, green, blue, alpha (0..255); nodata is transparent."""
    colors = {item.id: (*_rgb(item), 255) for item in legend.classes}
    return {**colors, legend.nodata: (0, 0, 0, 0)}


def style_paths(path: Path) -> tuple[Path, Path]:
    """The styles that stand beside a class map: for QGIS, which finds it by its name, and SLD."""
    return path.with_suffix(".qml"), path.with_suffix(".sld")


def sidecar_of(path: Path) -> Path:
    """Where GDAL keeps what GeoTIFF has no place for."""
    return path.with_name(f"{path.name}.aux.xml")


def write_styles(path: Path, legend: Legend) -> None:
    """Write the styles of a class map."""
    qml, sld = style_paths(path)
    _write_style(qml, _qml(legend))
    _write_style(sld, _sld(legend, path.stem))


def write_polygon_style(path: Path, legend: Legend) -> None:
    """Write the QGIS style of a layer of polygons with a column `class_id`."""
    root = Element("qgis", version="3.0", styleCategories="Symbology")
    renderer = SubElement(root, "renderer-v2", type="categorizedSymbol", attr="class_id")
    categories = SubElement(renderer, "categories")
    symbols = SubElement(renderer, "symbols")
    for number, item in enumerate(legend.classes):
        SubElement(
            categories, "category", value=str(item.id), label=item.name, symbol=str(number),
            render="true",
        )  # fmt: skip
        symbol = SubElement(symbols, "symbol", type="fill", name=str(number), alpha="1")
        layer = SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1"})
        fill = ",".join(map(str, (*_rgb(item), 255)))
        for key, value in [
            ("color", fill), ("style", "solid"), ("outline_color", "35,35,35,255"),
            ("outline_style", "solid"), ("outline_width", "0.1"), ("outline_width_unit", "MM"),
        ]:  # fmt: skip
            SubElement(layer, "prop", k=key, v=value)
    _write_style(path, root)


def write_attributes(path: Path, legend: Legend) -> None:
    """Class names and colours beside a map, where GDAL and QGIS look for them (`.aux.xml`).

    GeoTIFF has no place for them inside. Category names are a list from 0 on, so wide ids have the
    attribute table alone.
    """
    root = Element("PAMDataset")
    band = SubElement(root, "PAMRasterBand", band="1")
    if legend.dtype == "uint8":
        names = dict(zip(legend.ids, legend.names, strict=True))
        categories = SubElement(band, "CategoryNames")
        for number in range(max(names) + 1):
            SubElement(categories, "Category").text = names.get(number, "")
    band.append(_attribute_table(legend))
    _write(sidecar_of(path), root)


def is_own_style(path: Path) -> bool:
    """Whether a file is a style as this program writes it."""
    try:
        with path.open(encoding="utf-8") as file:
            # The mark stands first of all.
            return f"<!--{_MARK}-->" in file.read(1000)
    except (OSError, UnicodeDecodeError):
        return False


def is_own_attributes(path: Path) -> bool:
    """Whether a sidecar has the attribute table of a class map, whatever GDAL added to it."""
    try:
        root = parse(path).getroot()
    except (OSError, ParseError):
        return False
    names = root.findall("PAMRasterBand/GDALRasterAttributeTable/FieldDefn/Name")
    return [item.text for item in names] == [name for name, _, _ in _COLUMNS]


def _attribute_table(legend: Legend) -> Element:
    table = Element("GDALRasterAttributeTable", tableType="thematic")
    for number, (name, kind, usage) in enumerate(_COLUMNS):
        field = SubElement(table, "FieldDefn", index=str(number))
        SubElement(field, "Name").text = name
        SubElement(field, "Type").text = str(kind)
        SubElement(field, "Usage").text = str(usage)
    for number, item in enumerate(legend.classes):
        row = SubElement(table, "Row", index=str(number))
        for value in (item.id, item.name, *_rgb(item)):
            SubElement(row, "F").text = str(value)
    return table


def _qml(legend: Legend) -> Element:
    """A QGIS layer style: unique values with their names."""
    root = Element("qgis", version="3.0", styleCategories="Symbology")
    pipe = SubElement(root, "pipe")
    renderer = SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1"
    )
    palette = SubElement(renderer, "colorPalette")
    for item in legend.classes:
        SubElement(
            palette,
            "paletteEntry",
            value=str(item.id),
            label=item.name,
            color=item.color,
            alpha="255",
        )
    return root


def _sld(legend: Legend, name: str) -> Element:
    """A Styled Layer Descriptor 1.0.0 (OGC 02-070) with a colour for each value."""
    root = Element("StyledLayerDescriptor", xmlns=_SLD, version="1.0.0")
    layer = SubElement(root, "NamedLayer")
    SubElement(layer, "Name").text = name
    style = SubElement(SubElement(layer, "UserStyle"), "FeatureTypeStyle")
    symbolizer = SubElement(SubElement(style, "Rule"), "RasterSymbolizer")
    colors = SubElement(symbolizer, "ColorMap", type="values")
    for item in sorted(legend.classes, key=lambda item: item.id):
        SubElement(
            colors, "ColorMapEntry", color=item.color, quantity=str(item.id), label=item.name
        )
    return root


def _rgb(item: LegendClass) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(item.color[1:])
    return red, green, blue


def _write_style(path: Path, root: Element) -> None:
    root.insert(0, Comment(_MARK))
    _write(path, root)


def _write(path: Path, root: Element) -> None:
    indent(root)
    with complete_file(path) as scratch:
        scratch.write_text(tostring(root, encoding="unicode") + "\n", encoding="utf-8")
