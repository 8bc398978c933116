"""Whole scenes held out."""

import dataclasses

import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from covermap.chips.audit import audit
from covermap.chips.parts import Split
from covermap.chips.split_file import read_split, write_split
from covermap.chips.split_scenes import scene_groups, told_of_pieces
from covermap.core.errors import SplitError
from covermap.core.grid import Window, window_geobox
from prepared import noisy_scene, prepared
from small_pictures import Everywhere, overlapping, pictures
from tiny import shared_data, tiny_geobox


@pytest.mark.parametrize("crs", [None, 32633])
def test_many_pictures_are_held_out_whole(crs):
    run = prepared(pictures(20, crs), Everywhere())
    assert run.split.scheme == "holdout"
    assert run.split.ground.kind == "scenes"
    assert run.chips.groupby("scene")["split"].nunique().max() == 1
    assert run.chips.groupby("split")["scene"].nunique().to_dict() == {
        "train": 14, "val": 3, "test": 3,
    }  # fmt: skip
    assert run.split.assessed == ("a", "b", "c")
    found = audit(run.viewer, run.chips, run.split)
    assert found.passed
    assert found.trainings[0].scored_pixels == 3 * 64 * 64


@pytest.mark.parametrize("number", [3, 4, 7])
def test_few_pictures_are_each_scored_by_a_network_that_never_saw_them(number):
    run = prepared(pictures(number), Everywhere())
    assert run.split.scheme == "kfold"
    scored = sum(item.scored_pixels for item in audit(run.viewer, run.chips, run.split).trainings)
    assert scored == number * 64 * 64


def test_each_leaves_one_picture_out_at_a_time():
    run = prepared(pictures(13), Everywhere(), by="images", folds="each")
    assert len(run.split.trainings) == 14
    found = audit(run.viewer, run.chips, run.split)
    assert found.passed
    assert all(item.scored_pixels == 64 * 64 for item in found.trainings[:-1])


def test_every_part_has_every_class():
    only = {f"p{n}": n % 3 for n in range(18)}
    run = prepared(pictures(18), Everywhere(only))
    for part, rows in run.chips.groupby("split"):
        present = {only[name] for name in rows["scene"]}
        assert present == {0, 1, 2}, part


def test_a_class_of_one_picture_stays_in_training():
    only = {f"p{n}": n % 2 for n in range(20)} | {"p7": 2}
    run = prepared(pictures(20), Everywhere(only), by="images")
    assert run.split.assessed == ("a", "b")
    assert set(run.chips.loc[run.chips["scene"] == "p7", "split"]) == {"train"}


def test_one_picture_alone_cannot_be_held_out():
    with pytest.raises(SplitError, match=r"by images: labels lie in 1 group.*by: blocks"):
        prepared(pictures(1), Everywhere(), by="images")


def test_pictures_without_a_crs_share_no_blocks():
    run = prepared(pictures(6), Everywhere(), by="blocks")
    assert run.split.ground.kind == "blocks"
    assert sum(rows["split"].nunique() > 1 for _, rows in run.chips.groupby(["row_off", "col_off"]))
    found = audit(run.viewer, run.chips, run.split)
    assert found.passed
    # Each block of each picture is a group of its own.
    assert len(run.split.ground.blocks) == 6 * 4


def test_scenes_that_share_ground_are_one_group():
    assert scene_groups(overlapping(), join=True).tolist() == [0, 0, 1, 1, 2, 3]
    assert scene_groups(overlapping(), join=False).tolist() == [0, 1, 2, 3, 4, 5]
    run = prepared(overlapping(), Everywhere(), by="overlap")
    parts = run.chips.groupby("scene")["split"].first()
    assert parts["p0"] == parts["p1"]
    assert parts["p2"] == parts["p3"]
    assert audit(run.viewer, run.chips, run.split).passed


def beside_the_antimeridian():
    """Scenes of UTM zone 60S, the first across 180 degrees, 100 km apart."""
    crs = "EPSG:32760"
    for number, lon in enumerate((179.997, 179.0, 178.0, 177.0)):
        x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, -17.0)
        box = GeoBox((64, 64), Affine(10, 0, round(x, -1), 0, -10, round(y, -1)), crs)
        yield noisy_scene(box, f"p{number}", number)


def test_scenes_on_both_sides_of_the_antimeridian_are_groups_of_their_own():
    scenes = list(beside_the_antimeridian())
    assert scene_groups(scenes, join=True).tolist() == [0, 1, 2, 3]
    run = prepared(scenes, Everywhere(), by="overlap")
    crossing = run.chips[run.chips["scene"] == "p0"].geometry
    assert crossing.geom_type.eq("MultiPolygon").any()
    assert crossing.area.max() < 1e-4


def test_neighbours_on_a_lattice_are_groups_of_their_own():
    row = window_geobox(tiny_geobox(64, 64), Window(0, 30_000, 64, 64))
    tiles = [
        noisy_scene(window_geobox(row, Window(64 * r, 64 * c, 64, 64)), f"p{r}{c}")
        for r in range(3) for c in range(3)
    ]  # fmt: skip
    assert scene_groups(tiles, join=True).tolist() == list(range(9))


@pytest.mark.parametrize("west", [180.0, 180.00003])
def test_the_audit_catches_ground_on_another_turn_around_the_earth(west):
    def degrees(lon, name):
        affine = Affine(1e-4, 0, lon, 0, -1e-4, -17.0)
        return noisy_scene(GeoBox((64, 64), affine, "EPSG:4326"), name, ord(name))

    places = {"a": -180.0, "b": west, "c": 178.0, "d": 177.0, "e": 176.0, "f": 175.0}
    scenes = [degrees(lon, name) for name, lon in places.items()]
    split = {"by": "list", "train": ["a", "c", "d"], "val": [], "test": ["b", "e"]}
    run = prepared(scenes, Everywhere(), **split)
    (found,) = audit(run.viewer, run.chips, run.split).trainings
    assert found.shared_pixels == 64 * 64
    apart = prepared([s for s in scenes if s.name != "a"], Everywhere(), **split | {"train": ["c"]})
    assert audit(apart.viewer, apart.chips, apart.split).passed


@pytest.mark.parametrize("turn", [0, 360])
def test_the_audit_catches_ground_of_a_zone_beside_degrees_on_any_turn(turn):
    zone = GeoBox((64, 64), Affine(10, 0, 184_000, 0, -10, 8_118_000), "EPSG:32701")
    corner = zone.extent.to_crs("EPSG:4326").boundingbox
    affine = Affine(1e-4, 0, corner.left + turn, 0, -1e-4, corner.top)
    scenes = [noisy_scene(zone, "a", 1), noisy_scene(GeoBox((64, 64), affine, "EPSG:4326"), "b", 2)]
    for test, train in ("ab", "ba"):
        run = prepared(scenes, Everywhere(), by="list", train=[train], val=[], test=[test])
        (found,) = audit(run.viewer, run.chips, run.split).trainings
        assert found.shared_pixels > 2000


def neighbours(form):
    """Twelve scenes side by side: on a lattice, with pixels of two sizes, or of two UTM zones."""
    row = tiny_geobox(64, 64)
    boxes = [window_geobox(row, Window(0, 64 * n, 64, 64)) for n in range(12)]
    if form == "pixels of two sizes":
        boxes = [box.zoom_out(2) if n % 2 else box for n, box in enumerate(boxes)]
    if form == "two zones":
        # Apart, so that what is turned makes no common ground.
        boxes = [window_geobox(row, Window(0, 66 * n, 64, 64)) for n in range(12)]
        inner = [window_geobox(box, Window(12, 12, 40, 40)).extent.to_crs(32632) for box in boxes]
        boxes[1::2] = [GeoBox.from_bbox(one.boundingbox, resolution=10) for one in inner[1::2]]
    return [noisy_scene(box, f"p{n}", n) for n, box in enumerate(boxes)]


@pytest.mark.parametrize("form", ["a lattice", "pixels of two sizes", "two zones"])
@pytest.mark.parametrize("split", [{"by": "images"}, {"by": "images", "folds": 3}])
def test_labels_that_teach_keep_their_distance_to_whole_scenes(form, split):
    scenes = neighbours(form)
    bare = prepared(scenes, Everywhere(), **split)
    wide = prepared(scenes, Everywhere(), **split, buffer_m=180)
    assert bare.split.ground.scenes == wide.split.ground.scenes
    near, far = (audit(run.viewer, run.chips, run.split) for run in (bare, wide))
    for was, item in zip(near.trainings, far.trainings, strict=True):
        if item.scored_pixels:
            assert was.least_distance_m < 180 <= item.least_distance_m < 180 + 2 * 30
            assert item.scored_pixels == was.scored_pixels


@pytest.mark.parametrize("by", ["images", "blocks"])
def test_pictures_have_no_metres_to_keep_away(by):
    message = r"buffer_m: 40 cannot be kept: 'p0' and 13 more images have no CRS.*leave buffer_m"
    with pytest.raises(SplitError, match=message):
        prepared(pictures(14), Everywhere(), by=by, buffer_m=40)
    assert prepared(pictures(14), Everywhere(), by=by, buffer_m=0).split.ground.buffer_px == 0


def test_the_audit_catches_images_that_overlap():
    run = prepared(overlapping(), Everywhere(), by="images", folds="each")
    found = audit(run.viewer, run.chips, run.split)
    shared = {item.name: item.shared_pixels for item in found.trainings}
    codes = {name: part for name, (part, _) in run.split.ground.scenes.items()}
    assert shared[f"fold{codes['p0'] + 1}"] == 24 * 64
    assert shared[f"fold{codes['p3'] + 1}"] == 34 * 54
    assert shared[f"fold{codes['p5'] + 1}"] == 0


@pytest.mark.parametrize("split", [{"by": "images"}, {"by": "blocks"}])
def test_a_split_of_pictures_survives_its_file(tmp_path, split):
    run = prepared(pictures(14), Everywhere(), **split)
    write_split(tmp_path / "split.json", run.split)
    again = read_split(tmp_path / "split.json")
    assert isinstance(again, Split)
    assert again.ground.scenes == run.split.ground.scenes
    assert again.ground.frames == run.split.ground.frames
    write_split(tmp_path / "again.json", again)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "split.json").read_bytes()


def test_six_patches_of_korea_are_three_groups():
    from covermap.imagery.opening import open_scenes
    from covermap.imagery.settings import ImagerySettings

    folder = shared_data("korea_s2_lc")
    scenes = open_scenes(ImagerySettings(path="images", join=False), folder)
    assert len(scenes) == 6
    groups = dict(
        zip([scene.name for scene in scenes], scene_groups(scenes, join=True), strict=True)
    )
    assert len(set(groups.values())) == 3
    assert groups["202309_patchN_11"] == groups["202412_patchN_0"] == groups["202309_patchN_0"]
    assert groups["202309_patchN_8"] == groups["202412_patchN_1"]


PIECES = {f"p{n}": f"{100 + n // 4}_{n % 4}" for n in range(24)}


def renamed(scenes):
    return [dataclasses.replace(scene, name=PIECES[scene.name]) for scene in scenes]


def test_pieces_of_one_picture_are_held_out_together():
    names = renamed(pictures(24))
    run = prepared(names, Everywhere(), by="images", together=r"^(\d+)_")
    parts = run.chips.groupby(run.chips["scene"].str.split("_").str[0])["split"].nunique()
    assert parts.max() == 1
    assert len(parts) == 6
    apart = prepared(names, Everywhere(), by="images")
    mixed = apart.chips.groupby(apart.chips["scene"].str.split("_").str[0])["split"].nunique()
    assert mixed.max() > 1, "without it they are told apart"


def test_a_name_that_does_not_fit_is_a_picture_of_its_own():
    scenes = renamed(pictures(8))
    groups = scene_groups([*scenes, *pictures(2)], False, r"^(\d+)_")
    assert groups.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 3]


def test_a_pattern_that_fits_no_name_is_told():
    with pytest.raises(SplitError, match="fits none of the 8 names, the first of which is 'p0'"):
        prepared(pictures(8), Everywhere(), by="images", together="^tile([0-9]+)")


def test_prepare_asks_only_where_names_look_cut():
    cut = renamed(pictures(24))
    told = told_of_pieces(cut)
    assert "100_0, 100_1" in told
    assert "6 beginnings of 24 pictures" in told
    assert told_of_pieces(renamed(pictures(24, 32633))) is None, "their place is known"
    assert told_of_pieces(pictures(24)) is None
    one = [dataclasses.replace(scene, name=f"a_{n}") for n, scene in enumerate(pictures(5))]
    assert told_of_pieces(one) is None, "nothing would be left to test"
