import numpy as np

from covermap.mapping.blending import Blender, ramp_weights
from covermap.mapping.tiles import plan_tiles


def test_border_pixels_keep_full_weight():
    axis = plan_tiles((500, 500), 128, 16, 32).rows
    assert axis.count > 2
    assert ramp_weights(axis, 0)[0] == 1
    assert ramp_weights(axis, axis.count - 1)[-1] == 1
    assert 0 < ramp_weights(axis, 1)[0] < 0.1


def test_a_single_tile_is_taken_as_it_is():
    plan = plan_tiles((60, 50), 128, 8, 32)
    planes = np.random.default_rng(0).random((2, *plan.tile_shape)).astype(np.float32)
    blender = Blender(plan, 2)
    blender.begin_row()
    np.testing.assert_array_equal(blender.add(0, 0, planes.copy()), planes)


def test_a_skipped_tile_does_not_carry_its_neighbour_over():
    plan = plan_tiles((30, 200), 64, 8, 32)
    blender = Blender(plan, 1)
    blender.begin_row()
    ones = np.ones((1, *plan.tile_shape), np.float32)
    blender.add(0, 0, ones.copy())
    blender.skip(1)
    total = blender.add(0, 2, ones.copy())
    # Without the skipped neighbour only the rising weight is there: no pixel of it is wanted.
    np.testing.assert_allclose(
        total[0, 0, : plan.cols.ramp], ramp_weights(plan.cols, 2)[: plan.cols.ramp]
    )


def test_a_skipped_tile_does_not_carry_the_row_above_over():
    plan = plan_tiles((200, 200), 64, 8, 32)
    ones = np.ones((1, *plan.tile_shape), np.float32)
    blender = Blender(plan, 1)
    for row in range(3):
        blender.begin_row()
        for col in range(plan.cols.count):
            if (row, col) == (1, 1):
                blender.skip(col)
            else:
                total = blender.add(row, col, ones.copy())
                if (row, col) == (2, 1):
                    rising = ramp_weights(plan.rows, 2)[: plan.rows.ramp]
                    np.testing.assert_allclose(total[0, : plan.rows.ramp, -1], rising)


def test_one_seam_is_all_that_is_kept():
    plan = plan_tiles((100_000, 3000), 512, 64, 32)
    blender = Blender(plan, 10)
    kept = sum(value.nbytes for value in vars(blender).values() if isinstance(value, np.ndarray))
    assert kept < 10 * 4 * 100 * (3500 + 512)
