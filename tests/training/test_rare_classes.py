"""A class in one chip of many is not lost by a seed."""

import numpy as np
import pytest
import torch
from torch import nn

from covermap.chips.sample import Sample
from covermap.models.loss_settings import LossSettings
from covermap.training.fit import FitPlan, fit
from covermap.training.sampling import count_class_pixels
from covermap.training.settings import TrainingSettings, resolve

NAMES = ("field", "forest", "pond")


class Landscape:
    """Chips of fields and forests; a pond of 64 px, dark like forest, in every `every`-th chip."""

    def __init__(self, count, every, seed):
        self.count, self.every, self.seed = count, every, seed

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, index])
        target = np.kron(rng.integers(0, 2, (4, 4)), np.ones((8, 8), np.int64))
        if index % self.every == 0:
            row, column = 8 * rng.integers(0, 4, 2)
            target[row : row + 8, column : column + 8] = 2
        first, second = np.array([[1.0, 0.0], [-1.0, 0.5], [-1.0, -0.5]])[target].transpose(2, 0, 1)
        values = np.stack([first, second]) + rng.normal(0, 0.4, (2, 32, 32))
        everywhere = np.ones((32, 32), bool)
        return Sample(values.astype(np.float32), everywhere, target.astype(np.int64), everywhere)


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1)
    )


def iou_of_ponds(folder, sampling, seed):
    train, validation = Landscape(24, 24, seed=1), Landscape(6, 3, seed=2)
    counts = count_class_pixels(train, 3)
    settings = TrainingSettings(epochs=40, batch_size=4, learning_rate=0.05, sampling=sampling)
    result = fit(
        FitPlan(
            network=network(seed),
            train=train,
            validation=validation,
            classes=3,
            loss=LossSettings(),
            settings=resolve(settings, len(train), 32, counts, NAMES),
            seed=seed,
            folder=folder,
            key="key",
        )
    )
    hit = union = 0
    for chip in (Landscape(12, 2, seed=3)[number] for number in range(12)):
        with torch.inference_mode():
            found = result.network(torch.from_numpy(chip.values[None])).argmax(1)[0].numpy() == 2
        hit += np.sum(found & (chip.target == 2))
        union += np.sum(found | (chip.target == 2))
    return hit / union


@pytest.mark.slow
def test_balancing_finds_a_class_that_uniform_sampling_loses_for_one_seed_of_two(tmp_path):
    scores = {
        sampling: [iou_of_ponds(tmp_path / f"{sampling}{seed}", sampling, seed) for seed in (0, 1)]
        for sampling in ("uniform", "auto")
    }
    assert min(scores["auto"]) > 0.7
    assert min(scores["uniform"]) < 0.1
