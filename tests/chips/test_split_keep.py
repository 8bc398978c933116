"""Earlier splits kept while scenes and labels grow."""

from dataclasses import replace

import numpy as np
import pytest

from covermap.chips.audit import audit
from covermap.chips.split_file import write_split
from covermap.chips.table import write_chips
from covermap.core.errors import SplitError
from covermap.core.grid import Window, window_geobox
from drawings import polygons
from prepared import noisy_scene, prepared
from small_pictures import Everywhere, pictures
from tiny import tiny_geobox

SIDE = 192
NAMES = ["forest", "water", "urban"]
CELLS = [(r + 3, c + 3, 8, 8) for r in range(0, SIDE, 16) for c in range(0, SIDE, 16)]


def kept(run, folder):
    """The files of an earlier run, as `keep` takes them."""
    write_chips(folder / "chips.parquet", run.chips)
    write_split(folder / "split.json", run.split)
    return {"keep": "chips.parquet", "base": folder}


def drawn(folder, cells):
    classes = [NAMES[CELLS.index(cell) % 3] for cell in cells]
    return polygons(folder / "labels.gpkg", cells, classes, geobox=tiny_geobox(SIDE, SIDE))


@pytest.mark.parametrize("crs", [None, 32633])
def test_pictures_keep_their_parts_and_new_ones_are_assigned(tmp_path, crs):
    scenes = pictures(30, crs)
    first = prepared(scenes[10:], Everywhere(), by="images")
    again = prepared(scenes, Everywhere(), **kept(first, tmp_path))
    old, new = first.split.ground.scenes, again.split.ground.scenes
    assert {name: new[name] for name in old} == old
    parts = [new[f"p{n}"][0] for n in range(10)]
    assert set(parts) <= {0, 1, 2}
    assert [code for code, _ in new.values()].count(0) == pytest.approx(21, abs=1)
    assert again.split.reasons[0] == "20 scenes or groups of them kept their parts"
    assert audit(again.viewer, again.chips, again.split).passed


def test_a_new_date_of_kept_ground_takes_its_part_even_when_the_old_scene_is_gone(tmp_path):
    scenes = pictures(14, 32633)
    first = prepared(scenes, Everywhere(), by="images")
    moved = [
        replace(s, name=f"new {s.name}", geobox=window_geobox(s.geobox, Window(5, 5, 64, 64)))
        for s in scenes[:6]
    ]
    again = prepared([*scenes[3:], *moved], Everywhere(), **kept(first, tmp_path))
    for name, (part, _) in first.split.ground.scenes.items():
        assert again.split.ground.scenes.get(f"new {name}", (part, 0))[0] == part
    assert audit(again.viewer, again.chips, again.split).passed


def test_a_scene_that_lies_elsewhere_is_not_known_by_its_name(tmp_path):
    # Tiles that were exported anew are numbered from the other end.
    scenes = pictures(14, 32633)
    first = prepared(scenes, Everywhere(), by="images")
    anew = [replace(scene, name=f"p{13 - n}") for n, scene in enumerate(scenes)]
    again = prepared(anew, Everywhere(), **kept(first, tmp_path))
    for n in range(14):
        before = first.split.ground.scenes[f"p{n}"][0]
        assert again.split.ground.scenes[f"p{13 - n}"][0] == before
    assert "p13, p12, p11 and 11 more: not where the earlier scene" in again.split.reasons[-1]
    assert audit(again.viewer, again.chips, again.split).passed


def test_a_scene_that_grew_is_known_by_its_name(tmp_path):
    scenes = pictures(14, 32633)
    first = prepared(scenes, Everywhere(), by="images")
    grown = [
        noisy_scene(window_geobox(s.geobox, Window(0, 0, 80, 90)), s.name, n)
        for n, s in enumerate(scenes)
    ]
    again = prepared(grown, Everywhere(), **kept(first, tmp_path))
    assert again.split.ground.scenes == first.split.ground.scenes


def test_a_new_scene_on_two_parts_is_left_out(tmp_path):
    scenes = pictures(14, 32633)
    first = prepared(scenes, Everywhere(), by="images")
    parts = [first.split.ground.scenes[f"p{n}"][0] for n in range(14)]
    place = next(n for n in range(13) if parts[n] != parts[n + 1])
    across = noisy_scene(window_geobox(scenes[place].geobox, Window(0, 40, 64, 80)), "across")
    again = prepared([*scenes, across], Everywhere(), **kept(first, tmp_path))
    assert again.split.ground.scenes["across"][0] == -1
    assert "1 new scenes or groups of them lie on ground of several parts" in " ".join(
        again.split.reasons
    )


@pytest.mark.parametrize("gone", [0, 6])
def test_a_new_scene_beside_kept_ones_is_new_ground(tmp_path, gone):
    # A row of tiles as wide as a tile of a satellite: its outline in degrees is a curve.
    row = window_geobox(tiny_geobox(256, 3072), Window(0, 20_000, 256, 3072))
    tiles = [
        noisy_scene(window_geobox(row, Window(0, 256 * n, 256, 256)), f"p{n}", n) for n in range(12)
    ]
    first = prepared(tiles, Everywhere(), size=256, by="images")
    above = noisy_scene(window_geobox(row, Window(-256, 0, 256, 3072)), "above", 99)
    again = prepared([*tiles[gone:], above], Everywhere(), size=256, **kept(first, tmp_path))
    assert again.split.ground.scenes["above"][0] >= 0
    assert "several parts" not in " ".join(again.split.reasons)
    assert audit(again.viewer, again.chips, again.split).passed
    across = noisy_scene(window_geobox(row, Window(-254, 0, 256, 3072)), "across", 99)
    again = prepared([*tiles[gone:], across], Everywhere(), size=256, **kept(first, tmp_path))
    assert again.split.ground.scenes["across"][0] == -1


@pytest.mark.parametrize("by", ["blocks", "polygons", "random"])
@pytest.mark.parametrize("seed", [0, 1])
def test_labels_may_grow_and_no_ground_changes_its_part(tmp_path, by, seed):
    random = np.random.default_rng(seed)
    chosen = sorted(random.permutation(len(CELLS))[:80].tolist())
    box = tiny_geobox(SIDE, SIDE)
    scenes = [noisy_scene(box)]
    first = prepared(scenes, drawn(tmp_path, [CELLS[n] for n in chosen]), by=by)
    more = drawn(tmp_path / "more", CELLS)
    # Another scene comes before the old one: the lattice must not move.
    wider = noisy_scene(window_geobox(box, Window(-37, -5, 80, 90)), "before")
    again = prepared([wider, *scenes], more, seed=seed + 5, **kept(first, tmp_path))
    before, after = (
        run.split.ground.standing_on(box, run.labels.burn(box)) for run in (first, again)
    )
    assert again.split.scheme == first.split.scheme
    assert (before >= 0).any()
    assert np.array_equal(before[before >= 0], after[before >= 0])
    assert (after >= 0).sum() > (before >= 0).sum()
    assert again.split.at_random == first.split.at_random
    if by != "random":
        assert audit(again.viewer, again.chips, again.split).passed


def test_what_was_grown_can_be_kept_again(tmp_path):
    scenes = [noisy_scene(tiny_geobox(SIDE, SIDE))]
    first = prepared(scenes, drawn(tmp_path, CELLS[:90]), by="polygons", folds=3)
    again = prepared(scenes, drawn(tmp_path / "b", CELLS[:120]), **kept(first, tmp_path))
    third = prepared(scenes, drawn(tmp_path / "c", CELLS), **kept(again, tmp_path / "b"))
    codes = [run.split.ground.part_of_source for run in (first, again, third)]
    assert np.array_equal(codes[0][:90], codes[2][:90])
    assert np.array_equal(codes[1][:120], codes[2][:120])
    # New ground goes where classes are wanting: the folds stay alike.
    sizes = np.bincount(codes[2][:-1], minlength=3)
    assert np.ptp(sizes) <= 3


def test_pictures_keep_their_blocks(tmp_path):
    scenes = pictures(8)
    first = prepared(scenes[3:], Everywhere(), by="blocks")
    again = prepared(scenes, Everywhere(), **kept(first, tmp_path))
    for scene in scenes[3:]:
        target = first.labels.burn(scene.geobox, scene.name)
        before, after = (
            run.split.ground.standing_on(scene.geobox, target, scene.name) for run in (first, again)
        )
        assert np.array_equal(before, after)
    frames = sorted(frame.first_row for frame in again.split.ground.frames.values())
    assert min(np.diff(frames)) >= 64 + 32


def test_a_picture_of_another_size_is_not_the_kept_one(tmp_path):
    first = prepared(pictures(6), Everywhere(), by="blocks")
    other = [noisy_scene(tiny_geobox(96, 64, crs=None), "p0"), *pictures(6)[1:]]
    with pytest.raises(SplitError, match=r"picture 'p0' is \(96, 64\) px, but was \(64, 64\) px"):
        prepared(other, Everywhere(), **kept(first, tmp_path))


def test_a_run_that_is_not_there_cannot_be_kept(tmp_path):
    first = prepared(pictures(14), Everywhere())
    keep = kept(first, tmp_path)
    (tmp_path / "split.json").unlink()
    with pytest.raises(SplitError, match=r"split\.json: no such file; split: keep takes the chips"):
        prepared(pictures(14), Everywhere(), **keep)
    (tmp_path / "split.json").write_text('{"scheme": "holdout"}')
    with pytest.raises(SplitError, match=r"split\.json: not readable as a split"):
        prepared(pictures(14), Everywhere(), **keep)
