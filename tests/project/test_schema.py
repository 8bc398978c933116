"""The project file as an object."""

import pytest

from covermap.core.errors import ProjectError
from covermap.project.schema import read_project

LEAST = "imagery: scene.tif\nlabels: polygons.gpkg\n"


def read(tmp_path, text, name="valley.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_project(path)


def test_only_imagery_and_labels_are_required(tmp_path):
    project = read(tmp_path, LEAST)
    assert project.name == "valley"
    assert [item.path for item in project.imagery] == ["scene.tif"]
    assert project.labels.path == "polygons.gpkg"
    assert (project.chips.size, project.split.by, project.seed) == ("auto", "auto", 0)
    assert project.loss.weights == {"cross_entropy": 1.0, "dice": 1.0}
    assert project.map.outputs == ("class",)


@pytest.mark.parametrize(
    ("imagery", "paths"),
    [
        ("a.tif", ["a.tif"]),
        ("[a.tif, b.tif]", ["a.tif", "b.tif"]),
        ("{path: a.tif}", ["a.tif"]),
        ("[{path: a.tif}, b.tif]", ["a.tif", "b.tif"]),
        ("{path: [a.tif, b.tif]}", [["a.tif", "b.tif"]]),
    ],
)
def test_imagery_is_one_or_many(tmp_path, imagery, paths):
    project = read(tmp_path, f"imagery: {imagery}\nlabels: l.gpkg\n")
    assert [item.path for item in project.imagery] == paths


def test_the_example_of_the_contract_is_read(tmp_path):
    project = read(
        tmp_path,
        """
name: red-clover-valley
imagery:
  - path: scenes/S2_20200716.tif
    bands: [B02, B03, B04, B08]
    scale: 0.0001
    quality: {path: scl.tif, invalid: [0, 1, 3, 8, 9, 10]}
    date: 2020-07-16
bands: [B02, B03, B04, B08, ndvi, ndwi]
aoi: valley.gpkg
labels:
  path: polygons.gpkg
  layer: drawn
  attribute: cover
  classes: {forest: 1, water: 2}
  ignore: [unknown]
  complete: false
task: segmentation
chips: {size: auto}
split: {by: blocks, fractions: {train: 0.7, val: 0.15, test: 0.15}}
model: {name: unet, encoder: efficientnet-lite0, weights: imagenet}
loss: {cross_entropy: 1.0, dice: 1.0}
training: {epochs: auto, optimizer: adamw, learning_rate: 1.0e-3}
map: {outputs: [class, confidence]}
seed: 0
""",
    )
    assert project.name == "red-clover-valley"
    assert project.imagery[0].quality.invalid == [0, 1, 3, 8, 9, 10]
    assert project.imagery[0].date.isoformat() == "2020-07-16"
    assert project.split.fractions.val == 0.15
    assert project.labels.classes == {"forest": 1, "water": 2}


def test_numbers_as_names_of_classes_and_bands_are_text(tmp_path):
    text = "labels: {path: l, classes: {1: 4, 2: 4}, ignore: [3]}\nbands: [1, 2]\nimagery: a\n"
    project = read(tmp_path, text)
    assert project.labels.classes == {"1": 4, "2": 4}
    assert project.labels.ignore == ["3"]
    assert project.bands == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the project file is empty"),
        ("just words", "expected 'key: value' lines, got str"),
        ("- a\n- b\n", "expected 'key: value' lines, got list"),
        ("imagery: [a.tif\n", "not valid YAML.*line 2"),
        ("imagery: a.tif\n", "key 'labels' is missing"),
        ("labels: a.gpkg\n", "key 'imagery' is missing"),
        (LEAST + "task: segmentatoin\n", "task: .*'segmentation', .*got 'segmentatoin'"),
        (LEAST + "seed: -1\n", "seed: .* .got -1"),
        (LEAST + "chips: {size: 100}\n", "chips.size: must be a multiple of 32.*try 96"),
        (LEAST + "split: {by: polygons, folds: 9}\n", "split.folds: .*5 .got 9"),
        (LEAST + "split: {fractions: {train: 0.9}}\n", "add up to 1, not 1.2"),
        (LEAST + "Labels: b\n", "unknown key 'Labels'; did you mean 'labels'"),
        (
            LEAST + "model: {name: classifier}\n",
            "classifier does not serve task segmentation; write",
        ),
        (LEAST + "loss: {mse: 1.0}\n", "loss: mse does not serve task segmentation; known: cross"),
        ("imagery: {a: !!python/object/apply:os.getcwd []}\n", "not valid YAML"),
        ("imagery: a\nlabels: {path: l, classes: {a: 70000}}\n", "'a' must lie in 0..65534"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_remedy(tmp_path, text, told):
    with pytest.raises(ProjectError, match=told) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "valley.yaml"))
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_told(tmp_path):
    with pytest.raises(ProjectError, match="covermap init"):
        read_project(tmp_path / "nothing.yaml")
    with pytest.raises(ProjectError, match=r"cannot be read \(is a directory\)"):
        read_project(tmp_path)
    (tmp_path / "picture.yaml").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ProjectError, match=r"picture\.yaml: is no text in UTF-8"):
        read_project(tmp_path / "picture.yaml")


def test_an_encoder_that_knows_nothing_is_not_frozen(tmp_path):
    frozen = LEAST + "training: {freeze_encoder: true}\n"
    with pytest.raises(ProjectError, match=r"freeze_encoder: true keeps the encoder resnet18"):
        read(tmp_path, frozen + "model: {encoder: resnet18}\n")
    assert read(tmp_path, frozen).training.freeze_encoder is True
    warm_up = LEAST + "training: {freeze_encoder: 3}\nmodel: {weights: none}\n"
    assert read(tmp_path, warm_up).training.freeze_encoder == 3


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("weak: {combiner: median}", "weak: is for task: weak-segmentation, not for segmentation"),
        (
            "task: weak-segmentation\nweak: {combiner: regression}",
            "combiner: regression learns from labels of pixels",
        ),
        ("task: weak-segmentation\nweak: {dense_images: 0}", "weak.dense_images"),
        ("task: weak-segmentation\nweak: {combine: argmax}", "unknown key 'weak.combine'"),
    ],
)
def test_combiners_that_cannot_be_are_named(tmp_path, more, told):
    labels = "{tags: t.csv}" if "regression" in more else "polygons.gpkg"
    with pytest.raises(ProjectError) as caught:
        read(tmp_path, f"imagery: scene.tif\nlabels: {labels}\n{more}\n")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "more", "told"),
    [
        ("{tags: folders}", "", "task: regression needs numbers as labels"),
        ("polygons.gpkg", "", "task: regression needs numbers as labels"),
        ("{tags: t.csv}", "", "needs the name of one column of numbers"),
        ("{tags: t.csv, column: [a, b]}", "", "needs the name of one column of numbers"),
        ("{tags: t.csv, column: a}", "model: {name: unet}", "write model: {name: classifier}"),
        ("{tags: t.csv, column: a}", "model: {activation: sigmoid}", "leave activation out"),
        ("{tags: t.csv, column: a}", "loss: {ruzicka: 1, mae: 1}", "ruzicka is of amounts from 0"),
    ],
)
def test_a_regression_without_numbers_is_told_what_to_write(tmp_path, labels, more, told):
    with pytest.raises(ProjectError) as caught:
        read(tmp_path, f"imagery: a.tif\nlabels: {labels}\ntask: regression\n{more}\n")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_of_pictures_are_learnt_by_a_classifier_and_densities_by_a_unet(tmp_path):
    text = "imagery: a.tif\nlabels: {tags: t.csv, column: a}\ntask: regression\n"
    assert read(tmp_path, text).model.name == "classifier"
    text = "imagery: a.tif\nlabels: {points: p.gpkg}\ntask: regression\n"
    assert read(tmp_path, text).model.name == "unet"
    assert read(tmp_path, text + "model: {name: shallow-cnn}\n").model.name == "shallow-cnn"


@pytest.mark.parametrize("task", ["segmentation", "multilabel", "weak-segmentation"])
def test_regions_are_for_chips_of_one_class(tmp_path, task):
    text = f"imagery: s.tif\nlabels: {{path: stands.gpkg, regions: {{}}}}\ntask: {task}\n"
    with pytest.raises(ProjectError, match=r"labels: regions (is for whole|makes a chip)"):
        read(tmp_path, text)
    assert read(tmp_path, text.replace(task, "classification")).labels.regions is not None


@pytest.mark.parametrize("name", ["random-forest", "auto"])
def test_no_forest_learns_numbers_of_pictures(tmp_path, name):
    text = (
        "imagery: p\nlabels: {tags: t.csv, column: yield}\ntask: regression\n"
        f"model: {{name: {name}}}\n"
    )
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ProjectError, match=f"model: {name} does not serve task: regression; leave"):
        read_project(tmp_path / "p.yaml")


def test_truth_is_for_pixels_of_classes(tmp_path):
    (tmp_path / "p.yaml").write_text(
        "imagery: a.tif\nlabels: {points: p.gpkg}\ntask: regression\ntruth: t.tif\n"
    )
    with pytest.raises(ProjectError, match="truth: is a raster of the class of each pixel"):
        read_project(tmp_path / "p.yaml")


def test_what_changes_nothing_is_named(tmp_path):
    def told(more):
        return [line.split(" (")[0] for line in read(tmp_path, LEAST + more).without_effect]

    forest = "model: {name: random-forest}\n"
    assert told("loss: {focal: 1}\ntraining: {epochs: 5}\n") == []
    assert told(forest) == []
    assert told(forest + "task: classification\n") == []
    assert told(forest + "loss: {focal: 1}\ntraining: {epochs: 5}\n") == ["loss", "training"]
    pictures = "imagery: scene.tif\nlabels: {tags: folders}\ntask: classification\n"
    assert read(tmp_path, pictures).without_effect == ()
    with_map = read(tmp_path, pictures + "map: {tta: true}\n")
    assert [line.split(" (")[0] for line in with_map.without_effect] == ["map"]


def test_settings_of_a_split_or_batch_that_change_nothing_are_named(tmp_path):
    def told(more):
        return [line.split(" (")[0] for line in read(tmp_path, LEAST + more).without_effect]

    shares = "fractions: {train: 0.5, val: 0.25, test: 0.25}"
    assert told(f"split: {{by: images, {shares}}}\n") == []
    assert told(f"split: {{by: images, folds: 3, {shares}}}\n") == ["split: fractions"]
    listed = f"split: {{by: list, train: [a], test: [b], {shares}}}\n"
    assert told(listed) == []
    assert told(listed.replace("test: [b]", "val: [c], test: [b]")) == ["split: fractions"]
    assert told("training: {batch_size: 1}\n") == ["training: batch_size: 1"]
    forest = "model: {name: random-forest, dropout: 0.1, stem: random}\n"
    assert told(forest) == ["model: dropout", "model: stem"]
    points = "imagery: scene.tif\nlabels: {points: p.gpkg, cap: 5}\n"
    (line,) = read(tmp_path, points).without_effect
    assert line == "labels: cap (classes are by levels)"


@pytest.mark.parametrize(
    ("labels", "more", "told"),
    [
        ("presence: {threshold: 0.3}", "task: classification", "presence out, or write task: mult"),
        ("values: ids, tolerance: 3", "", "tolerance is for colours, and values: ids takes codes"),
        ("values: ids, strict: true", "", "strict is for colours, and values: ids takes codes"),
        ("values: colors, band: 2", "", "band: 2 is for class codes"),
    ],
)
def test_settings_of_labels_that_would_be_passed_over_are_refused(tmp_path, labels, more, told):
    with pytest.raises(ProjectError) as caught:
        read(tmp_path, f"imagery: scene.tif\nlabels: {{path: masks, {labels}}}\n{more}\n")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_map_of_values_has_no_confidence(tmp_path):
    text = (
        "imagery: scene.tif\nlabels: {points: tracks.gpkg}\ntask: regression\n"
        "map: {outputs: [confidence]}\n"
    )
    with pytest.raises(ProjectError, match="outputs: confidence comes from classes"):
        read(tmp_path, text)
