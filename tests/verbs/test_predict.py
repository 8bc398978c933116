"""Tables of pictures: what is told of those that are unlike the ones that taught."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from covermap.bundle.folder import write_bundle
from covermap.core.errors import ImageryError, OutputError
from covermap.mapping.checks import Drift
from covermap.verbs.predict import picture_paths, predict, predictions
from oracle_predictors import tiny_bundle
from tiny import ArrayScene, tiny_geobox, write_scene


class Half:
    """A model that is of two minds."""

    precision = "float32"

    def __init__(self, classes):
        self.classes = classes

    def answers(self, values):
        return np.full((len(values), self.classes), 0.5, np.float32)


@pytest.mark.parametrize(("shift", "told"), [(0.0, False), (5.0, True)])
def test_pictures_unlike_those_of_training_are_told(shift, told):
    plain = tiny_bundle(("B02",))
    (channel,) = plain.channels
    bundle = dataclasses.replace(
        plain, task="multilabel", channels=(dataclasses.replace(channel, low=0.0, high=1.0),)
    )
    drift, random = Drift(bundle), np.random.default_rng(0)
    for number in range(3):
        values = random.uniform(0, 1, (1, 32, 32)) + shift
        scene = ArrayScene(values, None, tiny_geobox(32, 32), ("B02",))
        rows = list(predictions(bundle, Half(len(bundle.legend)), scene, f"{number}.png", drift))
        assert [row.probability for row in rows] == [0.5] * len(bundle.legend)
    found = drift.warnings("these pictures are", "this table")
    assert bool(found) is told
    if told:
        assert found[0].startswith("these pictures are unlike the training imagery in B02 (100%")


@pytest.fixture
def chips(tmp_path, monkeypatch):
    """A bundle of whole chips whose model is of two minds, and a folder of three pictures."""
    bundle = dataclasses.replace(tiny_bundle(("B02",)), task="classification")
    write_bundle(tmp_path / "bundle", bundle, {"weight": np.zeros(1)})
    monkeypatch.setattr(
        "covermap.mapping.chip_predictor.open_chip_model", lambda facts: Half(len(facts.legend))
    )
    (tmp_path / "pics").mkdir()
    for name in ("a", "b", "c"):
        write_scene(tmp_path / "pics" / f"{name}.tif", bands=("B02",), scale=0.0001)
    return tmp_path / "bundle", tmp_path / "pics"


def test_a_damaged_picture_is_named_beside_the_table_of_all_others(tmp_path, chips):
    bundle, pictures = chips
    (pictures / "b.tif").write_bytes(b"no picture")
    with pytest.raises(ImageryError, match=r"written, but 1 of 3 pictures could not .*b\.tif"):
        predict(bundle, [pictures], tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [
        str(pictures / "a.tif"),
        str(pictures / "c.tif"),
    ]


def test_where_no_picture_can_be_used_there_is_no_table(tmp_path, chips):
    bundle, pictures = chips
    for path in pictures.iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(ImageryError, match=r"no table: 3 of 3 pictures could not be used"):
        predict(bundle, [pictures], tmp_path / "table.csv")
    assert not (tmp_path / "table.csv").exists()


def test_where_no_picture_has_a_usable_pixel_there_is_no_table(tmp_path, chips):
    bundle, pictures = chips
    for path in sorted(pictures.iterdir())[1:]:
        write_scene(path, values=np.zeros((1, 20, 20)), bands=("B02",), scale=0.0001, nodata=0)
    predict(bundle, [pictures], tmp_path / "table.csv")
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 2
    (tmp_path / "table.csv").unlink()
    (pictures / "a.tif").unlink()
    with pytest.raises(ImageryError, match=r"no table: 2 of 2 pictures have no usable pixel"):
        predict(bundle, [pictures], tmp_path / "table.csv")
    assert not (tmp_path / "table.csv").exists()


def test_links_to_folders_are_followed_and_links_to_nothing_named(tmp_path, chips):
    bundle, pictures = chips
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "river").symlink_to(pictures)
    (pictures / "up").symlink_to(tmp_path / "set")
    below = [tmp_path / "set" / "river" / f"{name}.tif" for name in ("a", "b", "c")]
    assert picture_paths([tmp_path / "set"]) == below
    (pictures / "d.tif").symlink_to("nowhere.tif")
    with pytest.raises(ImageryError, match=r"written, but 1 of 4 pictures .*d\.tif: no such file"):
        predict(bundle, [tmp_path / "set"], tmp_path / "table.csv")
    (tmp_path / "link.csv").symlink_to("nowhere.csv")
    with pytest.raises(OutputError, match=r"link\.csv: is a link to nothing"):
        predict(bundle, [pictures], tmp_path / "link.csv")


def test_globs_are_expanded_and_hidden_pictures_passed_over(chips):
    _, pictures = chips
    (pictures / "._a.tif").write_bytes(b"of a Mac")
    (pictures / ".cache").mkdir()
    (pictures / ".cache" / "a.tif").write_bytes(b"small")
    (pictures / "notes.txt").write_text("mine")
    shown = [pictures / f"{name}.tif" for name in ("a", "b", "c")]
    assert picture_paths([pictures]) == shown
    assert picture_paths([pictures / "*"]) == shown
    assert picture_paths([pictures / "[ab].tif"]) == shown[:2]
    with pytest.raises(ImageryError, match="no image matches this pattern"):
        picture_paths([pictures / "*.png"])


def test_one_picture_of_another_kind_among_many_is_named(tmp_path, chips, capsys):
    bundle, pictures = chips
    for name in "defg":
        write_scene(pictures / f"{name}.tif", bands=("B02",), scale=0.0001)
    facts = json.loads((bundle / "bundle.json").read_text())
    facts["channels"][0] |= {"low": 0.0, "high": 1.0}
    (bundle / "bundle.json").write_text(json.dumps(facts))
    predict(bundle, [pictures], tmp_path / "table.csv")
    assert "WARNING" not in capsys.readouterr().err
    write_scene(pictures / "h.tif", values=np.full((1, 20, 20), 5e4), bands=("B02",), scale=0.0001)
    predict(bundle, [pictures], tmp_path / "table.csv")
    said = capsys.readouterr().err
    assert "WARNING  hardly a pixel of 1 of 8 pictures is like the training imagery (h.tif)" in said


def test_whether_tiles_are_joined_says_nothing_of_a_picture(tmp_path, chips, capsys):
    bundle, pictures = chips
    facts = json.loads((bundle / "bundle.json").read_text())
    facts["imagery"] = {"join": True}
    facts["channels"][0]["unit"] = "dn"
    (bundle / "bundle.json").write_text(json.dumps(facts))
    for path in pictures.iterdir():
        write_scene(path, bands=("B02",))
    predict(bundle, [pictures], tmp_path / "table.csv")
    assert "join" not in capsys.readouterr().err
