"""Which bands the scenes of a project have in common."""

from types import SimpleNamespace

from covermap.imagery.raster import Band
from covermap.verbs.channels import common_bands, left_out


def test_bands_that_a_scene_lacks_are_told():
    def scene(name, *bands):
        return SimpleNamespace(name=name, bands=[Band(band, "dn") for band in bands])

    scenes = [scene("a", "red", "nir", "x"), scene("b", "nir", "red"), scene("c", "nir", "y")]
    assert common_bands(scenes) == ["nir"]
    assert left_out(scenes) == "red (not in c), x (not in b and 1 more), y (not in a and 1 more)"
    assert left_out(scenes[:1]) == left_out([]) == ""
