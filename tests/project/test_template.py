"""The text of a project file written from data."""

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.core.settings import parse
from covermap.imagery.inspection import BandFacts, SceneFacts
from covermap.imagery.raster import Band
from covermap.project.schema import Project
from covermap.project.template import GUESSED, ImageryEntry, project_text


def band(name, unit="reflectance", low=0.01, high=0.5, **more):
    facts = BandFacts(Band(name, unit), 1.0, low, high, low, 0.2, high, False, 500)
    return replace(facts, **more)


def scene(*bands, **more):
    facts = SceneFacts(
        "s", None, "EPSG:32633", 64, 80, 10.0, 10.0, (0, 0, 1, 1), bands, 0.97, 0.0, 0.0, 0.0, 5120,
        (), (),
    )  # fmt: skip
    return replace(facts, **more)


def entry(path="scene.tif", facts=None, scales=None, dates=1, masks=None):
    facts = facts or scene(band("B02"), band("B08"))
    return ImageryEntry(path, facts, scales or (None,) * len(facts.bands), dates, masks, ())


def written(*entries, name="valley", labels="polygons.gpkg", attribute="cover", passed=""):
    text = project_text(name, entries, labels, attribute, passed, ["forest", "water"])
    return text, parse(Project, yaml.safe_load(text), "p.yaml")


def test_what_is_written_is_valid_as_it_stands():
    text, project = written(entry(), passed="height_m (less likely)")
    assert project.name == "valley"
    assert project.imagery[0].path == "scene.tif"
    assert (project.labels.path, project.labels.attribute) == ("polygons.gpkg", "cover")
    assert project.bands is None
    assert "# passed over: height_m (less likely)" in text
    assert "classes found: forest, water" in text
    assert "64 x 80" not in text
    assert "80 x 64 px of 10 x 10 m, EPSG:32633, 97% usable" in text


def test_every_default_that_is_shown_is_the_default():
    text, project = written(entry())
    shown = text.split("these are the defaults.")[1].splitlines()
    lines = [line.removeprefix("# ").split("  #")[0] for line in shown]
    lines = [line for line in lines if line and not line.startswith(("aoi", "map"))]
    values = {**yaml.safe_load(text), **yaml.safe_load("\n".join(lines))}
    again = parse(Project, values, "p.yaml")
    for key in ("chips", "split", "training", "seed"):
        assert getattr(again, key) == getattr(project, key)
    assert again.model.initial_weights == project.model.initial_weights


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), min_size=1)
)
def test_any_name_path_and_column_is_read_back(text):
    _, project = written(entry(path=text), name=text, labels=text, attribute=text)
    assert project.name == text
    assert project.imagery[0].path == text
    assert (project.labels.path, project.labels.attribute) == (text, text)


@pytest.mark.parametrize(
    "text",
    [
        "a: b",
        "yes",
        "12",
        "[x]",
        "# no",
        "a #b",
        " lead",
        "null",
        "&x",
        "a, b",
        "x]",
        "a\u2028b",
        "a\nb",
        "😀: ü",
    ],
)
def test_text_that_yaml_reads_otherwise_is_quoted(text):
    facts = scene(band(text), band("flat", low=3, high=3))
    _, project = written(entry(path=text, facts=facts), name=text, passed=text)
    assert (project.name, project.imagery[0].path, project.bands) == (text, text, [text])


def test_a_guessed_scale_is_said_to_be_guessed():
    text, project = written(entry(scales=(0.0001, 0.0001)))
    assert project.imagery[0].scale == 0.0001
    line = next(line for line in text.splitlines() if "scale:" in line)
    assert line.endswith(GUESSED)


def test_scales_of_some_bands_only_name_the_units_of_all():
    facts = scene(band("B02"), band("dem", "dn", 0, 900))
    _, project = written(entry(facts=facts, scales=(0.0001, None)))
    assert project.imagery[0].scale == [0.0001, 1]
    assert project.imagery[0].unit == ["reflectance", "dn"]


def test_bands_that_say_nothing_are_left_out_with_the_reason():
    facts = scene(
        band("B02"),
        band("flat", low=3, high=3),
        band("mask", "dn", 0, 5, integers=True, distinct=4),
        band("gone", valid_share=0.0, minimum=None, maximum=None),
    )
    text, project = written(entry(facts=facts))
    assert project.bands == ["B02"]
    assert "flat: 3 everywhere" in text
    assert "mask: only 4 values" in text
    assert "gone: no valid pixel" in text


def test_several_entries_lists_of_paths_and_stacks_are_written():
    dates = entry(path="dates/*.tif", dates=7, masks="masks/*.tif")
    _, project = written(entry(path=["a.tif", "b.tif"]), dates)
    assert project.imagery[0].path == ["a.tif", "b.tif"]
    assert project.imagery[1].quality.path == "masks/*.tif"
    assert project.imagery[1].stack == "dates"


@pytest.mark.parametrize(("shares", "nodata"), [((0.2, 0.0), 255), ((0.0, 0.2), 0), ((0, 0), None)])
def test_a_frame_of_white_or_black_is_guessed_to_be_nodata(shares, nodata):
    facts = replace(scene(band("red", "dn")), white_share=shares[0], black_share=shares[1])
    _, project = written(entry(facts=facts))
    assert project.imagery[0].nodata == nodata


def test_what_a_guessed_nodata_takes_beside_the_frame_is_told():
    facts = replace(scene(band("red", "dn")), white_share=0.2, partly_white_share=0.013)
    text, project = written(entry(facts=facts))
    assert project.imagery[0].nodata == 255
    assert "holes where only some bands are 255: 1.3 % of the pixels" in text
    assert "holes" not in written(entry(facts=replace(facts, partly_white_share=0.0)))[0]
