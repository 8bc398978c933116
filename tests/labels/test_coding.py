"""What codes and colours mean."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covermap.core.errors import LabelError, ProjectError
from covermap.core.settings import parse
from covermap.labels.coding import (
    coding_of,
    legend_settings,
    packed_color,
    packed_colors,
    shipped_legends,
    unpacked,
)
from covermap.labels.settings import LegendSettings


def coding(**legend):
    return coding_of(parse(LegendSettings, legend, "legend"))


def shipped(name, tmp_path):
    return coding_of(legend_settings(name, tmp_path))


def test_codes_merge_are_ignored_or_unknown():
    found = coding(classes={7: {"name": "wood", "codes": [70, 71, 75]}, 2: "water"}, ignore=[0])
    assert found.legend.names == ("water", "wood")
    assert found.of_codes(np.array([[2, 70, 71], [75, 0, 9]])).tolist() == [[0, 1, 1], [1, -1, -2]]


def test_colours_in_codes_merge_classes_of_masks():
    found = coding(
        classes={
            1: {"name": "built", "color": "#0000FF", "codes": ["#3C1098", "#6ec1e4"]},
            2: {"name": "water", "codes": [7, "#e2a929"]},
        }
    )
    assert found.legend.colors == ("#0000ff", "#e2a929")
    colors = [packed_color(color) for color in ("#3c1098", "#6ec1e4", "#e2a929", "#0000ff")]
    assert found.of_colors(np.array(colors), 0).tolist() == [0, 0, 1, -2]
    assert found.of_codes(np.array([1, 7, 2])).tolist() == [0, 1, -2]


def test_ids_of_a_shipped_source_mean_their_colours(tmp_path):
    legend = {"source": "dubai", "classes": {1: {"name": "built", "codes": [1, 3]}, 5: "lake"}}
    found = coding_of(legend_settings(parse(LegendSettings, legend, "legend"), tmp_path))
    colors = [packed_color(color) for color in ("#3c1098", "#6ec1e4", "#e2a929", "#9b9b9b")]
    assert found.of_colors(np.array(colors), 0).tolist() == [0, 0, 1, -1]
    assert found.of_codes(np.array([1, 3, 5, 2])).tolist() == [0, 0, 1, -2]


def test_classes_numbered_otherwise_than_in_their_source_keep_their_colours(tmp_path):
    legend = {
        "source": "dubai",
        "classes": {
            1: {"name": "water", "color": "#e2a929"},
            2: {"name": "built", "color": "#ff0000", "codes": [1, 3]},
        },
        "other": 2,
    }
    with pytest.raises(ProjectError, match="1 means both"):
        parse(LegendSettings, legend, "legend")
    legend["classes"][1]["codes"] = [9]
    found = coding_of(legend_settings(parse(LegendSettings, legend, "legend"), tmp_path))
    assert found.legend.colors == ("#e2a929", "#ff0000")
    assert found.colors == {
        packed_color("#e2a929"): 0,
        packed_color("#3c1098"): 1,
        packed_color("#6ec1e4"): 1,
        packed_color("#9b9b9b"): -1,
    }


def test_two_classes_of_one_colour_of_their_source_are_told(tmp_path):
    classes = {7: {"name": "road", "color": "#6ec1e4"}, 8: {"name": "way", "codes": [3]}}
    legend = parse(LegendSettings, {"source": "dubai", "classes": classes}, "legend")
    with pytest.raises(ProjectError, match="colours of dubai: #6ec1e4 means both 'road' and 'way'"):
        legend_settings(legend, tmp_path)


def test_other_takes_every_code_that_nothing_names():
    found = coding(classes={0: {"name": "other", "codes": []}, 1: "corn"}, other=0, ignore=[81])
    assert found.of_codes(np.array([1, 5, 0, 81, 254])).tolist() == [1, 0, 0, -1, 0]


def test_the_corn_belt_keeps_four_covers_and_neither_background_nor_cloud(tmp_path):
    found = shipped("cdl-corn-belt", tmp_path)
    codes = np.array([1, 5, 141, 176, 24, 111, 0, 81])
    names = [found.legend.names[p] if p >= 0 else None for p in found.of_codes(codes)]
    kept = ["corn", "soybeans", "deciduous forest", "grass/pasture"]
    assert names == [*kept, "other", "other", None, None]


@pytest.mark.parametrize("name", shipped_legends())
def test_each_shipped_legend_names_its_source_and_all_it_holds(name, tmp_path):
    settings = legend_settings(name, tmp_path)
    assert settings.source
    found = coding_of(settings)
    assert len(found.legend) >= 2
    assert set(found.codes.values()) | {found.other} >= set(range(len(found.legend)))


def test_shipped_legends_hold_the_published_codes_and_colours(tmp_path):
    assert len(shipped("urban-atlas", tmp_path).legend) == 27
    assert len(shipped("urban-atlas-10", tmp_path).legend) == 10
    assert len(shipped("urban-atlas-6", tmp_path).legend) == 6
    assert len(shipped("ghana", tmp_path).legend) == 24
    zurich = shipped("zurich", tmp_path)
    assert zurich.legend.names[zurich.colors[packed_color("#000000")]] == "roads"
    assert zurich.colors[packed_color("#ffffff")] == -1
    assert shipped("landcover-ai", tmp_path).codes[0] == 0
    assert shipped("landcovernet", tmp_path).codes[0] == -1


@pytest.mark.parametrize("merged", ["urban-atlas-10", "urban-atlas-6"])
def test_merged_urban_atlas_legends_take_every_code_of_the_whole_one(merged, tmp_path):
    whole, few = shipped("urban-atlas", tmp_path), shipped(merged, tmp_path)
    assert set(few.codes) == set(whole.codes)


@given(
    red=st.integers(-15, 15), green=st.integers(-15, 15), blue=st.integers(-15, 15),
    color=st.sampled_from(["#00ffff", "#ffff00", "#ff00ff", "#00ff00", "#0000ff", "#ffffff"]),
)  # fmt: skip
def test_noise_about_a_colour_does_not_change_its_class(red, green, blue, color):
    found = coding_of(legend_settings("deepglobe", Path()))
    noisy = np.clip(unpacked(np.array([packed_color(color)]))[0] + [red, green, blue], 0, 255)
    packed = packed_colors(*noisy.astype(int)[:, None])
    assert found.of_colors(packed, None)[0] == found.colors[packed_color(color)]
    if red or green or blue:
        assert found.of_colors(packed, 0)[0] in (-2, found.colors[packed_color(color)])


def test_a_colour_far_from_all_is_unknown():
    found = coding(
        classes={1: {"name": "a", "color": "#ff0000"}, 2: {"name": "b", "color": "#00ff00"}}
    )
    assert found.of_colors(np.array([packed_color("#808080")]), None)[0] == -2
    assert found.of_colors(np.array([packed_color("#f01010")]), None)[0] == 0


@pytest.mark.parametrize(
    ("legend", "told"),
    [
        ({"classes": {1: "a", 2: "a"}}, "'a' stands for two classes"),
        ({"classes": {1: {"name": "a", "codes": [5]}, 5: "b"}}, "5 means both 'a' and 'b'"),
        ({"classes": {1: {"name": "a", "color": "red"}}}, "#rrggbb"),
        (
            {"classes": {1: {"name": "a", "color": "#3c1098"}, 6: {"name": "a", "codes": [4, 6]}}},
            re.escape('1: {name: a, codes: ["#3c1098", 4, 6]}'),
        ),
        (
            {"classes": {1: {"name": "a", "color": ["#3c1098", "#6ec1e4"]}}},
            re.escape('stand in codes: ["#3c1098", "#6ec1e4"]'),
        ),
        ({"classes": {1: {"name": "a", "codes": ["blue"]}}}, "whole numbers and colours such as"),
        ({"classes": {1: "a"}, "other": 3}, "`other` is 3"),
        ({"classes": {70000: "a"}}, "0..65534"),
        ({"classes": {1: {"name": "a", "colour": "#ff0000"}}}, "did you mean 'color'"),
        ({}, "key 'classes' is missing"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_legend_is_told(legend, told):
    with pytest.raises(ProjectError, match=told):
        parse(LegendSettings, legend, "legend")


def test_an_unknown_legend_is_told_with_the_nearest_shipped_one(tmp_path):
    with pytest.raises(LabelError, match="did you mean 'deepglobe'"):
        legend_settings("deepglob", tmp_path)


def test_a_legend_may_be_a_file_beside_the_project(tmp_path):
    (tmp_path / "mine.yaml").write_text("classes: {3: reed}\nsource: me\n")
    assert coding_of(legend_settings("mine.yaml", tmp_path)).legend.names == ("reed",)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_legend_in_another_encoding_is_an_error_of_one_line(tmp_path, encoding):
    (tmp_path / "mine.yaml").write_text("classes: {1: forêt}", encoding=encoding)
    with pytest.raises(ProjectError, match=r"mine\.yaml: is no text in UTF-8; save it as that"):
        legend_settings("mine.yaml", tmp_path)


@pytest.mark.parametrize(
    ("text", "found"),
    [("{0: no, 1: yes}", "class 0 .* reads False"), ("{1: , 2: a}", "class 1 .* reads nothing")],
)
def test_a_name_that_yaml_does_not_read_as_one_is_refused(tmp_path, text, found):
    (tmp_path / "mine.yaml").write_text(f"classes: {text}")
    with pytest.raises(ProjectError, match=found):
        legend_settings("mine.yaml", tmp_path)
