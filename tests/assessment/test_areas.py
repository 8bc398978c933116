import pytest

from covermap.assessment.areas import class_areas, class_pixels
from covermap.core.legend import Legend

LEGEND = Legend.of({0: "water", 7: "forest", 9: "road"})


def test_square_metres_become_hectares_and_shares():
    areas = class_areas({0: 25_000.0, 7: 75_000.0}, LEGEND)
    assert [(a.name, a.hectares, a.share) for a in areas] == [
        ("water", 2.5, 0.25),
        ("forest", 7.5, 0.75),
        ("road", 0.0, 0.0),
    ]


def test_a_map_of_nothing_has_no_shares():
    assert [area.share for area in class_areas({}, LEGEND)] == [None, None, None]


def test_an_id_outside_the_legend_is_an_error():
    with pytest.raises(ValueError, match="255"):
        class_areas({255: 1.0}, LEGEND)


def test_pictures_have_pixels_and_shares_but_no_hectares():
    assert [(a.hectares, a.pixels, a.share) for a in class_pixels({7: 30, 9: 10}, LEGEND)] == [
        (None, 0, 0.0),
        (None, 30, 0.75),
        (None, 10, 0.25),
    ]
