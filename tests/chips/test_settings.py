"""What a project may say about chips."""

import pytest

from covermap.chips.settings import ChipSettings, SplitSettings
from covermap.core.errors import ProjectError
from covermap.core.settings import parse


def test_a_list_of_classes_asks_for_a_pixel_of_any():
    assert ChipSettings(classes=["water", 7]).classes == {"water": 0.0, "7": 0.0}
    assert ChipSettings(classes={"water": 0.2}).classes == {"water": 0.2}


def test_nothing_is_filtered_unless_asked_for():
    assert not ChipSettings().filters
    assert ChipSettings(max_cloud=0.15).filters
    assert ChipSettings(classes=["water"]).filters


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"size": 50}, "try 64"),
        ({"size": 64, "stride": 96}, "at most 64"),
        ({"stride": 32, "place": "random"}, "leave it out with place: random"),
        ({"count": 9}, "add place: random"),
        ({"place": "whole", "size": 64}, "leave size out"),
        ({"place": "around"}, "'around-labels'"),
        ({"min_valid": 80}, "at most 1"),
        ({"classes": {"water": 1}}, "less than 1"),
        ({"classes": []}, "must name a class"),
        ({"max_clouds": 0.1}, "did you mean 'max_cloud'"),
    ],
)
def test_a_mistake_says_what_to_write(values, told):
    with pytest.raises(ProjectError, match=r"project\.yaml") as error:
        parse(ChipSettings, values, "project.yaml")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"by": "random", "folds": 4}, "`folds` belongs to `by: auto` or `by: blocks`"),
        ({"by": "list", "train": "a", "test": "b", "folds": 5}, "`folds` belongs to"),
        ({"by": "date", "train": "2021", "test": "2022", "folds": 5}, "leave one of them out"),
        ({"by": "blocks", "folds": "each"}, "write folds: 5, or by: images"),
        ({"keep": "old/chips.parquet", "folds": 3}, "leave folds out"),
        ({"keep": "old/chips.parquet", "buffer_m": 100}, "leave buffer_m out"),
        (
            {"by": "polygons", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
            "leave fractions out (folds: 5",
        ),
    ],
)
def test_what_another_key_makes_meaningless_is_refused(values, message):
    with pytest.raises(ProjectError) as caught:
        parse(SplitSettings, values, "split")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"by": "images", "together": "(["}, "is no regular expression"),
        ({"by": "images", "together": "tile"}, "catches nothing"),
        ({"by": "blocks", "together": "(a)"}, "`together` belongs to `by: images`"),
    ],
)
def test_a_pattern_of_names_that_cannot_be(values, message):
    with pytest.raises(ProjectError) as caught:
        parse(SplitSettings, values, "split")
    assert message in str(caught.value)
