"""Legends: ids of files and outputs of networks."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covermap.core.legend import Legend, LegendClass, choose_colors

NAMES = st.text(st.characters(codec="utf-8", categories=("L",)), min_size=1, max_size=6)
legends = st.dictionaries(st.integers(0, 65534), NAMES, min_size=1, max_size=8).filter(
    lambda names: len(set(names.values())) == len(names)
)


@given(legends, st.integers(0, 2**32 - 1))
def test_ids_and_outputs_are_two_names_of_one_class(names, seed):
    legend = Legend.of(names)
    random = np.random.default_rng(seed)
    index = random.integers(0, len(legend), (4, 5))
    valid = random.random((4, 5)) < 0.7
    ids = legend.to_ids(index, valid)
    assert ids.dtype == np.dtype(legend.dtype)
    assert np.all((ids == legend.nodata) == ~valid)
    back, known = legend.to_index(ids)
    assert np.array_equal(known, valid)
    assert np.array_equal(back[valid], index[valid])


@given(legends)
def test_a_legend_survives_json(names):
    legend = Legend.of(names)
    assert Legend.from_dict(legend.to_dict()) == legend
    assert legend.ids == tuple(sorted(names))
    assert [legend.index(name) for name in legend.names] == list(range(len(legend)))


@pytest.mark.parametrize(
    ("ids", "dtype", "nodata"),
    [((0, 254), "uint8", 255), ((0, 255), "uint16", 65535), ((65534,), "uint16", 65535)],
)
def test_nodata_is_an_id_that_no_class_has(ids, dtype, nodata):
    legend = Legend.of({number: str(number) for number in ids})
    assert (legend.dtype, legend.nodata) == (dtype, nodata)
    assert legend.to_ids(np.zeros(2, int), np.array([True, False])).tolist() == [ids[0], nodata]


def test_zero_is_a_class_like_any_other():
    legend = Legend.of({0: "water", 3: "forest"})
    assert legend.to_ids(np.array([0, 1]), np.ones(2, bool)).tolist() == [0, 3]
    index, known = legend.to_index(np.array([0, 1, 2, 3, 255]))
    assert known.tolist() == [True, False, False, True, False]
    assert index[known].tolist() == [0, 1]


def test_an_order_other_than_that_of_ids_is_kept():
    legend = Legend((LegendClass(7, "b", "#000000"), LegendClass(2, "a", "#ffffff")))
    ids = legend.to_ids(np.array([0, 1]), np.ones(2, bool))
    assert ids.tolist() == [7, 2]
    assert legend.to_index(ids)[0].tolist() == [0, 1]


def test_ids_and_names_occur_once():
    with pytest.raises(ValueError, match="id occurs twice"):
        Legend((LegendClass(1, "a", "#000000"), LegendClass(1, "b", "#000000")))
    with pytest.raises(ValueError, match="name occurs twice"):
        Legend.of({1: "a", 2: "a"})


@given(st.lists(NAMES, max_size=40, unique=True))
def test_every_class_has_a_colour_of_its_own(names):
    names = ["water", "forest", "lake", *(f"_{name}" for name in names)]
    colors = choose_colors(names)
    assert len(set(colors)) == len(names)
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in colors)
    assert colors == choose_colors(names)


def test_a_known_word_has_the_colour_that_a_reader_expects():
    blue, green = choose_colors(["Open water", "Deciduous forest"])
    assert int(blue[5:], 16) > int(blue[1:3], 16)
    assert int(green[3:5], 16) > int(green[1:3], 16)
    assert Legend.of({1: "a"}, {"a": "#123456"}).colors == ("#123456",)
