import dataclasses
from pathlib import Path

import numpy as np

from covermap.bundle.applicability import applicability_of
from covermap.bundle.folder import write_bundle
from covermap.core.legend import Legend
from covermap.mapping.checks import drift_warnings, self_check
from covermap.mapping.result import MapResult
from oracle_predictors import tiny_bundle
from tiny import ArrayScene, tiny_geobox

LEGEND = Legend.of({0: "water", 1: "forest"})


def _result(pixels: dict[int, int], total: int = 100) -> MapResult:
    return MapResult(
        paths={"class": Path("map.tif")},
        class_pixels=pixels,
        class_area_m2={number: 100.0 * count for number, count in pixels.items()},
        valid_pixels=sum(pixels.values()),
        total_pixels=total,
        engine="torch",
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


def test_a_scene_unlike_training_is_told_by_band():
    values = np.full((1, 40, 40), 0.5, np.float32)
    bundle = tiny_bundle(bands=("B02",))
    channel = dataclasses.replace(bundle.channels[0], low=0.4, high=0.6)
    bundle = dataclasses.replace(bundle, channels=(channel,))
    scene = ArrayScene(values, None, tiny_geobox(40, 40), [channel.name])
    assert drift_warnings(scene, bundle) == []
    brighter = dataclasses.replace(scene, values=values + 0.3)
    (warning,) = drift_warnings(brighter, bundle)
    assert channel.name in warning
    assert "100%" in warning


def test_a_scene_whose_bands_go_together_otherwise_is_told(tmp_path):
    generator = np.random.default_rng(1)

    def ground(slope, size=40):
        first = generator.uniform(-1, 1, (size, size))
        second = slope * first + 0.05 * generator.normal(size=(size, size))
        return np.stack([first, second]).astype(np.float32)

    bundle = tiny_bundle()
    taught = [ground(1).reshape(2, -1) for _ in range(5)]
    kept = applicability_of([pixels[:, ::8] for pixels in taught])
    weights = {"w": np.zeros(1, np.float32)}
    bundle = write_bundle(tmp_path / "bundle", bundle, weights, applicability=kept)
    like = ArrayScene(ground(1), None, tiny_geobox(40, 40), list(bundle.channel_names))
    assert drift_warnings(like, bundle) == []
    unlike = dataclasses.replace(like, values=ground(-1))
    (warning,) = drift_warnings(unlike, bundle)
    assert "unlike the training imagery in all bands taken together (" in warning
    # What cannot be mapped says nothing of what is mapped.
    values = np.where(np.arange(40) < 30, unlike.values, like.values)
    invalid = np.broadcast_to(np.arange(40) < 30, (2, 40, 40))
    half = dataclasses.replace(like, values=values, valid=~invalid)
    assert drift_warnings(half, bundle) == []
