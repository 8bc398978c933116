import pytest

from covermap.core.errors import ProjectError
from covermap.core.settings import parse
from covermap.mapping.settings import MapSettings


def test_the_class_map_is_always_written_and_first():
    assert MapSettings().outputs == ("class",)
    chosen = parse(MapSettings, {"outputs": ["confidence", "class", "confidence"]}, "map")
    assert chosen.outputs == ("class", "confidence")


def test_an_unknown_output_names_the_known_ones():
    with pytest.raises(ProjectError, match="'margin', 'entropy', 'probability' or 'value'"):
        parse(MapSettings, {"outputs": ["certainty"]}, "map")


@pytest.mark.parametrize("tile", [32, 100, 0, -64])
def test_a_tile_that_no_network_can_take_is_refused(tile):
    with pytest.raises(ProjectError, match="multiple of 32 from 64 on"):
        parse(MapSettings, {"tile": tile}, "map")


def test_a_tile_may_be_left_to_the_program():
    assert parse(MapSettings, {"tile": "auto"}, "map").tile == "auto"
    assert parse(MapSettings, {"tile": 512}, "map").tile == 512


def test_polygons_are_no_raster_of_the_network():
    chosen = parse(MapSettings, {"outputs": ["polygons", "margin"], "min_area_m2": 500}, "map")
    assert chosen.outputs == ("class", "polygons", "margin")
    assert chosen.rasters == ("class", "margin")


def test_a_minimum_mapping_unit_without_polygons_is_refused():
    with pytest.raises(ProjectError, match=r"min_area_m2 .* polygons.*outputs: \[polygons\]"):
        parse(MapSettings, {"min_area_m2": 500}, "map")
    with pytest.raises(ProjectError, match=r"min_area_m2: expected more than 0"):
        parse(MapSettings, {"outputs": ["polygons"], "min_area_m2": 0}, "map")


def test_a_type_of_probabilities_without_them_is_refused():
    with pytest.raises(ProjectError, match=r"probability_type: float32 .*outputs: \[probability\]"):
        parse(MapSettings, {"probability_type": "float32"}, "map")
    parse(MapSettings, {"probability_type": "uint8"}, "map")
    parse(MapSettings, {"probability_type": "float32", "outputs": ["probability"]}, "map")
