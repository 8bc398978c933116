"""What serves a task, and the contract of every network for every task that it serves."""

import subprocess
import sys

import pytest
import torch

from covermap.core.errors import ProjectError
from covermap.models.loss_settings import LossSettings
from covermap.models.registry import build_network, has_encoder, network_names, output_of
from covermap.models.settings import FOREST, ModelSettings
from covermap.models.tasks import TASKS, check_task, loss_of, task_of

NARROW = {"dense-classifier": "resnet18"}
# Networks of segmentation are held to the same by test_registry.
PAIRS = [
    (task, name)
    for task in TASKS
    for output in TASKS[task].outputs
    for name in network_names(output)
    if task != "segmentation"
]
SIDE = 32


def network_settings(name):
    if not has_encoder(name):
        return ModelSettings(name=name, dropout=0.0)
    encoder = NARROW.get(name, "timm:mobilenetv3_small_050")
    return ModelSettings(name=name, encoder=encoder, weights="none", dropout=0.0)


def target_of(task, output, classes):
    """A target of ones and whether it counts, in the shape that the task's loss takes."""
    if task in ("multilabel", "weak-segmentation"):
        shape = (1, classes)
    else:
        shape = (1, SIDE, SIDE) if output == "dense" else (1,)
    kind = torch.float32 if task == "regression" else torch.int64
    return torch.ones(shape, dtype=kind), torch.ones(shape, dtype=torch.bool)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_one_chip_teaches_and_what_is_ignored_teaches_nothing(task, name):
    classes = 1 if task == "regression" else 3
    settings = network_settings(name)
    network = build_network(settings, [None] * 5, classes, seed=0).train()
    image = torch.randn(1, 5, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    outputs = network(image)
    target, counted = target_of(task, output_of(name), classes)
    loss = loss_of(task_of(task), LossSettings(**TASKS[task].usual), settings)
    nothing = loss(outputs, target, ~counted)
    nothing.backward(retain_graph=True)
    assert nothing.item() == 0
    assert all(torch.all(p.grad == 0) for p in network.parameters() if p.grad is not None)
    loss(outputs, target, counted).backward()
    taught = [p for p in network.parameters() if p.grad is not None and torch.any(p.grad != 0)]
    assert taught


@pytest.mark.parametrize("task", TASKS)
def test_the_usual_network_and_loss_of_a_task_serve_it(task):
    usual = TASKS[task]
    check_task(usual, ModelSettings(name=usual.network), LossSettings(**usual.usual))


def test_the_usual_loss_of_segmentation_is_the_default_one():
    assert LossSettings(**TASKS["segmentation"].usual) == LossSettings()


def test_every_term_of_a_loss_serves_a_task():
    assert {term for task in TASKS.values() for term in task.terms} == set(
        LossSettings.model_fields
    )


@pytest.mark.parametrize(
    ("task", "model", "loss", "message"),
    [
        ("multilabel", {"name": "classifier"}, {"cross_entropy": 1}, "'binary_cross_entropy'?"),
        ("classification", {"name": "classifier"}, {"mse": 1.0}, "known: cross_entropy, focal"),
        ("classification", {}, {"cross_entropy": 1.0}, "unet does not serve task classification"),
        ("segmentation", {"name": "classifier"}, {}, "write model: {name: unet}"),
        ("regression", {"name": FOREST}, {"mse": 1.0}, "random-forest does not serve"),
        ("segmentation", {"activation": "sigmoid"}, {}, "activation: sigmoid is for task"),
        ("segmentation", {"window": 9}, {}, "leave it out: unet sees its surroundings by itself"),
        (
            "classification",
            {"name": FOREST, "window": 9},
            {"cross_entropy": 1},
            "of task classification the forest is told statistics of whole chips",
        ),
    ],
)
def test_what_does_not_serve_a_task_is_named(task, model, loss, message):
    with pytest.raises(ProjectError) as caught:
        check_task(task_of(task), ModelSettings(**model), LossSettings(**loss))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [FOREST, "auto"])
def test_a_forest_may_be_told_of_the_surroundings(name):
    check_task(task_of("segmentation"), ModelSettings(name=name, window=9), LossSettings())


def test_an_unknown_task_is_named_with_the_nearest():
    with pytest.raises(ProjectError, match="no such task 'regresion'; did you mean 'regression'"):
        task_of("regresion")


def test_tasks_are_known_without_torch():
    code = "import sys, covermap.models.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
