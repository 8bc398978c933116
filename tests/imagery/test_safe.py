import datetime

import numpy as np
import pytest
import rasterio

from covermap.core.errors import ImageryError
from covermap.core.grid import whole
from covermap.imagery.opening import open_scene
from covermap.imagery.settings import ImagerySettings
from tiny import shared_data, tiny_geobox, write_scene

OLD = "S2A_MSIL2A_20181229T095411_N0211_R079_T33SVB_20181229T112231.SAFE"
NEW = "S2A_MSIL2A_20221005T115411_N0400_R023_T29UNU_20221005T164454.SAFE"
XML = """<r><QUANTIFICATION_VALUES_LIST>
<BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>
<BOA_ADD_OFFSET_VALUES_LIST><BOA_ADD_OFFSET band_id="1">-1000</BOA_ADD_OFFSET>
<BOA_ADD_OFFSET band_id="11">-500</BOA_ADD_OFFSET></BOA_ADD_OFFSET_VALUES_LIST>
<PROCESSING_BASELINE>05.09</PROCESSING_BASELINE></r>"""
JP2 = {"driver": "JP2OpenJPEG", "quality": 100, "reversible": "YES", "descriptions": False}


def safe(tmp_path, name, xml=None):
    images = tmp_path / name / "GRANULE" / "L2A_T33SVB" / "IMG_DATA"
    fine, coarse = tiny_geobox(40, 60), tiny_geobox(20, 30, resolution=20)
    stem = "T33SVB_20181229T095411"
    data = np.full((1, 20, 30), 2000)
    data[0, 0, 0] = 0
    for folder, band, box in (
        ("R10m", "B02", fine),
        ("R20m", "B02", coarse),
        ("R20m", "B11", coarse),
    ):
        values = np.kron(data[0], np.ones((2, 2), int))[None] if box is fine else data
        path = images / folder / f"{stem}_{band}_{folder[1:]}.jp2"
        write_scene(path, bands=[band], geobox=box, values=values, **JP2)
    if xml is not None:
        (tmp_path / name / "MTD_MSIL2A.xml").write_text(xml)
    return tmp_path / name


@pytest.mark.parametrize(("name", "value"), [(OLD, 0.2), (OLD.replace("N0211", "N0400"), 0.1)])
def test_without_metadata_the_folder_name_tells_the_baseline(tmp_path, name, value):
    scene = open_scene(safe(tmp_path, name))
    raster = scene.read(["B02", "B11"], whole(scene.geobox))
    assert scene.geobox.shape == (40, 60)
    assert scene.date == datetime.date(2018, 12, 29)
    np.testing.assert_allclose(raster.values[raster.valid], value, rtol=1e-6)
    assert not raster.valid[:, :2, :2].any()
    assert raster.valid.sum() == 2 * (40 * 60 - 4)
    assert any("baseline" in note for note in scene.notes)


def test_offsets_of_the_metadata_are_taken_band_by_band(tmp_path):
    scene = open_scene(safe(tmp_path, OLD, XML))
    raster = scene.read(["B02", "B11"], whole(scene.geobox))
    assert raster.values[0, 9, 9] == pytest.approx(0.1)
    assert raster.values[1, 9, 9] == pytest.approx(0.15)
    assert scene.files[-1].name == "MTD_MSIL2A.xml"


@pytest.mark.parametrize("baseline", ["", "<PROCESSING_BASELINE>99.99</PROCESSING_BASELINE>"])
def test_a_product_that_a_user_made_has_the_offset_that_its_metadata_list(tmp_path, baseline):
    own = OLD.replace("N0211", "N9999")
    listed, rest = XML.split("<BOA_ADD_OFFSET_VALUES_LIST>")[0], XML[XML.index("<BOA_ADD_OFF") :]
    rest = rest.split("<PROCESSING")[0]
    for name, xml, value in (("a", f"{listed}{baseline}</r>", 0.2), ("b", listed + rest, 0.1)):
        folder = safe(tmp_path / name, own, f"{xml.removesuffix('</r>')}</r>")
        scene = open_scene(folder)
        assert scene.read(["B02"], whole(scene.geobox)).values[0, 9, 9] == pytest.approx(value)
    with pytest.raises(ImageryError, match="processing baseline"):
        open_scene(safe(tmp_path / "c", own))


def test_saturated_pixels_are_invalid(tmp_path):
    folder = safe(tmp_path, OLD)
    (coarse,) = folder.rglob("*_B11_20m.jp2")
    data = np.full((1, 20, 30), 2000)
    data[0, 0, 0], data[0, 3, 4] = 0, 65535
    write_scene(
        coarse, bands=["B11"], geobox=tiny_geobox(20, 30, resolution=20), values=data, **JP2
    )
    scene = open_scene(folder, ImagerySettings(path="x", bands=["B11"]))
    invalid = ~scene.read(["B11"], whole(scene.geobox)).valid[0]
    assert np.argwhere(invalid).tolist() == [[0, 0], [3, 4]]


def test_an_unknown_baseline_is_an_error_and_not_a_guess(tmp_path):
    with pytest.raises(ImageryError, match="processing baseline"):
        open_scene(safe(tmp_path, "renamed.SAFE"))


def test_a_safe_without_images_is_an_error(tmp_path):
    (tmp_path / NEW).mkdir()
    with pytest.raises(ImageryError, match="without images"):
        open_scene(tmp_path / NEW)


def test_real_baseline_4_product_has_offsets_nodata_and_scl():
    folder = shared_data("sentinel2_safe") / NEW
    scene = open_scene(folder)
    assert scene.geobox.shape == (600, 640)
    assert "B08" not in [band.name for band in scene.bands]
    raster = scene.read(["B04"], whole(scene.geobox))
    with rasterio.open(next(folder.glob("GRANULE/*/IMG_DATA/R60m/*_B04_60m.jp2"))) as dataset:
        raw = dataset.read(1).astype(float)
    good = raster.valid[0]
    assert not (good & (raw == 0)).any()
    np.testing.assert_allclose(raster.values[0][good], (raw[good] - 1000) / 10000, atol=1e-6)
    assert "SCL_20m" in scene.quality.source.path.name


def test_real_product_with_tile_metadata_takes_the_finest_bands():
    scene = open_scene(shared_data("sentinel2_safe") / OLD)
    found = {band.name: round(band.resolution_m) for band in scene.bands}
    assert found["B08"] == 10
    assert found["B11"] == 20
    assert found["B09"] == 60
