"""What a report says in words."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import pytest

from covermap.verbs.report import how_tested

CHIPS = gpd.GeoDataFrame({"scene": list("abcd"), "split": ["train", "train", "val", "test"]})


@pytest.mark.parametrize("kind", ["blocks", "polygons", "scenes", "regions"])
@pytest.mark.parametrize("scheme", ["holdout", "kfold"])
def test_a_project_that_allows_a_leak_is_not_called_unseen(kind, scheme):
    blocks = {(0, 0): (0, 0), (0, 1): (2, 1)}
    ground = SimpleNamespace(
        kind=kind, parts=("train", "val", "test"), blocks=blocks, block_px=64
    )  # fmt: skip
    split = SimpleNamespace(scheme=scheme, ground=ground, trainings=(1, 2, 3), at_random=False)

    def told(allow_leak):
        asked = SimpleNamespace(split=SimpleNamespace(allow_leak=allow_leak))
        return how_tested(SimpleNamespace(split=split, project=asked), CHIPS)

    assert "never" in told(False)
    assert "never" not in told(True)
