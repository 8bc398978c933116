import re

import pytest

from covermap.core.errors import ProjectError
from covermap.project.variants import laid_over, read_variants

BASE = """\
imagery: scene.tif
labels: polygons.gpkg
loss: {cross_entropy: 1}
training: {epochs: 4, batch_size: 8}
"""


def _variants(folder, vary, base=BASE):
    path = folder / "project.yaml"
    path.write_text(base + vary)
    return read_variants(path)


def _refused(folder, vary, words, base=BASE):
    with pytest.raises(ProjectError, match=re.escape(words)) as caught:
        _variants(folder, vary, base)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_list_of_losses_makes_one_project_each(tmp_path):
    found = _variants(tmp_path, "vary: {loss: [{cross_entropy: 1}, {dice: 1}, {focal: 1}]}")
    assert [item.name for item in found] == ["cross_entropy", "dice", "focal"]
    assert [list(item.project.loss.weights) for item in found] == [
        ["cross_entropy"], ["dice"], ["focal"],
    ]  # fmt: skip
    assert all(item.project.vary is None for item in found)
    assert all(item.project.name == "project" for item in found)


def test_lists_of_two_keys_make_all_combinations(tmp_path):
    vary = "vary: {model.encoder: [resnet18, resnet34], seed: [0, 1]}"
    found = _variants(tmp_path, vary)
    assert [item.name for item in found] == [
        "resnet18, 0", "resnet18, 1", "resnet34, 0", "resnet34, 1",
    ]  # fmt: skip
    assert [(item.project.model.encoder, item.project.seed) for item in found] == [
        ("resnet18", 0), ("resnet18", 1), ("resnet34", 0), ("resnet34", 1),
    ]  # fmt: skip


def test_named_variants_may_change_several_keys(tmp_path):
    vary = "vary: {quick: {training.epochs: 1, seed: 3}, as it is: {}}"
    quick, same = _variants(tmp_path, vary)
    assert (quick.project.training.epochs, quick.project.training.batch_size) == (1, 8)
    assert (same.project.training.epochs, same.project.seed) == (4, 0)
    assert same.folder == "as-it-is"


def test_a_plain_key_takes_the_place_of_the_whole(tmp_path):
    (found,) = _variants(tmp_path, "vary: {other: {training: {epochs: 2}}}")
    assert found.project.training.batch_size == "auto"


def test_changes_do_not_reach_into_the_project_they_start_from():
    own = {"training": {"epochs": 4}}
    assert laid_over(own, {"training.epochs": 1}) == {"training": {"epochs": 1}}
    assert own == {"training": {"epochs": 4}}


def test_a_mistake_in_a_variant_names_the_variant(tmp_path):
    told = _refused(tmp_path, "vary: {odd: {training.epoch: 1}}", "vary: odd: unknown key")
    assert "did you mean 'epochs'?" in told


def test_a_mistake_outside_is_not_laid_on_a_variant(tmp_path):
    told = _refused(tmp_path, "vary: {odd: {}}", "unknown key 'los'", BASE + "los: {dice: 1}\n")
    assert "vary: odd" not in told


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ("", "vary: is missing"),
        ("vary: {}", "vary: expected keys with lists"),
        ("vary: {seed: 1}", "vary: seed: expected a list of values"),
        ("vary: {seed: []}", "vary: seed: expected a list of values"),
        ("vary: {seed: [1, 1]}", "two variants would be called '1'"),
        ("vary: {'a b': {}, 'A-b': {seed: 1}}", "would share the folder"),
        ("vary: {'...': {}}", "gives a folder no name"),
        ("vary: {odd: {vary: {}}}", "cannot vary again"),
        ("vary: {odd: {labels.path: x.gpkg}}", "labels holds no keys but 'polygons.gpkg'"),
        (f"vary: {{seed: {list(range(101))}}}", "makes 101 runs; at most 100"),
    ],
)
def test_a_vary_that_cannot_be_is_refused_in_one_line(tmp_path, vary, words):
    _refused(tmp_path, vary, words)
