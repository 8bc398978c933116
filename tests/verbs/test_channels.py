"""Which bands the scenes of a project have in common."""

from types import SimpleNamespace

import pytest

from covermap.core.errors import ProjectError
from covermap.imagery.raster import Band
from covermap.verbs.channels import common_bands, left_out


def scene(name, *bands):
    return SimpleNamespace(name=name, bands=[Band(band, "dn") for band in bands])


@pytest.mark.parametrize("grey", [1, 2])
def test_a_few_grey_pictures_take_no_colour_from_all_others(grey):
    scenes = [scene(f"p{number}", "red", "green", "blue") for number in range(20)]
    scenes[3:3] = [scene(f"grey{number}", "red") for number in range(grey)]
    with pytest.raises(ProjectError, match=r"grey0.* ha(s|ve) no green, blue, .*bands: \[red\]"):
        common_bands(scenes)


def test_where_many_scenes_lack_a_band_the_others_are_common():
    scenes = [scene(f"p{number}", "red", "green") for number in range(8)]
    assert common_bands([*scenes, scene("grey", "red")]) == ["red"]


def test_bands_that_a_scene_lacks_are_told():
    scenes = [scene("a", "red", "nir", "x"), scene("b", "nir", "red"), scene("c", "nir", "y")]
    assert common_bands(scenes) == ["nir"]
    assert left_out(scenes) == "red (not in c), x (not in b and 1 more), y (not in a and 1 more)"
    assert left_out(scenes[:1]) == left_out([]) == ""
