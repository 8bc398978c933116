import numpy as np
import pytest

from covermap.imagery.inspection import (
    guess_scale,
    inspect,
    sample_windows,
    warnings_of,
)
from covermap.imagery.opening import open_scene
from covermap.imagery.raster import Band
from tiny import ArrayScene, shared_data, tiny_geobox, write_scene


def scene(low, high, unit="dn", valid=None, dtype=float, count=2):
    random = np.random.default_rng(0)
    values = random.uniform(low, high, (count, 60, 70)).astype(dtype)
    bands = [Band(f"b{number}", unit, 600.0 + number, 10.0) for number in range(count)]
    return ArrayScene(values, valid, tiny_geobox(60, 70), bands)


def test_facts_of_a_small_scene_are_exact():
    made = scene(0, 1, "reflectance")
    facts = inspect(made)
    assert facts.sampled_pixels == 60 * 70
    assert facts.bands[0].minimum == made.values[0].min()
    assert facts.bands[0].median == pytest.approx(np.median(made.values[0]), abs=1e-6)
    assert (facts.pixel_width_m, facts.usable_share) == (10, 1)
    assert warnings_of(facts) == []


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (scene(200, 3000, "reflectance"), "scale missing"),
        (scene(-0.2, -0.01, "reflectance"), "offset applied twice"),
        (scene(200, 3000, dtype=int), "looks like reflectance x 10000; give scale: 0.0001"),
        (scene(5, 5), "constant"),
        (scene(0, 4, dtype=int), "mask or class layer"),
        (scene(0, 1, "reflectance", valid=np.zeros((2, 60, 70), bool)), "no usable pixel"),
    ],
)
def test_what_looks_wrong_is_told_with_what_to_type(made, message):
    assert any(message in warning for warning in warnings_of(inspect(made)))


@pytest.mark.parametrize(("value", "word"), [(255, "white"), (0, "black")])
def test_a_frame_in_all_8_bit_bands_is_told(value, word):
    made = scene(20, 200, dtype=int, count=3)
    made.values[:, :5] = value
    warnings = warnings_of(inspect(made))
    (told,) = [text for text in warnings if word in text and f"nodata: {value}" in text]
    assert "some bands only" not in told
    made.values[1, 8, :10] = value
    facts = inspect(made)
    assert {part: facts.frames[part == 0][2] for part in (255, 0)}[value] == pytest.approx(
        10 / made.values[0].size
    )
    assert any(f"{value} in some bands only" in text for text in warnings_of(facts))


def test_scale_is_guessed_only_for_whole_optical_numbers():
    assert guess_scale(inspect(scene(200, 3000, dtype=int))) == (0.0001, 0.0001)
    assert guess_scale(inspect(scene(0, 255, dtype=int))) == (None, None)
    assert guess_scale(inspect(scene(200, 3000))) == (None, None)
    thermal = ArrayScene(
        np.full((1, 9, 9), 2900) + np.arange(9), None, tiny_geobox(9, 9), [Band("t", "dn", 11450.0)]
    )
    assert guess_scale(inspect(thermal)) == (None,)


@pytest.mark.parametrize(
    ("metres", "crs", "is_certain"), [(0.6, 32633, False), (10, 32633, True), (1, None, True)]
)
def test_counts_of_nameless_bands_with_fine_pixels_are_no_reflectance(metres, crs, is_certain):
    box = tiny_geobox(60, 70, resolution=metres, crs=crs)
    values = scene(200, 1900, dtype=int).values
    bands = [Band(f"band_{number}", "dn", None, metres) for number in (1, 2)]
    facts = inspect(ArrayScene(values, None, box, bands))
    assert guess_scale(facts) == ((0.0001, 0.0001) if is_certain else (None, None))
    (told,) = [text for text in warnings_of(facts) if "plain numbers" in text]
    assert ("looks like reflectance" in told) == is_certain
    assert ("Only who made the file knows" in told) != is_certain


@pytest.mark.parametrize("shape", [(20_000, 30_000), (1_000_000, 40), (5, 2_000_000)])
def test_the_sample_of_a_large_scene_is_bounded_and_inside(shape):
    windows = list(sample_windows(tiny_geobox(*shape), 4_000_000))
    assert 1_000_000 < sum(w.height * w.width for w in windows) < 6_000_000
    assert all(w.row_off >= 0 and w.row_stop <= shape[0] for w in windows)
    assert all(w.col_off >= 0 and w.col_stop <= shape[1] for w in windows)
    assert min(w.row_off for w in windows) == 0
    assert max(w.row_stop for w in windows) == shape[0]
    assert max(w.col_stop for w in windows) == shape[1]


def test_a_scene_of_nodata_opens_and_is_seen_to_hold_nothing(tmp_path):
    path = write_scene(
        tmp_path / "a.tif", nodata=7, values=np.full((2, 9, 9), 7), bands=["B02", "B03"]
    )
    assert inspect(open_scene(path)).usable_share == 0


def test_real_rendered_pictures_get_the_white_frame_told():
    made = open_scene(shared_data("rachel_carson_s2") / "sentinel-2")
    assert any("nodata: 255" in text for text in warnings_of(inspect(made)))


def test_real_mask_band_and_empty_band_are_told():
    folder = shared_data("landsat7_training_polygons")
    first = warnings_of(inspect(open_scene(folder / "LE70220491999322EDC01_stack.gtif")))
    second = warnings_of(inspect(open_scene(folder / "LE70220492002106EDC00_stack.gtif")))
    assert any("band_8: constant" in text for text in first)
    assert any("band_8" in text and "mask or class layer" in text for text in second)
    assert not any("ST_B6" in text for text in first)


def test_one_calm_picture_does_not_speak_for_all():
    random = np.random.default_rng(0)
    box = tiny_geobox(32, 32)
    calm, *others = (
        ArrayScene(random.integers(0, top, (1, 32, 32)), None, box, [Band("b", "dn")])
        for top in (5, 3000, 3000, 3000)
    )
    assert any("mask or class layer" in text for text in warnings_of(inspect(calm)))
    together = inspect(calm, alike=[calm, *others])
    assert not any("mask or class layer" in text for text in warnings_of(together))
    assert together.sampled_pixels == 4 * 32 * 32
    assert together.bands[0].distinct > 1000
    assert together.name == calm.name


@pytest.mark.parametrize(
    ("low", "high", "is_mask"), [(97, 106, False), (1, 8, True), (5, 14, True)]
)
def test_one_even_tone_of_a_picture_is_no_mask(low, high, is_mask):
    told = warnings_of(inspect(scene(low, high, dtype=int)))
    assert any("mask or class layer" in text for text in told) == is_mask
