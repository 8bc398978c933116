"""Which mask belongs to which image."""

from pathlib import Path

import pytest

from covermap.labels import pairing as module
from covermap.labels.pairing import looks_like_mask, namesakes, pair_files, telling_apart


def paths(*names):
    return [Path(name) for name in names]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/0004.jpg", "masks/0004.png"),
        ("855_sat.jpg", "855_mask.png"),
        ("N-33-60_12.jpg", "N-33-60_12_m.png"),
        ("images/202309_patchN_11.tif", "labels/202309_mask_11.tif"),
        ("image_part_001.jpg", "mask_part_001.png"),
        ("zh13_image.tif", "zh13_gt.tif"),
        ("img12.png", "label12.png"),
        ("Site 3 RGB.tif", "site_3_labels.tif"),
    ],
)
def test_words_that_say_what_a_file_is_do_not_count(image, mask):
    others = paths("images/other_1_sat.tif"), paths("masks/stranger_9_mask.tif")
    pairing = pair_files([Path(image), *others[0]], [*others[1], Path(mask)])
    assert pairing.pairs == ((Path(image), Path(mask)),)
    assert list(pairing.images) == others[0]
    assert list(pairing.masks) == others[1]


def test_equal_names_in_several_folders_pair_within_their_folder():
    images = paths("Tile 1/images/part_1.jpg", "Tile 5/images/part_1.jpg")
    masks = paths("Tile 5/masks/part_1.png", "Tile 1/masks/part_1.png")
    assert pair_files(images, masks).pairs == tuple(zip(images, masks[::-1], strict=True))


def test_names_that_several_files_share_pair_nothing():
    pairing = pair_files(paths("a/1.jpg", "b/1.jpg"), paths("masks/1.png"))
    assert pairing.pairs == ()
    assert len(pairing.images) == 2
    assert len(pairing.masks) == 1


def test_order_and_number_of_files_pair_nothing():
    assert pair_files(paths("a.jpg", "b.jpg"), paths("c.png", "d.png")).pairs == ()


def test_more_words_may_be_named():
    images, masks = paths("lc8_2015245_10_12.tif"), paths("cdl_2015245_10_12.tif")
    assert pair_files(images, masks).pairs == ()
    assert len(pair_files(images, masks, ["lc8", "CDL"]).pairs) == 1


def test_a_lone_letter_inside_a_name_is_no_role():
    pairing = pair_files(paths("site_m_03.jpg", "site_03.jpg"), paths("site_m_03_mask.png"))
    assert pairing.pairs == ((Path("site_m_03.jpg"), Path("site_m_03_mask.png")),)


def test_masks_are_told_from_images_by_name_or_folder():
    root = Path("set")
    assert looks_like_mask(root / "855_mask.png", root)
    assert looks_like_mask(root / "Tile 1" / "masks" / "1.png", root)
    assert not looks_like_mask(root / "Tile 1" / "images" / "1.png", root)
    # The root's own name says nothing of what lies in it.
    assert not looks_like_mask(Path("masks") / "1.png", Path("masks"))


def test_words_that_tell_images_from_masks_are_found():
    images = paths("lc8_2015245_10_12.tif", "lc8_2015245_10_27.tif")
    masks = paths("cdl_2015245_10_12.tif", "cdl_2015245_10_27.tif")
    assert telling_apart(images, masks) == ["lc8", "cdl"]
    assert len(pair_files(images, masks, telling_apart(images, masks)).pairs) == 2


def test_numbers_and_shared_words_tell_places_rather_than_kinds():
    images = paths("oslo_10_1.tif", "oslo_10_2.tif")
    masks = paths("oslo_20_1.tif", "oslo_20_2.tif")
    assert telling_apart(images, masks) == []


def test_files_that_are_all_called_labels_pair_by_their_folders():
    images = paths("s2/52UEA_08.tif", "s2/52UEA_09.tif")
    masks = paths("x/ref_labels_52UEA_09/labels.tif", "x/ref_labels_52UEA_08/labels.tif")
    found = pair_files(images, masks, tokens=["ref"])
    assert found.pairs == ((images[0], masks[1]), (images[1], masks[0]))


def test_masks_called_like_images_are_looked_up_by_one_reading_of_each_name(monkeypatch):
    read, core = [], module._core
    monkeypatch.setattr(module, "_core", lambda *of: read.append(of) or core(*of))
    images = paths("01_sat.png", "02_sat.png", "03_x_sat.png", "04_sat.png")
    masks = paths("01_mask.png", "m/01_label.png", "02_mask.png", "03_mask.png")
    assert dict(namesakes(images, masks, ["X"])) == {
        images[0]: masks[:2],
        images[1]: [masks[2]],
        images[2]: [masks[3]],
        images[3]: [],
    }
    assert len(read) == len(images) + len(masks)


def test_accents_taken_apart_pair_with_those_of_one_letter():
    assert len(pair_files([Path("fore\u0302t_sat.jpg")], [Path("forêt_mask.png")]).pairs) == 1
