"""Activation maps as a predictor of pixels: each combiner, and what invalid pixels may do."""

import numpy as np
import pytest
import torch

from covermap.mapping.activation_predictor import ActivationPredictor
from covermap.models.combiners import Largest, Regressed, Standardised


class Bands(torch.nn.Module):
    """Takes the bands themselves as maps."""

    def forward(self, image):
        return image


def shares(combiner, values):
    return ActivationPredictor(Bands(), combiner, 2, halo=0).probabilities(values)


def tile(seed=0):
    return np.random.default_rng(seed).normal(0, 1, (1, 2, 32, 32)).astype(np.float32)


def test_shares_are_the_softmax_of_the_combined_maps():
    values = tile()
    expected = 1 / (1 + np.exp(values[:, 1] - values[:, 0]))
    np.testing.assert_allclose(shares(Largest(), values)[:, 0], expected, rtol=1e-5)
    turned = Regressed(((0.0, 2.0), (2.0, 0.0)), (0.0, 1.0), ())
    expected = 1 / (1 + np.exp(2 * values[:, 0] + 1 - 2 * values[:, 1]))
    np.testing.assert_allclose(shares(turned, values)[:, 0], expected, rtol=1e-4)


def test_a_class_that_was_never_labelled_has_no_share():
    never = Regressed(((1.0, 0.0), (0.0, 0.0)), (0.0, None), ())
    assert (shares(never, tile())[:, 1] == 0).all()


@pytest.mark.parametrize("centre", ["mean", "median"])
def test_unusable_pixels_do_not_shift_a_standardised_map(centre):
    usable = np.ones((1, 1, 32, 32), np.float32)
    usable[..., :12] = 0
    clean = tile()
    other = np.where(usable > 0, clean, np.float32(40))
    first, second = (
        shares(Standardised(centre), np.concatenate([values, usable], axis=1))
        for values in (clean, other)
    )
    np.testing.assert_array_equal(first[..., 12:], second[..., 12:])
    blind = shares(Standardised(centre), np.concatenate([other, np.ones_like(usable)], axis=1))
    assert np.abs(blind[..., 12:] - first[..., 12:]).max() > 0.1
