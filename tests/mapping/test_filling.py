"""Rows of a map made in any order, by anybody, and what a kill in between leaves."""

from __future__ import annotations

import numpy as np
import pytest

from covermap.core.progress import Progress
from covermap.mapping.engine import map_scene
from covermap.mapping.filling import ScratchRows, fill_here
from covermap.mapping.settings import MapSettings
from oracle_predictors import Convolutions, tiny_bundle
from tiny import ArrayScene, tiny_geobox

TILED = MapSettings(tile=64, outputs=("confidence", "probability"))


class StoppedError(Exception):
    """The plug is pulled."""


def noise_scene():
    rng = np.random.default_rng(7)
    values = rng.normal(size=(2, 230, 90))
    valid = np.broadcast_to(rng.random((230, 90)) > 0.1, values.shape)
    return ArrayScene(values, valid, tiny_geobox(230, 90), ("B02", "B03"))


def backwards(size, stop_after=None):
    """A filler that makes blocks of `size` rows from the last to the first."""

    def fill(job, predictor, scratch, ledger, title):
        pipeline, made = job.pipeline(predictor), 0
        with ScratchRows(scratch, ledger) as into:
            for rows in reversed(ledger.missing(job.plan.rows.count)):
                for stop in range(rows.stop, rows.start, -size):
                    if made == stop_after:
                        raise StoppedError
                    block = range(max(rows.start, stop - size), stop)
                    pipeline.fill(block, into, Progress())
                    made += 1
        return pipeline.seconds

    return fill


def mapped(folder, fill, key="k"):
    map_scene(
        noise_scene(), tiny_bundle(), Convolutions(), folder / "map.tif", TILED, key=key, fill=fill
    )
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_order_in_which_rows_are_made_does_not_matter(tmp_path, size):
    assert mapped(tmp_path / "any", backwards(size)) == mapped(tmp_path / "here", fill_here)


@pytest.mark.parametrize(("size", "stop_after"), [(1, 2), (2, 1)])
def test_what_was_made_out_of_order_is_taken_up(tmp_path, size, stop_after):
    with pytest.raises(StoppedError):
        mapped(tmp_path / "any", backwards(size, stop_after))
    assert mapped(tmp_path / "any", fill_here) == mapped(tmp_path / "here", fill_here)
