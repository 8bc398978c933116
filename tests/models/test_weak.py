"""How activation maps are read: from the project to the bundle and back."""

import json

import pytest

from covermap.core.errors import BundleError, ProjectError
from covermap.core.settings import parse
from covermap.models.combiners import Largest, Regressed, Standardised
from covermap.models.weak import MapReading, WeakSettings, reading_from_dict

REGRESSED = Regressed(((1.0, 0.0), (0.0, 1.0)), (0.5, None), ("a", "b"))


@pytest.mark.parametrize("combiner", [Largest(), Standardised("median"), REGRESSED])
def test_a_reading_comes_back_from_json_as_it_was(combiner):
    reading = MapReading(combiner, "repeat", bias=False)
    facts = json.loads(json.dumps(reading.to_dict(), allow_nan=False))
    assert reading_from_dict(facts, 2, "here") == reading


def test_bundles_that_say_nothing_take_the_largest_map_with_its_bias():
    assert reading_from_dict(None, 3, "here") == MapReading(Largest(), "bilinear", True)
    earlier = reading_from_dict({"kind": "standardised", "centre": "mean"}, 3, "here")
    assert earlier == MapReading(Standardised("mean"), "bilinear", True)


@pytest.mark.parametrize(
    "maps", [None, {}, {"upsampling": "cubic", "bias": True}, {"upsampling": "repeat", "bias": 1}]
)
def test_maps_that_no_version_makes_are_named(maps):
    with pytest.raises(BundleError, match=r"here: combiner: maps: .* expected upsampling"):
        reading_from_dict({"kind": "largest", "maps": maps}, 2, "here")


def test_a_combiner_of_other_classes_is_named():
    with pytest.raises(BundleError, match="of 2 classes, the legend has 3"):
        reading_from_dict(REGRESSED.to_dict(), 3, "here")


def test_an_unknown_combiner_is_named():
    with pytest.raises(ProjectError, match=r"weak: combiner: .*'argmax', 'standardised'"):
        parse(WeakSettings, {"combiner": "largest"}, "weak")
