"""Law 3: no scored pixel was input or label of a training or validation chip.

Checked by brute force, with shapes instead of windows: what a network really gets is what
`Chips[i]` shows as valid, and each shown pixel is laid as an outline over each scored one.
"""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from covermap.chips.audit import audit, require_passed, shares_of
from covermap.chips.loading import Chips
from covermap.chips.settings import ChipSettings
from covermap.chips.view import Viewer
from covermap.core.errors import SplitError
from covermap.core.grid import Window
from drawings import polygons, scattered, stripes
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

pytestmark = pytest.mark.slow

SIDE = 96
# Chips of validation are shown with so much around them, as by a run.
AROUND = 32
# Outlines that only touch share no ground, and rounding is no ground either: scored pixels are
# taken a thousandth smaller.
SHRUNK = 0.999

# Stands for a grid in the CRS of the first one, turned by 45 degrees about its middle.
TURNED = 45
ONE_GROUND = {
    "one scene": (),
    "another date": ((0.0, 0.0, 10.0, 32633),),
    "a date on the same lattice, other corner": ((130.0, -70.0, 10.0, 32633),),
    "a lattice shifted by part of a pixel": ((3.0, -4.0, 10.0, 32633),),
    "coarser pixels": ((5.0, 5.0, 20.0, 32633),),
    "finer pixels": ((2.5, -2.5, 5.0, 32633),),
    "the zone beside": ((0.0, 0.0, 10.0, 32632),),
    "degrees": ((0.0, 0.0, 10.0, 4326),),
    "turned": ((0.0, 0.0, 9.0, TURNED),),
}


def scenes_of(others, seed):
    first = tiny_geobox(SIDE, SIDE)
    scenes = [noisy_scene(first, "first", seed, invalid=0.02)]
    for number, (east, south, pixel, crs) in enumerate(others):
        box = elsewhere(first, east, south, pixel, crs)
        scenes.append(noisy_scene(box, f"other{number}", seed + 1 + number, invalid=0.02))
    return scenes


def elsewhere(first, east, south, pixel, crs):
    """A grid over the ground of `first`: moved by metres, with other pixels, in another CRS."""
    left, top = first.affine @ (0, 0)
    right, bottom = first.affine @ (SIDE, SIDE)
    if crs == TURNED:
        side, middle = SIDE, first.affine @ (SIDE / 2, SIDE / 2)
        affine = Affine.translation(*middle) @ Affine.rotation(TURNED) @ Affine.scale(pixel, -pixel)
        return GeoBox((side, side), affine @ Affine.translation(-side / 2, -side / 2), first.crs)
    if crs == 32633:
        affine = Affine(pixel, 0, left + east, 0, -pixel, top + south)
        side = round((right - left) / pixel)
        return GeoBox((side, side), affine, "EPSG:32633")
    corners = Transformer.from_crs(32633, crs, always_xy=True).transform(
        [left, right, right, left], [top, top, bottom, bottom]
    )
    west, north = min(corners[0]), max(corners[1])
    wide, high = max(corners[0]) - west, north - min(corners[1])
    step = pixel if crs != 4326 else pixel / 100_000
    shape = (int(np.ceil(high / step)), int(np.ceil(wide / step)))
    return GeoBox(shape, Affine(step, 0, west + 0.37 * step, 0, -step, north), f"EPSG:{crs}")


def outlines(geobox, mask, scale=1.0):
    """Outline in EPSG:32633 of each pixel of a mask."""
    rows, cols = np.nonzero(mask)
    x = cols[:, None] + 0.5 + scale * np.array([-0.5, 0.5, 0.5, -0.5])
    y = rows[:, None] + 0.5 + scale * np.array([-0.5, -0.5, 0.5, 0.5])
    a = geobox.affine
    x, y = a.a * x + a.b * y + a.c, a.d * x + a.e * y + a.f
    if geobox.crs.epsg != 32633:
        x, y = Transformer.from_crs(geobox.crs.proj, 32633, always_xy=True).transform(x, y)
    return shapely.polygons(np.stack([x, y], axis=-1))


def ground(run, share, masks, scale=1.0):
    """Outlines of the pixels of a share for which `masks` gives True, each pixel once."""
    scenes = {scene.name: scene for scene in run.scenes}
    wanted = {name: np.zeros(scene.geobox.shape, bool) for name, scene in scenes.items()}
    for number, (name, _) in enumerate(share.windows):
        mask, place = masks(number), share.shown(number)
        rows, cols = np.nonzero(mask)
        rows, cols = rows + place.row_off, cols + place.col_off
        # A network is shown nothing beyond the scene.
        wanted[name][rows, cols] = True
    boxes = [scenes[name].geobox for name in wanted]
    return np.concatenate(
        [outlines(box, mask, scale) for box, mask in zip(boxes, wanted.values(), strict=True)]
    )


def shown(run, share):
    """Outlines of all pixels whose values or labels a network gets of a share."""
    chips = Chips(share, share.statistics())

    def mask(number):
        sample = chips[number]
        return sample.valid | sample.counted | (sample.values != 0).any(axis=0)

    return ground(run, share, mask)


def scored(run, share):
    return ground(run, share, lambda number: share.counted(share.read(number)), SHRUNK)


def overlaps(one, other):
    """How many of the outlines `one` share ground with one of `other`."""
    return len(np.unique(shapely.STRtree(one).query(other, predicate="intersects")[1]))


def leaks(run):
    """Scored pixels of all networks, and how many of them were shown to their own network."""
    number = twice = 0
    for training in run.split.trainings:
        teach, validate, score = run.shares(training, AROUND)
        if score is None:
            continue
        asked = scored(run, score)
        number += len(asked)
        for share in (teach, validate):
            if share is not None and share.windows:
                twice += overlaps(asked, shown(run, share))
    return number, twice


def drawn(tmp_path_factory, seed, count):
    cells = scattered(count, SIDE, SIDE, seed)
    classes = np.resize(["forest", "water", "urban"], count)
    folder = tmp_path_factory.mktemp("drawn")
    return polygons(folder / "labels.gpkg", cells, classes, geobox=tiny_geobox(SIDE, SIDE))


@pytest.mark.parametrize("by", ["blocks", "polygons"])
@pytest.mark.parametrize("others", ONE_GROUND.values(), ids=ONE_GROUND.keys())
def test_no_network_is_shown_ground_that_it_is_scored_on(tmp_path_factory, others, by):
    labels = drawn(tmp_path_factory, seed=1, count=30)
    run = prepared(scenes_of(others, seed=1), labels, by=by, folds=2)
    number, twice = leaks(run)
    assert number > 100
    assert twice == 0
    assert audit(run.viewer, run.chips, run.split, AROUND).passed


def test_polygons_between_the_pixels_of_a_date_hold_their_ground_there_too(tmp_path_factory):
    first = tiny_geobox(SIDE, SIDE)
    scenes = scenes_of(ONE_GROUND["a lattice shifted by part of a pixel"], seed=7)
    # Each of these holds the centre of one pixel of the other date, and of none of the first.
    small = [(r + 0.75, c + 0.65, 0.3, 0.3) for r in range(4, SIDE, 16) for c in range(4, SIDE, 16)]
    cells = scattered(20, SIDE, SIDE, 7) + small
    classes = np.resize(["forest", "water", "urban"], len(cells))
    folder = tmp_path_factory.mktemp("drawn")
    labels = polygons(folder / "labels.gpkg", cells, classes, geobox=first)
    own, other = (np.unique(labels.burn(s.geobox).source) for s in scenes)
    assert len(np.setdiff1d(other, own)) > 20
    run = prepared(scenes, labels, by="polygons", folds=2)
    number, twice = leaks(run)
    assert number > 100
    assert twice == 0
    assert audit(run.viewer, run.chips, run.split, AROUND).passed


@pytest.mark.parametrize(
    ("by", "chips"),
    [
        ("blocks", {"stride": 24}),
        ("blocks", {"place": "random", "count": 8}),
        ("polygons", {"place": "around-labels"}),
        ("polygons", {"place": "whole"}),
    ],
    ids=str,
)
def test_overlapping_chips_show_no_network_what_it_is_scored_on(tmp_path_factory, by, chips):
    labels = drawn(tmp_path_factory, seed=6, count=30)
    scenes = scenes_of(ONE_GROUND["a date on the same lattice, other corner"], seed=6)
    # Of blocks a part validates, as in no k-fold.
    split = {"by": by} if by == "blocks" else {"by": by, "folds": 2}
    run = prepared(scenes, labels, chips=ChipSettings(**chips), **split)
    assert by != "blocks" or run.split.trainings[0].validate
    windows = run.chips.drop_duplicates(["scene", "row_off", "col_off"])
    outlined = windows.geometry.to_crs(32633)
    assert outlined.area.sum() > 1.2 * outlined.union_all().area
    number, twice = leaks(run)
    assert number > 100
    assert twice == 0
    assert audit(run.viewer, run.chips, run.split, AROUND).passed


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 999),
    count=st.integers(20, 40),
    by=st.sampled_from(["random", "region", "blocks", "polygons", "auto"]),
    east=st.floats(-40, 40),
    south=st.floats(-40, 40),
    pixel=st.sampled_from([6.0, 10.0, 13.0]),
)
def test_no_ground_twice_wherever_a_second_scene_lies(
    tmp_path_factory, seed, count, by, east, south, pixel
):
    labels = drawn(tmp_path_factory, seed, count)
    scenes = scenes_of(((east, south, pixel, 32633),), seed)
    split = {"by": by} if by == "random" else {"by": by, "folds": 3}
    if by == "region":
        split["regions"] = str(stripes(labels.path.parent / "regions.gpkg", scenes[0].geobox, 7))
    try:
        run = prepared(scenes, labels, **split)
    except SplitError:
        return
    assert leaks(run)[1] == 0
    assert audit(run.viewer, run.chips, run.split, AROUND).passed


def leaky(monkeypatch, spoil):
    """Let the audit meet shares that `spoil` changed: teaching, validating, scored."""
    monkeypatch.setattr(
        "covermap.chips.audit.shares_of",
        lambda *facts: spoil(*shares_of(*facts)),
    )


@pytest.mark.parametrize("by", ["blocks", "polygons"])
def test_the_audit_counts_every_scored_pixel_that_is_not_hidden(tmp_path_factory, monkeypatch, by):
    labels = drawn(tmp_path_factory, seed=2, count=30)
    # Chips of the second date lie across the blocks of the first.
    scenes = scenes_of(ONE_GROUND["a date on the same lattice, other corner"], seed=2)
    run = prepared(scenes, labels, by=by, folds=2)
    leaky(monkeypatch, lambda teach, validate, score: (replace(teach, hide=()), validate, score))
    found = audit(run.viewer, run.chips, run.split, AROUND)
    for item, training in zip(found.trainings, run.split.trainings, strict=True):
        teach, validate, score = run.shares(training, AROUND)
        if score is None:
            continue
        asked, seen = scored(run, score), shown(run, replace(teach, hide=()))
        if validate is not None:
            seen = np.concatenate([seen, shown(run, validate)])
        assert item.scored_pixels == len(asked)
        # A network that may see everything is still shown no unusable pixel.
        assert item.shared_pixels >= overlaps(asked, seen) > 0
    assert not found.passed
    with pytest.raises(SplitError, match=r"audit failed.*allow_leak: true"):
        require_passed(found, allow_leak=False)
    require_passed(found, allow_leak=True)
    assert any("LEAK" in line for line in found.lines())


def test_the_audit_catches_a_chip_that_was_moved_onto_scored_ground(tmp_path_factory, monkeypatch):
    labels = drawn(tmp_path_factory, seed=3, count=30)
    run = prepared(scenes_of((), seed=3), labels, by="blocks")

    def moved(teach, validate, score):
        name, window = score.windows[0]
        aside = Window(window.row_off + 5, window.col_off - 3, window.height, window.width)
        return replace(teach, windows=(*teach.windows, (name, aside)), hide=()), validate, score

    assert audit(run.viewer, run.chips, run.split, AROUND).passed
    leaky(monkeypatch, moved)
    (item,) = audit(run.viewer, run.chips, run.split, AROUND).trainings
    _, _, score = run.shares(run.split.trainings[0])
    counted = score.counted(score.read(0))
    assert item.shared_pixels == counted[5:, :-3].sum() > 0


def test_validation_chips_are_shown_no_scored_ground_either(tmp_path_factory, monkeypatch):
    labels = drawn(tmp_path_factory, seed=4, count=30)
    run = prepared(scenes_of((), seed=4), labels, by="blocks")

    def moved(teach, validate, score):
        return teach, replace(validate, windows=score.windows, hide=()), score

    leaky(monkeypatch, moved)
    (item,) = audit(run.viewer, run.chips, run.split, AROUND).trainings
    assert item.shared_pixels == item.scored_pixels > 0


@pytest.mark.parametrize("by", ["blocks", "polygons"])
@pytest.mark.parametrize(
    "other",
    ["a lattice shifted by part of a pixel", "coarser pixels", "the zone beside", "turned"],
)
def test_the_audit_catches_ground_under_parts_of_other_pixels(
    tmp_path_factory, monkeypatch, other, by
):
    monkeypatch.setattr(
        Viewer, "_slivers", property(lambda self: dict.fromkeys(self.scenes, 0)), raising=True
    )
    labels = drawn(tmp_path_factory, seed=5, count=30)
    run = prepared(scenes_of(ONE_GROUND[other], seed=5), labels, by=by, folds=2)
    found = audit(run.viewer, run.chips, run.split, AROUND)
    assert sum(item.shared_pixels for item in found.trainings) >= leaks(run)[1] > 0
    assert not found.passed
