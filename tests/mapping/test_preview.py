import numpy as np
import pytest
from matplotlib.text import Text

from covermap.core.legend import Legend
from covermap.imagery.raster import Band
from covermap.mapping.engine import map_scene
from covermap.mapping.preview import display_bands, quicklook, write_preview, write_value_preview
from covermap.mapping.settings import MapSettings
from oracle_predictors import Echo, tiny_bundle
from tiny import ArrayScene, tiny_geobox, write_scene


@pytest.mark.parametrize(
    ("shape", "grid"),
    [
        ((120, 200), {}),
        ((1, 1), {}),
        ((400, 30), {"south_up": True}),
        ((120, 200), {"rotated": True}),
        ((120, 200), {"crs": 4326}),
        ((120, 200), {"crs": None}),
    ],
)
def test_a_preview_shows_the_map_in_the_legends_colours(tmp_path, shape, grid):
    image = pytest.importorskip("matplotlib.image")
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    truth = (rows // 40 + cols // 40) % 3
    valid = np.ones((1, *shape), bool)
    valid[:, 60:] = False
    scene = ArrayScene(truth[None], valid, tiny_geobox(*shape, **grid), ("B02",))
    bundle = tiny_bundle(("B02",))
    result = map_scene(scene, bundle, Echo(), tmp_path / "map.tif", MapSettings())
    write_preview(
        result.paths["class"], bundle.legend, tmp_path / "a.png", width=800, title="A map"
    )
    write_preview(
        result.paths["class"], bundle.legend, tmp_path / "b.png", width=800, title="A map"
    )
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = np.rint(255 * image.imread(tmp_path / "a.png")[..., :3]).astype(int)
    assert picture.shape[1] == 800
    for number in np.unique(truth[:60]):
        color = bundle.legend.colors[number]
        found = (picture == [int(color[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=-1)
        assert found.sum() > 100


@pytest.mark.parametrize("name", ["a$b^$", "$x$"])
def test_names_with_dollar_signs_are_no_formulas(tmp_path, monkeypatch, name):
    figures = pytest.importorskip("matplotlib.figure")
    drawn = []
    finish = figures.Figure.savefig

    def kept(figure, *args, **more):
        finish(figure, *args, **more)
        drawn.extend(text for text in figure.findobj(Text) if text.get_text() == name)

    monkeypatch.setattr(figures.Figure, "savefig", kept)
    numbers = write_scene(
        tmp_path / "map.tif", bands=["class"], values=np.ones((1, 9, 9)), nodata=0, crs=32633
    )
    write_preview(numbers, Legend.of({1: name}), tmp_path / "a.png", title=name)
    write_value_preview(numbers, name, tmp_path / "b.png")
    assert len(drawn) == 3
    assert not any(text.get_parse_math() for text in drawn)


def test_true_colour_is_taken_by_wavelength():
    bands = tuple(
        Band(name, "reflectance", nm)
        for name, nm in [("B02", 492.7), ("B03", 559.8), ("B04", 664.6), ("B08", 832.8)]
    )
    assert display_bands(bands) == ["B04", "B03", "B02"]
    assert display_bands(bands[1:]) == ["B03", "B04", "B08"]
    assert display_bands(bands[:2]) == ["B02"]
    assert display_bands((Band("red", "dn"), Band("green", "dn"), Band("blue", "dn"))) == [
        "red",
        "green",
        "blue",
    ]


def test_a_quicklook_is_small_stretched_and_white_where_invalid():
    rng = np.random.default_rng(0)
    values = rng.random((3, 2500, 310)) * np.array([1, 10, 100])[:, None, None]
    valid = np.ones(values.shape, bool)
    valid[:, :1000] = False
    scene = ArrayScene(values, valid, tiny_geobox(2500, 310), ("B02", "B03", "B04"))
    picture = quicklook(scene, max_size=100)
    assert picture.shape == (100, 13, 3)
    assert picture.dtype == np.uint8
    assert (picture[:40] == 255).all()
    assert 100 < picture[40:].mean() < 155


def test_a_quicklook_of_blocks_is_every_nth_pixel():
    values = np.arange(1500 * 1300, dtype=np.float32).reshape(1, 1500, 1300)
    scene = ArrayScene(values, None, tiny_geobox(1500, 1300), ("B08",))
    picture = quicklook(scene, max_size=500, percentiles=(0, 100))
    sampled = values[0, ::3, ::3]
    expected = np.rint(255 * (sampled - sampled.min()) / (sampled.max() - sampled.min()))
    assert picture.shape == (500, 434, 3)
    assert np.abs(picture[..., 0] - expected).max() <= 1
    assert (picture[..., 0] == picture[..., 2]).all()


def test_a_flat_or_empty_scene_has_a_quicklook():
    geobox = tiny_geobox(20, 30)
    flat = ArrayScene(np.ones((1, 20, 30)), None, geobox, ("B02",))
    assert len(np.unique(quicklook(flat))) == 1
    empty = ArrayScene(np.ones((1, 20, 30)), np.zeros((1, 20, 30), bool), geobox, ("B02",))
    assert (quicklook(empty) == 255).all()


@pytest.mark.parametrize("count", [3, 20, 60, 150])
def test_a_legend_has_room_for_its_classes_or_says_how_many_it_lacks(tmp_path, monkeypatch, count):
    figures = pytest.importorskip("matplotlib.figure")
    drawn = []
    finish = figures.Figure.savefig

    def kept(figure, *args, **more):
        finish(figure, *args, **more)
        (legend,) = figure.legends
        drawn.append((figure.bbox, legend.get_window_extent(), legend.get_texts()))

    monkeypatch.setattr(figures.Figure, "savefig", kept)
    ids = np.arange(60 * 400).reshape(1, 60, 400) % count + 1
    ids[ids == 2] = 1
    path = write_scene(tmp_path / "map.tif", bands=["class"], values=ids, nodata=0, crs=32633)
    long = "is covered by a kind of vegetation with a long name"
    legend = Legend.of({number: f"{number} {long}" for number in range(1, count + 1)})
    write_preview(path, legend, tmp_path / "a.png")
    ((page, box, texts),) = drawn
    assert box.x0 >= page.width / 2
    assert box.x1 <= page.x1
    assert box.y0 >= page.y0
    assert box.y1 <= page.y1
    words = [text.get_text() for text in texts]
    if count <= 24:
        # What is on the map comes first.
        assert len(words) == count
        assert words[-1].startswith("2 is")
    elif count == 60:
        assert len(words) == 59
    else:
        assert words[-1] == f"and {count - 1 - (len(words) - 1)} more"
