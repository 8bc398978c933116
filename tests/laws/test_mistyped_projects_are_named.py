"""Law 12 for what is typed in a project file: file, key, what was expected, what to type."""

from pathlib import Path

import numpy as np
import pytest

from drawings import scattered, squares
from tiny import tiny_geobox, write_scene

SIDE = 96
SOUND = "imagery: scene.tif\nlabels: {path: labels.gpkg, attribute: cover}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder whose name holds blanks and umlauts, with a scene and polygons."""
    folder = tmp_path_factory.mktemp("Müller Ost")
    cells = scattered(24, SIDE, SIDE, seed=0)
    write_scene(folder / "scene.tif", height=SIDE, width=SIDE, scale=0.0001)
    classes = list(np.resize(["forest", "water", "urban"], len(cells)))
    squares(folder / "labels.gpkg", cells, classes, geobox=tiny_geobox(SIDE, SIDE))
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def typed(place, complaint):
    """The complaint about a project file with this text; nothing but `run.json` is left."""

    def told(text):
        path = place / "my project.yaml"
        path.write_text(text, encoding="utf-8")
        line = complaint("prepare", path, "--out", place / "run")
        left = [item.name for item in (place / "run").glob("*")]
        assert left in ([], ["run.json"])
        return line.replace(str(place), "")

    return told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tsak: segmentation", "unknown key 'tsak'; did you mean 'task'?"),
        ("task: segmentaton", "(got 'segmentaton'); did you mean 'segmentation'?"),
        ("chips: 32", "chips: expected `key: value` pairs, such as {size: ...} (got 32)"),
        ("chips: {size: big}", "chips.size: expected a whole number or 'auto' (got 'big')"),
        ("chips: {size: -32}", "chips.size: must be a multiple of 32 and at least 32"),
        ("chips: {place: gird}", "(got 'gird'); did you mean 'grid'?"),
        ("split: blocks", "split: expected `key: value` pairs, such as {by: ...} (got 'blocks')"),
        ("split: {buffer_m: -5}", "split.buffer_m: expected at least 0 (got -5)"),
        ("split: {allow_leak: perhaps}", "split.allow_leak: expected true or false"),
        ("model: [unet]", "model: expected `key: value` pairs, such as {name: ...}"),
        ("model: {weights: mine.pth}", "mine.pth: no such file; check model: {weights: ...}"),
        ("model: {weights: imagenett}", "model.weights: no such weights"),
        ("loss: dice", "loss: expected `key: value` pairs, such as {cross_entropy: ...}"),
        ("loss: {dice: {wieght: 1}}", "unknown key 'loss.dice.wieght'; did you mean 'weight'?"),
        ("loss: {dice: much}", "loss.dice.weight: expected a number (got 'much')"),
        ("loss: {mse: 1}", "loss: mse does not serve task segmentation; known: cross_entropy"),
        ("training: {optimizer: adamm}", "'adamw', 'adam' or 'sgd' (got 'adamm'); did you mean"),
        ("training: {optimiser: adam}", "unknown key 'training.optimiser'; did you mean"),
        ("training: {epochs: many}", "training.epochs: expected a whole number or 'auto'"),
        ("training: {epochs: -3}", "training.epochs: expected at least 1 (got -3)"),
        ("training: {schedule: {name: step, evry: 3}}", "'training.schedule.evry'; did you mean"),
        ("map: {engine: torchh}", "map.engine: expected 'auto', 'torch' or 'openvino'"),
        ("map: {outputs: class}", "map.outputs: expected a list such as [a, b] (got 'class')"),
        ("seed: lucky", "seed: expected a whole number (got 'lucky')"),
        ("truth: nowhere.tif", "nowhere.tif: no such file; check truth: in the project"),
        ("bands: B02", "bands: expected a list such as [a, b] (got 'B02')"),
        ("bands: [B02, B05]", "no band or index 'B05'; its bands: B02, B03, B04, B08"),
        ("aoi: [a, b]", "aoi: expected text"),
        ("weak: {combiner: argmx}", "(got 'argmx'); did you mean 'argmax'?"),
        ("labels: other.gpkg", "key 'labels' stands there twice, in lines 2 and 3"),
    ],
)
def test_a_key_or_value_that_is_not_known(typed, text, told):
    assert told in typed(f"{SOUND}{text}\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "my project.yaml: the project file is empty; imagery and labels are needed"),
        ("hello", "my project.yaml: expected 'key: value' lines, got str"),
        ("- a\n- b", "my project.yaml: expected 'key: value' lines, got list"),
        ("imagery: scene.tif\nlabels:", "labels: expected `key: value` pairs, such as {path: ...}"),
        ("imagery: 5\nlabels: labels.gpkg", "imagery: expected a list such as [a, b] (got 5)"),
        ("imagery: [5]\nlabels: labels.gpkg", "imagery.0: expected `key: value` pairs, such as"),
        ("imagery: scene.tif\n\tlabels: a", "not valid YAML: a tab, where YAML takes blanks only"),
        ("imagery: scene.tif\nlabels: {path: a", "my project.yaml: not valid YAML: "),
        ("imagery: scene.tif\nlabels: {path: labels.gpkg, legend: dubay}", "'dubai'?"),
    ],
)
def test_a_file_of_another_shape(typed, text, told):
    assert told in typed(text)


@pytest.mark.parametrize(
    ("imagery", "told"),
    [
        ("nowhere", "nowhere: no such file or folder; in that folder: "),
        ("empty", "empty: no image in this folder. Expected GeoTIFFs"),
        ("'*.jpg'", "*.jpg: no image matches this pattern"),
        ("https://example.org/a.tif", "https://example.org/a.tif: is an address"),
        ("labels.gpkg", "labels.gpkg: cannot be opened as an image"),
        ("{path: scene.tif, date: 2020-13-45}", "holds a date or number that cannot be: month"),
        ("{path: scene.tif, scale: 0}", "imagery.0.scale: a scale of 0 makes all values equal"),
        ("{path: scene.tif, scale: [1, 2]}", "scale: has 2 values for 4 bands"),
        ("{path: scene.tif, nodata: none}", "imagery.0.nodata: expected a number or a list"),
        ("{path: scene.tif, quality: {path: nix.tif}}", "nix.tif: no such file or folder"),
    ],
)
def test_imagery_that_is_not_there_or_no_image(typed, imagery, told):
    assert told in typed(f"imagery: {imagery}\nlabels: labels.gpkg\n")


def test_commands_to_be_typed_are_quoted_where_names_hold_blanks(tmp_path, complaint, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = complaint("prepare", Path("my project.yaml"), "--out", "run")
    assert "`covermap init IMAGE LABELS --out 'my project.yaml'`" in told
