"""The rules of single layouts: names, codes, colours, orders of bands, and what is missing."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
import yaml
from hypothesis import given
from hypothesis import strategies as st

from command_line import covermap
from covermap.core.errors import DatasetError
from covermap.core.grid import Window
from covermap.datasets import deepglobe, eurosat, landcoverai
from covermap.datasets.landsat_cdl import LandsatCdl
from covermap.datasets.registry import DATASETS
from covermap.labels.coding import coding_of, legend_settings
from covermap.labels.settings import LegendSettings
from covermap.verbs.datasets import verify
from tiny import shared_data


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


# LandCover.ai


def test_all_sheets_together_have_the_published_number_of_tiles():
    large, small = landcoverai.tile_windows(9000, 9500), landcoverai.tile_windows(4200, 4700)
    assert (len(large), len(small)) == (17 * 18, 8 * 9)
    assert 33 * len(large) + 8 * len(small) == 10_674 == sum((7470, 1602, 1602))


def test_tiles_that_the_edge_cuts_are_counted_but_not_there():
    windows = landcoverai.tile_windows(9000, 9500)
    assert windows[37] == Window(1024, 512, 512, 512)
    assert 17 not in windows
    assert 16 in windows


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_full_tiles_lie_inside_and_do_not_meet(width, height):
    windows = landcoverai.tile_windows(width, height)
    assert len(windows) == (width // 512) * (height // 512)
    for index, window in windows.items():
        assert (window.row_off // 512) * -(-width // 512) + window.col_off // 512 == index
        assert window.row_stop <= height
        assert window.col_stop <= width


def test_cut_tiles_are_those_of_the_lists_and_make_a_project_by_list(miniatures, tmp_path):
    folder = shutil.copytree(miniatures("landcoverai"), tmp_path / "set")
    assert landcoverai.cut_tiles(folder) == 10
    listed = [
        name
        for part in landcoverai.PARTS
        for name in (folder / f"{part}.txt").read_text().splitlines()
    ]
    tiles = {path.stem.removesuffix("_m") for path in (folder / "output").iterdir()}
    assert sorted(listed) == sorted(tiles)
    with (
        rasterio.open(folder / "masks" / "M-33-20-D-d-3-3.tif") as sheet,
        rasterio.open(folder / "output" / "M-33-20-D-d-3-3_2_m.png") as tile,
    ):
        np.testing.assert_array_equal(tile.read(1), sheet.read(1)[512:1024, :512])
    project = DATASETS["landcoverai"].project(folder, tmp_path)
    assert project["split"] == {
        "by": "list", "train": "set/train.txt", "val": "set/val.txt", "test": "set/test.txt",
    }  # fmt: skip
    assert project["imagery"][0]["path"] == "set/output/*.jpg"


# DeepGlobe


@given(st.lists(st.integers(0, 255), min_size=3, max_size=3))
def test_the_nearest_colour_is_each_channel_cut_at_128(rgb):
    settings = LegendSettings.model_validate(deepglobe.legend_of_corners())
    coding = coding_of(settings)
    tolerance = deepglobe.HALF_CUBE
    cut = [255 if value >= 128 else 0 for value in rgb]
    packed = [np.array([r << 16 | g << 8 | b]) for r, g, b in (rgb, cut)]
    near, exact = (coding.of_colors(value, tolerance)[0] for value in packed)
    assert near == exact
    assert near >= -1


def test_a_missing_mask_and_a_missing_picture_are_named(tmp_path):
    touched(tmp_path, "train/7_sat.jpg", "train/7_mask.png", "train/9_sat.jpg", "train/11_mask.png")
    touched(tmp_path, "valid/12_sat.jpg")
    found = DATASETS["deepglobe"].verify(tmp_path)
    assert found.missing == ("1 mask: 9_mask.png", "1 picture: 11_sat.jpg")
    assert "1 picture to be mapped, in valid" in found.present


def test_the_real_pair_makes_a_project(tmp_path):
    project = DATASETS["deepglobe"].project(shared_data("deepglobe"), tmp_path)
    names = [item["name"] for item in project["labels"]["legend"]["classes"].values()]
    assert names == ["urban", "agriculture", "rangeland", "forest", "water", "barren"]
    assert project["labels"]["tolerance"] == 221


# LandCoverNet and Ghana


def test_label_chips_without_imagery_are_named(tmp_path):
    folder = shared_data("landcovernet")
    found = DATASETS["landcovernet"].verify(folder)
    assert found.missing == (
        "imagery (source_sentinel_2) of 2 chips: 30PWT_00, 38KMA_00",
        "labels of 1 chip: 52UEA_08",
    )
    with pytest.raises(DatasetError, match="cannot be used; missing: imagery"):
        DATASETS["landcovernet"].project(folder, tmp_path)


@pytest.fixture
def landcovernet(miniatures):
    return miniatures("landcovernet")


def test_the_clearest_annotated_date_is_taken(landcovernet):
    project = DATASETS["landcovernet"].project(landcovernet, landcovernet.parent)
    for entry in project["imagery"]:
        shares = {}
        for folder in (landcovernet / "ref_landcovernet_af_v1_source_sentinel_2").iterdir():
            if entry["name"] in folder.name:
                with rasterio.open(folder / "SCL.tif") as layer:
                    shares[folder.name[-8:]] = np.isin(layer.read(1), (3, 8, 9, 10)).mean()
        taken = entry["path"][-8:]
        assert shares[taken] == min(shares.values())
        assert entry["date"].replace("-", "") == taken


def test_cultivated_is_6_and_semi_natural_is_7(landcovernet):
    project = DATASETS["landcovernet"].project(landcovernet, landcovernet.parent)
    coding = coding_of(legend_settings(project["labels"]["legend"], Path()))
    names = {code: coding.legend.names[place] for code, place in coding.codes.items() if place >= 0}
    assert names[6] == "cultivated vegetation"
    assert names[7] == "(semi) natural vegetation"
    assert coding.codes[0] == -1


@pytest.mark.slow
def test_labels_of_one_name_pair_by_their_folders(landcovernet, tmp_path):
    """The whole way to a prepared run; every chip with its own labels."""
    file = tmp_path / "project.yaml"
    said = covermap("datasets", landcovernet, "--out", file)
    assert said.status == 0, said.err
    said = covermap("prepare", file, "--out", tmp_path / "run")
    assert said.status == 0, said.err
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert audit["passed"]


def test_ghana_needs_the_cloud_mask_of_each_date(tmp_path):
    base = "su_african_crops_ghana"
    touched(tmp_path, f"{base}_labels/{base}_labels_000556/labels.tif")
    touched(tmp_path, f"{base}_source_s2/{base}_source_s2_000556_2016_01_13/source.tif")
    found = DATASETS["ghana-crops"].verify(tmp_path)
    assert "cloudmask.tif of 1 date: 000556_2016_01_13" in found.missing
    assert not found.usable


@pytest.mark.parametrize("lists", [True, False])
def test_ghana_takes_the_authors_lists_where_they_are(miniatures, tmp_path, lists):
    folder = shutil.copytree(miniatures("ghana-crops"), tmp_path / "set")
    if not lists:
        for path in folder.glob("ghana_*.txt"):
            path.unlink()
    project = DATASETS["ghana-crops"].project(folder, tmp_path)
    assert project["split"]["by"] == ("list" if lists else "auto")
    names = {entry["name"] for entry in project["imagery"]}
    assert names >= set((folder / "ghana_train.txt").read_text().split() if lists else ())
    assert all(yaml.safe_load(yaml.safe_dump(name)) == name for name in names)


# EuroSAT


def test_band_8a_is_the_last_of_the_13_and_cirrus_the_tenth():
    assert eurosat.BANDS[-1] == "B8A"
    folder = shared_data("eurosat/EuroSAT_MS")
    means = []
    for path in sorted(folder.glob("*/*.tif"))[::9]:
        with rasterio.open(path) as dataset:
            means.append(dataset.read().mean(axis=(1, 2)))
    mean = dict(zip(eurosat.BANDS, np.mean(means, axis=0), strict=True))
    assert mean["B10"] < 40
    assert 0.8 < mean["B8A"] / mean["B08"] < 1.4


def test_miniature_pictures_are_stretched_bands_4_3_2(miniatures):
    folder = miniatures("eurosat")
    for name in ("Highway", "Industrial"):
        with rasterio.open(folder / "EuroSAT_MS" / name / f"{name}_1.tif") as bands:
            shown = 1 + bands.read([4, 3, 2]) * (254 / 2750)
        with rasterio.open(folder / "EuroSAT_RGB" / name / f"{name}_1.jpg") as image:
            difference = np.abs(np.clip(shown, 1, 255) - image.read())
        assert difference.mean() < 6


def test_several_sets_in_one_folder_are_told_apart(tmp_path):
    with pytest.raises(DatasetError, match=r"3 sets of EuroSAT chips .*give the folder of one"):
        DATASETS["eurosat"].project(shared_data("eurosat"), tmp_path)


@pytest.mark.parametrize(
    ("name", "kept", "again"),
    [
        ("landcoverai", "images/M-34-6-A-d-2-2.tif", "some/images/M-34-6-A-d-2-2.tif"),
        ("clearing", "regions.shp", "old/regions.shp"),
    ],
)
def test_of_two_copies_none_is_taken_silently(miniatures, tmp_path, name, kept, again):
    folder = tmp_path / "set"
    shutil.copytree(miniatures(name), folder)
    (folder / again).parent.mkdir(parents=True)
    shutil.copy(folder / kept, folder / again)
    with pytest.raises(DatasetError, match=r"set: holds 2 (sets of|files)"):
        DATASETS[name].project(folder, tmp_path)


def test_archives_in_a_folder_or_an_archive_are_named(miniatures, tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    inner = Path(shutil.make_archive(str(folder / "chips"), "zip", miniatures("deepglobe")))
    with pytest.raises(DatasetError, match=r"holds archives \(chips\.zip\).*chips\.zip --unpack"):
        verify(folder)
    outer = Path(shutil.make_archive(str(tmp_path / "outer"), "zip", folder))
    with pytest.raises(DatasetError, match=r"holds archives \(chips\.zip\).*outer\.zip --unpack"):
        verify(outer)
    assert verify(inner).inventory.usable


def test_absent_classes_are_named(tmp_path):
    touched(tmp_path, "AnnualCrop/AnnualCrop_1.jpg", "River/River_2.jpg")
    (line,) = DATASETS["eurosat"].verify(tmp_path).missing
    assert line.startswith(".: no chip of Forest, HerbaceousVegetation")


# Landsat with CDL


def test_a_hole_among_the_pieces_is_named(tmp_path):
    pieces = [(0, 0), (0, 100), (100, 0)]
    touched(tmp_path, *(f"corn-{row:010}-{col:010}.tif" for row, col in pieces))
    touched(tmp_path, "2016_30m_cdls.tif")
    found = LandsatCdl().verify(tmp_path)
    assert found.missing == ("1 piece: corn-0000000100-0000000100.tif",)


def test_the_pieces_open_as_one_scene_with_holes(miniatures, tmp_path):
    from covermap.core.grid import whole
    from covermap.imagery.opening import open_scenes
    from covermap.imagery.settings import ImagerySettings

    project = DATASETS["landsat-cdl"].project(miniatures("landsat-cdl"), tmp_path)
    (scene,) = open_scenes(ImagerySettings(**project["imagery"][0]), tmp_path)
    assert scene.geobox.shape == (180, 260)
    raster = scene.read(["nir", "red"], whole(scene.geobox))
    holes = ~raster.valid[0]
    assert 0.01 < holes.mean() < 0.4
    assert raster.values[0][~holes].max() < 1.01
    assert project["labels"]["presence"] == {"threshold": 0.05}


# Through the command line


def test_a_truncated_archive_ends_in_one_line(tmp_path):
    path = tmp_path / "landcover.tar.gz"
    random = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as out:
        for number in range(4):
            entry = tarfile.TarInfo(f"images/M-33-20-D-c-4-{number}.tif")
            entry.size = 50_000
            out.addfile(entry, io.BytesIO(random.bytes(entry.size)))
    path.write_bytes(path.read_bytes()[:120_000])
    said = covermap("datasets", path)
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert "damaged or cut short" in said.err


@pytest.mark.slow
def test_a_set_goes_from_archive_to_a_prepared_run(tmp_path):
    said = covermap("datasets", "urban-atlas", "--miniature", tmp_path / "city")
    assert said.status == 0, said.err
    archive = shutil.make_archive(str(tmp_path / "city"), "zip", tmp_path / "city")
    said = covermap("datasets", archive)
    assert "polygons of ES999L2_MINIATURE_UA2018" in said.out
    said = covermap("datasets", archive, "--unpack", tmp_path / "again")
    assert said.status == 0, said.err
    said = covermap("datasets", tmp_path / "again", "--out", tmp_path / "p.yaml")
    assert said.status == 0, said.err
    said = covermap("prepare", tmp_path / "p.yaml", "--out", tmp_path / "run")
    assert said.status == 0, said.err


def test_the_list_names_every_set():
    said = covermap("datasets", "--json")
    assert [card["name"] for card in yaml.safe_load(said.out)] == list(DATASETS)
    assert covermap("datasets", "deepglob").err.startswith("covermap: deepglob: no such folder")
