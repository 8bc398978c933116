"""Labels of whole pictures, from class folders and from tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covermap.core.errors import LabelError
from covermap.core.grid import Window, whole, window_geobox
from covermap.core.legend import Legend
from covermap.imagery.opening import open_scenes
from covermap.imagery.settings import ImagerySettings
from covermap.labels.kind_settings import TagSettings
from covermap.labels.reading import label_files, read_labels
from covermap.labels.tags import Tags, read_tags
from tiny import ArrayScene, shared_data, tiny_geobox

BOX = tiny_geobox(8, 8, crs=None)


def picture(path):
    return ArrayScene(np.zeros((1, 8, 8)), None, BOX, ["B02"], path.stem, files=(path,))


@pytest.fixture
def scenes(tmp_path):
    names = ("lake/a.png", "lake/b.png", "wood/c.png", "field/d.png")
    return [picture(tmp_path / "pictures" / name) for name in names]


def tagged(tmp_path, scenes, text, **settings):
    (tmp_path / "tags.csv").write_text(text, encoding="utf-8")
    return read_tags(TagSettings(tags="tags.csv", **settings), tmp_path, scenes)


def complaint(tmp_path, scenes, text, **settings):
    with pytest.raises(LabelError) as caught:
        tagged(tmp_path, scenes, text, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def vectors(found):
    return {name: found.presence_of(name).tolist() for name in "abcd"}


def test_the_folder_of_a_picture_is_its_class_everywhere(tmp_path, scenes):
    found = read_labels(TagSettings(tags="folders"), tmp_path, scenes)
    assert found.legend.names == ("field", "lake", "wood")
    assert found.legend.ids == (1, 2, 3)
    target = found.burn(BOX, "c")
    assert target.labelled.all()
    assert (target.index == 2).all()
    assert (target.source == -1).all()
    assert found.pictures == (1, 2, 1)
    assert label_files(TagSettings(tags="folders"), tmp_path, scenes) == {}


def test_equal_ids_merge_folders_and_ignored_ones_are_unlabelled(tmp_path, scenes):
    settings = TagSettings(tags="folders", classes={"lake": 7, "wood": 7}, ignore=["field"])
    found = read_tags(settings, tmp_path, scenes)
    assert (found.legend.ids, found.legend.names) == ((7,), ("lake",))
    assert not found.burn(BOX, "d").labelled.any()
    assert not found.touches(BOX, "d")
    assert np.isnan(found.presence_of("d")).all()
    assert "1 picture without a label, so unlabelled: d" in found.checked_on(scenes)[1]


def test_a_folder_that_no_class_is_called_like_is_named(tmp_path, scenes):
    with pytest.raises(LabelError, match=r"wood: this folder's name .* did you mean 'woods'\?"):
        read_tags(TagSettings(tags="folders", classes={"lake": 1, "woods": 2}), tmp_path, scenes)


def test_classes_that_no_picture_has_are_told(tmp_path, scenes):
    own = {"lake": 1, "wood": 2, "field": 3, "feild": 4}
    (note,) = read_tags(TagSettings(tags="folders", classes=own), tmp_path, scenes).notes
    assert note.startswith("labels: classes names 'feild', but no picture lies in a folder of that")
    assert note.endswith("did you mean 'field'?")
    (tmp_path / "t.csv").write_text("file,crop\na.png,corn\nb.png,corn\nc.png,soy\nd.png,soy\n")
    settings = TagSettings(tags="t.csv", column="crop", classes={"corn": 1, "soy": 2, "rye": 3})
    note = read_tags(settings, tmp_path, scenes).notes[-1]
    assert note.startswith("labels: classes names 'rye', but column 'crop' does not hold it")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_names_pictures_with_or_without_folder_and_suffix(tmp_path, scenes, delimiter):
    rows = [("file", "cover"), ("lake/a.png", "water"), ("B", "water"), ("c.png", "trees"),
            ("x\\field\\d.png", "")]  # fmt: skip
    text = "\n".join(delimiter.join(row) for row in rows)
    found = tagged(tmp_path, scenes, text)
    assert found.legend.names == ("trees", "water")
    assert [found.burn(BOX, name).index[0, 0] for name in "abc"] == [1, 1, 0]
    assert not found.burn(BOX, "d").labelled.any()
    assert not found.multilabel
    assert "named by column 'file'" in found.notes[0]


def test_cells_with_several_labels_are_multilabel(tmp_path, scenes):
    text = "file,crop\na.png,corn;soy\nb.png,corn\nc.png, corn ; grass\nd.png,\n"
    found = tagged(tmp_path, scenes, text)
    assert found.multilabel
    assert found.legend.names == ("corn", "grass", "soy")
    assert vectors(found)["a"] == [1, 0, 1]
    assert vectors(found)["b"] == [1, 0, 0]
    assert np.isnan(vectors(found)["d"]).all()


def test_of_several_labels_the_rarest_stands_for_the_picture(tmp_path, scenes):
    text = "file,crop\na.png,corn;soy\nb.png,corn\nc.png,corn\nd.png,corn;soy\n"
    found = tagged(tmp_path, scenes, text)
    assert found.burn(BOX, "a").index[0, 0] == found.legend.index("soy")
    assert found.burn(BOX, "b").index[0, 0] == found.legend.index("corn")


def test_columns_of_bits_may_hold_unknown_ones(tmp_path, scenes):
    text = "file,corn,soy\na.png,1,0\nb.png,yes,\nc.png,0,0\nd.png,,?\n"
    found = tagged(tmp_path, scenes, text)
    assert found.multilabel
    assert vectors(found)["a"] == [1, 0]
    np.testing.assert_equal(vectors(found)["b"], [1, np.nan])
    assert vectors(found)["c"] == [0, 0]
    assert np.isnan(vectors(found)["d"]).all()
    assert not found.burn(BOX, "d").labelled.any()


def test_pictures_that_are_known_to_have_no_label_are_labelled(tmp_path, scenes):
    text = "file,corn,soy\na.png,1,0\nb.png,0,\nc.png,0,0\nd.png,,\n"
    found = tagged(tmp_path, scenes, text)
    assert found.legend.names == ("corn", "soy")
    assert [found.touches(BOX, name) for name in "abcd"] == [True, True, True, False]
    assert [found.burn(BOX, name).labelled.all() for name in "abcd"] == [True, True, True, False]
    strata = found.strata
    assert strata.legend.names == ("corn", "soy", "no label")
    assert [int(strata.burn(BOX, name).index[0, 0]) for name in "abc"] == [0, 2, 2]
    assert np.array_equal(strata.presence_of("c"), [0, 0])
    notes = found.checked_on(scenes)
    assert "2 pictures with none of these labels, which is learnt too" in notes
    assert notes[-1] == "1 picture without a label, so unlabelled: d"
    # Of one class such a picture has none.
    alone = found.of_one_label()
    assert [alone.touches(BOX, name) for name in "abcd"] == [True, False, False, False]
    assert alone.strata is alone


def test_one_column_of_bits_in_a_list_is_one_label(tmp_path, scenes):
    text = "file,corn\na.png,1\nb.png,0\nc.png,\nd.png,no\n"
    found = tagged(tmp_path, scenes, text, column=["corn"])
    assert found.multilabel
    assert found.legend.names == ("corn",)
    np.testing.assert_equal(vectors(found), {"a": [1], "b": [0], "c": [np.nan], "d": [0]})
    assert tagged(tmp_path, scenes, text, column="corn").legend.names == ("0", "1", "no")
    text = "file,cover\na,x\nb,x\nc,y\nd,y\n"
    told = complaint(tmp_path, scenes, text, column=["cover"])
    assert "named without brackets: labels: {column: cover}" in told


def test_a_known_label_is_stronger_than_an_unknown_one_of_its_class(tmp_path, scenes):
    text = "file,maize,corn,soy\na.png,1,,0\nb.png,0,?,1\nc.png,0,0,1\nd.png,0,0,1\n"
    found = tagged(tmp_path, scenes, text, classes={"maize": 1, "corn": 1, "soy": 2})
    assert vectors(found)["a"] == [1, 0]
    np.testing.assert_equal(vectors(found)["b"], [np.nan, 1])
    assert vectors(found)["c"] == [0, 1]


@pytest.mark.parametrize(
    ("text", "settings", "told"),
    [
        ("file,cover\na.png,x\nb.png,x\nc.png,y\n", {}, "1 of 4 pictures have no row: d.png"),
        ("file,cover\nq.png,x\nr.png,y\n", {}, "no cell names a picture: row 2 holds q.png, x"),
        ("file,cover\na,x\nb,x\nc,y\nd,y\na,y\n", {}, "rows 2 and 6 both name a.png"),
        ("file,cover\na,x\nb,x\nc,y\nd,y\n", {"column": "covr"}, "did you mean 'cover'?"),
        ("file,cover\na,x\nb,x\nc,y\nd,y\n", {"name": "fil"}, "did you mean 'file'?"),
        ("file,cover\na,corn\nb,corn\nc,soy\nd,soy\n", {"classes": {"corn": 1, "soya": 2}},
         "'soy', which labels: classes does not name; did you mean 'soya'?"),
        ("file,c,s\na,1,0\nb,1,2\nc,0,1\nd,0,1\n", {"column": ["c", "s"]},
         "row 3, column 's' holds '2'"),
        ("file\na\n", {}, "expected a header, a column of file names and one of classes"),
        ("", {}, "cannot be read as a table"),
        ("file,cover\na,x\nb,x,wet\nc,y\nd,y\n", {}, "row 3 has 3 cells, the header 2: 'wet'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_table_is_named(tmp_path, scenes, text, settings, told):
    assert told in complaint(tmp_path, scenes, text, **settings)


def test_empty_cells_beyond_the_header_mean_nothing(tmp_path, scenes):
    found = tagged(tmp_path, scenes, "file,cover\na,x,\nb,x,\nc,y, \nd,y,\n")
    assert found.legend.names == ("x", "y")


def test_rows_without_a_picture_are_told(tmp_path, scenes):
    found = tagged(tmp_path, scenes, "file,cover\na,x\nb,x\nc,y\nd,y\nzz.png,y\n")
    assert found.notes[-1] == "1 row without a picture passed over: zz.png"


def test_a_class_that_only_rows_without_a_picture_have_is_no_class(tmp_path, scenes):
    found = tagged(tmp_path, scenes, "file,cover\na,x\nb,x\nc,y\nd,y\nmoon.png,moon\n")
    assert found.legend.names == ("x", "y")


def test_a_label_that_no_picture_has_is_told(tmp_path, scenes):
    text = "file,oak,elm\na,1,0\nb,1,0\nc,0,0\nd,1,0\n"
    notes = tagged(tmp_path, scenes, text).checked_on(scenes)
    assert "no picture has the label elm: it cannot be learnt" in notes[1]


def test_an_empty_folder_among_class_folders_is_told(tmp_path, scenes):
    for scene in scenes:
        scene.files[0].parent.mkdir(parents=True, exist_ok=True)
        scene.files[0].touch()
    (tmp_path / "pictures" / "moon").mkdir()
    found = read_tags(TagSettings(tags="folders"), tmp_path, scenes)
    assert found.legend.names == ("field", "lake", "wood")
    assert found.notes == (
        f"{tmp_path / 'pictures' / 'moon'}: holds no picture, so it is no class",
    )


def test_pictures_of_one_name_need_their_folder(tmp_path):
    scenes = [picture(tmp_path / folder / "a.png") for folder in ("one", "two")]
    scenes = [ArrayScene(s.values, None, BOX, ["B02"], f"{n}-a", files=s.files)
              for n, s in zip(("one", "two"), scenes, strict=True)]  # fmt: skip
    text = "file,cover\none/a.png,x\ntwo/a.png,y\n"
    assert tagged(tmp_path, scenes, text).pictures == (1, 1)
    assert "write the folder before it" in complaint(tmp_path, scenes, "f,c\na.png,x\na.png,y\n")


def test_no_table_and_no_label_at_all_are_told(tmp_path, scenes):
    with pytest.raises(LabelError, match="no such table"):
        label_files(TagSettings(tags="none.csv"), tmp_path, scenes)
    nothing = {scene.name: np.full(1, np.nan) for scene in scenes}
    found = Tags(Legend.of({1: "x"}), tmp_path, nothing, False)
    with pytest.raises(LabelError, match="no picture has a label"):
        found.checked_on(scenes)


@given(st.integers(0, 7), st.integers(0, 7), st.integers(1, 9), st.integers(1, 9))
def test_burning_a_window_is_burning_all_and_cutting(row, col, height, width):
    found = Tags(Legend.of({1: "x", 2: "y"}), BOX, {"a": np.array([0.0, 1.0])}, False)
    window = Window(row, col, height, width).intersection(whole(BOX))
    part, full = found.burn(window_geobox(BOX, window), "a"), found.burn(BOX, "a")
    for name in ("index", "labelled", "source"):
        assert np.array_equal(getattr(part, name), getattr(full, name)[window.slices])


def test_real_class_folders_are_read():
    path = shared_data("eurosat/EuroSAT_MS")
    scenes = open_scenes(ImagerySettings(path=str(path), join=False), path)
    found = read_tags(TagSettings(tags="folders"), path, scenes)
    assert len(found.legend) == 10
    assert found.pictures == (9,) * 10
    assert found.path == path


def test_measured_numbers_are_no_classes(tmp_path):
    scenes = [picture(tmp_path / f"p{n}.png") for n in range(30)]
    rows = "".join(f"p{n}.png,{1 + n / 7:.3f}\n" for n in range(30))
    told = complaint(tmp_path, scenes, "file,yield\n" + rows, column="yield")
    assert "'yield' holds 30 different numbers (1 to 5.143)" in told
    assert "task: regression" in told
    codes = "file,code\n" + "".join(f"p{n}.png,{n}\n" for n in range(30))
    assert len(tagged(tmp_path, scenes, codes, column="code").legend) == 30


def test_pictures_of_several_labels_have_no_single_class(tmp_path, scenes):
    one = "file,labels\na.png,river\nb.png,wood\nc.png,wood\nd.png,wood\n"
    assert tagged(tmp_path, scenes, one).of_one_label().pictures == (1, 3)
    several = tagged(tmp_path, scenes, one.replace("river", "river;wood"))
    with pytest.raises(LabelError, match=r"1 pictures carry several labels, such as a \(river, wo"):
        several.of_one_label()


def test_accents_taken_apart_as_macos_does_name_the_same_class_and_picture(tmp_path):
    apart = "fore\u0302t"
    scenes = [picture(tmp_path / apart / f"{apart}.png"), picture(tmp_path / "lac/b.png")]
    found = read_tags(TagSettings(tags="folders", classes={"forêt": 4, "lac": 2}), tmp_path, scenes)
    assert found.legend.names == ("lac", "forêt")
    text = f"file,classe\u0301\nforêt.png,{apart}\nb.png,forêt\n"
    found = tagged(tmp_path, scenes, text, column="classé")
    assert found.legend.names == ("forêt",)
    assert found.pictures == (2,)


@pytest.mark.parametrize(
    ("cells", "names"),
    [("7 07 8 8", ("07", "7", "8")), ("1 ² x x", ("1", "x", "²")), ("10 2 1 1", ("1", "2", "10"))],
)
def test_no_two_texts_become_one_class(tmp_path, scenes, cells, names):
    rows = "".join(f"{name}.png,{cell}\n" for name, cell in zip("abcd", cells.split(), strict=True))
    found = tagged(tmp_path, scenes, f"file,kind\n{rows}", column="kind")
    assert found.legend.names == names


def test_measured_numbers_with_a_comma_are_no_classes_and_codes_with_a_zero_are(tmp_path):
    pictures = [picture(tmp_path / f"{n}.png") for n in range(14)]
    rows = "".join(f"{n}.png;{n},{n}5\n" for n in range(14))
    assert "task: regression" in complaint(tmp_path, pictures, f"file;kind\n{rows}", column="kind")
    rows = "".join(f"{n}.png;{n:02}\n" for n in range(14))
    assert len(tagged(tmp_path, pictures, f"file;kind\n{rows}", column="kind").legend) == 14
