"""The fastest engine that agrees maps; what was chosen is chosen again."""

from __future__ import annotations

import numpy as np
import pytest

from covermap.core.errors import ModelError
from covermap.mapping import choice as module
from covermap.mapping.choice import Choice, Places, compare, open_chosen, places_of
from covermap.mapping.engines import REFERENCE, Engine
from covermap.mapping.settings import MapSettings
from oracle_predictors import Convolutions, tiny_bundle
from tiny import ArrayScene, tiny_geobox

SURE = Engine("torch", "float32")
QUICK = Engine("openvino", "float32")
ROUGH = Engine("openvino", "bfloat16")
MIXED = Engine("openvino", "mixed")


class Clock:
    """A clock that only predictors move on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed(Convolutions):
    """Takes `seconds` a tile; moves `wrong` of the pixels to another class, blurs by `blur`."""

    def __init__(self, clock: Clock, seconds: float, wrong: float = 0.0, blur: float = 0.0) -> None:
        super().__init__()
        self.clock, self.seconds, self.wrong, self.blur = clock, seconds, wrong, blur

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        self.clock.now += self.seconds
        shares = super().probabilities(values)
        height = round(self.wrong * shares.shape[2])
        shares[:, :, :height] = np.roll(shares[:, :, :height], 1, axis=1)
        return (1 - self.blur) * shares + self.blur / self.classes


@pytest.fixture
def places() -> Places:
    values = np.random.default_rng(0).normal(size=(2, 2, 1024, 32)).astype(np.float32)
    return Places(tuple(values), (np.ones((1024, 32), bool),) * 2)


def chosen(places: Places, predictors: dict[Engine, Timed], clock: Clock) -> Choice:
    return compare(predictors.__getitem__, list(predictors), places, clock)


def test_the_fastest_that_agrees_is_taken(places, capsys):
    clock = Clock()
    predictors = {SURE: Timed(clock, 9), QUICK: Timed(clock, 3), ROUGH: Timed(clock, 1)}
    choice = chosen(places, predictors, clock)
    assert choice.engine == ROUGH
    assert choice.measured
    assert "100.00% of class ids equal" in choice.reason
    assert "Mpx/s" in capsys.readouterr().err
    assert "Mpx/s" not in choice.reason


@pytest.mark.parametrize("fault", [{"wrong": 0.002}, {"blur": 0.1}])
def test_an_engine_that_does_not_agree_is_left_out_and_named(places, capsys, fault):
    clock = Clock()
    predictors = {SURE: Timed(clock, 9), QUICK: Timed(clock, 3), ROUGH: Timed(clock, 1, **fault)}
    assert chosen(places, predictors, clock).engine == QUICK
    assert "OpenVINO in bfloat16 is left out" in capsys.readouterr().err


def test_mixed_is_for_networks_that_bfloat16_alone_does_not_suit(places, capsys):
    clock = Clock()
    predictors = {SURE: Timed(clock, 9), ROUGH: Timed(clock, 1, wrong=0.01), MIXED: Timed(clock, 2)}
    choice = chosen(places, predictors, clock)
    assert choice.engine == MIXED
    assert "OpenVINO in bfloat16 with its first layers in float32" in choice.told
    predictors[ROUGH].wrong = 0
    del predictors[MIXED], predictors[SURE]
    opened = {SURE: Timed(clock, 9)} | predictors
    found = compare(opened.__getitem__, [SURE, ROUGH, MIXED], places, clock)
    assert found.engine == ROUGH, "and it is not even opened"


def test_differences_below_the_limits_are_allowed(places):
    clock = Clock()
    predictors = {SURE: Timed(clock, 9), ROUGH: Timed(clock, 1, wrong=0.0005, blur=0.005)}
    assert chosen(places, predictors, clock).engine == ROUGH


def test_without_any_that_agrees_torch_in_float32_maps(places):
    clock = Clock()
    predictors = {SURE: Timed(clock, 9), ROUGH: Timed(clock, 1, wrong=0.5)}
    only_rough = compare(predictors.__getitem__, [ROUGH], places, clock)
    assert only_rough.engine == REFERENCE


def test_an_engine_that_cannot_compute_the_network_is_left_out(places, capsys):
    clock = Clock()

    def open_engine(engine: Engine) -> Timed:
        if engine == QUICK:
            raise ModelError("engine: openvino cannot compute this network")
        return Timed(clock, 5)

    assert compare(open_engine, [SURE, QUICK], places, clock).engine == SURE
    assert "OpenVINO in float32 is left out" in capsys.readouterr().err


def test_only_usable_pixels_are_compared():
    clock, half = Clock(), np.ones((128, 64), bool)
    half[:64] = False
    values = np.random.default_rng(0).normal(size=(2, 128, 64)).astype(np.float32)
    predictors = {SURE: Timed(clock, 9), ROUGH: Timed(clock, 1, wrong=0.5)}
    assert chosen(Places((values,), (half,)), predictors, clock).engine == ROUGH


def striped(height: int, width: int) -> ArrayScene:
    """A scene whose left third is nodata."""
    values = np.ones((2, height, width), np.float32)
    valid = np.ones((2, height, width), bool)
    valid[:, :, : width // 3] = False
    return ArrayScene(values, valid, tiny_geobox(height, width), ("B02", "B03"))


def test_a_million_real_pixels_are_compared_where_there_are_as_many():
    places = places_of([striped(1600, 2000)], tiny_bundle())
    assert 1_000_000 <= places.pixels <= 1_600_000
    assert all(usable.mean() >= 0.5 for usable in places.usable)


@pytest.mark.parametrize("shape", [(40, 700), (100, 64), (513, 300)])
def test_a_small_scene_is_compared_in_tiles_that_a_network_takes(shape):
    places = places_of([striped(*shape)], tiny_bundle())
    assert 0 < places.pixels <= shape[0] * shape[1]
    for values in places.values:
        assert values.shape[1] % 32 == values.shape[2] % 32 == 0


def test_a_small_scene_is_mapped_without_a_comparison(monkeypatch):
    monkeypatch.setattr(module, "opened", lambda bundle, engine, tta: (engine, tta))
    opened, choice = open_chosen(tiny_bundle(), [striped(300, 300)], MapSettings())
    assert opened == (REFERENCE, False)
    assert not choice.measured


def test_what_was_chosen_earlier_is_taken_again_and_what_is_asked_for_before_it(monkeypatch):
    monkeypatch.setattr(module, "opened", lambda bundle, engine, tta: engine)
    monkeypatch.setattr(module, "engines_here", lambda *asked: [SURE, QUICK])
    kept = Choice(QUICK, "earlier", measured=True)
    scenes = [striped(300, 300)]
    assert open_chosen(tiny_bundle(), scenes, MapSettings(), kept)[0] == QUICK
    asked = MapSettings(engine="openvino", precision="bfloat16")
    assert open_chosen(tiny_bundle(), scenes, asked, kept)[0] == ROUGH
    # Another machine may lack what was chosen.
    elsewhere = Choice(ROUGH, "earlier", measured=True)
    assert open_chosen(tiny_bundle(), scenes, MapSettings(), elsewhere)[0] == SURE
