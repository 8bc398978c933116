"""Training: it learns, keeps the best epoch, and stops as it should."""

import dataclasses
import importlib
import multiprocessing
import signal
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from covermap.chips.sample import Sample
from covermap.core.errors import ModelError
from covermap.models.libraries import lightning
from covermap.models.loading import network_weights
from covermap.models.loss_settings import LossSettings
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings
from covermap.training.fit import FitPlan, epochs_left, fit
from covermap.training.history import (
    candidate_epochs,
    class_mean_iou,
    confusion,
    kept_epoch,
    stops_early,
)
from covermap.training.settings import TrainingSettings, resolve


class Chips:
    """Chips of three classes that differ by brightness in each of two bands."""

    def __init__(self, count, size=32, seed=0, counted=1.0):
        self.count, self.size, self.seed, self.counted = count, size, seed, counted

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, index])
        blocks = rng.integers(0, 3, (self.size // 8, self.size // 8))
        target = np.kron(blocks, np.ones((8, 8), np.int64)).astype(np.int64)
        noise = rng.normal(0, 0.2, (2, self.size, self.size))
        values = np.stack([target - 1.0, (target == 1) * 2.0 - 1.0]) + noise
        counted = rng.random((self.size, self.size)) < self.counted
        valid = np.ones((self.size, self.size), bool)
        return Sample(values.astype(np.float32), valid, target, counted)


def tiny_network(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1)
        )


def plan(folder, network=None, chips=6, validation=3, key="key", **settings):
    settings = {"epochs": 4, "batch_size": 3, "learning_rate": 0.02} | settings
    return FitPlan(
        network=network if network is not None else tiny_network(),
        train=Chips(chips),
        validation=Chips(validation, seed=9) if validation else None,
        classes=3,
        loss=LossSettings(),
        settings=resolve(TrainingSettings(**settings), chips, 32),
        seed=3,
        folder=folder,
        key=key,
    )


class Untrained(Chips):
    """Chips whose classes have nothing to do with their values."""

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        rng = np.random.default_rng(index)
        return dataclasses.replace(sample, target=rng.integers(0, 3, sample.target.shape))


class WithEncoder(nn.Module):
    """An encoder of two convolutions with a norm, and a head."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.encoder = nn.Sequential(
                nn.Conv2d(2, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8)
            )
            self.head = nn.Conv2d(8, 3, 1)

    def forward(self, image):
        return self.head(self.encoder(image))


def with_settings(base, **changes):
    return dataclasses.replace(base, settings=dataclasses.replace(base.settings, **changes))


def same_weights(one, other):
    one, other = network_weights(one), network_weights(other)
    return list(one) == list(other) and all(one[n].tobytes() == other[n].tobytes() for n in one)


def test_a_separable_problem_is_learnt(tmp_path):
    result = fit(plan(tmp_path, epochs=12))
    assert result.history[-1].loss < 0.5 * result.history[0].loss
    assert max(row.validation_score for row in result.history) > 0.9
    assert [row.epoch for row in result.history] == list(range(1, 13))
    assert result.resumed_from == 0
    assert not result.network.training


def test_the_same_plan_gives_the_same_bytes(tmp_path):
    one, other = fit(plan(tmp_path / "a")), fit(plan(tmp_path / "b"))
    assert same_weights(one.network, other.network)
    assert one.history == other.history


def test_the_kept_epoch_is_the_best_on_validation(tmp_path):
    result = fit(plan(tmp_path, epochs=6))
    assert result.kept_epoch == kept_epoch(result.history)
    assert {p.name for p in tmp_path.glob("weights-*")} == {
        f"weights-{epoch:05d}.safetensors" for epoch in candidate_epochs(result.history)
    }


def test_the_last_epoch_is_kept_where_wished(tmp_path):
    base = plan(tmp_path, epochs=4)
    rates = dataclasses.replace(base.settings, learning_rate=0.5, keep="last", clip_norm=None)
    result = fit(dataclasses.replace(base, settings=rates))
    assert result.kept_epoch == 4


def test_the_last_epoch_is_kept_without_validation(tmp_path):
    result = fit(plan(tmp_path, validation=0))
    assert result.kept_epoch == 4
    assert result.history[0].validation_loss is None


def test_validation_numbers_do_not_depend_on_the_batch_size(tmp_path):
    rows = []
    for number, batch_size in enumerate((2, 5)):
        source = Chips(5, seed=9, counted=0.3)
        base = plan(tmp_path / str(number), chips=2, epochs=1, batch_size=batch_size)
        rows.append(fit(dataclasses.replace(base, validation=source)).history[0])
    assert rows[0].validation_score == pytest.approx(rows[1].validation_score)
    assert rows[0].validation_loss == pytest.approx(rows[1].validation_loss, rel=1e-5)


def test_the_learning_rate_ends_near_zero(tmp_path):
    history = fit(plan(tmp_path, epochs=6)).history
    assert history[-1].learning_rate < 1e-4 < history[1].learning_rate


def test_a_loss_that_is_not_a_number_is_named_with_advice(tmp_path):
    network = tiny_network()
    with torch.no_grad():
        network[0].weight.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"learning_rate: 0\.002"):
        fit(plan(tmp_path, network))


def test_training_stops_when_validation_stands_still(tmp_path):
    base = plan(tmp_path, epochs=40, patience=3)
    result = fit(dataclasses.replace(base, train=Untrained(6), validation=Untrained(3, seed=9)))
    count = len(result.history)
    assert count < 40
    assert stops_early(result.history, 3)
    assert not stops_early(result.history[:-1], 3)
    again = fit(dataclasses.replace(base, train=Untrained(6), validation=Untrained(3, seed=9)))
    assert again.resumed_from == count
    assert again.history == result.history


def test_accumulated_batches_are_one_larger_batch(tmp_path):
    """Without norms and with the same number of pixels in each batch, they are equal."""

    def network():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1))

    weights = []
    for batch_size, accumulate in ((6, 1), (2, 3), (2, 30)):
        folder = tmp_path / f"{batch_size}-{accumulate}"
        base = plan(
            folder, network(), validation=0, batch_size=batch_size, accumulate=accumulate,
            optimizer="sgd", augmentation={"flips": False, "turns": False},
            schedule="constant", precision="float32",
        )  # fmt: skip
        base = dataclasses.replace(base, loss=LossSettings(cross_entropy=1.0))
        weights.append(network_weights(fit(base).network))
    for other in weights[1:]:
        for name, expected in weights[0].items():
            np.testing.assert_allclose(other[name], expected, atol=1e-5)


def test_long_gradients_are_shortened_unless_told_otherwise(tmp_path):
    moved = []
    for number, clip_norm in enumerate((1e-3, None)):
        network = tiny_network()
        before = network[0].weight.detach().clone()
        base = plan(tmp_path / str(number), network, epochs=1, optimizer="sgd", validation=0)
        fit(with_settings(base, clip_norm=clip_norm))
        moved.append(float((network[0].weight.detach() - before).norm()))
    assert moved[0] < 0.2 * moved[1]


def test_the_average_is_validated_and_kept(tmp_path):
    plain = fit(plan(tmp_path / "plain", validation=0, keep="last", ema=None))
    averaged = fit(plan(tmp_path / "averaged", validation=0, keep="last", ema=0.9))
    assert plain.history == averaged.history
    assert not same_weights(plain.network, averaged.network)
    scored = fit(plan(tmp_path / "scored", ema=0.9, epochs=1))
    base = plan(tmp_path / "again", epochs=1)
    counts = torch.zeros(3, 3, dtype=torch.int64)
    for sample in (base.validation[number] for number in range(3)):
        with torch.inference_mode():
            answer = scored.network(torch.from_numpy(sample.values[None])).argmax(1)[0]
        target, counted = torch.from_numpy(sample.target), torch.from_numpy(sample.counted)
        counts += confusion(answer, target, counted, 3)
    found = scored.history[0].validation_score
    assert found == pytest.approx(class_mean_iou(counts), abs=0.01)


def test_a_frozen_encoder_keeps_all_but_its_first_convolution(tmp_path):
    network, start = WithEncoder(), network_weights(WithEncoder())
    result = fit(plan(tmp_path, network, freeze_encoder=True, keep="last"))
    for name, weight in network_weights(result.network).items():
        frozen = name.startswith(("encoder.2", "encoder.3"))
        assert np.array_equal(weight, start[name]) == frozen, name


def test_an_encoder_thaws_after_its_epochs(tmp_path):
    start = network_weights(WithEncoder())
    result = fit(plan(tmp_path, WithEncoder(), freeze_encoder=2, keep="last"))
    assert not np.array_equal(
        network_weights(result.network)["encoder.2.weight"], start["encoder.2.weight"]
    )


@pytest.mark.parametrize("settings", [{"freeze_encoder": True}, {"encoder_rate": 0.1}])
def test_settings_of_an_encoder_without_one_are_named(tmp_path, settings):
    with pytest.raises(ModelError, match=next(iter(settings))):
        fit(plan(tmp_path, **settings))


def test_classes_weigh_by_their_training_pixels(tmp_path):
    base = plan(tmp_path / "a", epochs=1)
    loss = LossSettings(cross_entropy={"class_weights": "inverse-frequency"})
    counts = {"class_names": ("a", "b", "c"), "class_pixels": (9, 90, 900)}
    weighted = fit(dataclasses.replace(base, loss=loss, **counts))
    base = dataclasses.replace(base, folder=tmp_path / "b")
    alike = fit(dataclasses.replace(base, loss=LossSettings(cross_entropy=1.0)))
    assert weighted.history[0].loss != pytest.approx(alike.history[0].loss, rel=1e-3)


def test_settings_for_another_number_of_chips_are_a_mistake(tmp_path):
    wrong = dataclasses.replace(plan(tmp_path), train=Chips(20))
    with pytest.raises(ValueError, match="resolved for 2 batches, not 7"):
        fit(wrong)


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"last\.ckpt.*remove it"):
        fit(plan(tmp_path))


def test_nobody_elses_random_numbers_change(tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    fit(plan(tmp_path, epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_nothing_is_printed_or_warned(tmp_path, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(plan(tmp_path, epochs=1))
    out, err = capfd.readouterr()
    assert out == ""
    assert err == ""


def test_the_gpu_of_an_apple_processor_is_not_taken(tmp_path, monkeypatch):
    lightning()
    apples = importlib.import_module("lightning.fabric.accelerators.mps").MPSAccelerator
    monkeypatch.setattr(apples, "is_available", staticmethod(lambda: True))
    assert len(fit(plan(tmp_path, epochs=1)).history) == 1


class Ended(Chips):
    """Chips that end the process which reads them."""

    def __getitem__(self, index):
        signal.raise_signal(signal.SIGTERM)
        return super().__getitem__(index)


def train_until_ended(folder):
    fit(dataclasses.replace(plan(folder, epochs=3), train=Ended(6)))


def test_a_training_that_is_ended_by_a_signal_has_not_succeeded(tmp_path):
    # In a process of its own: one that goes wrong would end the tests.
    process = multiprocessing.get_context("spawn").Process(
        target=train_until_ended, args=(tmp_path,)
    )
    process.start()
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM


def test_a_job_of_slurm_trains_like_any_other_process(tmp_path, monkeypatch):
    job = {"JOB_ID": "3", "JOB_NAME": "train", "NTASKS": "4", "PROCID": "0", "LOCALID": "0"}
    for name, value in {**job, "NODEID": "0", "NODELIST": "n1"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert len(fit(plan(tmp_path, epochs=1)).history) == 1


def test_a_single_chip_trains(tmp_path):
    network = build_network(ModelSettings(encoder="resnet18"), [None, None], 3, seed=0)
    result = fit(plan(tmp_path, network, chips=1, validation=1, epochs=1))
    assert len(result.history) == 1


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["resnet18", "efficientnet-lite0"])
def test_a_real_network_learns_a_separable_problem(tmp_path, encoder):
    network = build_network(ModelSettings(encoder=encoder), [665.0, 842.0], 3, seed=0)
    base = plan(tmp_path, network, epochs=12, batch_size=4, learning_rate=3e-3)
    chips = Chips(12, size=64)
    result = fit(dataclasses.replace(with_settings(base, batches=3), train=chips))
    assert max(row.validation_score for row in result.history) > 0.9


class Stopped(Chips):
    """Chips that stop the training when they have been read so often."""

    def __init__(self, count, reads):
        super().__init__(count)
        self.reads = reads

    def __getitem__(self, index):
        self.reads -= 1
        if self.reads < 0:
            raise KeyboardInterrupt
        return super().__getitem__(index)


@pytest.mark.parametrize(
    ("reads", "told"),
    [
        (3, "train: stopped in epoch 1 of 4; no epoch is finished, and epoch 1 will be trained"),
        (9, "train: stopped in epoch 2 of 4; epoch 1 is kept, and epoch 2 will be trained"),
        (15, "train: stopped in epoch 3 of 4; epochs 1 to 2 are kept, and epoch 3 will be trained"),
    ],
)
def test_whoever_stops_a_training_is_told_which_epochs_are_kept(tmp_path, capfd, reads, told):
    planned = plan(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fit(dataclasses.replace(planned, train=Stopped(6, reads)))
    assert told in capfd.readouterr().err
    done = int(told.split("epoch ")[1][0]) - 1
    assert epochs_left(tmp_path, "key", planned.settings) == 4 - done
    assert epochs_left(tmp_path, "another", planned.settings) == 4
    assert fit(plan(tmp_path)).resumed_from == done
    assert epochs_left(tmp_path, "key", planned.settings) == 0
