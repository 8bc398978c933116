"""Laws 3 and 4 where bands of coarser pixels are interpolated: values hold ground beside them."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.warp import Resampling, reproject
from scipy.ndimage import distance_transform_cdt

from covermap.chips.audit import audit
from covermap.chips.loading import Chips
from covermap.chips.view import Viewer, scenes_by_name
from covermap.core.grid import whole
from covermap.imagery.file_scene import FileScene
from covermap.imagery.raster import Band
from covermap.imagery.sources import BandSource, reach_px
from drawings import polygons, scattered, stripes
from prepared import prepared
from tiny import tiny_geobox

SIDE = 96
GRID = tiny_geobox(SIDE, SIDE)
# The grid of the coarse band: pixels in metres, moved east and south, in which zone.
COARSE = {
    "nested, twice": (20, 0, 0, 32633),
    "nested, six times": (60, 0, 0, 32633),
    "three times and shifted": (30, -7, 11, 32633),
    "as fine, half a pixel aside": (10, 5, 5, 32633),
    "the zone beside": (20, 0, 0, 32632),
}


def coarse_grid(pixel, east, south, crs):
    left, top = GRID.affine @ (0, 0)
    right, bottom = GRID.affine @ (SIDE, SIDE)
    if crs != 32633:
        x, y = Transformer.from_crs(32633, crs, always_xy=True).transform(
            [left, right, right, left], [top, top, bottom, bottom]
        )
        left, top, right, bottom = min(x), max(y), max(x), min(y)
    # Wide enough for any shift.
    left, top = left - 2 * pixel + east, top + 2 * pixel - south
    shape = (round((top - bottom) / pixel) + 3, round((right - left) / pixel) + 3)
    return GeoBox(shape, Affine(pixel, 0, left, 0, -pixel, top), f"EPSG:{crs}")


def written(path, geobox, values):
    shape = {"height": values.shape[0], "width": values.shape[1]}
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, **shape}
    with rasterio.open(
        path, "w", crs=geobox.crs.to_wkt(), transform=geobox.affine, **profile
    ) as out:
        out.write(values, 1)
    return BandSource(Band(path.stem[:3], "reflectance"), path, 1, geobox)


def scene_of(folder, coarse, seed):
    """A scene of a band on its grid and one on another, both random."""
    random = np.random.default_rng(seed)
    sources = [
        written(folder / f"{name}.tif", box, random.uniform(0.02, 0.4, box.shape).astype("f4"))
        for name, box in (("B02", GRID), ("B03", coarse))
    ]
    return FileScene("tiny", None, GRID, tuple(sources))


def touched_by(mask, coarse):
    """Pixels of the coarse grid that share ground with a mask on the fine one."""
    # Far finer than both, so that no sliver is missed.
    fine = np.kron(mask, np.ones((8, 8), np.uint8))
    found = np.zeros(coarse.shape, np.uint8)
    reproject(
        fine, found, src_transform=GRID.affine @ Affine.scale(1 / 8), src_crs=GRID.crs.to_wkt(),
        dst_transform=coarse.affine, dst_crs=coarse.crs.to_wkt(), resampling=Resampling.max,
        tolerance=0,
    )  # fmt: skip
    return found > 0


def taught(run, training):
    teach = run.shares(training)[0]
    chips = Chips(teach, teach.statistics())
    return [chips[number].values.tobytes() for number in range(len(chips))]


def drawn(folder, seed):
    cells = scattered(30, SIDE, SIDE, seed)
    classes = np.resize(["forest", "water", "urban"], len(cells))
    return polygons(folder / "labels.gpkg", cells, classes, geobox=GRID)


def split_by(by, folder):
    regions = {"regions": str(stripes(folder / "regions.gpkg", GRID, 5))} if by == "region" else {}
    return {"by": by, "folds": 2, **regions}


@pytest.mark.parametrize("by", ["blocks", "polygons", "region"])
@pytest.mark.parametrize("coarse", COARSE.values(), ids=COARSE.keys())
def test_no_coarse_pixel_of_held_out_ground_teaches(tmp_path, coarse, by):
    box, labels = coarse_grid(*coarse), drawn(tmp_path, seed=3)
    scene = scene_of(tmp_path, box, seed=3)
    run = prepared([scene], labels, **split_by(by, tmp_path))
    ground, target = run.viewer.ground, labels.burn(GRID)
    assert audit(run.viewer, run.chips, run.split).passed
    for training in run.split.trainings:
        if not training.score:
            continue
        codes = ground.codes(training.score)
        hidden = np.isin(ground.standing_on(GRID, target), codes).astype(np.uint8)
        before = taught(run, training)
        with rasterio.open(scene.sources[1].path) as file:
            values = file.read(1)
        values[touched_by(hidden, box)] += 5
        other = replace(
            scene,
            sources=(scene.sources[0], written(tmp_path / f"B03_{training.name}.tif", box, values)),
        )
        viewer = replace(run.viewer, scenes=scenes_by_name([other]), _kept={})
        assert taught(replace(run, scenes=[other], viewer=viewer), training) == before


@pytest.mark.parametrize("by", ["blocks", "polygons"])
def test_the_audit_sees_what_values_are_made_of(tmp_path, monkeypatch, by):
    labels, box = drawn(tmp_path, seed=4), coarse_grid(20, 0, 0, 32633)
    run = prepared([scene_of(tmp_path, box, seed=4)], labels, by=by, folds=2)
    assert audit(run.viewer, run.chips, run.split).passed
    monkeypatch.setattr(Viewer, "_widened", Viewer._slivers)
    viewer = replace(run.viewer, _kept={})
    assert not audit(viewer, run.chips, run.split).passed


@pytest.mark.parametrize("coarse", COARSE.values(), ids=COARSE.keys())
def test_values_reach_no_farther_than_is_said(tmp_path, coarse):
    box = coarse_grid(*coarse)
    source = scene_of(tmp_path, box, seed=5).sources[1]
    reach = reach_px([source], GRID)
    assert reach >= 1
    # Each coarse pixel changes values; all of them lie so near the ground that it covers.
    for row, col in [(5, 7), (8, 9)]:
        lone = np.zeros(box.shape, "f4")
        lone[row, col] = 1
        changed = written(tmp_path / "B03_lone.tif", box, lone)
        scene = FileScene("tiny", None, GRID, (changed,))
        values = scene.read(["B03"], whole(GRID)).values[0]
        covered = np.zeros(GRID.shape, np.uint8)
        reproject(
            (lone > 0).astype(np.uint8), covered, src_transform=box.affine,
            src_crs=box.crs.to_wkt(), dst_transform=GRID.affine, dst_crs=GRID.crs.to_wkt(),
            resampling=Resampling.max, tolerance=0,
        )  # fmt: skip
        distance = distance_transform_cdt(covered == 0, metric="chessboard")
        assert values.any()
        assert distance[values > 0].max() <= reach
