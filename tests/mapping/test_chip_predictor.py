"""Models of chips as predictors of pixels: which window answers for which cell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from covermap.bundle.facts import Quantity
from covermap.bundle.folder import write_bundle
from covermap.core.legend import Legend
from covermap.mapping.chip_predictor import SlidingPredictor, cell_side, open_task_predictor
from covermap.models.footprint import activation_bytes
from covermap.models.loading import network_weights
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings
from oracle_predictors import tiny_bundle


class Brightness:
    """Says of a chip how bright it is, so that every window can be told by its answer."""

    classes, precision = 2, "float32"

    def answers(self, values):
        bright = values.mean((1, 2, 3))
        return np.stack([bright, 1 - bright], axis=1).astype(np.float32)


@pytest.mark.parametrize("chip_size", [32, 64, 96, 256])
def test_cells_fit_the_lattice_of_tiles_and_lie_in_the_middle_of_their_windows(chip_size):
    side = cell_side(chip_size)
    assert 32 % side == 0
    assert (chip_size - side) % 2 == 0


def test_a_cell_gets_the_answer_of_the_window_around_it():
    values = np.random.default_rng(0).random((1, 3, 96, 64)).astype(np.float32)
    shares = SlidingPredictor(Brightness(), 32).probabilities(values)
    assert shares.shape == (1, 2, 96, 64)
    # The cell of rows 24..31 and columns 16..23 is the middle of rows 12..43, columns 4..35.
    assert shares[0, 0, 24:32, 16:24] == pytest.approx(values[0, :, 12:44, 4:36].mean(), abs=1e-6)


def test_cells_at_the_border_are_answered_for_by_whole_windows():
    values = 1 + np.random.default_rng(2).random((1, 1, 112, 96)).astype(np.float32)
    bright = SlidingPredictor(Brightness(), 64).probabilities(values)[0, 0]
    # Around of 24 px: the first two cells along each side share the outermost window.
    assert bright[:32, :32] == pytest.approx(values[0, 0, :64, :64].mean(), abs=1e-6)
    assert bright[-32:, -32:] == pytest.approx(values[0, 0, -64:, -64:].mean(), abs=1e-6)
    assert bright.min() > 1


@pytest.mark.parametrize("shape", [(48, 96), (32, 16), (96, 32)])
def test_a_scene_smaller_than_a_window_is_padded_evenly(shape):
    values = np.ones((1, 1, *shape), np.float32)
    bright = SlidingPredictor(Brightness(), 64).probabilities(values)[0, 0]
    assert bright.shape == shape
    expected = min(shape[0], 64) * min(shape[1], 64) / 64**2
    assert bright == pytest.approx(expected, abs=1e-6)


def test_answers_within_the_halo_do_not_depend_on_the_tile():
    values = np.random.default_rng(1).random((1, 2, 160, 160)).astype(np.float32)
    predictor = SlidingPredictor(Brightness(), 64)
    whole = predictor.probabilities(values)
    part = predictor.probabilities(values[:, :, 16:144, 16:144])
    halo = predictor.halo
    inner = slice(halo, 128 - halo)
    outer = slice(16 + halo, 144 - halo)
    assert inner.stop > inner.start
    np.testing.assert_allclose(part[:, :, inner, inner], whole[:, :, outer, outer], atol=1e-6)


@pytest.mark.parametrize(
    ("task", "name"), [("regression", "unet"), ("weak-segmentation", "classifier")]
)
def test_automatic_tiles_leave_room_for_activations(tmp_path, task, name):
    model = ModelSettings(name=name, encoder="efficientnet-lite0", weights="none")
    values = task == "regression"
    facts = dataclasses.replace(
        tiny_bundle(("B02", "B03")),
        task=task,
        model=model.model_dump(),
        receptive_radius=48,
        **(
            {"legend": Legend(()), "quantity": Quantity("height", "m", None, 0, 1)}
            if values
            else {}
        ),
    )
    network = build_network(model, [492.7, 559.8], facts.outputs, seed=0)
    bundle = write_bundle(tmp_path / "bundle", facts, network_weights(network))
    found = open_task_predictor(bundle, "float32")
    # One layer of the encoder's second stage alone: 96 channels of float32 at half the sides.
    assert found.pixel_bytes >= 96 * 4 / 4
    assert found.pixel_bytes == pytest.approx(activation_bytes(network, 2), rel=0.01)
    assert open_task_predictor(bundle, "bfloat16").pixel_bytes == found.pixel_bytes // 2
