"""What a combiner learns: labels of pixels of some training chips, and of nothing else."""

import torch

from covermap.chips.loading import Chips
from covermap.models.classifiers import shallow_cnn
from covermap.models.combiners import Largest, Standardised
from covermap.models.weak import WeakSettings
from covermap.verbs.combine import chip_name, fitted_combiner, reading_of
from drawings import polygons
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

CELLS = [(4 + 32 * row, 4 + 32 * col, 24, 24) for row in range(6) for col in range(6)]


def network():
    torch.manual_seed(0)
    return shallow_cnn(2, 2).eval()


def taught(folder, classes=("crop", "wood"), swap_held_out=False):
    """Chips that teach, of polygons in blocks of 32 px; held-out ones may say the contrary."""
    box = tiny_geobox(192, 192)
    own = [classes[(row + col) % len(classes)] for row in range(6) for col in range(6)]
    scene = noisy_scene(box)
    found = prepared([scene], polygons(folder / "a.gpkg", CELLS, own, geobox=box), by="blocks")
    training = found.split.trainings[0]
    teach, _, score = found.shares(training)
    if swap_held_out:
        held = {(window.row_off, window.col_off) for _, window in score.windows}
        other = [
            classes[(row + col + ((32 * row, 32 * col) in held)) % 2]
            for row in range(6)
            for col in range(6)
        ]
        assert other != own
        labels = polygons(folder / "b.gpkg", CELLS, other, geobox=box)
        found = prepared([scene], labels, by="blocks")
        assert found.shares(training)[0].windows == teach.windows
        teach = found.shares(training)[0]
    return Chips(teach, teach.statistics())


def test_only_training_ground_teaches_the_regression(tmp_path):
    weak = WeakSettings(combiner="regression")
    first = reading_of(network(), taught(tmp_path), weak, seed=0)
    second = reading_of(network(), taught(tmp_path, swap_held_out=True), weak, seed=0)
    assert first == second
    assert first.combiner.weight != ((0.0, 0.0), (0.0, 0.0))


def test_as_many_chips_as_asked_for_are_named_and_the_seed_draws_them(tmp_path):
    chips = taught(tmp_path)
    known = {chip_name(scene, window) for scene, window in chips.share.windows}
    drawn = [
        fitted_combiner("regression", network(), chips, WeakSettings(dense_images=5), seed).chips
        for seed in (0, 0, 1)
    ]
    assert len(drawn[0]) == 5
    assert set(drawn[0]) <= known
    assert drawn[0] == drawn[1] != drawn[2]


def test_other_combiners_ask_for_no_label(tmp_path):
    weak = WeakSettings(combiner="median", upsampling="repeat", bias=False)
    reading = reading_of(network(), None, weak, seed=0)
    assert reading.combiner == Standardised("median")
    assert (reading.upsampling, reading.bias) == ("repeat", False)
    assert fitted_combiner("argmax", network(), None, weak, 0) == Largest()
