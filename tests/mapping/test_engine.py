"""The engine's files, counts, order of work, and how it goes on after a crash."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from covermap.bundle.facts import Quantity
from covermap.core.errors import ModelError, ProjectError
from covermap.core.ground_area import row_areas_m2
from covermap.mapping.engine import map_scene
from covermap.mapping.settings import MapSettings
from covermap.mapping.tiles import plan_tiles
from oracle_predictors import Constant, Convolutions, Echo, tiny_bundle
from tiny import ArrayScene, tiny_geobox

ALL = MapSettings(tile=64, outputs=("confidence", "margin", "entropy", "probability"))
BANDS = ("B02", "B03")


def noise_scene(height: int = 270, width: int = 190, **grid: object) -> ArrayScene:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(2, height, width)).astype(np.float32)
    valid = np.broadcast_to(rng.random((height, width)) > 0.1, values.shape)
    return ArrayScene(values, valid, tiny_geobox(height, width, **grid), BANDS)


def bytes_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class Failing(Convolutions):
    """A network whose computer is switched off at a certain call."""

    calls = 0
    fail_at = 10**9

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.calls >= self.fail_at:
            raise KeyboardInterrupt
        return super().probabilities(values)


def test_a_map_leaves_only_finished_files(tmp_path):
    map_scene(noise_scene(), tiny_bundle(), Convolutions(), tmp_path / "map.tif", ALL, key="k")
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "map.qml",
        "map.sld",
        "map.tif",
        "map.tif.aux.xml",
        "map_confidence.tif",
        "map_entropy.tif",
        "map_margin.tif",
        "map_probability.tif",
    ]


@pytest.mark.parametrize("fail_at", [2, 9, 13])
def test_a_killed_map_goes_on_to_the_same_bytes(tmp_path, fail_at):
    scene, bundle = noise_scene(), tiny_bundle()
    whole = Failing()
    map_scene(scene, bundle, whole, tmp_path / "whole" / "map.tif", ALL, key="k")
    killed = Failing()
    killed.fail_at = fail_at
    out = tmp_path / "killed" / "map.tif"
    with pytest.raises(KeyboardInterrupt):
        map_scene(scene, bundle, killed, out, ALL, key="k")
    assert not out.exists()
    again = Failing()
    map_scene(scene, bundle, again, out, ALL, key="k")
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")
    if fail_at > whole.calls // 2:
        assert again.calls < whole.calls


@pytest.mark.parametrize("forgotten", [False, True])
def test_only_what_is_missing_is_computed_again(tmp_path, forgotten):
    """What the last finished row left is kept; where that is lost the row is computed again."""
    scene, bundle, out = noise_scene(), tiny_bundle(), tmp_path / "map.tif"
    whole = Failing()
    tile = map_scene(scene, bundle, whole, tmp_path / "whole.tif", ALL, key="k").tile
    plan = plan_tiles(scene.geobox.shape, tile[0], whole.halo, whole.stride)
    in_a_row = whole.calls // plan.rows.count
    killed = Failing()
    killed.fail_at = 3 * in_a_row
    with pytest.raises(KeyboardInterrupt):
        map_scene(scene, bundle, killed, out, ALL, key="k")
    if forgotten:
        next(tmp_path.glob(".map.*.npz")).unlink()
    again = Failing()
    map_scene(scene, bundle, again, out, ALL, key="k")
    assert again.calls == whole.calls - (1 if forgotten else 2) * in_a_row
    assert out.read_bytes() == (tmp_path / "whole.tif").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_map_killed_twice_goes_on_to_the_same_bytes(tmp_path):
    scene, bundle = noise_scene(), tiny_bundle()
    map_scene(scene, bundle, Failing(), tmp_path / "whole" / "map.tif", ALL, key="k")
    out = tmp_path / "killed" / "map.tif"
    for fail_at in (9, 4, 2):
        killed = Failing()
        killed.fail_at = fail_at
        with pytest.raises(KeyboardInterrupt):
            map_scene(scene, bundle, killed, out, ALL, key="k")
    map_scene(scene, bundle, Failing(), out, ALL, key="k")
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")


@pytest.mark.parametrize("change", ["key", "no key", "settings", "bundle", "scratch lost"])
def test_unfinished_work_of_other_inputs_is_not_taken_up_d45(tmp_path, change):
    scene, bundle, out = noise_scene(), tiny_bundle(), tmp_path / "map.tif"
    key, chosen = "k", ALL
    killed = Failing()
    killed.fail_at = 12
    with pytest.raises(KeyboardInterrupt):
        map_scene(scene, bundle, killed, out, chosen, key=key)
    if change == "key":
        key = "other"
    elif change == "no key":
        key = ""
    elif change == "settings":
        chosen = ALL.model_copy(update={"tile": 96})
    elif change == "bundle":
        bundle = tiny_bundle(mean=0.5)
    else:
        next(tmp_path.glob(".map.class.scratch.tif")).unlink()
    reference, again = Failing(), Failing()
    map_scene(scene, bundle, reference, tmp_path / "new" / "map.tif", chosen, key=key)
    map_scene(scene, bundle, again, out, chosen, key=key)
    assert again.calls == reference.calls
    assert out.read_bytes() == (tmp_path / "new" / "map.tif").read_bytes()


def test_an_existing_map_is_replaced_only_when_the_new_one_is_complete(tmp_path):
    scene, bundle, out = noise_scene(), tiny_bundle(), tmp_path / "map.tif"
    map_scene(scene, bundle, Convolutions(seed=1), out, ALL)
    before = out.read_bytes()
    killed = Failing(seed=2)
    killed.fail_at = 9
    with pytest.raises(KeyboardInterrupt):
        map_scene(scene, bundle, killed, out, ALL)
    assert out.read_bytes() == before
    map_scene(scene, bundle, Failing(seed=2), out, ALL)
    assert out.read_bytes() != before


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        map_scene(noise_scene(), tiny_bundle(), Convolutions(), tmp_path / name / "map.tif", ALL)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_the_forwards_are_as_many_as_the_plan_says_d14(tmp_path):
    scene = ArrayScene(np.ones((2, 300, 300)), None, tiny_geobox(300, 300), BANDS)
    predictor = Constant(stride=32, halo=32)
    map_scene(scene, tiny_bundle(), predictor, tmp_path / "map.tif", MapSettings(tile=192))
    # 128 px of each tile are trusted, of which 32 are shared: 96 px steps.
    assert predictor.tiles == 9
    assert sum(bool(values.any()) for batch in predictor.seen for values in batch) == 9


def test_a_scene_of_exactly_one_tile_or_one_pixel_less_is_mapped_d12(tmp_path):
    for size in (63, 64, 65):
        scene = ArrayScene(np.full((1, size, size), 2), None, tiny_geobox(size, size), ("B02",))
        out = tmp_path / f"{size}.tif"
        map_scene(scene, tiny_bundle(("B02",)), Echo(halo=0), out, MapSettings(tile=64))
        with rasterio.open(out) as dataset:
            assert (dataset.read() == 2).all()


def test_shares_survive_as_per_cent_d47(tmp_path):
    scene = ArrayScene(np.zeros((2, 20, 30)), None, tiny_geobox(20, 30), BANDS)
    predictor = Constant(shares=(0.62, 0.07, 0.31))
    result = map_scene(scene, tiny_bundle(), predictor, tmp_path / "map.tif", ALL)
    entropy = -sum(p * np.log(p) for p in (0.62, 0.07, 0.31)) / np.log(3)
    expected = {"confidence": [62], "margin": [31], "entropy": [round(100 * entropy)]}
    expected["probability"] = [62, 7, 31]
    for name, numbers in expected.items():
        with rasterio.open(result.paths[name]) as dataset:
            assert dataset.scales == (0.01,) * len(numbers)
            assert dataset.nodata == 255
            assert dataset.read()[:, 3, 4].tolist() == numbers
    with rasterio.open(result.paths["probability"]) as dataset:
        assert dataset.descriptions == ("water", "forest", "urban")


def test_equal_probabilities_give_the_first_class(tmp_path):
    scene = ArrayScene(np.zeros((2, 20, 30)), None, tiny_geobox(20, 30), BANDS)
    predictor = Constant(shares=(0.2, 0.4, 0.4))
    result = map_scene(scene, tiny_bundle(), predictor, tmp_path / "map.tif", MapSettings())
    assert result.class_pixels == {0: 0, 1: 600, 2: 0}


def test_a_class_map_says_what_it_shows(tmp_path):
    out = tmp_path / "map.tif"
    map_scene(noise_scene(), tiny_bundle(), Convolutions(), out, ALL)
    with rasterio.open(out) as dataset:
        tags = dataset.tags()
        assert json.loads(tags["class_names"]) == {"0": "water", "1": "forest", "2": "urban"}
        assert tags["model"] == "unet"
        assert tags["precision"] == "float32"
        assert tags["software"].startswith("covermap ")
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        legend = tiny_bundle().legend
        for item in legend.classes:
            red, green, blue, alpha = dataset.colormap(1)[item.id]
            assert f"#{red:02x}{green:02x}{blue:02x}" == item.color
            assert alpha == 255
    names = (tmp_path / "map.tif.aux.xml").read_text(encoding="utf-8")
    assert "<Category>forest</Category>" in names


def test_wide_class_ids_are_written_as_uint16(tmp_path):
    bundle = tiny_bundle(first_id=255)
    scene = ArrayScene(np.zeros((2, 20, 30)), None, tiny_geobox(20, 30), BANDS)
    result = map_scene(scene, bundle, Constant(), tmp_path / "map.tif", MapSettings())
    with rasterio.open(result.paths["class"]) as dataset:
        assert dataset.dtypes == ("uint16",)
        assert dataset.nodata == 65535
        assert (dataset.read() == 256).all()


@pytest.mark.parametrize("crs", [32633, 4326, None])
def test_counts_and_areas_are_those_of_the_written_file(tmp_path, crs):
    scene = noise_scene(crs=crs)
    result = map_scene(scene, tiny_bundle(), Convolutions(), tmp_path / "map.tif", MapSettings())
    with rasterio.open(result.paths["class"]) as dataset:
        ids = dataset.read(1)
    areas = np.broadcast_to(row_areas_m2(scene.geobox)[:, None], ids.shape)
    for number in (0, 1, 2):
        assert result.class_pixels[number] == (ids == number).sum()
        assert result.class_area_m2[number] == pytest.approx(areas[ids == number].sum())
    assert result.valid_pixels == (ids != 255).sum() == scene.valid.all(axis=0).sum()


def test_a_network_whose_output_has_another_size_is_a_programming_error_d8(tmp_path):
    class Coarse(Constant):
        def probabilities(self, values: np.ndarray) -> np.ndarray:
            return super().probabilities(values)[:, :, ::4, ::4]

    with pytest.raises(ValueError, match="the predictor gave"):
        map_scene(noise_scene(), tiny_bundle(), Coarse(), tmp_path / "map.tif", MapSettings())


def test_a_network_that_gives_no_numbers_is_named(tmp_path):
    predictor = Constant(shares=(0.1, float("nan"), 0.2))
    with pytest.raises(ModelError, match="no numbers"):
        map_scene(noise_scene(), tiny_bundle(), predictor, tmp_path / "map.tif", MapSettings())
    assert not (tmp_path / "map.tif").exists()


def test_a_tile_smaller_than_the_context_is_refused_before_the_work(tmp_path):
    predictor = Constant(stride=32, halo=100)
    with pytest.raises(ProjectError, match=r"map: tile: 64 leaves nothing.*at least 256, or auto"):
        map_scene(noise_scene(), tiny_bundle(), predictor, tmp_path / "m.tif", MapSettings(tile=64))
    assert list(tmp_path.iterdir()) == []


def test_predictor_and_legend_must_agree(tmp_path):
    with pytest.raises(ValueError, match="2 outputs, the bundle has 3"):
        map_scene(
            noise_scene(), tiny_bundle(), Constant((0.5, 0.5)), tmp_path / "m.tif", MapSettings()
        )


def test_no_window_larger_than_a_tile_is_ever_read(tmp_path):
    sizes = []

    class Watched(ArrayScene):
        def read(self, names, window):
            sizes.append(window.shape)
            return super().read(names, window)

    plain = noise_scene(300, 900)
    scene = Watched(plain.values, plain.valid, plain.geobox, BANDS)
    map_scene(scene, tiny_bundle(), Constant(), tmp_path / "m.tif", MapSettings(tile=64))
    assert max(max(size) for size in sizes) <= 64


def test_files_of_an_earlier_map_do_not_stay_beside_another(tmp_path):
    scene, bundle, out = noise_scene(), tiny_bundle(), tmp_path / "map.tif"
    everything = ALL.model_copy(update={"outputs": (*ALL.outputs, "polygons")})
    plain = MapSettings(tile=64)
    map_scene(scene, bundle, Convolutions(), tmp_path / "new" / "map.tif", plain)
    map_scene(scene, bundle, Convolutions(), out, everything)
    map_scene(scene, bundle, Convolutions(), out, plain)
    (tmp_path / "new").rename(tmp_path.with_name("new"))
    assert bytes_of(tmp_path) == bytes_of(tmp_path.with_name("new"))


def test_values_over_a_class_map_have_nothing_of_its_classes(tmp_path):
    scene, out = noise_scene(), tmp_path / "map.tif"
    numbers = replace(
        tiny_bundle(names=()), task="regression", quantity=Quantity("tracks per hectare", 45.0)
    )
    map_scene(scene, tiny_bundle(), Convolutions(), out, ALL)
    map_scene(scene, numbers, Constant((0.5,)), out, MapSettings(tile=64))
    assert [path.name for path in tmp_path.iterdir()] == ["map.tif"]


def test_what_only_is_called_like_a_left_over_stays(tmp_path):
    """The maps of other scenes, and files of strangers."""
    scene, bundle = noise_scene(), tiny_bundle()
    map_scene(scene, bundle, Convolutions(), tmp_path / "map_margin.tif", MapSettings(tile=64))
    for name in ("map_polygons.gpkg", "map_polygons.qml", "map_entropy.tif"):
        (tmp_path / name).write_text("mine")
    before = bytes_of(tmp_path)
    map_scene(scene, bundle, Convolutions(), tmp_path / "map.tif", MapSettings(tile=64))
    assert bytes_of(tmp_path).items() >= before.items()


def test_scratch_files_of_a_stopped_map_with_more_outputs_go(tmp_path):
    scene, bundle, out = noise_scene(), tiny_bundle(), tmp_path / "map.tif"
    killed = Failing()
    killed.fail_at = 9
    with pytest.raises(KeyboardInterrupt):
        map_scene(scene, bundle, killed, out, ALL, key="k")
    map_scene(scene, bundle, Convolutions(), out, MapSettings(tile=64), key="k")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("lost", [None, "map.tif", "map_confidence.tif"])
def test_a_map_stopped_in_its_polygons_makes_only_them(tmp_path, monkeypatch, lost):
    scene, bundle, out = noise_scene(), tiny_bundle(), tmp_path / "stopped" / "map.tif"
    chosen = ALL.model_copy(update={"outputs": (*ALL.outputs, "polygons")})
    whole = Failing()
    wanted = map_scene(scene, bundle, whole, tmp_path / "whole" / "map.tif", chosen, key="k")

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("covermap.mapping.result.write_polygons", stopped)
        with pytest.raises(KeyboardInterrupt):
            map_scene(scene, bundle, Failing(), out, chosen, key="k")
    assert not list(out.parent.glob(".*.scratch.tif"))
    if lost is not None:
        # Another map of ours in its place does not vouch for it either.
        map_scene(scene, tiny_bundle(mean=0.5), Failing(), tmp_path / "b.tif", ALL, key="other")
        (tmp_path / lost.replace("map", "b")).replace(out.with_name(lost))
    again = Failing()
    result = map_scene(scene, bundle, again, out, chosen, key="k")
    assert again.calls == (0 if lost is None else whole.calls)
    assert result.class_pixels == wanted.class_pixels
    assert result.class_area_m2 == wanted.class_area_m2
    assert result.valid_pixels == wanted.valid_pixels
    assert bytes_of(out.parent) == bytes_of(tmp_path / "whole")
