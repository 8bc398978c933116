import pytest

from covermap.core.grid import Window
from covermap.mapping.tiles import plan_tiles, smallest_tile


def test_a_small_scene_is_one_tile_no_larger_than_needed():
    plan = plan_tiles((100, 40), 1024, 20, 32)
    assert plan.count == 1
    # 32 px before (20 of halo on the lattice), 20 after.
    assert plan.tile_shape == (160, 96)
    assert plan.read_window(0, 0) == Window(-32, -32, 160, 96)


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
    core, read = plan.core_window(1, 1), plan.read_window(1, 1)
    assert core.row_off - read.row_off >= 50
    assert read.row_stop - core.row_stop >= 50


@pytest.mark.parametrize("tile", [100, 64, 96])
def test_a_tile_of_halo_alone_is_refused(tile):
    assert smallest_tile(40, 32) == 128
    with pytest.raises(ValueError, match="at least 128"):
        plan_tiles((10, 10), tile, 40, 32)
