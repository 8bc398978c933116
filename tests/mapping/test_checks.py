from pathlib import Path

from covermap.core.legend import Legend
from covermap.mapping.checks import self_check
from covermap.mapping.engine import MapResult

LEGEND = Legend.of({0: "water", 1: "forest"})


def _result(pixels: dict[int, int], total: int = 100) -> MapResult:
    return MapResult(
        paths={"class": Path("map.tif")},
        class_pixels=pixels,
        class_area_m2={number: 100.0 * count for number, count in pixels.items()},
        valid_pixels=sum(pixels.values()),
        total_pixels=total,
        precision="float32",
        tile=(64, 64),
    )


def test_a_map_of_several_classes_gives_no_warning():
    assert self_check(_result({0: 40, 1: 60}), LEGEND) == []


def test_a_map_of_one_class_is_told_by_name():
    (warning,) = self_check(_result({0: 0, 1: 100}), LEGEND)
    assert warning.startswith("map.tif: the whole map is 'forest', one of 2 classes")


def test_a_nearly_empty_map_is_told_with_its_share():
    (warning,) = self_check(_result({0: 4, 1: 5}, total=1000), LEGEND)
    assert "only 0.90% of the pixels" in warning
