"""Numbers of whole pictures, from a column of a table."""

import math
from pathlib import Path

import numpy as np
import pytest

from covermap.core.errors import LabelError
from covermap.labels.kind_settings import TagSettings
from covermap.labels.numbers import read_numbers
from tiny import ArrayScene, tiny_geobox

BOX = tiny_geobox(8, 8, crs=None)


def scenes(count):
    return [
        ArrayScene(np.zeros((1, 8, 8)), None, BOX, ["B02"], f"p{n}", files=(Path(f"p{n}.png"),))
        for n in range(count)
    ]


def numbered(folder, cells):
    rows = "".join(f"p{n}.png;{cell}\n" for n, cell in enumerate(cells))
    (folder / "t.csv").write_text(f"file;yield\n{rows}", encoding="utf-8")
    return read_numbers(TagSettings(tags="t.csv", column="yield"), folder, scenes(len(cells)))


def test_each_picture_has_its_number_and_an_empty_cell_is_unknown(tmp_path):
    found = numbered(tmp_path, ["3.5", "-2e1", "", "7"])
    assert found.column == "yield"
    assert [found.number_of(f"p{n}") for n in (0, 1, 3)] == [3.5, -20, 7]
    assert math.isnan(found.number_of("p2"))
    assert [found.touches(BOX, f"p{n}") for n in range(4)] == [True, True, False, True]
    assert not found.burn(BOX, "p2").labelled.any()
    notes = found.checked_on(scenes(4))
    assert notes == ("yield: 3 pictures, -20 to 7, mean -3.167", "1 pictures have no number and "
                     "are unlabelled")  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "thirds"),
    [
        (range(9), [0, 0, 0, 1, 1, 1, 2, 2, 2]),
        ([0, 0, 0, 0, 5], [0, 0, 0, 0, 1]),
        ([1, 9, 9, 9, 9], [0, 1, 1, 1, 1]),
    ],
)
def test_thirds_stand_for_the_numbers_where_ground_is_dealt_out(tmp_path, cells, thirds):
    found = numbered(tmp_path, cells)
    targets = [found.burn(BOX, f"p{n}") for n in range(len(thirds))]
    assert [int(target.index[0, 0]) for target in targets] == thirds
    assert all(target.labelled.all() for target in targets)
    assert len(found.legend) == max(thirds) + 1


@pytest.mark.parametrize("cell", ["high", "1,250", "1.250,5", "inf"])
def test_what_is_no_number_is_named_with_its_picture(tmp_path, cell):
    with pytest.raises(LabelError, match=rf"column 'yield' holds '{cell}' for picture p1") as told:
        numbered(tmp_path, ["1", cell, "2"])
    assert "\n" not in str(told.value)


def test_the_only_column_of_numbers_is_taken_and_of_several_none(tmp_path):
    rows = [f"{n},p{n}.png,north,{n / 2}" for n in range(5)]
    (tmp_path / "t.csv").write_text("\n".join(["row,file,side,yield", *rows]))
    found = read_numbers(TagSettings(tags="t.csv"), tmp_path, scenes(5))
    assert found.column == "yield"
    assert "numbers taken from column 'yield'" in found.notes
    rows = [f"p{n}.png,{n % 2},{n / 2}" for n in range(5)]
    (tmp_path / "t.csv").write_text("\n".join(["file,site,yield", *rows]))
    with pytest.raises(LabelError, match=r"2 columns hold numbers \(site, yield\); name the one"):
        read_numbers(TagSettings(tags="t.csv"), tmp_path, scenes(5))
    (tmp_path / "t.csv").write_text("file,side\np0.png,north\np1.png,south\n")
    with pytest.raises(LabelError, match=r"no column holds numbers \(side\)"):
        read_numbers(TagSettings(tags="t.csv"), tmp_path, scenes(2))


def test_decimal_commas_and_words_for_unknown_are_read(tmp_path):
    found = numbered(tmp_path, ["12,5", "NA", "1,250", "-3", "nan", ",5"])
    known = [found.number_of(f"p{n}") for n in (0, 2, 3, 5)]
    assert known == [12.5, 1.25, -3, 0.5]
    assert all(math.isnan(found.number_of(f"p{n}")) for n in (1, 4))


def test_numbers_that_are_all_the_same_teach_nothing(tmp_path):
    with pytest.raises(LabelError, match=r"holds 1 different number\(s\), expected 2 or more"):
        numbered(tmp_path, ["4", "4.0", "4"])
