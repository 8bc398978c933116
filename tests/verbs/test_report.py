"""What a report says in words."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import pytest

from covermap.verbs.report import how_tested, provenance_of

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


def test_of_hundreds_of_scenes_and_channels_some_are_named(tmp_path):
    (tmp_path / "training.json").write_text('{"final": {"model": "unet", "summary": "1 chip"}}')
    workspace = SimpleNamespace(
        project=SimpleNamespace(seed=1),
        folder=SimpleNamespace(path=tmp_path, record={"versions": {}}),
        scenes=[SimpleNamespace(name=f"scene_{number:03d}") for number in range(300)],
        labels=SimpleNamespace(path=tmp_path / "labels.gpkg"),
        channels=tuple(f"B02@{number:03d}" for number in range(100)),
        split=SimpleNamespace(reasons=()),
    )
    rows = dict(provenance_of(workspace))
    assert rows["scenes"].endswith("scene_019 and 280 more")
    assert rows["channels"].endswith("B02@019 and 80 more")
