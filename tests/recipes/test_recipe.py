import pytest
import yaml

from covermap.core.errors import ProjectError
from covermap.core.settings import parse
from covermap.datasets.registry import dataset_named
from covermap.project.variants import read_variants
from covermap.recipes.project_file import recipe_text
from covermap.recipes.recipe import (
    SCALES,
    Recipe,
    read_recipe,
    recipe_names,
    recipe_project,
    told_weights,
)
from covermap.report.comparison_content import SCORES

NAMES = (
    "s0-resnet50", "s0-shallow", "s1-encoders", "s1-losses", "s1-losses-skewed",
    "s2-resnet50-unet", "s2-unet", "s3-classify-indices", "s3-classify-tci", "s3-density-dates",
    "s3-density-regions", "s4-eurosat", "s4-urban-atlas",
)  # fmt: skip


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory):
    """A folder with the miniature of each data set that recipes use, by its name."""
    root = tmp_path_factory.mktemp("miniatures")
    for dataset in {read_recipe(name).dataset for name in NAMES}:
        dataset_named(dataset).miniature(root / dataset, 0)
    return root


def _variants(name, miniatures, folder, scale, weights=None):
    recipe = read_recipe(name)
    values = recipe_project(name, miniatures / recipe.dataset, folder, scale, weights)
    path = folder / f"{name}.yaml"
    path.write_text(recipe_text(name, recipe, scale, values))
    return {item.name: item.project for item in read_variants(path)}


def test_all_experiments_are_there():
    assert recipe_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", SCALES)
def test_every_variant_of_every_recipe_is_a_valid_project(name, scale, miniatures, tmp_path):
    recipe = read_recipe(name)
    found = _variants(name, miniatures, tmp_path, scale)
    assert list(found) == list(recipe.vary)
    assert all(project.task == recipe.task for project in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_published_numbers_name_variants_and_scores_that_exist(name):
    recipe = read_recipe(name)
    told = recipe.published
    assert {item.variant for item in told.numbers} <= set(recipe.vary)
    assert {*told.honest, *told.honest.values()} <= set(recipe.vary)
    keys = {item.ours for item in told.numbers if item.ours is not None}
    assert {key.rpartition(".")[2] for key in keys} <= set(SCORES)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("s0-shallow", ("adam", 1e-3, 32, 25, 0.0, "shallow-cnn", None)),
        ("s0-resnet50", ("adam", 1e-3, 32, 50, 0.01, "dense-classifier", "resnet50")),
        ("s1-losses", ("adam", 1e-4, 32, 40, 0.0, "unet", "resnet18")),
        ("s1-losses-skewed", ("adam", 1e-4, 32, 40, 0.0, "unet", "resnet18")),
        ("s1-encoders", ("adam", 1e-4, 32, 40, 0.0, "unet", "resnet18")),
        ("s2-unet", ("adam", 1e-5, "auto", 10, 0.0, "unet-plain", None)),
        ("s2-resnet50-unet", ("adam", 1e-5, "auto", 10, 0.0, "unet", "resnet50")),
        ("s3-classify-tci", ("sgd", 1e-3, "auto", 25, 0.0, "classifier", "resnet18")),
        ("s3-density-dates", ("adam", 1e-4, "auto", 100, 0.0, "deeplabv3", "resnet101")),
    ],
)
def test_full_recipes_have_the_published_parameters(name, parameters, miniatures, tmp_path):
    project = next(iter(_variants(name, miniatures, tmp_path, "full").values()))
    training, model = project.training, project.model
    assert parameters == (
        training.optimizer, training.learning_rate, training.batch_size, training.epochs,
        training.weight_decay, model.name, model.encoder,
    )  # fmt: skip


def test_the_rate_of_landcover_ai_falls_twice_in_forty_epochs(miniatures, tmp_path):
    schedule = _variants("s1-losses", miniatures, tmp_path, "full")["focal"].training.schedule
    assert (schedule.name, schedule.every, schedule.factor) == ("step", 15, 0.1)


def test_losses_differ_in_the_loss_alone(miniatures, tmp_path):
    found = _variants("s1-losses", miniatures, tmp_path, "full")
    leaky = [found[name] for name in ("focal", "dice", "cross-entropy")]
    assert [list(item.loss.weights) for item in leaky] == [["focal"], ["dice"], ["cross_entropy"]]
    assert len({item.model_copy(update={"loss": leaky[0].loss}) == leaky[0] for item in leaky}) == 1
    assert found["focal, orthophotos held out"].split.by == "images"


def test_thirteen_channels_see_the_density(miniatures, tmp_path):
    found = _variants("s3-density-regions", miniatures, tmp_path, "full")
    assert {len(project.bands) for project in found.values()} == {13}
    assert {project.split.by for project in found.values()} == {"region"}


def test_weights_reach_every_network_with_an_encoder(miniatures, tmp_path):
    found = _variants("s1-encoders", miniatures, tmp_path, "small", "hub:imagenet")
    assert {project.model.weights for project in found.values()} == {"hub:imagenet"}


def test_a_weights_file_is_named_from_the_projects_own_folder(miniatures, tmp_path):
    path = tmp_path / "deep" / "resnet.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    found = _variants("s1-losses", miniatures, tmp_path, "small", str(path))
    assert found["dice"].model.weights == "deep/resnet.safetensors"


def test_weights_of_a_network_without_encoder_are_refused(miniatures, tmp_path):
    with pytest.raises(ProjectError, match="unet-plain has none; leave it out"):
        _variants("s2-unet", miniatures, tmp_path, "small", "hub:imagenet")


def test_other_initial_weights_than_published_are_told():
    assert "begin at random" in told_weights(read_recipe("s1-losses"), None)
    assert told_weights(read_recipe("s1-losses"), "hub:imagenet") is None
    assert told_weights(read_recipe("s2-unet"), None) is None


def test_the_eurosat_recipe_takes_the_chips_of_thirteen_bands(miniatures, tmp_path):
    (project,) = _variants("s4-eurosat", miniatures, tmp_path, "small").values()
    assert len(project.imagery[0].bands) == 13
    assert project.imagery[0].bands[-1] == "B8A"


def test_tiles_are_refused_where_orthophotos_are_to_be_held_out(tmp_path):
    for name in ("M-33-20-D-c-4-2_0.jpg", "M-33-20-D-c-4-2_0_m.png"):
        (tmp_path / "tiles" / "output").mkdir(parents=True, exist_ok=True)
        (tmp_path / "tiles" / "output" / name).write_bytes(b"")
    with pytest.raises(ProjectError, match=r"takes files \*\.tif"):
        recipe_project("s1-losses", tmp_path / "tiles", tmp_path, "small")


def test_small_scale_changes_variants_and_full_leaves_them(miniatures, tmp_path):
    small = _variants("s3-density-dates", miniatures, tmp_path, "small")
    assert {project.split.folds for project in small.values()} == {2}
    assert small["by date"].split.by == "date"
    full = _variants("s3-density-dates", miniatures, tmp_path, "full")
    assert {project.split.folds for project in full.values()} == {None}


def test_small_scale_names_variants_that_exist():
    values = read_recipe("s2-unet").model_dump()
    values["small"] = {"vary": {"tiles at randm": {"seed": 1}}}
    with pytest.raises(ProjectError, match="did you mean 'tiles at random'"):
        parse(Recipe, values, "recipe:x")


def test_an_unknown_recipe_is_told_with_the_nearest():
    with pytest.raises(ProjectError, match="did you mean 's1-losses'"):
        read_recipe("s1-loses")


def test_the_file_says_what_must_be_known_before_comparing():
    recipe = read_recipe("s2-unet")
    text = recipe_text("s2-unet", recipe, "full", {"seed": 0})
    assert text.startswith("# recipe:s2-unet\n")
    assert all(f"# {remark}" in text for remark in recipe.published.remarks)
    assert yaml.safe_load(text) == {"seed": 0}
