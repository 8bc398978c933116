"""Defects found in open programs that map land cover: one test of ours for each.

The numbers are those of the list of defects that the tests of this program follow. Where a law
already has the test, it stands there and not here:

=====  ===================================================  ========================================
D      what does not occur here                             proved by
=====  ===================================================  ========================================
1      the outermost ring of a map is nodata                laws/test_tiles_leave_no_trace:
                                                            weights_sum_to_one, constant_answer
3      without overlap nothing is written                   laws/test_tiles_leave_no_trace:
                                                            every_pixel_is_completed_exactly_once
4      some sizes leave a row uncovered                     the same
5      sums are kept in half precision                      laws/test_tiles_leave_no_trace:
                                                            half_precision_answers
7      tiles overwrite each other, seams show               laws/test_tiles_leave_no_trace:
                                                            by_tiles_equals_one_pass
8      an output of another stride leaves gaps              mapping/test_engine:
                                                            output_has_another_size
12     a scene of one tile or less gives an empty map       mapping/test_engine:
                                                            exactly_one_tile_or_one_pixel_less
14     last tiles are computed twice                        laws/test_tiles_leave_no_trace:
                                                            no_tile_is_computed_for_nothing
15     a wanted area is ignored; a median of codes          laws/test_nodata_stays_nodata:
       invents classes                                      area_of_one_tile; mapping/test_writing:
                                                            class_overview_invents_none
16     patches without resume, 8-bit ids, no probabilities  mapping/test_engine: killed_map_goes_on,
                                                            wide_class_ids, shares_survive
26     missing bands are cut off or filled with zeros       test_bundle: all_missing_bands
29     NaN, alpha and masks are not seen as nodata          laws/test_files_of_any_kind: all four
30     an empty block stops the program                     laws/test_nodata_stays_nodata:
                                                            empty_tiles_are_never_computed
31     nodata of the scene does not fit the map's type      laws/test_files_of_any_kind:
                                                            constant_model
32     nodata has the number of a class and no tag          the same
37     a rare class is lost on a coarse look                labels/test_found_legend:
                                                            class_of_one_pixel, codes_are_kept
39     an unreadable file is passed over                    mapping/test_pipeline: damaged_file
45     an older map is taken for the new one                mapping/test_engine:
                                                            unfinished_work_of_other_inputs
48     a fault in a worker hangs the program                mapping/test_pipeline: damaged_file,
                                                            fault_while_writing
=====  ===================================================  ========================================
"""

from __future__ import annotations

import dataclasses
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
import rasterio
from shapely.affinity import affine_transform
from shapely.geometry import box

from covermap.bundle.facts import Quantity
from covermap.bundle.fit import check_fits
from covermap.bundle.folder import write_bundle
from covermap.core.errors import BundleError, OutputError
from covermap.core.grid import window_geobox
from covermap.core.legend import Legend
from covermap.imagery.opening import open_scene
from covermap.imagery.raster import Raster
from covermap.mapping import choice
from covermap.mapping.choice import Choice
from covermap.mapping.engine import map_scene
from covermap.mapping.engines import Engine
from covermap.mapping.settings import MapSettings
from covermap.mapping.tiles import plan_tiles
from covermap.verbs.map_scenes import map_scenes
from oracle_predictors import Constant, Convolutions, Echo, blended, tiny_bundle
from tiny import ArrayScene, tiny_geobox, write_scene

BANDS = ("B02", "B03")


def noise(height: int, width: int, seed: int = 0) -> ArrayScene:
    values = np.random.default_rng(seed).normal(size=(2, height, width)).astype(np.float32)
    return ArrayScene(values, None, tiny_geobox(height, width), BANDS)


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


@pytest.mark.parametrize("shape", [(64, 64), (65, 63), (200, 170)])
@pytest.mark.parametrize("halo", [0, 6, 20])
def test_d2_a_regression_that_answers_100_is_100_to_the_corners(tmp_path, shape, halo):
    """Tiny weights at the ends of a window, or a sum divided by slightly more, shrink values."""
    bundle = dataclasses.replace(
        tiny_bundle(), task="regression", legend=Legend(()), quantity=Quantity("height", "m")
    )
    predictor = Constant(shares=(100.0,), halo=halo)
    map_scene(noise(*shape), bundle, predictor, tmp_path / "map.tif", MapSettings(tile=64))
    np.testing.assert_allclose(read(tmp_path / "map.tif"), 100.0, atol=1e-4)


def test_d6_probabilities_are_averaged_where_tiles_meet_and_not_logits():
    """Of averaged logits the tile that shouts loudest wins all that tiles share."""
    answers = [np.array([0.999, 0.001]), np.array([0.3, 0.7])]

    class Disagreeing(Constant):
        def probabilities(self, values):
            shares = answers[self.tiles % 2].astype(np.float32)
            self.tiles += 1
            return np.broadcast_to(shares[None, :, None, None], (1, 2, *values.shape[2:])).copy()

    plan = plan_tiles((32, 100), 64, 0, 32)
    assert (plan.rows.count, plan.cols.count) == (1, 3)
    result = blended(plan, Disagreeing(shares=(0.5, 0.5)), np.zeros((1, 32, 100), np.float32))
    ramp, begin = plan.cols.ramp, plan.cols.core_start(1)
    share = (np.arange(ramp) + 0.5) / ramp
    expected = answers[0][:, None] * (1 - share) + answers[1][:, None] * share
    np.testing.assert_allclose(result[:, 7, begin : begin + ramp], expected, atol=1e-6)
    # The mean of the logits would still say the first class here.
    three_quarters = begin + 3 * ramp // 4
    assert result[1, 7, three_quarters] > result[0, 7, three_quarters]


def test_d9_hundreds_of_overlapping_tiles_change_no_answer():
    """Votes counted in 8 bits begin anew at 256; sums in half precision lose the last digits."""
    plan = plan_tiles((8, 1400), 40, 16, 4)
    assert plan.count > 300
    shares = (0.1, 0.6, 0.3)
    result = blended(plan, Constant(shares, halo=16), np.zeros((1, 8, 1400), np.float32))
    np.testing.assert_allclose(result - np.array(shares)[:, None, None], 0, atol=1e-6)


def test_d10_two_maps_of_a_half_are_the_map_of_the_whole(tmp_path):
    """Parts are added up, but not which pixels they answer for."""
    scene, network = noise(100, 150), Convolutions()
    tiles = MapSettings(tile=64)
    affine = scene.geobox.affine
    carried = [affine.a, affine.b, affine.d, affine.e, affine.c, affine.f]
    whole = map_scene(scene, tiny_bundle(), network, tmp_path / "whole.tif", tiles)
    merged = np.full((1, 100, 150), 255, np.uint8)
    for name, columns in (("left", (0, 70)), ("right", (70, 150))):
        part = affine_transform(box(columns[0], 0, columns[1], 100), carried)
        out = tmp_path / f"{name}.tif"
        map_scene(scene, tiny_bundle(), network, out, tiles, part)
        merged = np.where(merged == 255, read(out), merged)
    np.testing.assert_array_equal(merged, read(whole.paths["class"]))


def test_d11_few_tiles_go_through_the_network_at_once(tmp_path):
    """All tiles of a scene are stacked and computed as one batch."""
    predictor = Constant()
    map_scene(noise(300, 600), tiny_bundle(), predictor, tmp_path / "m.tif", MapSettings(tile=64))
    assert predictor.tiles > 50
    assert max(len(batch) for batch in predictor.seen) <= 4


def test_d13_what_is_known_of_the_ground_does_not_touch_the_map(tmp_path):
    """Truth that lies beside a scene blanks the map, and the file's tag is that of another file."""
    values = np.random.default_rng(0).uniform(-1, 1, (2, 40, 50)).astype(np.float32)
    values[:, :5, :5] = -9999
    path = write_scene(
        tmp_path / "scene.tif", bands=BANDS, dtype="float32", nodata=-9999, values=values
    )
    write_scene(
        tmp_path / "truth.tif", bands=("cover",), dtype="uint8", values=np.zeros((1, 40, 50))
    )
    scene = open_scene(path)
    result = map_scene(scene, tiny_bundle(), Constant(), tmp_path / "map.tif", MapSettings())
    with rasterio.open(result.paths["class"]) as dataset:
        ids = dataset.read(1)
        assert dataset.nodata == 255
        np.testing.assert_array_equal(dataset.read_masks(1) == 255, ids != 255)
    expected = np.ones((40, 50), bool)
    expected[:5, :5] = False
    np.testing.assert_array_equal(ids != 255, expected)


@dataclass(frozen=True)
class Endless:
    """A scene that is made as it is read, so that none of it is kept."""

    inner: ArrayScene
    height: int

    def __getattr__(self, name):
        return getattr(self.inner, name)

    @property
    def geobox(self):
        return tiny_geobox(self.height, 160)

    def read(self, names, window):
        height, width = window.shape
        rows = np.arange(window.row_off, window.row_stop)
        values = np.broadcast_to((rows % 3)[:, None], (1, height, width)).astype(np.float32)
        inside = (rows >= 0) & (rows < self.height)
        valid = np.broadcast_to(inside[:, None], values.shape).copy()
        valid[..., max(0, 160 - window.col_off) :] = False
        return Raster(values, valid, window_geobox(self.geobox, window), tuple(names))


def test_d17_d18_d19_a_scene_of_twice_the_height_takes_no_more_memory(tmp_path):
    """Sums of all classes, or the whole raster, are held for the whole scene."""

    class TenClasses(Echo):
        def probabilities(self, values):
            self.seen.clear()
            return super().probabilities(values)

    bundle = tiny_bundle(("B02",), tuple("abcdefghij"))
    peaks = {}
    for height in (1_500, 3_000):
        scene = Endless(ArrayScene(np.zeros((1, 1, 1)), None, tiny_geobox(1, 1), ("B02",)), height)
        predictor = TenClasses(shares=(0.1,) * 10)
        tracemalloc.start()
        result = map_scene(
            scene, bundle, predictor, tmp_path / f"{height}.tif", MapSettings(tile=128)
        )
        peaks[height] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert result.valid_pixels == height * 160
    assert peaks[3_000] < 1.1 * peaks[1_500]
    assert peaks[3_000] < 10 * 4 * 1_500 * 160, "less than the sums of the smaller scene"


def test_d23_d24_how_a_pixel_is_scaled_does_not_depend_on_what_else_its_tile_shows(tmp_path):
    """Numbers are scaled by their type, or by the brightest or the mean pixel of each tile."""
    dark = np.random.default_rng(1).uniform(0.01, 0.9, (2, 96, 260)).astype(np.float32)
    bright = dark.copy()
    bright[:, :, 130:] += 9
    bundle, network = tiny_bundle(mean=0.4, std=0.3), Convolutions()
    found = {}
    for name, values in (("dark", dark), ("bright", bright)):
        scene = ArrayScene(values, None, tiny_geobox(96, 260), BANDS)
        for tile in (64, 512):
            chosen = MapSettings(tile=tile, outputs=("probability",), probability_type="float32")
            out = tmp_path / f"{name}{tile}.tif"
            result = map_scene(scene, bundle, network, out, chosen)
            found[name, tile] = read(result.paths["probability"])
    np.testing.assert_allclose(found["bright", 64], found["bright", 512], atol=2e-5)
    away = 130 - network.halo
    dark_map, bright_map = found["dark", 512], found["bright", 512]
    np.testing.assert_allclose(bright_map[..., :away], dark_map[..., :away], atol=2e-5)


def test_d27_bands_are_found_by_their_names_in_any_order(tmp_path):
    """When names do not match, bands are taken by their position."""
    values = np.random.default_rng(2).integers(100, 3000, (3, 70, 80))
    order = [2, 0, 1]
    names = ("B02", "B03", "B04")
    plain = write_scene(tmp_path / "plain.tif", bands=names, values=values)
    mixed = write_scene(
        tmp_path / "mixed.tif", bands=[names[k] for k in order], values=values[order]
    )
    bundle, network = tiny_bundle(names, mean=1500, std=800), Convolutions(bands=3)
    maps = [
        map_scene(open_scene(path), bundle, network, tmp_path / f"map_{path.name}", MapSettings())
        for path in (plain, mixed)
    ]
    np.testing.assert_array_equal(*(read(result.paths["class"]) for result in maps))
    other = write_scene(tmp_path / "other.tif", bands=("B02", "B03", "B08"), values=values)
    with pytest.raises(BundleError, match=r"it lacks B04"):
        check_fits(bundle, open_scene(other))


def test_d34_one_nodata_band_does_not_become_a_number(tmp_path):
    """Nodata is folded to 0 band by band, and the network takes it for dark ground."""
    values = np.full((2, 64, 64), 0.5, np.float32)
    values[1, :, 32:] = -9999
    path = write_scene(
        tmp_path / "scene.tif", bands=BANDS, dtype="float32", nodata=-9999, values=values
    )
    predictor = Constant(halo=0)
    out = tmp_path / "map.tif"
    result = map_scene(
        open_scene(path), tiny_bundle(mean=0.25, std=0.5), predictor, out, MapSettings()
    )
    assert result.valid_pixels == 64 * 32
    seen = predictor.seen[0][0]
    assert (seen[0] == 0.5).all()
    assert (seen[1, :, :32] == 0.5).all()
    assert (seen[1, :, 32:] == 0).all(), "the training mean, not a number of the file"


def test_d47_shares_are_no_whole_numbers_and_each_scene_has_its_own_file(tmp_path, monkeypatch):
    """Probabilities are cut to 0 and 1; maps of several scenes overwrite each other."""
    shares = (0.625, 0.0625, 0.3125)
    chosen = MapSettings(outputs=("probability",), probability_type="float32")
    result = map_scene(noise(9, 9), tiny_bundle(), Constant(shares), tmp_path / "m.tif", chosen)
    assert read(result.paths["probability"])[:, 4, 4].tolist() == list(shares)

    plain = tiny_bundle(("B02",))
    numbers = (dataclasses.replace(plain.channels[0], unit="dn"),)
    facts = dataclasses.replace(plain, channels=numbers)
    write_bundle(tmp_path / "bundle", facts, {"weight": np.zeros(1)})
    first = Choice(Engine("oracle", "float32"), "there is no other")
    monkeypatch.setattr(choice, "open_chosen", lambda *_: (Echo(), first))
    scenes = [
        write_scene(tmp_path / name / f"{name}.tif", bands=("B02",), values=np.full((1, 40, 40), k))
        for k, name in enumerate("abc")
    ]
    results = map_scenes(tmp_path / "bundle", scenes, tmp_path / "maps")
    assert len({result.paths["class"] for result in results}) == 3
    assert [int(read(result.paths["class"]).max()) for result in results] == [0, 1, 2]
    same = scenes[0].rename(scenes[1].with_name("c.tif"))
    with pytest.raises(OutputError, match="would be one file"):
        map_scenes(tmp_path / "bundle", [same, scenes[2]], tmp_path / "again")
