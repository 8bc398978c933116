"""Law 11: no step's memory grows with the size of the scene.

Each step runs in a process of its own on a scene and on one four times as high; what the larger one
takes more must be a small part of what its pixels take.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from drawings import scattered, squares
from tiny import tiny_geobox, write_scene

WIDTH, SMALL, LARGE, BANDS = 512, 4096, 16384, 4
# As float32, which is what a step would hold that held the scene.
MORE_BYTES = (LARGE - SMALL) * WIDTH * BANDS * 4

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the module resource")

PREPARE = """
from covermap.verbs.prepare import prepare
prepare("project.yaml", "run")
"""

MAP = """
from pathlib import Path
from covermap.imagery.opening import open_scene
from covermap.mapping.engine import map_scene
from covermap.mapping.settings import MapSettings
from oracle_predictors import Constant, tiny_bundle
map_scene(
    open_scene(Path("scene.tif")), tiny_bundle(), Constant(), Path("map.tif"),
    MapSettings(tile=256, outputs=("class", "confidence")),
)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A project on each of two scenes, whose labels lie all over them."""
    made = {}
    for height in (SMALL, LARGE):
        folder = tmp_path_factory.mktemp(f"height{height}")
        box = tiny_geobox(height, WIDTH)
        values = np.random.default_rng(0).integers(200, 3000, (BANDS, height, WIDTH), np.uint16)
        write_scene(
            folder / "scene.tif", values=values, geobox=box, scale=0.0001, tiled=True,
            blockxsize=256, blockysize=256, compress="deflate",
        )  # fmt: skip
        cells = scattered(60, height, WIDTH, seed=0, least=10, most=30)
        squares(folder / "labels.gpkg", cells, np.resize(["forest", "water"], 60), geobox=box)
        (folder / "project.yaml").write_text(
            "imagery: scene.tif\nlabels: labels.gpkg\nsplit: {by: blocks}\nchips: {size: 128}\n"
        )
        made[height] = folder
    return made


def peak_bytes(folder, work):
    """Highest memory of a process that does the work in a folder."""
    code = f"{work}\nimport resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": python_path()},
    )  # fmt: skip
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stdout.split()[-1]) * unit


def python_path():
    import covermap

    return os.pathsep.join(str(Path(file).parents[1]) for file in (covermap.__file__, __file__))


@pytest.mark.slow
@pytest.mark.parametrize("work", [PREPARE, MAP], ids=["prepare", "map"])
def test_a_scene_four_times_as_high_takes_hardly_more_memory(folders, work):
    small, large = (peak_bytes(folders[height], work) for height in (SMALL, LARGE))
    assert large - small < 0.2 * MORE_BYTES


@pytest.mark.slow
def test_the_map_of_the_high_scene_is_whole(folders):
    folder = folders[LARGE]
    if not (folder / "map.tif").exists():
        peak_bytes(folder, MAP)
    with rasterio.open(folder / "map.tif") as dataset:
        assert dataset.shape == (LARGE, WIDTH)
        assert (dataset.read(1) == 1).all()
