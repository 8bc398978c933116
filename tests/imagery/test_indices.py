import numpy as np
import pytest

from covermap.core.errors import ImageryError
from covermap.core.grid import whole
from covermap.imagery.bands import TABLES
from covermap.imagery.indices import catalogue, described, standard_names
from covermap.imagery.raster import Band
from tiny import ArrayScene, tiny_geobox

NAMES = ("B02", "B03", "B04", "B05", "B07", "B08", "B11", "B12")
SPECTRA = {
    "vegetation": (0.03, 0.06, 0.04, 0.09, 0.36, 0.40, 0.18, 0.08),
    "water": (0.06, 0.05, 0.03, 0.025, 0.02, 0.015, 0.005, 0.003),
    "snow": (0.92, 0.90, 0.88, 0.87, 0.86, 0.84, 0.12, 0.09),
}
# sen2r's values where spyndex has the same formula; spyndex's own for MIRBI and SAVI (L = 1).
ORACLE = {
    "bndvi": (0.8604651163, -0.6, -0.04545454545),
    "evi": (0.6360424028, -0.05033557047, -0.4545454545),
    "mirbi": (1.036, 1.981, 1.724),
    "msavi": (0.6, -0.02834611437, -0.02952546526),
    "mtvi2": (0.5934776084, 0.01037833436, -0.01311340617),
    "nbr": (0.6666666667, 0.6666666667, 0.8064516129),
    "ndrei": (0.6326530612, -0.25, -0.01754385965),
    "ndsi": (-0.5, 0.8181818182, 0.7647058824),
    "savi": (0.5, -0.0287081340, -0.0294117647),
    "cire": (3.4444444444, -0.4, -0.0344827586),
}


def scene(values=None, names=NAMES, unit="reflectance", valid=None):
    columns = np.array(list(SPECTRA.values())).T if values is None else np.asarray(values)
    known = TABLES["sentinel-2"]
    bands = [Band(name, unit, known[name].wavelength_nm, 10.0) for name in names]
    array = columns[:, None, :]
    return ArrayScene(array, valid, tiny_geobox(1, array.shape[2]), bands)


@pytest.mark.parametrize("name", ORACLE)
def test_indices_agree_with_published_values(name):
    raster = scene().read([name], whole(scene().geobox))
    np.testing.assert_allclose(raster.values[0, 0], ORACLE[name], rtol=2e-6, atol=2e-7)
    assert raster.valid.all()


def test_bands_and_indices_keep_the_order_asked_for():
    raster = scene().read(["nbr", "B04", "bndvi"], whole(scene().geobox))
    assert raster.bands == ("nbr", "B04", "bndvi")
    np.testing.assert_allclose(raster.values[1, 0], [0.04, 0.03, 0.88], rtol=1e-6)


def test_what_is_not_finite_is_invalid():
    made = scene([[0.0, 0.1], [0.0, 0.3]], names=("B04", "B08"))
    raster = made.read(["ndvi"], whole(made.geobox))
    assert list(raster.valid[0, 0]) == [False, True]
    assert np.isfinite(raster.values).all()


def test_an_index_is_valid_only_where_all_its_bands_are():
    valid = np.ones((2, 1, 3), bool)
    valid[0, 0, 0] = valid[1, 0, 2] = False
    made = scene(np.full((2, 3), 0.3), names=("B04", "B08"), valid=valid)
    assert list(made.read(["ndvi"], whole(made.geobox)).valid[0, 0]) == [False, True, False]


def test_plain_numbers_are_refused_with_the_way_out():
    with pytest.raises(ImageryError, match=r"'ndvi' needs reflectance.*'dn'.*scale: 0\.0001"):
        scene(unit="dn").describe(["ndvi"])


def test_a_missing_band_is_named():
    with pytest.raises(ImageryError, match=r"'nbr' needs S2 \(swir22\).*B04, B08"):
        scene(np.ones((2, 3)), names=("B04", "B08")).describe(["nbr"])


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ImageryError, match="did you mean 'ndvi'"):
        scene().describe(["ndvii"])
    with pytest.raises(ImageryError, match="no band or index 'B99'"):
        scene().describe(["B99"])


def test_indices_have_no_wavelength_and_the_unit_index():
    described_band = scene().describe(["ndvi"])[0]
    assert (described_band.unit, described_band.wavelength_nm) == ("index", None)


def test_bands_without_known_names_are_placed_by_wavelength():
    bands = [Band("one", "reflectance", 655.0), Band("two", "reflectance", 865.0)]
    assert {key: band.name for key, band in standard_names(bands).items()} == {
        "R": "one",
        "N": "two",
    }
    assert described("made", bands, ["ndvi"])[0].name == "ndvi"


def test_landsat_numbers_are_told_apart_by_wavelength():
    tm = [
        Band(band.name, "reflectance", band.wavelength_nm) for band in TABLES["landsat-tm"].values()
    ]
    oli = [
        Band(band.name, "reflectance", band.wavelength_nm)
        for band in TABLES["landsat-oli"].values()
    ]
    assert standard_names(tm)["N"].name == "SR_B4"
    assert standard_names(oli)["N"].name == "SR_B5"
    assert standard_names(oli)["R"].name == "SR_B4"


def test_names_that_differ_in_case_alone_mean_the_capitals():
    assert catalogue()["bai"].name == "BAI"


def test_an_index_of_a_stack_names_its_date():
    bands = [Band(f"{name}@0{date}", "reflectance") for date in (1, 2) for name in ("B04", "B08")]
    values = np.array([0.1, 0.3, 0.2, 0.2])[:, None, None] * np.ones((1, 2, 2))
    stack = ArrayScene(values, None, tiny_geobox(2, 2), bands)
    raster = stack.read(["ndvi@01", "ndvi@02"], whole(stack.geobox))
    np.testing.assert_allclose(raster.values[:, 0, 0], [0.5, 0.0], atol=1e-6)
    with pytest.raises(ImageryError, match="ndvi@01"):
        stack.describe(["ndvi"])
