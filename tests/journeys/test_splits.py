"""Published lists, random chips and kept splits, through the command line."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest

from command_line import covermap
from pictures import quarters, write_colors, write_picture

pytestmark = pytest.mark.slow

PROJECT = """
imagery: {path: images, join: false}
labels:
  path: masks
  values: colors
  legend: {classes: {1: {name: a, color: "#ff0000"}, 2: {name: b, color: "#00ff00"},
           3: {name: c, color: "#0000ff"}}}
chips: {size: 32}
model: {encoder: resnet18, weights: none}
training: {epochs: 1, batch_size: 4}
"""


@pytest.fixture
def folder(tmp_path):
    for number in range(6):
        index = quarters(64, 64, seed=number)
        write_picture(tmp_path / "images" / f"{number:02}_sat.png", index, number)
        write_colors(tmp_path / "masks" / f"{number:02}_mask.png", index)
    return tmp_path


def prepared(folder, split, out="run", verb="prepare"):
    (folder / "project.yaml").write_text(PROJECT + f"split: {split}\n")
    return covermap(verb, "project.yaml", "--out", out, cwd=folder)


def parts(folder, out="run"):
    chips = gpd.read_parquet(folder / out / "chips.parquet")
    return chips.groupby("scene")["split"].first().to_dict()


def test_a_published_list_is_followed_and_its_mistakes_are_named(folder):
    (folder / "train.txt").write_text("00_sat.png\n01_sat.png\n02_sat.png\n77_sat.png\n")
    split = "{by: list, train: train.txt, val: [03_sat], test: ['0[45]_sat']}"
    said = prepared(folder, split)
    assert said.status == 0, said.err
    assert "train: 1 of 4 listed names are no scene of the project, the first '77_sat.png'" in (
        said.err
    )
    assert parts(folder) == {
        "00_sat": "train", "01_sat": "train", "02_sat": "train", "03_sat": "val",
        "04_sat": "test", "05_sat": "test",
    }  # fmt: skip
    assert "nothing changed, skipped" in prepared(folder, split).err
    (folder / "train.txt").write_text("00_sat.png\n01_sat.png\n")
    said = prepared(folder, split)
    assert "1 of 6 scenes are in no list" in said.err
    for wrong, told in [
        ("{by: list, train: ['0?_sat'], test: [04_sat]}", "'04_sat' is in two parts"),
        ("{by: list, train: [00_sat], test: [04_sta]}", "did you mean '04_sat'"),
        ("{by: list, train: [00_sat]}", "`by: list` needs `test`"),
        ("{keep: run/chips.parquet}", "names a file of this very run"),
    ]:
        said = prepared(folder, wrong)
        assert (said.status, len(said.last_line.splitlines())) == (2, 1)
        assert told in said.last_line
        assert "Traceback" not in said.err


def test_a_kept_split_grows_with_the_pictures(folder):
    assert prepared(folder, "{by: list, train: ['0[0-2]*'], test: ['0[3-5]*']}").status == 0
    before = parts(folder)
    for number in range(6, 12):
        index = quarters(64, 64, seed=number)
        write_picture(folder / "images" / f"{number:02}_sat.png", index, number)
        write_colors(folder / "masks" / f"{number:02}_mask.png", index)
    said = prepared(folder, "{keep: run/chips.parquet}", out="grown")
    assert said.status == 0, said.err
    after = parts(folder, "grown")
    assert {name: after[name] for name in before} == before
    assert len(after) == 12


def test_a_run_says_when_other_ground_is_tested_than_before(folder):
    lists = ("{by: list, train: ['0[0-2]*'], test: ['0[3-5]*']}", "dealt out anew")
    assert lists[1] not in prepared(folder, lists[0]).err
    for number in range(6, 8):
        index = quarters(64, 64, seed=number)
        write_picture(folder / "images" / f"{number:02}_sat.png", index, number)
        write_colors(folder / "masks" / f"{number:02}_mask.png", index)
    # New ground alone changes nothing of what was tested.
    grown = "{by: list, train: ['0[0-2]*', '06*'], test: ['0[3-5]*', '07*']}"
    assert lists[1] not in prepared(folder, grown).err
    other = prepared(folder, "{by: list, train: ['0[0-3]*'], test: ['0[4-7]*']}")
    assert lists[1] in other.err
    assert "split: {keep: run/chips.parquet}" in other.err


def test_random_chips_are_stamped_wherever_scores_stand(folder):
    said = prepared(folder, "{by: random}", verb="run")
    assert said.status == 0, said.err
    assert "LEAKY, chips were drawn at random" in said.err
    assert "LEAKY SPLIT (chips touch)" in said.err
    run = folder / "run"
    assert json.loads((run / "metrics.json").read_text())["split"]["leaky"] == "chips touch"
    found = json.loads((run / "audit.json").read_text())
    assert (found["passed"], found["leaky"]) == (True, "chips touch")
    assert found["trainings"][0]["touching_chips"] > 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert page.index("LEAKY SPLIT (chips touch)") < page.index("<table>")
    assert 'class="stamp">leaky: chips touch<' in page
