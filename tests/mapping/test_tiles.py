import pytest

from covermap.core.grid import Window
from covermap.mapping.tiles import plan_tiles, smallest_tile


def test_a_small_scene_is_one_tile_no_larger_than_needed():
    plan = plan_tiles((100, 40), 1024, 20, 32)
    assert plan.count == 1
    # Nothing but the scene, filled up to the lattice: there is no neighbour to agree with.
    assert plan.tile_shape == (128, 64)
    assert plan.read_window(0, 0) == Window(0, 0, 128, 64)


def test_tiles_end_where_the_scene_ends():
    axis = plan_tiles((1000, 10), 512, 70, 32).rows
    assert axis.read_start(0) == axis.core_start(0) == 0
    last = axis.count - 1
    assert axis.read_start(last) + axis.tile == 1024
    assert axis.core_start(last) + axis.core(last) == 1024


def test_tiles_stand_on_the_lattice_of_the_stride():
    plan = plan_tiles((1000, 3000), 512, 70, 32)
    for row in range(plan.rows.count):
        for col in range(plan.cols.count):
            window = plan.read_window(row, col)
            assert window.row_off % 32 == 0
            assert window.col_off % 32 == 0


def test_tiles_are_made_smaller_where_that_costs_no_further_tile():
    plan = plan_tiles((1100, 1100), 1024, 64, 32)
    assert (plan.rows.count, plan.cols.count) == (2, 2)
    assert plan.rows.tile < 1024
    fewer = plan_tiles((1100, 1100), plan.rows.tile - 32, 64, 32)
    assert fewer.rows.count == 3


def test_no_trusted_pixel_is_nearer_to_the_tiles_end_than_the_halo():
    plan = plan_tiles((777, 777), 256, 50, 32)
    axis = plan.rows
    assert axis.count > 3
    for number in range(axis.count):
        before = axis.core_start(number) - axis.read_start(number)
        after = axis.tile - before - axis.core(number)
        assert before >= 50 or number == 0
        assert after >= 50 or number == axis.count - 1


@pytest.mark.parametrize("tile", [100, 64, 96])
def test_a_tile_of_halo_alone_is_refused(tile):
    assert smallest_tile(40, 32) == 128
    with pytest.raises(ValueError, match="at least 128"):
        plan_tiles((10, 10), tile, 40, 32)
