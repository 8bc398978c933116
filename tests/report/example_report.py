"""A believable run for the tests of the page, from a fixed seed."""

from dataclasses import dataclass

import numpy as np

from covermap.assessment.areas import class_areas
from covermap.assessment.metrics import metrics_of
from covermap.assessment.reliability import Reliability
from covermap.assessment.tally import GroupedTally, Tally
from covermap.core.legend import Legend
from covermap.report.content import Curve, Doubt, Panel, ReportContent, SceneParts, SplitMap

NAMES = ("water", "conifer forest", "broadleaved forest", "meadow", "field", "settlement", "bog")


@dataclass(frozen=True)
class Epoch:
    epoch: int
    loss: float
    validation_loss: float | None
    validation_score: float | None
    measure: str = "class_mean_iou"


def legend(names=NAMES):
    return Legend.of(dict(enumerate(names, start=1)))


def grouped(generator, classes, groups, accuracy, absent=()):
    """Polygons of one drawn class each, answered right with about the given probability."""
    tallies = {}
    for number in range(groups):
        drawn = number % classes
        if drawn in absent:
            continue
        pixels = int(generator.integers(60, 900))
        own = np.clip(generator.normal(accuracy, 0.1), 0.05, 0.99)
        share = generator.dirichlet(np.full(classes, 0.5)) * (1 - own)
        share[drawn] += own
        matrix = np.zeros((classes, classes), np.int64)
        matrix[drawn] = generator.multinomial(pixels, share / share.sum())
        tallies[f"group {number}"] = Tally(matrix)
    return GroupedTally(tallies)


def metrics(names=NAMES, groups=48, accuracies=(0.87, 0.8), absent=(6,), true=False):
    generator = np.random.default_rng(11)
    known, classes = legend(names), len(names)
    assessed = [name for k, name in enumerate(names) if k not in absent]
    model, forest = (
        metrics_of(grouped(generator, classes, groups, value, absent), known, assessed, 0)
        for value in accuracies
    )
    commonest = np.zeros((classes, classes), np.int64)
    commonest[:, 0] = np.sum(model["confusion_matrix"], axis=1)
    blind = metrics_of(GroupedTally({"all": Tally(commonest)}), known, assessed, 0)
    confidence = generator.beta(6, 1.5, 4000)
    right = generator.random(4000) < confidence**1.4
    model |= Reliability.of(confidence, right, np.ones(4000, bool)).to_dict()
    if true:
        model |= {"true_overall_accuracy": model["overall_accuracy"] - 0.01}
    return {"test": model, "baselines": {"majority": blind, "random_forest": forest}}


def cover(generator, height, width, classes):
    """Patches of classes: the nearest of some random centres."""
    centres = generator.random((26, 2)) * (height, width)
    rows, columns = np.mgrid[:height, :width]
    distance = (rows[..., None] - centres[:, 0]) ** 2 + (columns[..., None] - centres[:, 1]) ** 2
    return (distance.argmin(axis=-1) % classes).astype(np.int16)


def picture(generator, index, known):
    """What a scene of this cover might look like."""
    rgb = [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in known.colors]
    soft = np.array(rgb)[index] * 0.45 + 55 + generator.normal(0, 9, (*index.shape, 1))
    return np.clip(soft, 0, 255).astype(np.uint8)


def panel(generator, known, number):
    truth = cover(generator, 96, 96, len(known))
    prediction = np.where(
        generator.random(truth.shape) < 0.06, np.roll(truth, 7, axis=1), np.roll(truth, 2, axis=0)
    )
    drawn = np.where(generator.random((6, 6)).repeat(16, 0).repeat(16, 1) < 0.5, truth, -1)
    image = picture(generator, truth, known)
    sure = np.clip(np.hypot(*np.mgrid[-1:1:96j, -1:1:96j]), 0, 1)
    return Panel(f"chip {number}", image, drawn.astype(np.int16), prediction.astype(np.int16), sure)


def ring(generator, extent):
    left, right, bottom, top = extent
    middle = (generator.uniform(left, right), generator.uniform(bottom, top))
    angles = np.linspace(0, 2 * np.pi, 9)
    radius = (right - left) * generator.uniform(0.01, 0.035)
    return radius * np.column_stack([np.cos(angles), np.sin(angles)]) + middle


def content(names=NAMES, headlines=(), **changes):
    """A report with every section."""
    generator = np.random.default_rng(5)
    known = legend(names)
    numbers = changes.pop("metrics", None) or metrics(names)
    index = cover(generator, 300, 400, len(known))
    extent = (500_000.0, 504_000.0, 6_400_000.0, 6_403_000.0)
    parts = tuple(
        (part, [ring(generator, extent) for _ in range(count)])
        for part, count in (("train", 40), ("val", 10), ("test", 14))
    )
    epochs = tuple(
        Epoch(n, 0.4 + 1.2 / n, None if n < 3 else 0.5 + 1.1 / n, None if n < 3 else 0.8 - 1 / n)
        for n in range(1, 31)
    )
    colors = np.array(
        [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in known.colors], np.uint8
    )
    square_metres = {
        item.id: float((index == k).sum()) * 100 for k, item in enumerate(known.classes)
    }
    facts = {
        "name": "red-clover-valley",
        "legend": known,
        "headlines": tuple(headlines),
        "metrics": numbers,
        "how_tested": "blocks of 128 px, 10 of 64 never seen",
        "curves": (Curve("U-Net, EfficientNet-Lite0", epochs),),
        "panels": tuple(panel(generator, known, number) for number in (12, 31, 47)),
        "split": SplitMap(
            (SceneParts("valley", picture(generator, index, known), extent, parts),),
            0,
            tuple((part, len(rings)) for part, rings in parts),
            ("No test pixel was read or labelled in training or validation (0 of 12,345).",),
        ),
        "doubts": (
            Doubt("row 12", names[1], names[0], 0.04, 0.93, 412, 15.61, 58.41,
                  picture(generator, index[:40, :40], known)),
            Doubt("row 31", names[0], names[1], 0.21, None, 98),
        ),
        "map_picture": colors[index],
        "areas": class_areas(square_metres, known),
        "provenance": (("covermap", "0.1.0"), ("seed", "0"), ("bands", "B02, B03, B04, B08, ndvi")),
        "map_file": "map.tif",
        "bundle_file": "bundle",
    }  # fmt: skip
    return ReportContent(**(facts | changes))
