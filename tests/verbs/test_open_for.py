"""What is known from training fills what a file does not say of itself, key by key."""

import dataclasses

import numpy as np
import pytest

from covermap.core.errors import BundleError
from covermap.core.grid import whole
from covermap.verbs.open_for import open_for
from oracle_predictors import tiny_bundle
from tiny import write_scene

CORNER = (slice(None), slice(0, 5), slice(0, 5))


def bundle_of(**imagery):
    return dataclasses.replace(tiny_bundle(("B02", "B03")), imagery=imagery)


def scene_file(tmp_path, bands=("B02", "B03"), corner=0, **more):
    values = np.full((len(bands), 40, 60), 500)
    values[CORNER] = corner
    more = {"scale": 0.0001, **more}
    return write_scene(tmp_path / "scene.tif", bands=bands, values=values, **more)


def valid_in(scene):
    return scene.read(["B02", "B03"], whole(scene.geobox)).valid


@pytest.mark.parametrize(
    "imagery",
    [{"nodata": 0}, {"nodata": [0, 0]}, {"nodata": [0, 0], "bands": ["B02", "B03"]},
     {"nodata": 0, "scale": 0.0001, "bands": ["B02", "B03"]}],
)  # fmt: skip
def test_nodata_of_training_holds_where_a_file_with_scales_declares_none(tmp_path, capsys, imagery):
    valid = valid_in(open_for(bundle_of(**imagery), scene_file(tmp_path)))
    assert not valid[CORNER].any()
    assert valid.sum() == 2 * (40 * 60 - 25)
    assert "scene.tif: read as the training imagery was (" in capsys.readouterr().err


@pytest.mark.parametrize("scale", [0.0001, None])
def test_nodata_that_a_file_declares_wins(tmp_path, scale):
    path = scene_file(tmp_path, corner=9999, nodata=9999, scale=scale)
    valid = valid_in(open_for(bundle_of(nodata=500, scale=0.0001), path))
    assert not valid[CORNER].any()
    assert valid.sum() == 2 * (40 * 60 - 25)


def test_nothing_is_told_where_a_file_says_all(tmp_path, capsys):
    path = scene_file(tmp_path, nodata=0)
    open_for(bundle_of(nodata=[0, 1], bands=["B02", "B03"]), path)
    assert "training" not in capsys.readouterr().err


def test_the_mask_band_of_training_masks_a_file_with_scales(tmp_path, capsys):
    path = scene_file(tmp_path, bands=("B02", "B03", "QA"), corner=0)
    imagery = {"nodata": 1, "quality": {"band": "QA", "invalid": [0]}}
    assert not valid_in(open_for(bundle_of(**imagery), path))[CORNER].any()
    assert "(nodata 1, quality of QA)" in capsys.readouterr().err


@pytest.mark.parametrize("band", ["QA", 3])
def test_a_file_without_the_mask_band_still_gets_nodata(tmp_path, band):
    path = scene_file(tmp_path, bands=("B02", "B03", "B04"))
    valid = valid_in(open_for(bundle_of(nodata=0, quality={"band": band}), path))
    assert not valid[CORNER].any()
    assert valid.sum() == 2 * (40 * 60 - 25)


def test_a_file_that_does_not_fit_is_refused_as_it_is(tmp_path):
    path = scene_file(tmp_path, bands=("B02", "B08"))
    with pytest.raises(BundleError, match="it lacks B03"):
        open_for(bundle_of(nodata=0), path)


def test_a_stack_that_lacks_a_date_is_told_as_such(tmp_path):
    names = tuple(f"B02@{number:02}" for number in (1, 2, 3))
    bundle = dataclasses.replace(tiny_bundle(names), imagery={"stack": "dates"})
    (tmp_path / "dates").mkdir()
    for day in ("20200101", "20200601"):
        write_scene(tmp_path / "dates" / f"img_{day}.tif", bands=("B02",), scale=0.0001)
    with pytest.raises(BundleError, match=r"it lacks B02@03"):
        open_for(bundle, tmp_path / "dates")
