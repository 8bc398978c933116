import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio._err import CPLE_AppDefinedError

from covermap.core.errors import OutputError
from covermap.core.grid import Window
from covermap.core.legend import Legend
from covermap.mapping.settings import MapSettings
from covermap.mapping.writing import Scratch, encode, map_tags, plan_layers
from tiny import tiny_geobox

LEGEND = Legend.of({3: "water", 7: "forest", 9: "urban"})


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(0, 99))
def test_layers_agree_with_plain_formulas(classes, seed):
    rng = np.random.default_rng(seed)
    legend = Legend.of({number: f"class {number}" for number in range(classes)})
    shares = rng.dirichlet(np.full(classes, 0.3), size=(5, 4)).transpose(2, 0, 1).astype("float32")
    wanted = rng.random((5, 4)) > 0.3
    outputs = ("class", "confidence", "margin", "entropy", "probability")
    layers = encode(shares, wanted, legend, MapSettings(outputs=outputs))
    ordered = np.sort(np.concatenate([np.zeros((1, 5, 4)), shares.astype(float)]), axis=0)
    logs = np.log(np.maximum(shares.astype(float), 1e-12))
    entropy = -(shares * logs).sum(0) / np.log(classes) if classes > 1 else np.zeros((5, 4))
    expected = {
        "confidence": ordered[-1],
        "margin": ordered[-1] - ordered[-2],
        "entropy": entropy,
    }
    np.testing.assert_array_equal(layers["class"][0][wanted], shares.argmax(0)[wanted])
    for name, values in expected.items():
        assert np.abs(layers[name][0][wanted] - 100 * values[wanted]).max(initial=0) <= 0.501
    for values in layers.values():
        assert (values[:, ~wanted] == 255).all()
        assert (values[:, wanted] <= 100).all()


@pytest.mark.parametrize("classes", [2, 255, 256, 300])
def test_of_equal_shares_the_first_class_wins_however_many_there_are(classes):
    legend = Legend.of({number: f"class {number}" for number in range(classes)})
    shares = np.zeros((classes, 70, 2), np.float32)
    shares[[0, classes - 1], :, 0] = 0.5
    shares[classes - 1, :, 1] = 1.0
    ids = encode(shares, np.ones((70, 2), bool), legend, MapSettings())["class"][0]
    assert (ids[:, 0] == 0).all()
    assert (ids[:, 1] == classes - 1).all()


def test_an_average_overview_ignores_nodata_and_a_class_overview_invents_none(tmp_path):
    layers = plan_layers(tmp_path / "map.tif", LEGEND, MapSettings(outputs=("confidence",)))
    scratch = Scratch(layers, tiny_geobox(1100, 1100))
    scratch.create(map_tags(LEGEND, "unet", "torch", "float32", "1", "map", ""), LEGEND)
    rng = np.random.default_rng(0)
    ids = rng.choice([3, 9], size=(1, 1100, 1100)).astype("uint8")
    percent = np.full((1, 1100, 1100), 80, "uint8")
    percent[:, ::3] = 255
    with scratch.opened() as writer:
        writer.write(Window(0, 0, 1100, 1100), {"class": ids, "confidence": percent})
    scratch.publish(LEGEND)
    scratch.remove()
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert dataset.overviews(1)
        assert set(np.unique(dataset.read(1, out_shape=(275, 275)))) <= {3, 9}
    with rasterio.open(tmp_path / "map_confidence.tif") as dataset:
        assert set(np.unique(dataset.read(1, out_shape=(275, 275)))) <= {80, 255}


def test_what_was_never_written_is_nodata(tmp_path):
    layers = plan_layers(tmp_path / "map.tif", LEGEND, MapSettings())
    scratch = Scratch(layers, tiny_geobox(600, 20))
    assert not scratch.exists()
    scratch.create({}, LEGEND)
    assert scratch.exists()
    windows = list(scratch.class_windows())
    assert sum(window.height * window.width for window, _ in windows) == 600 * 20
    assert all((ids == 255).all() for _, ids in windows)


@pytest.mark.parametrize("name", ["a & b", "<forest>", "Wälder"])
def test_any_class_name_can_be_written(tmp_path, name):
    import xml.etree.ElementTree

    legend = Legend.of({0: name, 2: "water"})
    scratch = Scratch(plan_layers(tmp_path / "map.tif", legend, MapSettings()), tiny_geobox(20, 20))
    scratch.create(map_tags(legend, "unet", "torch", "float32", "1", "map", ""), legend)
    scratch.publish(legend)
    tree = xml.etree.ElementTree.parse(tmp_path / "map.tif.aux.xml")
    assert [item.text for item in tree.iter("Category")] == [name, None, "water"]


def _cut_short(path):
    """What a full disk leaves of the last blocks."""
    path.write_bytes(path.read_bytes()[:-3000])


def _with_a_hole_in_an_overview(path):
    with rasterio.open(path) as dataset:
        begin = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1, ovr=0))
    content = bytearray(path.read_bytes())
    content[begin : begin + 3000] = bytes(3000)
    path.write_bytes(content)


def _refused(path):
    path.unlink()
    raise CPLE_AppDefinedError(3, 1, "TIFFWriteDirectoryTagData:IO error writing tag data")


@pytest.mark.parametrize("spoiled", [_cut_short, _with_a_hole_in_an_overview, _refused])
def test_a_file_that_does_not_get_whole_is_no_map(tmp_path, monkeypatch, spoiled):
    scratch = Scratch(
        plan_layers(tmp_path / "map.tif", LEGEND, MapSettings()), tiny_geobox(700, 700)
    )
    scratch.create(map_tags(LEGEND, "unet", "torch", "float32", "1", "map", ""), LEGEND)
    ids = np.random.default_rng(0).choice([3, 9], size=(1, 700, 700)).astype("uint8")
    with scratch.opened() as writer:
        writer.write(Window(0, 0, 700, 700), {"class": ids})
    copy = rasterio.shutil.copy

    def copied(source, path, **options):
        copy(source, path, **options)
        # GDAL tells of failures of its last writes to nobody.
        spoiled(path)

    monkeypatch.setattr(rasterio.shutil, "copy", copied)
    with pytest.raises(OutputError, match=r"map\.tif: cannot be written .* will be taken up"):
        scratch.publish(LEGEND)
    assert not (tmp_path / "map.tif").exists()
    monkeypatch.undo()
    scratch.publish(LEGEND)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert (dataset.read() == ids).all()
