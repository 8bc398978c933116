"""Blocks count the cells of scenes on any lattice."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from covermap.chips.parts import SplitCase
from covermap.chips.scan import CELL, Scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split_blocks import Blocks
from drawings import polygons
from prepared import noisy_scene
from tiny import tiny_geobox

SIZE = 64


def scan_of(rows, cols):
    cells = np.stack(np.meshgrid(range(rows), range(cols), indexing="ij"), axis=-1).reshape(-1, 2)
    none, one = np.zeros((len(cells), 2), int), np.ones((len(cells), 1), int)
    return Scan(np.empty((0, 5), int), np.hstack([cells, none, one]), 0)


@pytest.fixture
def labels(tmp_path):
    return polygons(tmp_path / "a.gpkg", [(0, 0, 9, 9), (20, 20, 9, 9)], ["forest", "water"])


@pytest.mark.parametrize(
    ("other", "most"),
    [
        (GeoBox((160, 256), Affine(10, 0, 500_003, 0, -10, 5_000_004), "EPSG:32633"), 0),
        (GeoBox((160, 256), Affine(10, 0, 972_000, 0, -10, 5_010_000), "EPSG:32632"), 1),
    ],
)
def test_cells_on_another_lattice_are_placed_by_their_middles_at_once(
    labels, monkeypatch, other, most
):
    first = tiny_geobox(32, 32)
    rows, cols = 160 // CELL, 256 // CELL
    scans = [scan_of(1, 1), scan_of(rows, cols)]
    transform = Transformer.from_crs(other.crs.proj, first.crs.proj, always_xy=True).transform
    expected = {(0, 0): 1}
    for row in range(rows):
        for col in range(cols):
            middle = (col * CELL + CELL // 2 + 0.5, row * CELL + CELL // 2 + 0.5)
            across, down = ~first.affine * transform(*(other.affine * middle))
            key = (int(down // SIZE), int(across // SIZE))
            expected[key] = expected.get(key, 0) + 1

    asked = []
    make = Transformer.from_crs
    monkeypatch.setattr(
        Transformer, "from_crs", lambda *crs, **more: asked.append(crs) or make(*crs, **more)
    )
    scenes = [noisy_scene(first, "first"), noisy_scene(other, "other")]
    for _ in range(2):
        blocks = Blocks.of(
            SplitCase(scenes, scans, labels, SplitSettings(), SIZE, 0), SIZE, buffer=0
        )
        found = zip(map(tuple, blocks.keys.tolist()), blocks.by_class[:, 0].tolist(), strict=True)
        assert dict(found) == expected
    assert len(asked) <= most
