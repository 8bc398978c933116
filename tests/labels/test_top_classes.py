"""The most frequent classes, and all else as one."""

import numpy as np
import pytest

from covermap.core.errors import LabelError, ProjectError
from covermap.core.legend import Legend
from covermap.core.settings import parse
from covermap.labels.settings import LabelSettings, LegendSettings, TopLegendSettings
from covermap.labels.top_classes import TopClasses, top_classes

NAMES = Legend.of({1: "ash", 2: "beech", 3: "cedar", 4: "dogwood"})
CODES = Legend.of({0: "0", 7: "7", 9: "9", 200: "200"})


def asked(legend, **more):
    return parse(LabelSettings, {"path": "masks", "legend": legend, **more}, "p.yaml")


def chosen(pixels, legend="top 2 + other", base=NAMES):
    return top_classes(np.array(pixels), base, asked(legend))


@pytest.mark.parametrize(
    ("text", "top", "of", "other"),
    [
        ("top 4 + other", 4, None, "other"),
        ("Top 4", 4, None, "other"),
        ("top 12 of cdl + all the rest", 12, "cdl", "all the rest"),
        ({"top": 3, "of": "mine.yaml"}, 3, "mine.yaml", "other"),
    ],
)
def test_words_and_mapping_say_the_same(text, top, of, other):
    found = asked(text).legend
    assert found == TopLegendSettings(top=top, of=of, other=other)
    assert asked(text).base_legend == of


def test_other_legends_are_read_as_before():
    assert asked("cdl").base_legend == "cdl"
    assert isinstance(asked({"classes": {1: "a", 2: "b"}}).legend, LegendSettings)


@pytest.mark.parametrize(
    ("legend", "more", "said"),
    [
        ({"top": 0}, {}, r"legend\.top: .*at least 1"),
        ({"top": 4, "form": "cdl"}, {}, r"unknown key 'legend\.form'"),
        ("top 4 + other", {"complete": True}, "either `legend: top ...` or `complete`"),
    ],
)
def test_a_mistake_is_one_line(legend, more, said):
    with pytest.raises(ProjectError, match=said) as caught:
        asked(legend, **more)
    assert "\n" not in str(caught.value)


def test_the_most_frequent_stay_and_the_rest_is_counted_together():
    found = chosen([5, 70, 8, 30])
    assert found.kept == ("beech", "dogwood")
    assert found.pixels == (70, 30, 13)
    assert found.legend.names == ("other", "beech", "dogwood")


def test_text_classes_are_numbered_by_name_so_that_classes_elsewhere_change_no_id():
    more = Legend.of({1: "aaa", 2: "ash", 3: "beech", 4: "cedar", 5: "dogwood", 6: "zzz"})
    assert chosen([0, 5, 70, 8, 30, 0], base=more) == chosen([5, 70, 8, 30])


def test_codes_keep_their_ids_and_other_takes_the_smallest_left():
    assert chosen([9, 8, 1, 0], base=CODES).legend.ids == (0, 1, 7)
    assert chosen([1, 8, 9, 0], base=CODES).legend.ids == (0, 7, 9)


def test_equal_counts_go_by_id():
    assert chosen([4, 4, 4, 4]).kept == ("ash", "beech")


def test_places_lead_every_class_to_its_own_or_to_other():
    assert chosen([5, 70, 8, 30]).places(NAMES) == [0, 1, 0, 2]


@pytest.mark.parametrize("pixels", [[5, 3, 0, 0], [5, 0, 0, 0]])
def test_nothing_left_for_other_is_an_error(pixels):
    with pytest.raises(LabelError, match="so none is left for 'other'"):
        chosen(pixels)


def test_a_class_called_as_the_rest_is_an_error():
    with pytest.raises(LabelError, match="'ash' is itself one of the 2"):
        chosen([9, 8, 7, 6], "top 2 + ash")


def test_a_choice_is_read_back_as_it_was_written():
    found = chosen([5, 70, 8, 30])
    assert TopClasses.from_dict(found.to_dict()) == found
