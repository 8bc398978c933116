import numpy as np
import pyogrio
import pytest
import rasterio

from covermap.core.errors import CovermapError, OutputError
from covermap.core.files import file_digest
from covermap.core.grid import Window
from covermap.datasets.world import write, write_world
from covermap.datasets.world.materials import BANDS
from covermap.datasets.world.sensor import COARSE_BANDS


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "world"
    write_world(folder, width=151, height=133, seed=7)
    return folder


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def test_folder_holds_bands_quality_truth_and_labels(world):
    expected = {f"{band}.tif" for band in BANDS} | {"SCL.tif", "truth.tif", "labels.gpkg"}
    assert {path.name for path in world.iterdir()} == expected
    assert [path.name for path in world.parent.iterdir()] == ["world"]


def test_odd_sizes_share_the_upper_left_corner(world):
    for band in (*BANDS, "SCL", "truth"):
        with rasterio.open(world / f"{band}.tif") as dataset:
            coarse = band in COARSE_BANDS or band == "SCL"
            assert dataset.shape == ((67, 76) if coarse else (133, 151))
            assert dataset.res == ((20, 20) if coarse else (10, 10))
            assert (dataset.transform.c, dataset.transform.f) == (500_000, 5_400_000)
            assert dataset.crs.to_epsg() == 32633


def test_bands_say_what_they_are(world):
    with rasterio.open(world / "B8A.tif") as dataset:
        assert dataset.descriptions == ("B8A",)
        assert dataset.scales == (0.0001,)
        assert dataset.offsets == (-0.1,)
        assert dataset.nodata == 0
        assert dataset.dtypes == ("uint16",)
        assert dataset.profile["tiled"]
        assert dataset.tags()["datetime"] == "2020-07-16T10:00:00"
        assert dataset.tags()["unit"] == "reflectance"


def test_truth_is_complete_with_names_and_colours(world):
    with rasterio.open(world / "truth.tif") as dataset:
        ids = dataset.read(1)
        assert set(np.unique(ids)) <= {1, 2, 3, 4, 5}
        assert dataset.nodata is None
        names = [dataset.tags()[f"class_{number}"] for number in range(1, 6)]
        assert names == ["bare", "built-up", "field", "forest", "water"]
        assert len({dataset.colormap(1)[number] for number in range(1, 6)}) == 5


def test_labels_have_the_layer_column_and_grid_of_the_world(world):
    facts = pyogrio.read_info(world / "labels.gpkg", layer="labels")
    assert facts["crs"] == "EPSG:32633"
    assert list(facts["fields"]) == ["cover"]
    assert facts["geometry_type"] == "Polygon"
    assert facts["features"] > 5


def test_same_seed_gives_the_same_bytes(world, tmp_path):
    write_world(tmp_path / "again", width=151, height=133, seed=7)
    for path in sorted(world.iterdir()):
        assert file_digest(tmp_path / "again" / path.name) == file_digest(path), path.name


def test_blocks_leave_no_trace(world, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "_BLOCK_PX", 96)
    write_world(tmp_path / "small", width=151, height=133, seed=7)
    for path in sorted(world.glob("*.tif")):
        np.testing.assert_array_equal(read(tmp_path / "small" / path.name), read(path), path.name)
    one = pyogrio.read_dataframe(world / "labels.gpkg")
    other = pyogrio.read_dataframe(tmp_path / "small" / "labels.gpkg")
    assert sorted(one.cover) == sorted(other.cover)


def test_a_larger_world_continues_the_smaller_one(world):
    larger = next(write.blocks(Window(0, 0, 512, 512), 7, ("B04",), 200))
    np.testing.assert_array_equal(read(world / "truth.tif")[0], larger.cover.ids[:133, :151])
    small = read(world / "B04.tif")[0]
    seen = small > 0
    np.testing.assert_array_equal(larger.exposure.numbers["B04"][:133, :151][seen], small[seen])


def test_single_file_holds_the_same_numbers_at_ten_metres(world, tmp_path):
    bands = ("B08", "B11", "B03")
    write_world(tmp_path / "one", 151, 133, seed=7, bands=bands, single_file=True)
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"bands.tif", "SCL.tif", "truth.tif", "labels.gpkg"}
    with rasterio.open(tmp_path / "one" / "bands.tif") as dataset:
        assert dataset.descriptions == bands
        assert dataset.scales == (0.0001,) * 3
        assert dataset.offsets == (-0.1,) * 3
        assert dataset.res == (10, 10)
        np.testing.assert_array_equal(dataset.read(1), read(world / "B08.tif")[0])
        coarse = read(world / "B11.tif")[0].repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(dataset.read(2), coarse[:133, :151])


def test_only_the_asked_bands_are_written(tmp_path):
    write_world(tmp_path / "two", 64, 64, bands=["B02", "B12"])
    names = {path.name for path in (tmp_path / "two").glob("B*.tif")}
    assert names == {"B02.tif", "B12.tif"}


@pytest.mark.parametrize("seed", range(4))
def test_the_smallest_world_has_a_layer_of_labels(tmp_path, seed):
    write_world(tmp_path / "tiny", 64, 64, seed=seed, bands=["B02"])
    assert pyogrio.list_layers(tmp_path / "tiny" / "labels.gpkg")[0, 0] == "labels"


def test_a_world_without_a_drawn_patch_has_an_empty_layer(tmp_path, monkeypatch):
    monkeypatch.setattr(write.labels, "_SHARE_DRAWN", 0.0)
    write_world(tmp_path / "bare", 64, 64, bands=["B02"])
    facts = pyogrio.read_info(tmp_path / "bare" / "labels.gpkg", layer="labels")
    assert facts["features"] == 0
    assert list(facts["fields"]) == ["cover"]


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "here").mkdir()
    write_world(tmp_path / "here", 64, 64, bands=["B02"])
    assert (tmp_path / "here" / "B02.tif").exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_in_the_way_is_named_and_kept(tmp_path, kind):
    target = tmp_path / "taken"
    kept = target if kind == "file" else target / "mine.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    with pytest.raises(OutputError, match="taken: already exists") as caught:
        write_world(target, 64, 64)
    assert "\n" not in str(caught.value)
    assert kept.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 63}, "width is 63; expected at least 64"),
        ({"height": 0}, "height is 0; expected at least 64"),
        ({"bands": ["B02", "b8a"]}, "no band 'b8a'; did you mean 'B8A'"),
        ({"bands": []}, "expected at least one"),
        ({"bands": ["B02", "B02"]}, "each once"),
    ],
)
def test_a_mistake_is_named_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(CovermapError, match=message):
        write_world(tmp_path / "never", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_world_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("disk")

    monkeypatch.setattr(write.labels, "drawn", broken)
    with pytest.raises(RuntimeError, match="disk"):
        write_world(tmp_path / "half", 64, 64)
    assert list(tmp_path.iterdir()) == []
