import numpy as np
import pytest

from covermap.core.errors import ImageryError
from covermap.core.grid import Window, whole
from covermap.imagery.opening import open_scenes
from covermap.imagery.settings import ImagerySettings
from tiny import shared_data, tiny_geobox, write_scene


def stack(folder, **more):
    return open_scenes(ImagerySettings(path="NDVI_*.tif", stack="dates", **more), folder)[0]


def dates(tmp_path, moments, clouds=None):
    for number, moment in enumerate(moments):
        values = np.full((1, 8, 10), 0.1 * (number + 1))
        write_scene(tmp_path / f"NDVI_{moment}.tif", bands=["NDVI"], dtype="float32", values=values)
        if clouds is not None:
            mask = np.zeros((1, 8, 10))
            mask[0, : clouds[number]] = 1
            write_scene(tmp_path / f"CLM_{moment}.tif", bands=["m"], dtype="uint8", values=mask)
    return tmp_path


def test_bands_are_numbered_in_order_of_date_also_within_a_day(tmp_path):
    folder = dates(tmp_path, ["20151208T101125", "20160101T100000", "20151208T100409"])
    made = stack(folder)
    assert [band.name for band in made.bands] == ["NDVI@01", "NDVI@02", "NDVI@03"]
    raster = made.read(["NDVI@01", "NDVI@02", "NDVI@03"], Window(0, 0, 1, 1))
    np.testing.assert_allclose(raster.values.ravel(), [0.3, 0.1, 0.2], rtol=1e-6)
    assert "@01 is 20151208T100409" in made.notes[0]
    assert [day.isoformat() for day in made.days] == ["2015-12-08", "2016-01-01"]


def test_a_pixel_is_usable_when_half_of_its_dates_are_valid(tmp_path):
    folder = dates(tmp_path, ["20150101", "20150201", "20150301"], clouds=[2, 4, 6])
    made = stack(folder, quality={"path": "CLM_*.tif", "invalid": [1]})
    raster = made.read([band.name for band in made.bands], whole(made.geobox))
    assert list(raster.valid.sum(axis=0)[:, 0]) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert list(made.usable(raster)[:, 0]) == [False] * 4 + [True] * 4
    assert list(made.cloud(whole(made.geobox))[:, 0]) == [True] * 4 + [False] * 4
    strict = stack(folder, quality={"path": "CLM_*.tif", "invalid": [1]}, min_dates=3)
    assert list(strict.usable(raster)[:, 0]) == [False] * 6 + [True] * 2


def test_dates_with_too_much_cloud_are_left_out_and_told(tmp_path):
    folder = dates(tmp_path, ["20150101", "20150201", "20150301"], clouds=[0, 8, 1])
    made = stack(folder, quality={"path": "CLM_*.tif", "invalid": [1]}, max_invalid=0.2)
    assert made.moments == ("20150101T000000", "20150301T000000")
    assert any("20150201T000000 (100 %)" in note for note in made.notes)
    assert not any("20150201" in path.name for path in made.files)


def test_a_date_without_its_mask_is_named(tmp_path):
    folder = dates(tmp_path, ["20150101", "20150201"], clouds=[0, 0])
    (folder / "CLM_20150201.tif").unlink()
    (folder / "CLM_20150301.tif").write_bytes((folder / "CLM_20150101.tif").read_bytes())
    with pytest.raises(ImageryError, match="NDVI_20150201: quality: 0 of 2 mask files"):
        stack(folder, quality={"path": "CLM_*.tif", "invalid": [1]})


def test_a_file_without_a_date_is_named(tmp_path):
    write_scene(tmp_path / "NDVI_a.tif", bands=["NDVI"])
    with pytest.raises(ImageryError, match=r"NDVI_a\.tif: stack: dates needs a date"):
        stack(tmp_path)


def test_dates_with_other_bands_are_refused(tmp_path):
    write_scene(tmp_path / "NDVI_20150101.tif", bands=["NDVI"])
    write_scene(tmp_path / "NDVI_20150201.tif", bands=["EVI"])
    with pytest.raises(ImageryError, match="need the same bands"):
        stack(tmp_path)


def test_dates_lie_on_the_grid_of_the_first(tmp_path):
    first, second = tiny_geobox(8, 10), tiny_geobox(8, 10)[2:8, 0:10]
    write_scene(tmp_path / "NDVI_20150101.tif", bands=["NDVI"], geobox=first, height=8, width=10)
    write_scene(tmp_path / "NDVI_20150201.tif", bands=["NDVI"], geobox=second, height=6, width=10)
    made = stack(tmp_path)
    raster = made.read(["NDVI@01", "NDVI@02"], whole(made.geobox))
    assert raster.valid[0].all()
    assert list(raster.valid[1][:, 0]) == [False] * 2 + [True] * 6


@pytest.mark.parametrize("key", [{"min_dates": 2}, {"max_invalid": 0.5}])
def test_keys_of_a_stack_are_refused_without_one(key):
    with pytest.raises(ValueError, match=f"{next(iter(key))} is of a stack of dates"):
        ImagerySettings(path="a.tif", **key)
    with pytest.raises(ValueError, match="date is of one picture"):
        ImagerySettings(path="a.tif", stack="dates", date="2023-06-01")


@pytest.mark.parametrize("shift", [10, 9, 6])
def test_tiles_of_two_places_are_no_stack(tmp_path, shift):
    box = tiny_geobox(8, 10)
    for place, month in ((0, 1), (shift, 1), (0, 2), (shift, 2)):
        path = tmp_path / f"NDVI_{place}_20150{month}01.tif"
        tile = box.translate_pix(place, 0)
        write_scene(path, bands=["NDVI"], geobox=tile, height=8, width=10)
    with pytest.raises(
        ImageryError, match=r"NDVI_\d+_20150101.tif: shows other ground than.* an e"
    ):
        stack(tmp_path)


def test_strips_of_other_days_may_show_little_of_the_first(tmp_path):
    box = tiny_geobox(8, 10)
    for month, place in ((1, 0), (2, 8)):
        path = tmp_path / f"NDVI_20150{month}01.tif"
        write_scene(path, bands=["NDVI"], geobox=box.translate_pix(place, 0), height=8, width=10)
    made = stack(tmp_path)
    raster = made.read(["NDVI@01", "NDVI@02"], whole(made.geobox))
    assert raster.valid.sum(axis=(1, 2)).tolist() == [80, 16]


def test_dates_without_a_crs_have_one_size(tmp_path):
    for month, width in ((1, 10), (2, 9)):
        path = tmp_path / f"NDVI_20150{month}01.tif"
        write_scene(path, bands=["NDVI"], height=8, width=width, crs=None)
    with pytest.raises(ImageryError, match=r"20150201.tif: is 9 x 8 pixels, and .* 10 x 8"):
        stack(tmp_path)


def test_dates_in_degrees_may_have_other_extents(tmp_path):
    whole_box = tiny_geobox(40, 10, crs=4326)
    for month, box in enumerate((whole_box, whole_box[3:, :]), start=1):
        values = np.full((1, *box.shape), 0.5)
        path = tmp_path / f"NDVI_20150{month}01.tif"
        write_scene(path, bands=["NDVI"], dtype="float32", geobox=box, values=values)
    made = stack(tmp_path)
    raster = made.read(["NDVI@01", "NDVI@02"], whole(made.geobox))
    assert raster.valid.sum(axis=(1, 2)).tolist() == [400, 370]


def test_real_time_series_has_thirty_dates_under_five_percent_cloud():
    folder = shared_data("eolearn_ndvi_timeseries")
    quality = {"path": "CLM_*.tif", "invalid": [1]}
    assert len(stack(folder, quality=quality).bands) == 68
    made = stack(folder, quality=quality, max_invalid=0.05)
    assert len(made.bands) == 30
    assert {band.unit for band in made.bands} == {"index"}
