import datetime
import re
from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC
from rasterio.shutil import copy
from shapely import box

from covermap.core.errors import LabelError
from covermap.imagery.headers import band_token, moment_in, parts_of_image
from covermap.imagery.inspection import inspect, warnings_of
from covermap.imagery.opening import open_scene
from covermap.labels.reading import read_labels
from covermap.labels.settings import LabelSettings
from tiny import write_scene

# As software for drone pictures writes it.
LOCAL = (
    'LOCAL_CS["Site grid (m)",LOCAL_DATUM["Local Datum",0],UNIT["metre",1],AXIS["X",EAST],'
    'AXIS["Y",NORTH]]'
)


@pytest.mark.parametrize(
    ("name", "band", "acquisition"),
    [
        ("B02.tif", "B02", ""),
        ("SCL.tif", "SCL", ""),
        ("2018-10-13, Sentinel-2B L1C, B01.tiff", "B01", "2018-10-13, Sentinel-2B L1C"),
        ("T33SVB_20181229T095411_B02_10m.jp2", "B02", "T33SVB_20181229T095411"),
        ("52UEA_08_20180720_B8A_10m.tif", "B8A", "52UEA_08_20180720"),
        ("LC08_L2SP_008059_20191201_02_T1_SR_B4.TIF", "SR_B4", "LC08_L2SP_008059_20191201_02_T1"),
        ("SWIR B12.tif", "B12", ""),
        ("Scene Classification Layer.tif", "SCL", ""),
        ("red_patch_192.TIF", "red", "patch_192"),
    ],
)
def test_the_band_is_read_from_the_name(name, band, acquisition):
    token = band_token(Path(name))
    assert (token.name, token.acquisition) == (band, acquisition)


@pytest.mark.parametrize(
    "name", ["truth.tif", "TCI.tif", "labels.tif", "scene_2018.tif", "CLD.tif"]
)
def test_other_names_carry_no_band(name):
    assert band_token(Path(name)) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("NDVI_20150711T100008", datetime.datetime(2015, 7, 11, 10, 0, 8)),
        ("2018-10-13, Sentinel-2B", datetime.datetime(2018, 10, 13)),
        ("LE70220491999322EDC01", datetime.datetime(1999, 11, 18)),
        ("LC08_L2SP_008059_20191201_02", datetime.datetime(2019, 12, 1)),
        ("HLS.L30.T33TWM.2020123T095411.v2.0.B04", datetime.datetime(2020, 5, 2)),
        ("tile_20181340", None),
        ("855_sat", None),
    ],
)
def test_dates_are_read_from_names(text, moment):
    assert moment_in(text) == moment


def test_a_virtual_raster_is_its_sources_and_all_that_lies_beside_them(tmp_path):
    source = write_scene(tmp_path / "source.tif", bands=["B02"])
    side = tmp_path / "source.tif.aux.xml"
    side.write_text("<PAMDataset></PAMDataset>")
    inner, outer = tmp_path / "inner.vrt", tmp_path / "outer.vrt"
    copy(source, inner, driver="VRT")
    outer.write_text(inner.read_text().replace("source.tif", "inner.vrt"))
    assert parts_of_image(outer)[0] == outer
    assert set(parts_of_image(outer)) == {outer, inner, source, side}
    assert parts_of_image(source) == [source, side]


def test_what_cannot_be_opened_is_alone(tmp_path):
    damaged, text = tmp_path / "damaged.tif", tmp_path / "MTL.txt"
    damaged.write_bytes(b"")
    text.write_text("")
    assert [parts_of_image(path) for path in (damaged, text)] == [[damaged], [text]]


@pytest.mark.parametrize(
    ("crs", "known"),
    [(LOCAL, None), ("EPSG:7415", "EPSG:7415"), ("EPSG:4326", "EPSG:4326"), (None, None)],
)
def test_a_crs_without_a_place_on_the_earth_is_none_and_told(tmp_path, crs, known):
    path = write_scene(tmp_path / "a.tif", crs=32633 if crs else None)
    if crs:
        with rasterio.open(path, "r+") as dataset:
            dataset.crs = rasterio.CRS.from_user_input(crs)
    scene = open_scene(path)
    assert (scene.geobox.crs and str(scene.geobox.crs)) == known
    told = "its CRS ('Site grid (m)') has no place on the Earth: taken as a picture without a CRS"
    assert (told in scene.notes) == (crs == LOCAL)


@pytest.mark.parametrize(("orientation", "is_told"), [(None, False), (1, False), (3, True)])
def test_a_photograph_that_viewers_turn_is_told(tmp_path, orientation, is_told):
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    found = warnings_of(inspect(open_scene(tmp_path / "a.jpg")))
    assert any("EXIF orientation (3)" in text for text in found) == is_told


def ungridded(path, kind):
    """A picture whose place is told by control points or a camera model, as radar scenes have."""
    write_scene(path, crs=None)
    with rasterio.open(path, "r+") as dataset:
        if kind == "points":
            corners = [(0, 0), (0, 80), (64, 0), (64, 80)]
            points = [GroundControlPoint(r, c, 5e5 + 10 * c, 5e6 - 10 * r) for r, c in corners]
            dataset.gcps = points, rasterio.CRS.from_epsg(32633)
        else:
            one = [1.0] + [0.0] * 19
            dataset.rpcs = RPC(0, 1, 45, 1, one, one, 0, 1, 15, 1, one, one, 0, 1)
    return path


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("points", "has control points and no grid: .* gdalwarp -tps -t_srs EPSG:CODE a.tif "),
        ("model", "has RPCs and no grid: .* gdalwarp -rpc -t_srs EPSG:CODE a.tif "),
    ],
)
def test_an_image_that_is_placed_without_a_grid_is_told(tmp_path, kind, told):
    scene = open_scene(ungridded(tmp_path / "a.tif", kind))
    assert scene.geobox.crs is None
    assert re.match(told, scene.notes[0])
    assert warnings_of(inspect(scene))[0] == scene.notes[0]
    labels = read_labels(drawn_on(tmp_path / "a.gpkg"), tmp_path, [])
    with pytest.raises(LabelError, match=r"without a CRS; .*control points .*gdalwarp -t_srs"):
        labels.burn(scene.geobox)


def drawn_on(path):
    square = gpd.GeoDataFrame({"cover": ["wood"]}, geometry=[box(0, 0, 9, 9)], crs=32633)
    square.to_file(path)
    return LabelSettings(path=path.name, attribute="cover")
