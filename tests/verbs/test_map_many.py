"""Many scenes in one call: what is done stays, what is wrong with one stops no other."""

import json

import numpy as np
import pytest
import rasterio

from covermap.bundle.folder import read_bundle
from covermap.core.errors import BundleError, ImageryError, NothingToMapError, OutputError
from covermap.core.files import file_digest
from covermap.imagery.opening import open_scene
from covermap.mapping import choice, seen
from covermap.mapping.block import SeenFile
from covermap.mapping.choice import Choice
from covermap.mapping.engines import Engine
from covermap.mapping.polygons import polygons_path
from covermap.verbs.map_scenes import map_scenes
from covermap.verbs.scene_maps import map_key
from oracle_predictors import Constant
from tiny import tiny_geobox, write_scene


def _empty(folder, name):
    return write_scene(
        folder / f"{name}.tif", bands=("B02",), values=np.zeros((1, 64, 80)), nodata=0
    )


def test_a_scene_without_a_usable_pixel_is_left_out_of_many(tmp_path, oracle, capsys):
    bundle, scenes = oracle
    words = [scenes[0], _empty(tmp_path, "S2_20220716"), scenes[1]]
    results = map_scenes(bundle, words, tmp_path / "maps")
    assert [result.paths["class"].stem for result in results] == ["S2_20200716", "S2_20210716"]
    collection = json.loads((tmp_path / "maps" / "collection.json").read_text())
    assert [link["title"] for link in collection["links"][1:]] == ["S2_20200716", "S2_20210716"]
    assert "WARNING  S2_20220716: no usable pixel" in capsys.readouterr().err


def test_a_map_of_what_a_scene_was_before_goes_with_all_beside_it(tmp_path, oracle):
    bundle, scenes = oracle
    more = ("class", "confidence", "polygons")
    map_scenes(bundle, scenes, tmp_path / "maps", outputs=more)
    (tmp_path / "maps" / "S2_20200716_entropy.tif").write_text("mine")
    _empty(tmp_path, "S2_20200716")
    map_scenes(bundle, scenes, tmp_path / "maps")
    left = [path.name for path in (tmp_path / "maps").glob("S2_20200716*")]
    assert left == ["S2_20200716_entropy.tif"]


def damage(path):
    """Make a file whose pixels cannot be read, behind a header that is whole."""
    write_scene(path, bands=("B02",), compress="deflate")
    with rasterio.open(path) as dataset:
        place = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 500)


@pytest.fixture
def counting(monkeypatch):
    """Opens predictors that count their tiles; the last one is in the list."""
    opened, only = [], Choice(Engine("oracle", "float32"), "there is no other")

    def open_chosen(*_):
        opened.append(Constant())
        return opened[-1], only

    monkeypatch.setattr(choice, "open_chosen", open_chosen)
    return opened


def test_law_9_finished_maps_of_a_stopped_call_are_not_made_again(tmp_path, oracle, monkeypatch):
    bundle, scenes = oracle
    only = Choice(Engine("oracle", "float32"), "there is no other")
    map_scenes(bundle, scenes, tmp_path / "whole")
    killed, again = Constant(fail_at=3), Constant()
    for predictor in (killed, again):
        monkeypatch.setattr(choice, "open_chosen", lambda *_, p=predictor: (p, only))
        if predictor is killed:
            with pytest.raises(KeyboardInterrupt):
                map_scenes(bundle, scenes, tmp_path / "maps")
        else:
            map_scenes(bundle, scenes, tmp_path / "maps")
    assert again.tiles == 1
    made = {path.name: path.read_bytes() for path in (tmp_path / "maps").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}


def test_a_finished_map_is_made_again_only_for_a_reason_that_is_told(
    tmp_path, oracle, counting, capsys
):
    bundle, (scene, *_) = oracle
    out = tmp_path / "map.tif"
    map_scenes(bundle, [scene], out)
    map_scenes(bundle, [scene], out)
    assert counting[-1].tiles == 0
    assert "S2_20200716: already there" in capsys.readouterr().err
    map_scenes(bundle, [scene], out, tta=True)
    assert counting[-1].tiles > 0
    assert "map.tif is made again, since it was made with other settings" in capsys.readouterr().err
    write_scene(scene, bands=("B02",), seed=9)
    map_scenes(bundle, [scene], out, tta=True)
    assert counting[-1].tiles > 0
    assert "since scene or model changed" in capsys.readouterr().err


def test_polygons_alone_are_made_for_another_mapping_unit(tmp_path, oracle, counting):
    bundle, (scene, *_) = oracle
    out, asked = tmp_path / "map.tif", ("class", "polygons")
    map_scenes(bundle, [scene], out, outputs=asked)
    for unit in (300.0, 300.0):
        before = polygons_path(out).stat().st_mtime_ns
        map_scenes(bundle, [scene], out, outputs=asked, min_area_m2=unit)
        assert counting[-1].tiles == 0
        changed = polygons_path(out).stat().st_mtime_ns != before
        assert changed == (len(counting) == 2)
    map_scenes(bundle, [scene], out)
    assert counting[-1].tiles == 0
    assert not polygons_path(out).exists()


def test_a_damaged_scene_stops_no_other_and_is_named_in_the_end(tmp_path, oracle, counting):
    bundle, scenes = oracle
    damage(scenes[0])
    for round_ in range(2):
        with pytest.raises(
            ImageryError, match=r"1 of 3 scenes could not be mapped \(.*S2_20200716"
        ):
            map_scenes(bundle, scenes, tmp_path / "maps")
        assert counting[-1].tiles == (2 if round_ == 0 else 0)
    collection = json.loads((tmp_path / "maps" / "collection.json").read_text())
    assert [link["title"] for link in collection["links"][1:]] == ["S2_20210716"]
    assert (tmp_path / "maps" / "undated.tif").exists()


def test_a_file_that_does_not_open_stops_no_other_either(tmp_path, oracle, capsys):
    bundle, scenes = oracle
    empty = tmp_path / "broken.jpg"
    empty.write_bytes(b"")
    with pytest.raises(ImageryError, match=r"1 of 4 scenes could not be mapped \(.*broken.jpg"):
        map_scenes(bundle, [scenes[0], empty, *scenes[1:]], tmp_path / "maps")
    assert "going on with the other scenes" in capsys.readouterr().err
    assert len(list((tmp_path / "maps").glob("*.tif"))) == 3
    # What is missing was mistyped; of one map a part would be taken for the whole.
    for words, more in (
        ([*scenes, tmp_path / "none.tif"], {}),
        ([*scenes, empty], {"mosaic": True}),
    ):
        with pytest.raises(ImageryError, match=r"none.tif|broken.jpg"):
            map_scenes(bundle, words, tmp_path / "other.tif", **more)
    assert not list(tmp_path.glob("other*"))


def test_bands_that_a_shell_spread_out_are_told_how_to_be_one_scene(tmp_path, oracle):
    bundle, _ = oracle
    files = [
        write_scene(tmp_path / "bands" / f"x_{name}.tif", bands=(name,)) for name in ("red", "nir")
    ]
    with pytest.raises(BundleError, match=r"files are the bands of one scene.*bands/\*\.tif'"):
        map_scenes(bundle, files, tmp_path / "maps")


def test_bundle_and_scenes_are_hashed_once(tmp_path, oracle, monkeypatch):
    bundle, scenes = oracle
    read = []

    def counted(path):
        read.append(path.name)
        return file_digest(path)

    monkeypatch.setattr(seen, "file_digest", counted)
    monkeypatch.setattr("covermap.bundle.folder.file_digest", counted)
    monkeypatch.setattr(choice, "open_chosen", lambda *_: (read.append("chosen"), None))
    with pytest.raises(AttributeError):
        map_scenes(bundle, scenes, tmp_path / "maps")
    assert read == ["chosen"]
    read.clear()
    for path in scenes:
        map_key(read_bundle(bundle), open_scene(path))
        SeenFile.of(path)
    assert sorted(read) == sorted(["weights.safetensors", *(path.name for path in scenes)])


def test_globs_and_folders_of_several_scenes_are_mapped_scene_by_scene(tmp_path, oracle):
    bundle, scenes = oracle
    # Apart from each other, so that they are no tiles of one scene.
    (tmp_path / "sc").mkdir()
    for number, path in enumerate(scenes[:2]):
        write_scene(
            tmp_path / "sc" / path.name,
            bands=("B02",),
            geobox=tiny_geobox(64, 80, 10 + number / 10),
        )
    for given in ("sc/*.tif", "sc"):
        results = map_scenes(bundle, [tmp_path / given], tmp_path / f"maps {given[-1]}")
        made = [result.paths["class"].stem for result in results]
        assert made == ["S2_20200716", "S2_20210716"]


def test_several_scenes_to_a_file_are_refused(tmp_path, oracle):
    bundle, scenes = oracle
    with pytest.raises(OutputError, match=r"several scenes need a folder .*--mosaic both\.tif"):
        map_scenes(bundle, scenes, tmp_path / "both.tif")
    (tmp_path / "maps").write_text("mine")
    with pytest.raises(OutputError, match=r"several scenes need a folder"):
        map_scenes(bundle, scenes, tmp_path / "maps")
    assert not (tmp_path / "both.tif").exists()


def test_where_no_scene_has_a_usable_pixel_that_is_an_error(tmp_path, oracle):
    empty = [_empty(tmp_path, name) for name in ("fog", "cloud")]
    with pytest.raises(NothingToMapError, match=r"none of the 2 scenes has a usable pixel"):
        map_scenes(oracle[0], empty, tmp_path / "maps")
    with pytest.raises(NothingToMapError, match=r"fog: no usable pixel"):
        map_scenes(oracle[0], empty[:1], tmp_path / "maps")


def test_a_finished_mosaic_is_made_again_only_for_a_reason_that_is_told(
    tmp_path, oracle, counting, capsys
):
    bundle, scenes = oracle
    out, asked = tmp_path / "all.tif", {"mosaic": True, "outputs": ("class", "polygons")}
    map_scenes(bundle, scenes[:2], out, **asked)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("all*")}
    (again,) = map_scenes(bundle, scenes[1::-1], out, **asked)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("all*")} == before
    # The order does not matter where scenes have one grid.
    assert counting[-1].tiles == 0
    assert "all.tif: already there" in capsys.readouterr().err
    assert sum(again.class_pixels.values()) == again.valid_pixels > 0
    map_scenes(bundle, scenes, out, **asked)
    assert counting[-1].tiles
    assert "all.tif is made again, since scene or model changed" in capsys.readouterr().err


def test_a_note_on_many_scenes_is_told_once(tmp_path, oracle, capsys):
    bundle, scenes = oracle
    for number in range(3):
        (tmp_path / f"more_{number}.tif").write_bytes(scenes[0].read_bytes())
    paths = [*scenes, *sorted(tmp_path.glob("more_*.tif"))]
    map_scenes(bundle, paths, tmp_path / "maps")
    notes = [line for line in capsys.readouterr().err.splitlines() if "no scale is known" in line]
    assert [line.split(":")[0] for line in notes] == [
        "S2_20200716, S2_20210716, undated and 3 more"
    ]
