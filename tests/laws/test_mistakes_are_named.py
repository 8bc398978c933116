"""Law 12: a mistake ends with one line, exit status 2 and no traceback."""

import errno
import re
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from covermap.bundle.facts import Bundle, Channel
from covermap.bundle.folder import write_bundle
from covermap.cli import main
from covermap.core.legend import Legend
from drawings import drawing, saved, scattered, squares
from tiny import tiny_geobox, write_scene

SIDE = 96
BOX = tiny_geobox(SIDE, SIDE)
CELLS = scattered(24, SIDE, SIDE, seed=0)
CLASSES = list(np.resize(["forest", "water", "urban"], len(CELLS)))


@pytest.fixture
def folder(tmp_path):
    """A project in which nothing is wrong."""
    write_scene(tmp_path / "scene.tif", height=SIDE, width=SIDE, scale=0.0001)
    squares(tmp_path / "labels.gpkg", CELLS, CLASSES, geobox=BOX)
    write_project(tmp_path)
    return tmp_path


def write_project(folder, text="", imagery="scene.tif", labels="{path: labels.gpkg}"):
    (folder / "project.yaml").write_text(f"imagery: {imagery}\nlabels: {labels}\n{text}")


@pytest.fixture
def covermap(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["covermap", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code, capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("mapp",), "no such command 'mapp'"),
        (("map",), "missing argument 'BUNDLE'; `covermap map --help`"),
        (("run", "project.yaml"), "missing option '--out'"),
        (("run", "project.yaml", "--uot", "run"), "no such option: --uot"),
        (("demo", "--out", "d", "--seed", "x"), "invalid value for '--seed': "),
    ],
)
def test_a_mistyped_command_is_told_in_one_line(covermap, words, told):
    status, said = covermap(*words)
    assert status == 2
    assert said.out == ""
    (line,) = said.err.strip().splitlines()
    assert line.startswith(f"covermap: {told}")
    assert line.endswith("shows what it takes")


def test_no_words_at_all_show_the_help(covermap):
    status, said = covermap()
    assert status == 0
    assert "evaluate" in said.out


@pytest.fixture
def prepare(folder, complaint):
    return lambda: complaint("prepare", folder / "project.yaml", "--out", folder / "run")


def expect(line, *parts):
    for part in parts:
        assert re.search(part, line), f"{part!r} is not in: {line}"


def test_a_sound_project_is_prepared(folder, covermap):
    assert covermap("prepare", folder / "project.yaml", "--out", folder / "run")[0] == 0


def test_a_missing_project_file_is_named(tmp_path, complaint):
    line = complaint("prepare", tmp_path / "nothing.yaml", "--out", tmp_path / "run")
    expect(line, "nothing.yaml: no such project file", "covermap init")
    assert not (tmp_path / "run").exists()


def test_a_missing_image_is_named_with_what_is_there(folder, prepare):
    write_project(folder, imagery="scen.tif")
    expect(prepare(), r"scen\.tif: no such file", r"scene\.tif")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("splt: {by: blocks}", ["unknown key 'splt'", "did you mean 'split'"]),
        ("split: {fractons: {train: 0.7}}", ["'split.fractons'", "did you mean 'fractions'"]),
        ("split: {fractions: {trian: 0.7}}", ["'split.fractions.trian'", "did you mean 'train'"]),
        ("split: {by: block}", ["split.by", "'blocks'", "got 'block'"]),
        ("split: {fractions: {train: 0.9}}", ["split.fractions", "add up to 1"]),
        ("chips: {size: 100}", ["chips.size", "multiple of 32", "96", "got 100"]),
        ("model: {name: unett}", ["model.name", "no such model", "did you mean 'unet'"]),
        ("model: {encoder: resnet81}", ["model.encoder", "did you mean 'resnet18'"]),
        ("loss: {dise: 1}", ["'loss.dise'", "did you mean 'dice'"]),
        ("training: {epochs: 0}", [r"training\.epochs", "got 0"]),
        ("map: {outputs: [clas]}", [r"map\.outputs", "'class'", "got 'clas'"]),
        ("seed: -1", ["seed", "got -1"]),
        ("bands: []", ["bands"]),
        ("aoi: nowhere.gpkg", [r"nowhere\.gpkg: no such file", "aoi"]),
        ("bands: [B02, B03, B99]", ["B99", "B02"]),
        ("bands: [B02, ndvy]", ["no band or index 'ndvy'", "did you mean 'nd"]),
        ("split: [blocks", ["not valid YAML", "line 3"]),
    ],
)
def test_a_wrong_key_or_value_is_told_with_what_is_known(folder, prepare, text, expected):
    write_project(folder, text)
    expect(prepare(), r"project\.yaml|tif|gpkg|scene", *expected)
    assert not (folder / "run" / "chips.parquet").exists()


@pytest.mark.parametrize(
    ("imagery", "expected"),
    [
        ("[{path: scene.tif, nodta: 0}]", [r"'imagery\.0\.nodta'", "did you mean 'nodata'"]),
        ("{path: scene.tif, date: yesterday}", [r"imagery\.0\.date", "'yesterday'"]),
        ("{path: scene.tif, unit: meters}", [r"imagery\.0\.unit", "'reflectance'", "'meters'"]),
        ("{path: scene.tif, scale: much}", [r"imagery\.0\.scale", "number", "'much'"]),
        ("{path: scene.tif, quality: {pth: a}}", [r"imagery\.0\.quality\.pth", "'path'"]),
        ("{bands: [B02]}", [r"key 'imagery\.0\.path' is missing"]),
        ("[]", ["imagery"]),
    ],
)
def test_mistakes_in_a_list_of_images_are_told_with_their_place(folder, prepare, imagery, expected):
    write_project(folder, imagery=imagery)
    expect(prepare(), r"project\.yaml", *expected)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("{path: labels.gpkg, attribute: covr}", ["no column 'covr'", "did you mean 'cover'"]),
        ("{path: labels.gpkg, atribute: cover}", [r"'labels\.atribute'", "'attribute'"]),
        ("{path: labels.gpkg, layer: drwn}", ["no layer 'drwn'", "labels"]),
        ("{path: labels.shp}", [r"labels\.shp: no such file", "labels: path"]),
        ("{path: labels.gpkg, ignore: [watr]}", ["'watr'", "did you mean 'water'"]),
        (
            "{path: labels.gpkg, attribute: cover, classes: {forest: 1, watr: 2, urban: 3}}",
            ["'water'", "did you mean 'watr'"],
        ),
        ("{path: labels.gpkg, date: 2020}", [r"unknown key 'labels\.date'"]),
    ],
)
def test_mistakes_in_the_labels_entry_name_the_nearest(folder, prepare, labels, expected):
    write_project(folder, labels=labels)
    expect(prepare(), r"project\.yaml|labels\.", *expected)


def test_polygons_that_miss_the_image_are_told_with_both_places(folder, prepare):
    far = drawing(CELLS, CLASSES, geobox=BOX)
    far["geometry"] = far.translate(xoff=300_000)
    saved(folder / "labels.gpkg", far)
    expect(prepare(), r"labels\.gpkg: no polygon lies on the imagery", "longitude", "CRS")


def test_polygons_without_a_crs_are_told_how_to_get_one(folder, prepare):
    squares(folder / "plain.gpkg", CELLS, CLASSES, geobox=BOX, crs=None)
    write_project(folder, labels="plain.gpkg")
    expect(prepare(), r"plain\.gpkg: has no CRS", "ogr2ogr -a_srs")


@pytest.mark.parametrize("kind", ["empty", "lines", "points"])
def test_a_file_without_a_polygon_is_named(folder, prepare, kind):
    shapes = {
        "empty": [],
        "lines": [shapely.LineString([(5e5, 5e6), (5e5 + 90, 5e6)])] * 2,
        "points": [shapely.Point(5e5, 5e6)] * 2,
    }[kind]
    table = gpd.GeoDataFrame(
        {"cover": ["forest", "water"][: len(shapes)]}, geometry=shapes, crs=BOX.crs.to_wkt()
    )
    saved(folder / "other.gpkg", table)
    write_project(folder, labels="other.gpkg")
    expect(prepare(), r"other\.gpkg: holds no polygon at all")


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (CELLS, ["forest"] * len(CELLS)),
        ([(2, 2, 9, 9), (60, 60, 9, 9)], ["forest", "water"]),
        ([*CELLS[:6], (80, 80, 9, 9)], [*["forest"] * 6, "water"]),
    ],
)
def test_fewer_than_two_classes_that_can_be_assessed_end_with_advice(
    folder, prepare, cells, classes
):
    squares(folder / "few.gpkg", cells, classes, geobox=BOX)
    write_project(folder, labels="{path: few.gpkg, attribute: cover}")
    expect(prepare(), r"few\.gpkg: at least two classes", "Draw more polygons")


def test_self_crossing_polygons_are_repaired_and_told(folder, covermap):
    table = drawing(CELLS, CLASSES, geobox=BOX)
    left, below, right, above = table.geometry[0].bounds
    # A bow tie: its ring crosses itself in the middle.
    bow = [(left, below), (right, above), (right, below), (left, above)]
    table.loc[0, "geometry"] = shapely.Polygon(bow)
    saved(folder / "labels.gpkg", table)
    status, said = covermap("prepare", folder / "project.yaml", "--out", folder / "run")
    assert status == 0
    assert "1 self-crossing polygon repaired" in said.err


def test_a_class_in_one_block_stays_in_training_and_is_named(folder, covermap):
    cells = [*CELLS, (1, 1, 5, 5)]
    squares(folder / "labels.gpkg", cells, [*CLASSES, "glacier"], geobox=BOX)
    write_project(folder, "split: {by: blocks}\nchips: {size: 32}", labels="labels.gpkg")
    status, said = covermap("prepare", folder / "project.yaml", "--out", folder / "run")
    assert status == 0, said.err
    assert re.search("glacier.*not assessed|not assessed.*glacier", said.err), said.err
    chips = gpd.read_parquet(folder / "run" / "chips.parquet")
    holds = [shares.get("glacier", 0) > 0 for shares in map(dict, chips["class_shares"])]
    assert set(chips["split"][holds]) == {"train"}


def test_polygons_smaller_than_a_pixel_are_named(folder, prepare):
    cells = [(row + 0.6, col + 0.6, 0.3, 0.3) for row, col, _, _ in CELLS]
    squares(folder / "small.gpkg", cells, CLASSES, geobox=BOX)
    write_project(folder, labels="small.gpkg")
    expect(prepare(), r"small\.gpkg", "smaller than a pixel")


def test_a_truncated_image_is_named(folder, prepare):
    path = folder / "scene.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    expect(prepare(), r"scene\.tif")


def test_a_file_that_is_no_image_is_named(folder, prepare):
    (folder / "scene.tif").write_text("not an image")
    expect(prepare(), r"scene\.tif")


def test_a_scene_of_nodata_only_is_told(folder, prepare):
    values = np.zeros((4, SIDE, SIDE))
    write_scene(folder / "scene.tif", values=values, nodata=0, scale=0.0001)
    expect(prepare(), r"labels\.gpkg", "none of them is valid")


def test_an_image_without_a_crs_is_told_how_to_get_one(folder, prepare):
    with rasterio.open(folder / "scene.tif") as source:
        values = source.read()
    (folder / "scene.tif").unlink()
    write_scene(folder / "scene.tif", values=values, crs=None, scale=0.0001)
    expect(prepare(), "without a CRS", "gdal_edit")


@pytest.mark.parametrize("name", ["chips.parquet", "split.json", "audit.json", "run.json"])
def test_a_strangers_file_in_the_way_stays_as_it_is(folder, prepare, name):
    (folder / "run").mkdir()
    (folder / "run" / name).write_text('{"mine": 1}')
    expect(prepare(), rf"run/{name}", "--out")
    assert (folder / "run" / name).read_text() == '{"mine": 1}'
    assert [path.name for path in (folder / "run").iterdir()] == [name]


def test_a_file_where_the_run_folder_should_be_is_named(folder, prepare):
    (folder / "run").write_text("notes")
    expect(prepare(), "run: is a file", "--out")


@pytest.mark.parametrize("verb", ["train", "evaluate", "report"])
def test_a_step_without_the_one_before_says_what_to_run(folder, complaint, verb):
    line = complaint(verb, folder / "project.yaml", "--out", folder / "run")
    expect(line, "run `covermap (prepare|train|evaluate)")


@pytest.fixture
def bundle(tmp_path):
    facts = Bundle(
        task="segmentation",
        model={"name": "unet", "encoder": "resnet18", "weights": None},
        channels=tuple(
            Channel(name, "reflectance", None, 0.1, 0.05, 0.0, 0.4) for name in ("B02", "B08")
        ),
        resolution_m=10.0,
        legend=Legend.of({1: "forest", 2: "water"}),
        chip_size=64,
        receptive_radius=40,
        min_dates=None,
        imagery={},
        trained_on={},
        scores={},
        versions={},
    )
    write_bundle(tmp_path / "bundle", facts, {"a": np.zeros(3, np.float32)})
    return tmp_path / "bundle"


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ({"bands": ("B02", "B03")}, ["lacks B08"]),
        ({"resolution": 20}, ["20 m", "expected 10 m"]),
        ({"scale": None}, ["dn", "expected reflectance"]),
    ],
)
def test_a_scene_that_does_not_fit_a_bundle_is_refused(folder, bundle, complaint, scene, expected):
    write_scene(folder / "new.tif", **{"scale": 0.0001, **scene})
    line = complaint("map", bundle, folder / "new.tif", "--out", folder / "map.tif")
    expect(line, "new", *expected)
    assert not (folder / "map.tif").exists()


def test_a_bundle_without_its_weights_is_told(folder, bundle, complaint):
    (bundle / "weights.safetensors").unlink()
    line = complaint("map", bundle, folder / "scene.tif", "--out", folder / "map.tif")
    expect(line, "bundle: lacks its weights", "copy the whole folder")


def test_weights_that_do_not_fit_the_network_are_told(folder, bundle, complaint):
    line = complaint("map", bundle, folder / "scene.tif", "--out", folder / "map.tif")
    expect(line, "bundle")


def test_a_strangers_file_in_the_way_of_a_map_stays(folder, bundle, complaint):
    write_scene(folder / "map.tif")
    before = (folder / "map.tif").read_bytes()
    line = complaint("map", bundle, folder / "scene.tif", "--out", folder / "map.tif")
    expect(line, r"map\.tif: already exists")
    assert (folder / "map.tif").read_bytes() == before


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("scene.tif/run", "not a directory"),
        ("x" * 300, "file name too long"),
        ("/proc/x", "no such"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_named(folder, complaint, out, expected):
    before = sorted(folder.rglob("*"))
    line = complaint("prepare", folder / "project.yaml", "--out", folder / out)
    expect(line, re.escape(Path(out).name), expected, "choose|check")
    assert sorted(folder.rglob("*")) == before


def test_a_file_that_the_system_does_not_give_is_named(folder, prepare, monkeypatch):
    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("covermap.mapping.seen.file_digest", refused)
    expect(prepare(), r"scene\.tif: permission denied; choose another place, or ask for the right")


def test_an_unknown_output_of_a_map_names_the_known_ones(folder, bundle, complaint):
    line = complaint(
        "map", bundle, folder / "scene.tif", "--out", folder / "m.tif", "--output", "confidense"
    )
    expect(line, "confidense", "confidence")


@pytest.mark.parametrize(
    "words", [["prepare", "--forse"], ["prepaer"], ["prepare"], ["demo", "--seed", "many"]]
)
def test_a_wrong_command_line_has_exit_status_2_and_no_traceback(covermap, words):
    status, output = covermap(*words)
    assert status == 2
    assert "Traceback" not in output.err
