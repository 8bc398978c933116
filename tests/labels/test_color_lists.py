"""Lists of colours that lie beside masks."""

import json

from covermap.labels.color_lists import color_list_notes


def write_list(path, *colors):
    path.write_text(json.dumps({"classes": [{"title": c[1:3], "color": c} for c in colors]}))


def test_a_list_of_other_colours_is_told_and_not_used(tmp_path):
    write_list(tmp_path / "classes.json", "#50E3C2", "#F5A623", "#9B9B9B")
    (told,) = color_list_notes([tmp_path, tmp_path], {"#3c1098", "#9b9b9b"})
    assert told.startswith("classes.json: 2 of its 3 colours are not in the masks (such as")


def test_a_list_of_the_same_colours_is_pointed_to(tmp_path):
    write_list(tmp_path / "classes.json", "#50E3C2", "#9B9B9B")
    (told,) = color_list_notes([tmp_path], {"#50e3c2", "#9b9b9b", "#000000"})
    assert told.startswith("classes.json: its 2 colours are those of the masks")


def test_files_that_list_no_colours_say_nothing(tmp_path):
    (tmp_path / "readme.txt").write_text("see issue #123456")
    (tmp_path / "stac.json").write_bytes(b"\xff" * 40)
    (tmp_path / "folder.json").mkdir()
    assert color_list_notes([tmp_path], {"#000000"}) == []
