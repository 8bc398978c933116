"""Scenes held out by name."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from covermap.chips.audit import audit, require_passed
from covermap.chips.settings import SplitSettings
from covermap.chips.split import split_files
from covermap.core.errors import SplitError
from prepared import prepared
from small_pictures import Everywhere, overlapping, pictures
from tiny import shared_data


def in_folders(names):
    """Pictures with files as a data set has them: `Tile 1/images/part_1.jpg`."""
    scenes = []
    for scene, name in zip(pictures(len(names)), names, strict=True):
        tile, part = name.split("/")
        path = Path("/data") / tile / "images" / f"{part}.jpg"
        scenes.append(replace(scene, name=f"{tile}-{part}", files=(path,)))
    return scenes


TILES = in_folders([f"Tile {t}/part_{n}" for t in (1, 5) for n in (1, 2, 3)])


def parts(run):
    return run.chips.groupby("scene")["split"].first().to_dict()


def by_list(scenes, base=Path(), **lists):
    return prepared(scenes, Everywhere(), by="list", base=base, **lists)


def test_each_scene_goes_where_it_is_named():
    run = by_list(pictures(5), train=["p0", "p3"], val=["p1"], test=["p2", "p4"])
    assert parts(run) == {"p0": "train", "p1": "val", "p2": "test", "p3": "train", "p4": "test"}
    assert run.split.reasons == ("scenes as listed: 2 train, 1 val, 2 test",)
    found = audit(run.viewer, run.chips, run.split)
    assert found.passed
    assert found.trainings[0].scored_pixels == 2 * 64 * 64


def test_validation_may_be_left_out():
    run = by_list(pictures(3), train="p0", test=["p1", "p2"])
    assert set(parts(run).values()) == {"train", "test"}


def test_training_scenes_validate_where_the_project_does_not_speak_of_val():
    scenes = pictures(10)
    run = by_list(scenes, train=["p[0-6]"], test=["p7", "p8", "p9"])
    found = parts(run)
    chosen = [name for name, part in found.items() if part == "val"]
    assert 1 <= len(chosen) <= 2
    assert set(chosen) <= {f"p{n}" for n in range(7)}
    assert [found[name] for name in ("p7", "p8", "p9")] == ["test"] * 3
    assert f"no val is named: {len(chosen)} of the training scenes" in run.split.reasons[1]
    assert parts(by_list(scenes, train=["p[0-6]"], test=["p7", "p8", "p9"])) == found
    all_teach = parts(by_list(scenes, train=["p[0-6]"], val=[], test=["p7", "p8", "p9"]))
    assert list(all_teach.values()) == ["train"] * 7 + ["test"] * 3


@pytest.mark.parametrize(
    "entry",
    ["Tile 5-part_2", "Tile 5/part_2", "Tile 5/images/part_2.jpg", "./Tile 5/part_2.png"],
)
def test_a_scene_is_known_by_its_name_and_by_its_file(entry):
    run = by_list(TILES, train=["Tile 1-*"], test=[entry])
    assert parts(run)["Tile 5-part_2"] == "test"
    assert "2 of 6 scenes are in no list" in run.split.reasons[1]
    assert "Tile 5-part_1, Tile 5-part_3" in run.split.reasons[1]


@pytest.mark.parametrize("glob", ["Tile 1-*", "Tile 1/*", "*1/part_?"])
def test_globs_name_many_scenes(glob):
    run = by_list(TILES, train=[glob], test=["Tile 5-*"])
    assert list(parts(run).values()) == ["train"] * 3 + ["test"] * 3


def test_a_name_that_fits_two_scenes_is_not_guessed():
    with pytest.raises(SplitError, match=r"'part_2'.*2 scenes \(Tile 1-part_2, Tile 5-part_2\)"):
        by_list(TILES, train=["part_2"], test=["Tile 5-*"])


def test_a_published_list_may_name_more_than_there_is(tmp_path):
    (tmp_path / "train.txt").write_text("# official\np0\r\np1.tif\n\nelsewhere_7\n")
    (tmp_path / "test.txt").write_text("\ufeffp2\n")
    run = by_list(pictures(3), tmp_path, train="train.txt", test="test.txt")
    assert parts(run) == {"p0": "train", "p1": "train", "p2": "test"}
    (note,) = run.split.reasons[1:]
    assert note.startswith("train: 1 of 3 listed names are no scene")
    assert "'elsewhere_7' (train.txt, line 5; scenes: p0, p1, p2)" in note
    asked = SplitSettings(by="list", train="train.txt", test=["p2"])
    assert split_files(asked, tmp_path) == [tmp_path / "train.txt"]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"train": ["p0", "p1x"], "test": ["p2"]}, r"train: 'p1x' is no scene.*mean 'p1'"),
        ({"train": ["p*"], "test": ["p2"]}, r"'p2' is in two parts: train and test"),
        ({"train": ["p0"], "test": ["nothing*"]}, r"test: 'nothing\*'.*scenes: p0, p1, p2"),
        ({"train": "no.txt", "test": ["p2"]}, r"no\.txt: no such list file"),
        ({"train": "empty.txt", "test": ["p2"]}, r"empty\.txt: names no scene; one name a line"),
        ({"train": "other.txt", "test": ["p2"]}, r"'x1' \(other\.txt, line 1\) is no scene"),
    ],
)
def test_a_list_that_cannot_be_meant_is_an_error(tmp_path, lists, message):
    (tmp_path / "empty.txt").write_text("\n# nothing\n")
    (tmp_path / "other.txt").write_text("x1\nx2\n")
    with pytest.raises(SplitError, match=message):
        by_list(pictures(4), tmp_path, **lists)


def test_a_part_without_labels_is_an_error():
    scenes = pictures(4)

    class NotOnP2(Everywhere):
        def burn(self, geobox, scene_name=""):
            target = super().burn(geobox, scene_name)
            return replace(target, labelled=target.labelled & (scene_name != "p2"))

    with pytest.raises(SplitError, match=r"test: its 1 scenes hold no usable label"):
        prepared(scenes, NotOnP2(), by="list", train=["p0", "p1"], test=["p2"])


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"by": "list", "train": ["a"]}, "`by: list` needs `test`"),
        ({"by": "blocks", "train": ["a"]}, "`train` belongs to `by: list` or `by: date`"),
        ({"by": "images", "regions": "a.gpkg"}, "`regions` belongs to `by: region`"),
        ({"by": "attribute"}, "needs `attribute`"),
        ({"by": "region"}, "needs `regions`: split: {by: region, regions: regions.gpkg}"),
        ({"by": "list", "train": {"a": 1}, "test": "b"}, "valid list"),
    ],
)
def test_keys_of_another_kind_are_refused(split, message):
    with pytest.raises(ValidationError) as caught:
        SplitSettings(**split)
    assert message in str(caught.value)


def test_an_overlap_made_by_hand_is_caught():
    # p0 and p1 share 24 rows, p2 and p3 share 34 rows of 54 columns.
    run = by_list(overlapping(), train=["p0", "p2", "p4"], test=["p1", "p3", "p5"])
    found = audit(run.viewer, run.chips, run.split)
    assert found.trainings[0].shared_pixels == 24 * 64 + 34 * 54
    assert not found.passed
    with pytest.raises(SplitError, match=r"3,372 scored pixels.*allow_leak: true"):
        require_passed(found, allow_leak=False)


def test_pictures_of_dubai_are_listed_by_tile():
    from covermap.imagery.opening import open_scenes
    from covermap.imagery.settings import ImagerySettings

    folder = shared_data("dubai")
    scenes = [
        scene
        for tile in ("Tile 1", "Tile 5")
        for scene in open_scenes(
            ImagerySettings(path=f"{tile}/images", name=tile, join=False), folder
        )
    ]
    from covermap.chips.split_list import listed_parts

    asked = SplitSettings(by="list", train=["Tile 1-*"], test=["Tile 5/image_part_00?"])
    codes, notes = listed_parts(scenes, asked, folder)
    assert codes.tolist() == [0] * 9 + [2] * 9
    assert notes == ()
