"""A trained model as a folder: written, read, compared with a scene."""

import dataclasses
import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.bundle.facts import Bundle, Channel, Quantity, from_facts, to_facts
from covermap.bundle.fit import check_fits
from covermap.bundle.folder import (
    bundle_digest,
    read_bundle,
    read_weights,
    write_bundle,
    write_scores,
)
from covermap.core.errors import BundleError, ImageryError
from covermap.core.files import file_digest
from covermap.core.legend import Legend
from covermap.imagery.opening import open_scene
from covermap.imagery.raster import Band
from tiny import write_scene

WEIGHTS = {
    "b.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "a.count": np.array(7, np.int64),
    "c": np.zeros((0, 4), np.float32),
}


def channel(name, unit="reflectance", wavelength=None):
    return Channel(name, unit, wavelength, mean=0.1, std=0.05, low=0.01, high=0.4)


def bundle():
    return Bundle(
        task="segmentation",
        model={"name": "unet", "encoder": "resnet18", "weights": None},
        channels=(channel("B04", wavelength=665.0), channel("B08"), channel("ndvi", "index")),
        resolution_m=10.0,
        legend=Legend.of({0: "Wald", 7: "Wasser, süß"}),
        chip_size=64,
        receptive_radius=40,
        min_dates=None,
        imagery={"scale": 0.0001, "nodata": [0, None]},
        trained_on={"chips": 12},
        scores={"overall_accuracy": None},
        versions={"covermap": "0"},
    )


class FakeScene:
    """Bands by name; `ndvi` where B04 and B08 are there."""

    name = "scene-1"

    def __init__(self, resolution=10.0, crs="EPSG:32633", units=None, lacking=()):
        units = units or {}
        self.bands = tuple(
            Band(name, units.get(name, "reflectance"))
            for name in ("B02", "B04", "B08")
            if name not in lacking
        )
        affine = Affine(resolution, 0, 5e5, 0, -resolution, 5e6)
        self.geobox = GeoBox((8, 8), affine, crs)

    def describe(self, names):
        known = {band.name: band for band in self.bands}
        if {"B04", "B08"} <= set(known):
            known["ndvi"] = Band("ndvi", "index")
        for name in names:
            if name not in known:
                raise ImageryError(f"no {name}")
        return tuple(known[name] for name in names)


def test_a_bundle_is_read_as_it_was_written(tmp_path):
    written = write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    assert written == dataclasses.replace(bundle(), folder=tmp_path / "bundle")
    read = read_bundle(tmp_path / "bundle")
    assert read == written
    weights = read_weights(read)
    assert sorted(weights) == sorted(WEIGHTS)
    for name, array in WEIGHTS.items():
        assert weights[name].dtype == array.dtype
        assert weights[name].shape == array.shape
        np.testing.assert_array_equal(weights[name], array)


def test_the_same_bundle_gives_the_same_bytes(tmp_path):
    write_bundle(tmp_path / "a", bundle(), WEIGHTS)
    write_bundle(tmp_path / "b", bundle(), dict(reversed(WEIGHTS.items())))
    assert file_digest(tmp_path / "a") == file_digest(tmp_path / "b")


def test_a_bundle_takes_the_place_of_an_older_one(tmp_path):
    write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    newer = dataclasses.replace(bundle(), chip_size=128)
    write_bundle(tmp_path / "bundle", newer, WEIGHTS)
    assert read_bundle(tmp_path / "bundle").chip_size == 128
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


TASKS = {
    "regression": {
        "task": "regression",
        "legend": Legend(()),
        "quantity": Quantity("points per cell", "1", cap=45.0),
    },
    "weak": {"task": "weak-segmentation", "combiner": {"kind": "standardised", "centre": "mean"}},
    "calibrated": {"temperature": 1.8372},
    "leaning": {"leans_on_chips": True},
}


@pytest.mark.parametrize("task", TASKS)
def test_what_a_task_needs_beside_is_read_as_it_was_written(tmp_path, task):
    written = write_bundle(
        tmp_path / "bundle", dataclasses.replace(bundle(), **TASKS[task]), WEIGHTS
    )
    assert read_bundle(tmp_path / "bundle") == written
    assert written.outputs == (1 if task == "regression" else 2)


def test_a_segmentations_facts_are_those_of_older_versions(tmp_path):
    write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    facts = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    added = {"combiner", "quantity", "temperature", "leans_on_chips"}
    assert not added & set(facts)
    assert read_bundle(tmp_path / "bundle").divisor == 1


def test_facts_that_this_version_has_no_use_for_are_passed_over(tmp_path):
    written = write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    edit(tmp_path / "bundle", tag_thresholds=[0.5, 0.25])
    assert read_bundle(tmp_path / "bundle") == written


def test_a_temperature_is_kept_when_scores_are_and_makes_another_model(tmp_path):
    plain = write_bundle(tmp_path / "plain", bundle(), WEIGHTS)
    warm = dataclasses.replace(bundle(), temperature=1.8372)
    warm = write_bundle(tmp_path / "warm", warm, WEIGHTS)
    assert bundle_digest(warm.folder) != bundle_digest(plain.folder)
    write_scores(warm, {"overall_accuracy": 0.9})
    assert read_bundle(warm.folder).divisor == 1.8372


@pytest.mark.parametrize("changes", [{"task": "multilabel"}, {"model": {"name": "random-forest"}}])
def test_a_temperature_where_none_would_be_used_is_refused(changes):
    with pytest.raises(ValueError, match="temperature belongs to a network of classes"):
        dataclasses.replace(bundle(), temperature=2.0, **changes)


@pytest.mark.parametrize("wrong", [0, -1.0, "NaN", "warm"])
def test_a_temperature_that_is_none_is_named(tmp_path, wrong):
    folder = write_bundle(tmp_path / "bundle", bundle(), WEIGHTS).folder
    facts = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(facts | {"temperature": wrong}))
    with pytest.raises(BundleError, match="a value is not of its kind"):
        read_bundle(folder)


def test_a_quantity_is_cut_to_what_was_learnt_and_scaled():
    values = np.array([-0.5, 0.0, 0.2, 1.0, 1.5])
    assert Quantity("density", "1", 45.0).of(values).tolist() == [0, 0, 9, 45, 45]
    assert Quantity("height", "m").of(values).tolist() == values.tolist()
    assert Quantity("yield", "", mean=10.0, spread=4.0).of(values).tolist() == [8, 10, 10.8, 14, 16]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "regression"}, "quantity belongs to task regression"),
        ({"quantity": {"name": "x", "unit": "m", "cap": 0.0}}, "cap is 0.0, expected"),
        ({"quantity": {"name": "x"}}, "key '(cap|unit)' is missing"),
        ({"combiner": 3}, "not of its kind"),
    ],
)
def test_facts_that_contradict_each_other_are_named(tmp_path, changes, message):
    write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    edit(tmp_path / "bundle", **changes)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(tmp_path / "bundle")
    assert "\n" not in str(caught.value)


def test_weights_are_not_read_from_nowhere():
    with pytest.raises(ValueError, match="not read from a folder"):
        read_weights(bundle())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "weights.safetensors").unlink(), "lacks its weights"),
        (lambda f: (f / "bundle.json").unlink(), r"not a bundle \(no bundle\.json"),
        (lambda f: (f / "bundle.json").write_text("{"), "not readable as JSON"),
        (lambda f: (f / "bundle.json").write_text("[1]"), "no 'format' in it"),
        (lambda f: edit(f, format=99), "bundle format 99.*reads format 1"),
        (lambda f: edit(f, legend=None), "not of its kind"),
        (lambda f: edit(f, drop="channels"), "key 'channels' is missing"),
        (lambda f: (f / "model.pt").write_bytes(b"x"), r"holds model\.pt, which can run"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(tmp_path, damage, message):
    folder = tmp_path / "bundle"
    write_bundle(folder, bundle(), WEIGHTS)
    damage(folder)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def edit(folder, drop=None, **changes):
    facts = json.loads((folder / "bundle.json").read_text())
    facts.update(changes)
    facts.pop(drop, None)
    (folder / "bundle.json").write_text(json.dumps(facts))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(BundleError, match="no such folder"):
        read_bundle(tmp_path / "nowhere")


def test_truncated_weights_are_named(tmp_path):
    written = write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    path = tmp_path / "bundle" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(BundleError, match=r"weights\.safetensors: not readable"):
        read_weights(written)


def test_a_scene_like_the_training_imagery_fits():
    check_fits(bundle(), FakeScene())


def test_all_missing_bands_and_indices_are_named_at_once():
    with pytest.raises(BundleError, match=r"scene-1 .*lacks B04, ndvi .*has B02, B08"):
        check_fits(bundle(), FakeScene(lacking=["B04"]))


def test_another_unit_is_refused():
    with pytest.raises(BundleError, match="B08 is in dn, expected reflectance"):
        check_fits(bundle(), FakeScene(units={"B08": "dn"}))


@pytest.mark.parametrize("resolution", [9.0, 9.5, 10.0, 11.0])
def test_a_resolution_within_a_tenth_fits(resolution):
    check_fits(bundle(), FakeScene(resolution))


@pytest.mark.parametrize("resolution", [8.9, 11.1, 20.0])
def test_a_resolution_more_than_a_tenth_off_is_refused(resolution):
    with pytest.raises(BundleError, match=f"pixels are {resolution:g} m, expected 10 m"):
        check_fits(bundle(), FakeScene(resolution))


def test_pictures_without_a_crs_are_not_compared_by_resolution():
    check_fits(bundle(), FakeScene(1.0, crs=None))


@pytest.mark.parametrize("resolution", [0.5, 10.0, 449.2])
def test_who_learnt_from_pictures_of_unknown_size_takes_any(resolution):
    check_fits(replace(bundle(), resolution_m=None), FakeScene(resolution))


def test_all_sizes_between_those_that_taught_fit():
    mixed = replace(bundle(), coarsest_m=20.0)
    for resolution in (9.0, 10.0, 15.0, 20.0, 22.0):
        check_fits(mixed, FakeScene(resolution))
    with pytest.raises(BundleError, match="pixels are 23 m, expected 10 to 20 m within"):
        check_fits(mixed, FakeScene(23.0))


def test_sizes_of_pixels_come_back_with_the_bundle():
    for sizes in ({"resolution_m": None}, {"coarsest_m": 20.0}, {}):
        kept = replace(bundle(), **sizes)
        again = from_facts(json.loads(json.dumps(to_facts(kept))), Path("b"))
        assert (again.resolution_m, again.coarsest_m) == (kept.resolution_m, kept.coarsest_m)


def test_bands_without_names_get_them_by_the_command_that_is_told(tmp_path, monkeypatch):
    path = write_scene(
        tmp_path / "full.tif", bands=("B02", "B04"), descriptions=False, scale=0.0001
    )
    one = bundle().channels[0]
    two = replace(bundle(), channels=(replace(one, name="B02"), one))
    with pytest.raises(BundleError, match="Its bands have no names") as refused:
        check_fits(two, open_scene(path))
    command = str(refused.value).split('python -c "')[1].rsplit('"', 1)[0]
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", command], check=True)
    # This process still holds the old file open.
    named = shutil.copy(path, tmp_path / "named.tif")
    check_fits(two, open_scene(named))


def test_all_problems_are_told_together():
    scene = FakeScene(30.0, units={"B08": "dn"}, lacking=["B04"])
    with pytest.raises(BundleError, match=r"lacks B04, ndvi.*B08 is in dn.*30 m, expected 10 m"):
        check_fits(bundle(), scene)


def test_scores_are_put_in_without_touching_anything_else(tmp_path):
    written = write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    weights = (tmp_path / "bundle" / "weights.safetensors").read_bytes()
    scored = write_scores(written, {"overall_accuracy": 0.8})
    assert read_bundle(tmp_path / "bundle") == scored
    assert dataclasses.replace(scored, scores=written.scores) == written
    assert (tmp_path / "bundle" / "weights.safetensors").read_bytes() == weights


def test_the_digest_of_a_bundle_is_that_of_the_model_and_not_of_its_scores(tmp_path):
    written = write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    before = bundle_digest(tmp_path / "bundle")
    write_scores(written, {"overall_accuracy": 0.8})
    assert bundle_digest(tmp_path / "bundle") == before
    other = write_bundle(tmp_path / "facts", dataclasses.replace(bundle(), chip_size=32), WEIGHTS)
    assert bundle_digest(other.folder) != before
    write_bundle(tmp_path / "weights", bundle(), {**WEIGHTS, "a.count": np.array(8, np.int64)})
    assert bundle_digest(tmp_path / "weights") != before


def test_the_digest_of_a_bundle_follows_the_ranges_of_integers(tmp_path):
    digests = set()
    for high in (None, 1.0, 2.0):
        ranges = None if high is None else {"stem": (0.0, high)}
        write_bundle(tmp_path / "bundle", bundle(), WEIGHTS, ranges)
        digests.add(bundle_digest(tmp_path / "bundle"))
    assert len(digests) == 3


@pytest.mark.parametrize("weights", [WEIGHTS, b"forest"])
def test_a_bundle_is_for_everybody_the_folder_is_for(tmp_path, weights):
    mask = os.umask(0o022)
    try:
        write_bundle(tmp_path / "bundle", bundle(), weights, {"stem": (0.0, 1.0)})
    finally:
        os.umask(mask)
    modes = {stat.S_IMODE(item.stat().st_mode) for item in (tmp_path / "bundle").iterdir()}
    assert modes == {0o644}


@pytest.mark.parametrize("read", [read_weights, lambda written: bundle_digest(written.folder)])
def test_a_bundle_for_its_owner_alone_is_told_from_one_without_weights(tmp_path, monkeypatch, read):
    written = write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    opened = Path.open

    def refused(path, *args, **more):
        if path.name == "weights.safetensors":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *args, **more)

    # The superuser reads what is nobody else's: a mode of 0 would not stop every test.
    monkeypatch.setattr(Path, "open", refused)
    told = r"weights\.safetensors: cannot be read \(permission denied\).*chmod -R a\+rX"
    with pytest.raises(BundleError, match=told):
        read(written)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_bundle_has_another_digest_and_stops_nothing(tmp_path, text):
    write_bundle(tmp_path / "bundle", bundle(), WEIGHTS)
    before = bundle_digest(tmp_path / "bundle")
    (tmp_path / "bundle" / "bundle.json").write_text(text)
    assert bundle_digest(tmp_path / "bundle") != before
