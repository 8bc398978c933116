"""How much each class weighs."""

import pytest

from covermap.core.errors import ModelError
from covermap.models.class_weights import class_weights, effective_number, inverse_frequency
from covermap.models.loss_settings import CrossEntropySettings

NAMES = ("forest", "water", "urban")


def weights(rule, pixels=(100, 300, 0)):
    return class_weights(CrossEntropySettings(class_weights=rule), NAMES, pixels)


def test_without_a_rule_all_weigh_alike():
    assert weights(None) is None


def test_numbers_are_taken_in_the_order_of_the_legend():
    assert weights([3, 2, 1]) == (3, 2, 1)


def test_named_weights_leave_the_others_at_one():
    assert weights({"urban": 4.0}) == (1.0, 1.0, 4.0)


def test_inverse_frequency_makes_all_classes_count_alike():
    pixels = (100, 300, 50)
    shares = [w * n for w, n in zip(weights("inverse-frequency", pixels), pixels, strict=True)]
    assert shares == pytest.approx([shares[0]] * 3)
    assert weights("inverse-frequency") == inverse_frequency((100, 300, 0))


def test_effective_number_is_the_sum_of_a_geometric_series():
    found = effective_number((2, 4), beta=0.5)
    expected = (1 / (1 + 0.5), 1 / (1 + 0.5 + 0.25 + 0.125))
    assert found[0] / found[1] == pytest.approx(expected[0] / expected[1])
    assert sum(found) == pytest.approx(2)


def test_effective_number_lies_between_equal_and_inverse_frequency():
    pixels = (200, 20_000)
    rare, common = effective_number(pixels, beta=0.9999)
    assert 1 < rare / common < 100
    assert effective_number(pixels, beta=0.0) == (1.0, 1.0)


@pytest.mark.parametrize("rule", ["inverse-frequency", "effective-number"])
def test_a_class_without_pixels_changes_no_other(rule):
    assert weights(rule)[:2] == pytest.approx(weights(rule, (100, 300)))
    assert weights(rule, (0, 0, 0)) == (1.0, 1.0, 1.0)
    assert weights(rule)[2] == 1.0


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ([1.0, 2.0], "holds 2 numbers, expected 3 in this order: forest, water, urban"),
        ({"forrest": 2.0}, "names the class 'forrest'.*did you mean 'forest'"),
    ],
)
def test_weights_that_do_not_fit_the_legend_are_named(rule, message):
    with pytest.raises(ModelError, match=message) as caught:
        weights(rule)
    assert "\n" not in str(caught.value)
