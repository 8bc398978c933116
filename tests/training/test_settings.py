"""What a project file may say of training, and what `auto` comes to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covermap.core.errors import ModelError, ProjectError
from covermap.core.settings import parse
from covermap.training.settings import TrainingSettings, batch_sizes, resolve


@pytest.mark.parametrize(
    ("chips", "chip_size", "batch_size", "epochs"),
    [(30, 128, 4, 38), (3, 128, 2, 120), (1, 128, 2, 120), (1000, 128, 8, 10), (40, 64, 8, 60)],
)
def test_auto_aims_at_some_hundred_steps(chips, chip_size, batch_size, epochs):
    resolved = resolve(TrainingSettings(), chips, chip_size)
    assert (resolved.batch_size, resolved.epochs) == (batch_size, epochs)
    assert resolved.steps == epochs * len(batch_sizes(chips, batch_size))


def test_what_is_said_is_done():
    settings = TrainingSettings(epochs=7, batch_size=5, optimizer="sgd", precision="float32")
    resolved = resolve(settings, 12, 64)
    assert (resolved.epochs, resolved.batch_size, resolved.steps) == (7, 5, 21)
    assert (resolved.optimizer, resolved.precision) == ("sgd", "float32")


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"name": "cosine", "every": 3}, "every is of step and plateau; leave it out with cosine"),
        ({"name": "poly", "factor": 0.5}, "or write {name: step, factor: 0.5}"),
        ({"name": "step", "power": 2}, "power is of poly; leave it out with step"),
        ({"factor": 0.5}, "leave it out with one-cycle"),
    ],
)
def test_a_key_of_another_schedule_is_refused(schedule, message):
    with pytest.raises(ProjectError) as caught:
        parse(TrainingSettings, {"schedule": schedule}, "training")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert parse(TrainingSettings, {"schedule": {"name": "step", "every": 3}}, "training")


def test_a_step_takes_the_gradients_of_several_batches():
    resolved = resolve(TrainingSettings(epochs=3, batch_size=2, accumulate=4), 10, 64)
    assert (resolved.batches, resolved.steps_per_epoch, resolved.steps) == (5, 2, 6)


def test_accumulated_batches_are_trained_as_long_as_large_ones():
    large = resolve(TrainingSettings(batch_size=16), 320, 64)
    small = resolve(TrainingSettings(batch_size=2, accumulate=8), 320, 64)
    assert (small.epochs, small.steps) == (large.epochs, large.steps) == (15, 300)


@pytest.mark.parametrize(
    ("settings", "patience"),
    [
        ({}, 30),
        ({"epochs": 50}, None),
        ({"epochs": 50, "patience": 7}, 7),
        ({"patience": "none"}, None),
    ],
)
def test_training_stops_early_where_its_length_is_not_given(settings, patience):
    assert resolve(TrainingSettings(**settings), 40, 64).patience == patience


@pytest.mark.parametrize(("freeze", "epochs"), [(False, 0), (True, 9), (3, 3), (1, 1)])
def test_an_encoder_is_frozen_for_all_or_some_epochs(freeze, epochs):
    settings = TrainingSettings(epochs=9, freeze_encoder=freeze)
    assert resolve(settings, 4, 64).frozen_epochs == epochs


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"schedule": "cosine", "sampling": {"water": 1.0}, "ema": 0.99, "freeze_encoder": 2},
        {"augmentation": {"flips": False, "holes": 0.2}, "clip_norm": None, "patience": "none"},
    ],
)
def test_written_settings_are_read_as_the_same(values):
    settings = parse(TrainingSettings, values, "training")
    assert parse(TrainingSettings, settings.model_dump(), "training") == settings


@pytest.mark.parametrize(
    ("crop", "chip_size", "cuts", "expected"),
    [
        ("auto", 256, True, (128, 4)),
        ("auto", 128, True, (None, 1)),
        ("auto", 256, False, (None, 1)),
        ("none", 256, True, (None, 1)),
        (64, 256, True, (64, 16)),
        (64, 64, True, (None, 1)),
        (96, 160, True, (96, 3)),
    ],
)
def test_large_chips_are_shown_in_pieces(crop, chip_size, cuts, expected):
    resolved = resolve(TrainingSettings(crop=crop), 40, chip_size, cuts=cuts)
    assert (resolved.crop, resolved.draws) == expected


@pytest.mark.parametrize(
    ("crop", "cuts", "message"),
    [(128, True, "larger than the chips of 96 px"), (32, False, "answers for whole chips")],
)
def test_a_crop_that_cannot_be_is_an_error(crop, cuts, message):
    with pytest.raises(ModelError, match=message):
        resolve(TrainingSettings(crop=crop), 40, 96, cuts=cuts)


def test_an_average_of_the_weights_is_kept_unless_it_is_refused():
    assert resolve(TrainingSettings(), 40, 64).ema == 0.99
    assert resolve(TrainingSettings(ema=0.9), 40, 64).ema == 0.9
    assert resolve(TrainingSettings(ema=None), 40, 64).ema is None


@given(chips=st.integers(1, 500), batch_size=st.integers(2, 64))
def test_every_chip_is_in_a_batch_and_none_is_alone(chips, batch_size):
    sizes = batch_sizes(chips, batch_size)
    assert min(sizes) >= 2
    assert max(sizes) <= batch_size + 1
    assert sum(sizes) == max(chips, 2)


@given(chips=st.integers(1, 2000), chip_size=st.sampled_from([32, 64, 96, 128, 256, 512]))
def test_auto_never_takes_more_than_half_of_the_chips(chips, chip_size):
    resolved = resolve(TrainingSettings(), chips, chip_size)
    assert 2 <= resolved.batch_size <= max(2, chips // 2)
    assert 10 <= resolved.epochs <= 200


@pytest.mark.parametrize(("key", "name"), [(10, "10"), ("fore\u0302t", "for\u00eat")])
def test_classes_are_named_as_labels_name_them(key, name):
    settings = parse(TrainingSettings, {"sampling": {key: 0.5}}, "training")
    assert settings.sampling == {name: 0.5}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": "many"}, "epochs"),
        ({"optimizer": "adamm"}, "optimizer"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"sampling": "balancd"}, "sampling: expected auto, uniform, balanced"),
        ({"sampling": {"water": -1.0}}, "water"),
        ({"sampling": {}}, "at least one class"),
        ({"schedule": "cosin"}, "schedule.name: "),
        ({"schedule": {"name": "step", "evry": 3}}, "did you mean 'every'?"),
        ({"augmentation": {"hole": 0.1}}, "did you mean 'holes'?"),
        ({"augmentation": {"smallest_crop": 0}}, "augmentation.smallest_crop: "),
        ({"ema": 1.0}, "ema"),
        ({"crop": 50}, "crop"),
        ({"patience": 0}, "patience: "),
        ({"accumulate": 0}, "accumulate: "),
        ({"clip_norm": 0}, "clip_norm: "),
        ({"learning_rte": 0.1}, "did you mean 'learning_rate'?"),
    ],
)
def test_a_mistake_is_one_line_with_the_key(values, message):
    with pytest.raises(ProjectError) as caught:
        parse(TrainingSettings, values, "training")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
