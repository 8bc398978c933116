"""Errors and the hint at the nearest known word."""

import pytest

from covermap.core import errors


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("imagry", ["imagery", "labels"], "did you mean 'imagery'?"),
        ("NDVI", ["ndvi", "ndwi"], "did you mean 'ndvi'?"),
        ("b8", ["B8", "B08"], "did you mean 'B8'?"),
        ("zzz", ["imagery", "labels"], "known: imagery, labels"),
        ("1", [1, 2], "did you mean '1'?"),
        ("x", [], "known: "),
    ],
)
def test_the_nearest_known_word_is_named(name, known, hint):
    assert errors.nearest(name, known) == hint


def test_every_error_of_a_user_has_one_root():
    kinds = [
        item
        for item in vars(errors).values()
        if isinstance(item, type) and "Error" in item.__name__
    ]
    assert errors.CovermapError in kinds
    assert len(kinds) > 1
    assert all(issubclass(kind, errors.CovermapError) for kind in kinds)
    assert not issubclass(errors.CovermapWarning, errors.CovermapError)


def test_repeated_names_are_told_once_each_in_order():
    assert errors.repeated(iter(["b", "a", "c", "b", "a", "b"])) == ["a", "b"]
    assert errors.repeated([]) == []
