"""Scenes and labels brought as far as `prepare` brings them, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox

from covermap.chips.audit import shares_of
from covermap.chips.filters import Selection, select
from covermap.chips.loading import Share
from covermap.chips.parts import Split, SplitCase, Training
from covermap.chips.placing import placements
from covermap.chips.scan import scan
from covermap.chips.settings import ChipSettings, SplitSettings
from covermap.chips.split import decide_split
from covermap.chips.table import plan_chips
from covermap.chips.view import Viewer, scenes_by_name
from covermap.imagery.raster import Scene
from covermap.labels.protocol import Labels
from tiny import ArrayScene

CHANNELS = ("B02", "B03")


@dataclass(frozen=True)
class Prepared:
    """What the later steps of a run stand on."""

    scenes: list[Scene]
    selection: Selection
    labels: Labels
    split: Split
    viewer: Viewer
    chips: gpd.GeoDataFrame
    rejected: gpd.GeoDataFrame

    def shares(
        self, training: Training, around: int = 0
    ) -> tuple[Share, Share | None, Share | None]:
        return shares_of(self.viewer, self.chips, training, around)


def prepared(
    scenes: Sequence[Scene],
    labels: Labels,
    size: int = 32,
    seed: int = 0,
    chips: ChipSettings | None = None,
    base: Path = Path(),
    **split: object,
) -> Prepared:
    """Scan, split and plan chips of some scenes."""
    scans = [scan(scene, labels, CHANNELS) for scene in scenes]
    asked = chips or ChipSettings()
    places = placements(scenes, scans, labels, asked, size, seed)
    selection = select(places, scenes, labels, CHANNELS, asked)
    scans = selection.within(scans, scenes)
    decided = decide_split(
        SplitCase(scenes, scans, labels, SplitSettings(**split), size, seed, base)
    )
    viewer = Viewer(scenes_by_name(scenes), labels, CHANNELS, decided.ground)
    plan = plan_chips(selection, decided, viewer)
    return Prepared(list(scenes), selection, labels, decided, viewer, plan.chips, plan.rejected)


def noisy_scene(
    geobox: GeoBox, name: str = "tiny", seed: int = 0, invalid: float = 0.0
) -> ArrayScene:
    """Random reflectance on a grid; a share of the pixels is invalid."""
    random = np.random.default_rng(seed)
    shape = (len(CHANNELS), *(int(n) for n in geobox.shape))
    values = random.uniform(0.02, 0.4, shape).astype(np.float32)
    valid = np.broadcast_to(random.random(shape[1:]) >= invalid, shape).copy()
    return ArrayScene(values, valid, geobox, CHANNELS, name=name)
