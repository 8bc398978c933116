import json

import pytest

from covermap.core.errors import CovermapError, OutputError, ProjectError
from covermap.verbs.recipes import recipes, run_recipe


def test_every_card_says_what_is_compared_with_what():
    cards = {card.name: card for card in recipes()}
    assert len(cards) == 13
    assert cards["s1-losses"].dataset == "landcoverai"
    assert any("0.875" in text for text in cards["s1-losses"].published)
    assert cards["s0-shallow"].task == "weak-segmentation"
    assert cards["s3-density-dates"].task == "regression"


def test_an_unknown_scale_is_told_with_the_nearest(tmp_path):
    with pytest.raises(ProjectError, match="did you mean 'small'"):
        run_recipe("s2-unet", tmp_path / "out", scale="smal")
    assert not (tmp_path / "out").exists()


def test_a_missing_data_folder_is_told_with_what_to_do(tmp_path):
    with pytest.raises(CovermapError, match="leave --data out"):
        run_recipe("s2-unet", tmp_path / "out", data=tmp_path / "nowhere")


def test_data_of_another_recipe_are_not_taken_for_its_own(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / ".data.json").write_text(json.dumps({"miniature": "eurosat", "seed": 0}))
    with pytest.raises(OutputError, match="no miniature of deepglobe"):
        run_recipe("s2-unet", tmp_path)


def test_a_strangers_project_file_stays(tmp_path):
    (tmp_path / "project.yaml").write_text("name: mine\n")
    with pytest.raises(OutputError, match="no project of this recipe"):
        run_recipe("s2-unet", tmp_path)
    assert (tmp_path / "project.yaml").read_text() == "name: mine\n"


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        run_recipe("s2-unet", tmp_path / "out")
