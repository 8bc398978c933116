"""Law 10, prepare: the same inputs give the same bytes, wherever and however often."""

import shutil

import numpy as np
import pytest
from rasterio.shutil import copy

import covermap
from covermap.core.errors import CovermapError
from covermap.core.files import content_digest
from covermap.mapping import seen
from covermap.verbs.prepare import OUTPUTS, prepare_inputs
from covermap.verbs.workspace import Workspace
from drawings import scattered, squares
from tiny import tiny_geobox, write_scene

SIDE = 128


def project(folder, count=40, seed=0, more=""):
    write_scene(folder / "scene.tif", height=SIDE, width=SIDE, scale=0.0001, seed=seed)
    cells = scattered(count, SIDE, SIDE, seed)
    classes = np.resize(["forest", "water", "urban"], count)
    squares(folder / "labels.gpkg", cells, classes, geobox=tiny_geobox(SIDE, SIDE))
    path = folder / "project.yaml"
    path.write_text(f"imagery: scene.tif\nlabels: {{path: labels.gpkg, attribute: cover}}\n{more}")
    return path


def bytes_of(out):
    return {name: (out / name).read_bytes() for name in OUTPUTS}


@pytest.mark.parametrize(
    "more", ["", "split: {by: blocks}\nchips: {size: 32}\n", "split: {by: polygons, folds: 3}\n"]
)
def test_prepare_twice_gives_the_same_bytes(tmp_path, more):
    path = project(tmp_path / "here", more=more)
    covermap.prepare(path, tmp_path / "one")
    covermap.prepare(path, tmp_path / "two")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    covermap.prepare(tmp_path / "there" / "project.yaml", tmp_path / "three")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two") == bytes_of(tmp_path / "three")


def test_forced_again_in_place_it_gives_the_same_bytes(tmp_path):
    path = project(tmp_path)
    covermap.prepare(path, tmp_path / "run")
    before = bytes_of(tmp_path / "run")
    covermap.prepare(path, tmp_path / "run", force=True)
    assert bytes_of(tmp_path / "run") == before


def test_what_did_not_change_is_skipped_and_what_changed_is_not(tmp_path, capsys):
    path = project(tmp_path)
    covermap.prepare(path, tmp_path / "run")
    capsys.readouterr()
    covermap.prepare(path, tmp_path / "run")
    assert "nothing changed, skipped" in capsys.readouterr().err
    path.write_text(path.read_text() + "seed: 7\n")
    covermap.prepare(path, tmp_path / "run")
    assert "skipped" not in capsys.readouterr().err
    squares(tmp_path / "labels.gpkg", [(0, 0, 9, 9)] * 2, ["forest", "water"])
    with pytest.raises(CovermapError):
        covermap.prepare(path, tmp_path / "run")


def test_a_changed_source_of_a_virtual_raster_is_another_input(tmp_path, capsys):
    path = project(tmp_path)
    source = (tmp_path / "scene.tif").rename(tmp_path / "source.tif")
    copy(source, tmp_path / "scene.vrt", driver="VRT")
    path.write_text(path.read_text().replace("scene.tif", "scene.vrt"))
    covermap.prepare(path, tmp_path / "run")
    write_scene(source, height=SIDE, width=SIDE, scale=0.0001, seed=5)
    capsys.readouterr()
    covermap.prepare(path, tmp_path / "run")
    assert "skipped" not in capsys.readouterr().err


def test_an_earlier_run_that_is_kept_is_an_input(tmp_path, capsys):
    path = project(tmp_path, more="split: {by: blocks}\nchips: {size: 32}\n")
    covermap.prepare(path, tmp_path / "old")
    covermap.prepare(path, tmp_path / "run")
    path.write_text(path.read_text().replace("by: blocks", "keep: old/chips.parquet"))
    for change in (str, lambda text: text.replace('"at_random": false', '"at_random": true')):
        split = tmp_path / "old" / "split.json"
        split.write_text(change(split.read_text()))
        capsys.readouterr()
        covermap.prepare(path, tmp_path / "run")
        assert "skipped" not in capsys.readouterr().err
    covermap.prepare(path, tmp_path / "run")
    assert "skipped" in capsys.readouterr().err


def test_a_damaged_result_is_made_again(tmp_path):
    path = project(tmp_path)
    covermap.prepare(path, tmp_path / "run")
    before = bytes_of(tmp_path / "run")
    (tmp_path / "run" / "split.json").write_text("{}")
    covermap.prepare(path, tmp_path / "run")
    assert bytes_of(tmp_path / "run") == before


def test_another_seed_is_another_split(tmp_path):
    path = project(tmp_path)
    covermap.prepare(path, tmp_path / "one")
    path.write_text(path.read_text() + "seed: 7\n")
    covermap.prepare(path, tmp_path / "two")
    assert bytes_of(tmp_path / "one") != bytes_of(tmp_path / "two")


def pair(folder):
    """Two scenes of other dates and scales, each with a mask, and points within areas."""
    for number, name in enumerate("ab"):
        write_scene(folder / name / f"{name}.tif", height=SIDE, width=SIDE, crs=None, seed=number)
        codes = np.random.default_rng(number).integers(1, 3, (1, SIDE, SIDE)).astype(np.uint8)
        write_scene(folder / name / "mask.tif", values=codes, bands=("cover",), crs=None)
    write_scene(folder / "place.tif", height=SIDE, width=SIDE)
    for number, name in enumerate(("points", "areas")):
        cells = scattered(9, SIDE, SIDE, number)
        squares(folder / f"{name}.gpkg", cells, ["x"] * 9, geobox=tiny_geobox(SIDE, SIDE))
    return folder


ENTRIES = """
imagery:
  - {path: FIRST, name: spring, date: 2020-05-01, scale: 0.5}
  - {path: SECOND, name: later, date: 2021-05-01, scale: 0.25}
labels: {path: place.tif}
"""
MASKS = "imagery: '?/?.tif'\nlabels: {path: '*/mask.tif'}\n"
DENSITY = "imagery: place.tif\naoi: areas.gpkg\nlabels: {points: points.gpkg, areas: areas.gpkg}\n"


def inputs_of(folder, text):
    (folder / "project.yaml").write_text(text)
    workspace = Workspace.open(folder / "project.yaml", folder / "run", "prepare")
    read = [workspace.sources.reading_digest(scene) for scene in workspace.scenes]
    return content_digest(prepare_inputs(workspace)), read


def exchanged(one, other):
    scratch = one.rename(one.with_name("scratch"))
    other.rename(one)
    scratch.rename(other)


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (MASKS, ("a/a.tif", "b/b.tif")),
        (MASKS, ("a/mask.tif", "b/mask.tif")),
        (DENSITY, ("points.gpkg", "areas.gpkg")),
    ],
)
def test_files_that_change_places_are_other_inputs(tmp_path, text, files):
    folder = pair(tmp_path / "here")
    before = inputs_of(folder, text)
    shutil.copytree(folder, tmp_path / "there")
    assert inputs_of(tmp_path / "there", text) == before
    exchanged(*(folder / name for name in files))
    assert inputs_of(folder, text)[0] != before[0]
    exchanged(*(folder / name for name in files))
    assert inputs_of(folder, text) == before


def test_images_that_change_their_entries_are_other_inputs(tmp_path):
    folder = pair(tmp_path)
    write_scene(folder / "other.tif", height=SIDE, width=SIDE, seed=7)

    def read(text, first, second):
        return inputs_of(folder, text.replace("FIRST", first).replace("SECOND", second))

    before, read_before = read(ENTRIES, "place.tif", "other.tif")
    after, read_after = read(ENTRIES, "other.tif", "place.tif")
    assert before != after
    # Each scene, by its name, is read as it was.
    assert read_before == read_after
    unnamed = ENTRIES.replace("name: spring, ", "").replace("name: later, ", "")
    _, read_before = read(unnamed, "place.tif", "other.tif")
    _, read_after = read(unnamed, "other.tif", "place.tif")
    assert len({*read_before, *read_after}) == 4


def test_no_step_reads_the_files_again_for_their_digests(tmp_path, monkeypatch):
    places = pair(tmp_path)
    (places / "project.yaml").write_text(DENSITY)
    read = []
    monkeypatch.setattr(seen, "file_digest", lambda path: read.append(path.name) or path.name)
    seen._digest.cache_clear()
    workspace = Workspace.open(places / "project.yaml", places / "run", "prepare")
    for _ in range(3):
        prepare_inputs(workspace)
        workspace.sources.reading_digest(workspace.scenes[0])
    seen._digest.cache_clear()
    assert sorted(read) == ["areas.gpkg", "place.tif", "points.gpkg"]
