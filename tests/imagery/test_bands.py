import pytest

from covermap.imagery.bands import known_band, sensor_of


@pytest.mark.parametrize("name", ["B08", "B8", "b08"])
def test_sentinel_2_names_are_known_with_or_without_zero(name):
    assert known_band(name).name == "B08"
    assert known_band(name).wavelength_nm == 833.0


def test_b8a_is_the_narrow_near_infrared():
    assert known_band("B8A").common == "nir08"
    assert known_band("B8A").resolution_m == 20


def test_a_landsat_number_is_another_colour_on_each_sensor():
    assert known_band("SR_B4") is None
    assert known_band("SR_B4", "landsat-tm").common == "nir"
    assert known_band("SR_B4", "landsat-oli").common == "red"
    assert known_band("B4", "landsat-oli").name == "SR_B4"


def test_a_phrase_needs_a_sensor():
    assert known_band("band 7 reflectance") is None
    assert known_band("band 7 reflectance", "landsat-tm").name == "SR_B7"
    assert known_band("band 6 temperature", "landsat-tm").thermal


@pytest.mark.parametrize(
    ("word", "name"),
    [("blue", "B02"), ("Narrow NIR", "B8A"), ("SWIR", "B11"), ("Vegetation Red Edge", "B05")],
)
def test_words_become_the_sensors_own_bands(word, name):
    assert known_band(word, "sentinel-2").name == name
    assert known_band(word).resolution_m is None


@pytest.mark.parametrize(
    ("name", "sensor"),
    [
        ("LE70220491999322EDC01_stack.gtif", "landsat-tm"),
        ("LC09_L2SP_008059_20231201_02_T1_SR_B4", "landsat-oli"),
        ("T33TWL_20230815T095031_B02_10m", "sentinel-2"),
        ("2018-10-13, Sentinel-2B L1C, B01", "sentinel-2"),
        ("HLS.S30.T33TWM.2020123T095411.v2.0.B04", "sentinel-2"),
        ("HLS.L30.T33TWM.2020123T095411.v2.0.B04", "hls-oli"),
        ("village", None),
    ],
)
def test_file_names_tell_the_sensor(name, sensor):
    assert sensor_of(name) == sensor
