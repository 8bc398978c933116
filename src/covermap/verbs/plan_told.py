"""What a training will do, told before it begins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.chips.answers import ChipClass
from covermap.chips.loading import Share, share_of
from covermap.chips.planned import chip_answers
from covermap.chips.table import windows_of
from covermap.core.progress import say
from covermap.labels.polygons import Polygons
from covermap.models.settings import FOREST
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

    from covermap.chips.sample import SampleSource
    from covermap.training.settings import ResolvedTraining


def tell_plan(workspace: Workspace, chips: gpd.GeoDataFrame) -> None:
    """Say which classes, split, channels, network and device a training will have."""
    from covermap.models.hardware import device_name

    project, split = workspace.project, workspace.split
    counts = class_counts(workspace, chips, split.ground.parts)
    unit = "chips" if workspace.of_chips else "pixels"
    labels = workspace.labels
    numbers = labels.drawn
    drawn_unit = labels.unit if isinstance(labels, Polygons) else "polygon"
    say(f"\n{project.name}")
    width = max(len(name) for name in workspace.labels.legend.names)
    for place, name in enumerate(workspace.labels.legend.names):
        number = numbers[place]
        drawn = f"{number:>5} {drawn_unit}{'' if number == 1 else 's'}" if number else " " * 12
        missed = "" if name in split.assessed else "   not assessed"
        say(f"  {name:<{width}}  {drawn:<14} {counts.get(name, 0):>10,} {unit}{missed}")
    parts = chips["split"].value_counts()
    told = ", ".join(f"{parts[part]} {part}" for part in split.ground.parts if part in parts)
    say(f"  chips     {told} ({split.scheme} of {split.ground.kind})")
    say(f"  channels  {', '.join(workspace.channels)}")
    model = project.model
    say(f"  network   {model.described_for(project.task)}")
    say(f"  device    {device_name()}")
    for line in (*project.without_effect, *_without_validation(workspace, chips)):
        say(f"  no effect {line}")


def _without_validation(workspace: Workspace, chips: gpd.GeoDataFrame) -> list[str]:
    """What a training is told to do by validation, where none of the split's ground validates."""
    if workspace.project.model.name == FOREST:
        return []
    parts = [part for training in workspace.split.trainings for part in training.validate]
    if chips["split"].isin(parts).any():
        return []
    training = workspace.project.training
    asked = {
        "schedule: plateau": training.schedule.name == "plateau",
        f"patience: {training.patience}": isinstance(training.patience, int),
    }
    why = "no ground validates in this split, so all epochs are trained and the last is kept"
    return [f"training: {key} ({why})" for key, is_asked in asked.items() if is_asked]


def class_counts(
    workspace: Workspace, chips: gpd.GeoDataFrame, parts: Sequence[str]
) -> dict[str, int]:
    """How much of each class lies in some parts: chips where they are answered whole, or pixels."""
    counts = class_chips if workspace.of_chips else class_pixels
    return counts(workspace, chips, parts)


def class_pixels(
    workspace: Workspace, chips: gpd.GeoDataFrame, parts: Sequence[str]
) -> dict[str, int]:
    """Labelled pixels of each class that count in some parts, each once however many chips show it.

    Chips are read again only where they overlap.
    """
    viewer = workspace.viewer
    totals: dict[str, float] = {}
    for part in parts:
        windows = windows_of(chips, (part,), viewer.regions)
        share = share_of(viewer, windows, (part,), (), once=True)
        if share.overlaps:
            for name, number in zip(viewer.labels.legend.names, _once(share), strict=True):
                totals[name] = totals.get(name, 0) + int(number)
            continue
        rows = chips[chips["split"] == part]
        weights = rows["share_labelled"] * rows["width"] * rows["height"]
        for weight, shares in zip(weights, rows["class_shares"], strict=True):
            for name, held in shares.items():
                totals[name] = totals.get(name, 0.0) + float(weight) * float(held)
    return {name: round(total) for name, total in totals.items()}


def _once(share: Share) -> np.ndarray:
    """Counted pixels of each class, int64 (K,)."""
    classes = len(share.viewer.labels.legend)
    counts = np.zeros(classes, dtype=np.int64)
    for place in range(len(share.windows)):
        view = share.read(place)
        counted = view.counted(share.viewer.codes(share.count))
        counts += np.bincount(view.target.index[counted], minlength=classes)
    return counts


def class_chips(
    workspace: Workspace, chips: gpd.GeoDataFrame, parts: Sequence[str]
) -> dict[str, int]:
    """How many chips have each label; of chips of one class, how many are of it."""
    names = workspace.labels.legend.names
    of_numbers = workspace.project.task == "regression"
    answers = ChipClass(len(names)) if of_numbers else workspace.answers()
    found = chip_answers(chips, answers, names, parts)
    return dict(zip(names, np.nansum(found, axis=0).astype(int).tolist(), strict=True))


def forecast(
    network: Any,
    source: SampleSource,
    validation: SampleSource | None,
    settings: ResolvedTraining,
    networks: int,
    left: int,
) -> str:
    """How long the trainings will take, from one step forward and back on real chips, in words.

    The step is done where and as training does its own. `left` is how many epochs of all these
    networks are not trained yet.
    """
    import copy

    import torch

    from covermap.models.hardware import prepare_cpu, training_device
    from covermap.training.fit import arithmetic_of

    prepare_cpu()
    device = training_device()
    short = arithmetic_of(settings) == "bfloat16"
    size = settings.crop
    batch = np.stack(
        [
            source[number % len(source)].values[:, :size, :size]
            for number in range(settings.batch_size)
        ]
    )
    trial = copy.deepcopy(network).to(device, memory_format=torch.channels_last).train()
    values = torch.from_numpy(batch).to(device, memory_format=torch.channels_last)
    seconds = 0.0
    for _ in range(2):  # the first step pays for choosing kernels
        begun = time.perf_counter()
        with torch.autocast(device, torch.bfloat16) if short else nullcontext():
            answers = trial(values)
        answers.float().square().mean().backward()
        if device == "cuda":
            torch.cuda.synchronize()  # it computes on while Python goes on
        seconds = time.perf_counter() - begun
    # Forward alone is a third of a step.
    judged = 0 if not validation else len(validation) * validation[0].valid.size
    steps = settings.batches + judged / (3 * batch[:, 0].size)
    minutes = seconds * left * steps / 60
    told = "less than a minute" if minutes < 1 else f"about {minutes:.0f} min"
    many = f", {networks} networks" if networks > 1 else ""
    if left < networks * settings.epochs:
        many += f", {left} epochs left" if left != 1 else ", 1 epoch left"
    pieces = "chips" if settings.crop is None else f"pieces of {settings.crop} px"
    return (
        f"  training  {settings.epochs} epochs of {settings.batches} batches, "
        f"{settings.batch_size} {pieces} each{many}: {told}\n"
    )
