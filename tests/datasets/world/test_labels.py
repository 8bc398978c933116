import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.features import rasterize

from covermap.core.grid import Window
from covermap.datasets.world import labels
from covermap.datasets.world.cover import NAMES, cover
from covermap.datasets.world.write import blocks

WORLD = Window(0, 0, 330, 400)
NUMBERS = {name: number for number, name in NAMES.items()}


def drawing_of(world, seed, size):
    parts = [block.drawing for block in blocks(world, seed, (), size)]
    return labels.Drawing(
        np.concatenate([part.outlines for part in parts]),
        np.concatenate([part.names for part in parts]),
    )


@pytest.fixture(scope="module")
def drawing():
    return drawing_of(WORLD, 4, 512)


@pytest.fixture(scope="module")
def truth():
    return cover(WORLD, 4)


@pytest.fixture(scope="module")
def burnt(drawing):
    shift = shapely.transform(drawing.outlines, lambda p: (p - [500_000, 5_400_000]) / [10, -10])
    numbers = [NUMBERS[name] for name in drawing.names]
    return rasterize(zip(shift, numbers, strict=True), WORLD.shape, dtype="uint8")


def test_polygons_do_not_depend_on_blocks(drawing):
    other = drawing_of(WORLD, 4, 200)

    def listed(one):
        return sorted(zip(shapely.to_wkt(shapely.normalize(one.outlines)), one.names, strict=True))

    assert listed(other) == listed(drawing)


def test_polygons_are_valid_and_inside_the_world(drawing):
    assert len(drawing.outlines) > 30
    assert shapely.is_valid(drawing.outlines).all()
    left, bottom, right, top = shapely.total_bounds(drawing.outlines)
    assert left >= 500_000
    assert right <= 500_000 + 10 * WORLD.width
    assert top <= 5_400_000
    assert bottom >= 5_400_000 - 10 * WORLD.height


def test_polygons_are_whole_patches(burnt, truth):
    drawn = burnt > 0
    _, inverse, sizes = np.unique(truth.patch, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse.ravel(), drawn.ravel()) / sizes
    # Simplified outlines graze neighbours: count patches of which a fair part is drawn.
    taken = shares[(sizes > 30) & (shares > 0.3)]
    assert len(taken) > 30
    assert np.median(taken) > 0.97


def test_a_fifth_of_the_ground_is_drawn(burnt):
    assert 0.14 < np.mean(burnt > 0) < 0.26


def test_few_polygons_are_wrong(burnt, truth):
    drawn = burnt > 0
    assert 0.9 < np.mean((burnt == truth.ids)[drawn]) < 1


def test_classes_are_drawn_in_proportion_to_their_ground():
    drawn, there = np.zeros(6), np.zeros(6)
    for seed in range(4):
        ground = cover(Window(0, 0, 330, 330), seed)
        chosen = labels.noise.uniform(labels.noise.stream(seed, "drawn"), ground.patch) < 0.2
        drawn += np.bincount(ground.ids[chosen], minlength=6)
        there += np.bincount(ground.ids.ravel(), minlength=6)
    np.testing.assert_allclose(drawn[1:] / drawn.sum(), there[1:] / there.sum(), atol=0.08)


def test_a_huge_world_gets_a_bounded_number_of_polygons(truth):
    piece = WORLD
    huge = Window(0, 0, 10_980, 10_980)
    affine = Affine(10, 0, 500_000, 0, -10, 5_400_000)
    some = labels.drawn(truth, piece, huge, affine, 4)
    expected = len(some.outlines) * huge.height * huge.width / (piece.height * piece.width)
    assert 0 < expected < 7500
