import numpy as np
import pytest
from scipy.special import softmax

torch = pytest.importorskip("torch")

from covermap.mapping.predictor import TorchPredictor  # noqa: E402


def _network() -> "torch.nn.Module":
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(4, 8, 3, padding=1),
            torch.nn.BatchNorm2d(8),
            torch.nn.Dropout(0.5),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 3, 1),
        )


VALUES = np.random.default_rng(0).normal(size=(2, 4, 32, 64)).astype(np.float32)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_probabilities_are_float32_and_sum_to_one(precision):
    shares = TorchPredictor(_network(), 3, 8, precision).probabilities(VALUES)
    assert shares.dtype == np.float32
    assert shares.shape == (2, 3, 32, 64)
    assert shares.flags.c_contiguous
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)


def test_they_are_the_softmax_of_the_network_in_evaluation_mode():
    network = _network().eval()
    with torch.no_grad():
        expected = torch.softmax(network(torch.from_numpy(VALUES)), dim=1).numpy()
    found = TorchPredictor(_network(), 3, 8).probabilities(VALUES)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_logits_are_divided_by_the_temperature(precision):
    plain = TorchPredictor(_network(), 3, 8, precision).probabilities(VALUES)
    warm = TorchPredictor(_network(), 3, 8, precision, temperature=3.0).probabilities(VALUES)
    # Logarithms of probabilities are logits but for a constant.
    np.testing.assert_allclose(warm, softmax(np.log(plain) / 3, axis=1), atol=1e-6)
    np.testing.assert_array_equal(warm.argmax(1), plain.argmax(1))


def test_bfloat16_is_close_to_float32():
    exact = TorchPredictor(_network(), 3, 8, "float32").probabilities(VALUES)
    rough = TorchPredictor(_network(), 3, 8, "bfloat16").probabilities(VALUES)
    assert 0 < np.abs(exact - rough).max() < 0.03


def test_a_tile_gets_the_same_answer_in_any_place_of_a_batch():
    predictor = TorchPredictor(_network(), 3, 8)
    both = predictor.probabilities(VALUES)
    turned = predictor.probabilities(VALUES[::-1])
    np.testing.assert_array_equal(both[0], turned[1])
