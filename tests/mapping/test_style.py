"""What GIS programs find beside a class map."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from covermap.core.legend import Legend
from covermap.mapping.style import (
    colormap,
    style_paths,
    write_attributes,
    write_polygon_style,
    write_styles,
)

NAMES = {0: "water & ice", 3: "<forest>", 7: "Äcker"}
SLD = "{http://www.opengis.net/sld}"


@pytest.fixture
def legend() -> Legend:
    return Legend.of(NAMES)


def test_a_qgis_style_names_and_colours_every_class(tmp_path, legend):
    write_styles(tmp_path / "map.tif", legend)
    root = ET.parse(tmp_path / "map.qml").getroot()
    entries = list(root.iter("paletteEntry"))
    assert [(int(e.get("value")), e.get("label")) for e in entries] == list(NAMES.items())
    assert [e.get("color") for e in entries] == list(legend.colors)
    assert root.find("pipe/rasterrenderer").get("type") == "paletted"


def test_an_sld_maps_values_to_colours(tmp_path, legend):
    write_styles(tmp_path / "map.tif", legend)
    root = ET.parse(tmp_path / "map.sld").getroot()
    assert root.find(f"{SLD}NamedLayer/{SLD}Name").text == "map"
    colors = next(root.iter(f"{SLD}ColorMap"))
    assert colors.get("type") == "values"
    assert [(int(e.get("quantity")), e.get("label")) for e in colors] == list(NAMES.items())


def test_the_attribute_table_says_value_name_and_colour(tmp_path, legend):
    write_attributes(tmp_path / "map.tif", legend)
    root = ET.parse(tmp_path / "map.tif.aux.xml").getroot()
    table = root.find("PAMRasterBand/GDALRasterAttributeTable")
    names = [field.find("Name").text for field in table.iter("FieldDefn")]
    assert names == ["Value", "Class", "Red", "Green", "Blue"]
    for row, item in zip(table.iter("Row"), legend.classes, strict=True):
        value, name, *rgb = [cell.text for cell in row]
        assert (int(value), name) == (item.id, item.name)
        assert tuple(map(int, rgb)) == colormap(legend)[item.id][:3]


def test_wide_ids_have_an_attribute_table_alone(tmp_path):
    write_attributes(tmp_path / "map.tif", Legend.of({1: "a", 900: "b"}))
    root = ET.parse(tmp_path / "map.tif.aux.xml").getroot()
    assert root.find("PAMRasterBand/CategoryNames") is None
    assert len(list(root.iter("Row"))) == 2


def test_styles_stand_beside_the_map(tmp_path):
    assert [p.name for p in style_paths(tmp_path / "map.tif")] == ["map.qml", "map.sld"]


def test_a_style_of_polygons_fills_every_class_with_its_colour(tmp_path, legend):
    write_polygon_style(tmp_path / "map_polygons.qml", legend)
    root = ET.parse(tmp_path / "map_polygons.qml").getroot()
    renderer = root.find("renderer-v2")
    assert renderer.get("attr") == "class_id"
    fills = {
        symbol.get("name"): symbol.find("layer/prop[@k='color']").get("v")
        for symbol in renderer.iter("symbol")
    }
    for category, (number, name) in zip(renderer.iter("category"), NAMES.items(), strict=True):
        assert (int(category.get("value")), category.get("label")) == (number, name)
        rgba = ",".join(map(str, colormap(legend)[number]))
        assert fills[category.get("symbol")] == rgba
