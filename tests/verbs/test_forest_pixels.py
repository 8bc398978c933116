"""Which labelled pixels a forest learns from."""

from __future__ import annotations

import numpy as np

from covermap.chips.sample import Sample
from covermap.models import forest
from covermap.verbs.forest_pixels import labelled_pixels


def _chip(target: np.ndarray, first: int) -> Sample:
    """A chip whose single band numbers its pixels, so that a feature tells where it came from."""
    values = np.arange(first, first + target.size, dtype=np.float32).reshape(1, *target.shape)
    everywhere = np.ones(target.shape, bool)
    return Sample(values, everywhere, target, everywhere)


def test_few_pixels_are_all_taken_each_with_its_class():
    target = np.array([[0, 1], [1, 2]])
    found = labelled_pixels([_chip(target, 0), _chip(target, 4)], 1, 4, seed=0)
    assert found.counts.tolist() == [2, 4, 2, 0]
    assert sorted(found.features[:, 0].tolist()) == list(range(8))
    assert np.array_equal(found.index, target.ravel()[found.features[:, 0].astype(int) % 4])


def test_of_many_pixels_each_chip_gives_its_share(monkeypatch):
    monkeypatch.setattr(forest, "_MOST_PIXELS", 2_000)
    monkeypatch.setattr(forest, "_LEAST_OF_CLASS", 50)
    target = np.zeros((100, 100), np.int64)
    target[:3] = 1
    chips = [_chip(target, 0), _chip(target, 10_000), _chip(np.zeros_like(target), 20_000)]
    found = labelled_pixels(chips, 1, 2, seed=0)
    drawn = np.bincount(found.index)
    assert abs(drawn[0] - 1_960) < 200
    assert 25 < drawn[1] < 80
    from_each = np.bincount((found.features[:, 0] // 10_000).astype(int), minlength=3)
    assert np.abs(from_each / len(found.index) - 1 / 3).max() < 0.05
    again = labelled_pixels(chips, 1, 2, seed=0)
    assert np.array_equal(found.features, again.features)
