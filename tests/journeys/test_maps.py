"""Maps of several scenes with just a bundle, and their STAC collection, by the command line."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from command_line import covermap
from covermap.core.grid import Window, window_geobox
from tiny import tiny_geobox, write_scene
from tiny_bundles import BANDS, forest_bundle

GROUND = tiny_geobox(150, 220)
SCENES = {
    "S2_20200716": Window(0, 0, 100, 120),
    "S2_20210716": Window(50, 100, 100, 120),
    "undated": Window(0, 40, 90, 90),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a bundle, scenes and their maps, and what was said of them."""
    folder = tmp_path_factory.mktemp("maps")
    forest_bundle(folder / "bundle")
    for seed, (name, window) in enumerate(SCENES.items()):
        write_scene(
            folder / f"{name}.tif", bands=BANDS, scale=1e-4, seed=seed,
            geobox=window_geobox(GROUND, window),
        )  # fmt: skip
    words = [f"{name}.tif" for name in SCENES]
    said = covermap("map", "bundle", *words, "--out", "maps", "--output", "confidence", cwd=folder)
    assert said.status == 0, said.err
    return folder, words, said


def test_a_folder_of_maps_opens_as_a_stac_collection(made):
    folder, _, said = made
    pystac = pytest.importorskip("pystac", reason="pip install 'covermap[dev]'")
    collection = pystac.Collection.from_file(str(folder / "maps" / "collection.json"))
    items = list(collection.get_items())
    assert [item.id for item in items] == ["S2_20200716", "S2_20210716"]
    assert list(collection.assets) == ["undated.tif", "undated_confidence.tif"]
    for item in items:
        for key in ("class", "confidence"):
            with (
                rasterio.open(item.assets[key].get_absolute_href()) as mapped,
                rasterio.open(folder / f"{item.id}.tif") as scene,
            ):
                assert mapped.bounds == scene.bounds
                assert item.assets[key].extra_fields["proj:bbox"] == list(scene.bounds)
    assert "1 map is in it as assets" in said.err


def test_moved_elsewhere_it_still_holds_together(made):
    folder, _, _ = made
    texts = [path.read_text() for path in (folder / "maps").glob("*.json")]
    assert len(texts) == 3
    assert not any(str(folder) in text for text in texts)


@pytest.mark.slow
def test_workers_make_the_same_collection(made):
    folder, words, _ = made
    said = covermap(
        "map", "bundle", *words, "--out", "shared", "--output", "confidence", "--cluster", "local",
        cwd=folder,
    )  # fmt: skip
    assert said.status == 0, said.err
    for path in (folder / "maps").glob("*.json"):
        assert path.read_bytes() == (folder / "shared" / path.name).read_bytes()


@pytest.mark.slow
def test_workers_leave_out_a_scene_without_a_usable_pixel(made):
    folder, words, _ = made
    nothing = np.zeros((len(BANDS), 64, 80))
    write_scene(folder / "fog.tif", bands=BANDS, values=nothing, nodata=0, scale=1e-4)
    said = covermap(
        "map", "bundle", words[0], "fog.tif", words[1], "--out", "foggy", "--cluster", "local",
        cwd=folder,
    )  # fmt: skip
    assert said.status == 0, said.err
    assert "fog: no usable pixel" in said.err
    assert {path.stem for path in (folder / "foggy").glob("*.tif")} == {
        "S2_20200716",
        "S2_20210716",
    }
