"""LandCover.ai v1: orthophotos and masks of Poland, or the tiles that its script cuts of them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.errors import DatasetError
from covermap.core.files import relative_path
from covermap.core.grid import Window
from covermap.core.progress import progress
from covermap.datasets.listing import Listing
from covermap.datasets.miniature.files import new_set, picture, write_raster
from covermap.datasets.miniature.ground import Plan, ground, place
from covermap.datasets.miniature.looks import Look, reflectance
from covermap.datasets.published import Card, Dataset, Inventory, counted, listed, share

TILE_PX = 512
PARTS = ("train", "val", "test")
_SHEET = r"[MN]-\d{2}-[0-9A-Da-d-]+"
_FILE = re.compile(
    rf"/(?:(?P<kind>images|masks)/(?P<sheet>{_SHEET})\.tif"
    rf"|(?P<tile>{_SHEET}_\d+)(?P<role>\.jpg|_m\.png)|(?P<part>train|val|test)\.txt)$"
)
_SHEETS, _TILES = 41, {"train": 7470, "val": 1602, "test": 1602}
_JPEG_QUALITY = 95

_BUILDING, _WOODLAND, _WATER, _ROAD = 1, 2, 3, 4
_FIELD, _MEADOW = 5, 6
_PLAN = Plan(
    fields={_FIELD: 0.7, _MEADOW: 0.3},
    stands={_WOODLAND: 0.33},
    village=_BUILDING,
    lake=_WATER,
    road=_ROAD,
    field_px=(30.0, 44.0),
    stand_px=40.0,
    village_px=150.0,
    lake_px=190.0,
    road_px=2.5,
)
_LOOKS = {
    _BUILDING: Look(("tiles", "concrete", "tiles"), "garden", share=0.05, houses=True),
    _WOODLAND: Look(("broadleaved", "conifer"), "thicket", share=0.3, clumps=0.35, grain=0.22),
    _WATER: Look(("deep water", "turbid water"), "turbid water", grain=0.02),
    _ROAD: Look(("asphalt", "concrete"), "gravel", share=0.1, clumps=0.05, grain=0.03),
    _FIELD: Look(("green crop", "ripe crop", "soil"), "soil", rows=0.10, row_px=3.0),
    _MEADOW: Look(("meadow", "dry grass"), "meadow", share=0.2, clumps=0.3),
}
# Width, height and size of a pixel in metres of each sheet.
_MINIATURES = {
    "M-33-20-D-c-4-2": (1040, 520, 0.25),
    "M-33-20-D-d-3-3": (520, 1040, 0.25),
    "M-33-32-B-b-4-4": (520, 520, 0.25),
    "M-33-48-A-c-4-4": (520, 520, 0.25),
    "M-34-6-A-d-2-2": (520, 520, 0.25),
    "N-33-104-A-c-1-1": (520, 520, 0.25),
    "N-33-60-D-c-4-2": (520, 520, 0.5),
    "N-33-60-D-d-1-2": (520, 520, 0.5),
}
_COARSER = 2


class LandCoverAI(Dataset):
    """41 orthophotos; official lists name tiles of 512 px that are cut of them."""

    card = Card(
        name="landcoverai",
        title="LandCover.ai v1",
        tasks=("segmentation",),
        shows="41 orthophotos of Poland, 33 at 0.25 m and 8 at 0.5 m, red, green and blue; 216 km2",
        classes="background (a class), building, woodland, water, road",
        licence="CC BY-NC-SA 4.0",
        source=(
            "Where: landcover.ai.linuxpolska.com (landcover.ai.v1.zip); paper arXiv:2005.02264"
        ),
    )
    signature = re.compile(rf"/(?:(?:images|masks)/{_SHEET}\.tif|{_SHEET}_\d+(?:\.jpg|_m\.png))$")

    @property
    def expected(self) -> str:
        return "images/ and masks/ with sheets such as M-33-20-D-c-4-2.tif, and train.txt"

    def inventory(self, listing: Listing) -> Inventory:
        found = _found(listing)
        sheets = found.images & found.masks
        tiles = found.tiles & found.tile_masks
        present, missing = [], []
        if sheets:
            present.append(share(len(sheets), _SHEETS, "orthophoto") + " with a mask")
        if tiles:
            present.append(share(len(tiles), sum(_TILES.values()), "cut tile") + " with a mask")
        for path in found.lists.values():
            present.append(f"list {path}")
        if found.images and not found.tiles:
            present.append("no tiles yet: the publisher's split.py, or `cut_tiles`, cuts them")
        for what, names in (
            ("mask", found.images - found.masks),
            ("orthophoto", found.masks - found.images),
            ("tile mask", found.tiles - found.tile_masks),
            ("tile", found.tile_masks - found.tiles),
        ):
            if names:
                missing.append(counted(len(names), what, sorted(names)))
        lost = [f"{part}.txt" for part in PARTS if part not in found.lists]
        if lost:
            missing.append(f"official lists: {', '.join(lost)}")
        return Inventory(tuple(present), tuple(missing), bool(sheets or tiles))

    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        found = _found(Listing(folder))
        labels = {"legend": "landcover-ai"}
        rgb = {"bands": ["red", "green", "blue"], "join": False}
        whole = not found.tiles & found.tile_masks
        place = _only(found.sheet_folders if whole else found.tile_folders, folder)
        root = escape(relative_path(folder / place, base))
        if whole:
            images = _paths(f"{root}/images", ".tif", found.images, found.masks)
            masks = _paths(f"{root}/masks", ".tif", found.masks, found.images)
            return {
                "imagery": [{"path": images, **rgb}],
                "labels": {"path": masks, **labels},
                # Tiles of one orthophoto show the same kind of ground: whole ones are held out.
                "split": {"by": "auto"},
            }
        lists = {part: relative_path(folder / path, base) for part, path in found.lists.items()}
        return {
            "imagery": [{"path": _paths(root, ".jpg", found.tiles, found.tile_masks), **rgb}],
            "labels": {"path": _paths(root, "_m.png", found.tile_masks, found.tiles), **labels},
            "split": {"by": "list", **lists} if len(lists) == len(PARTS) else {"by": "auto"},
        }

    def miniature(self, folder: Path, seed: int = 0) -> None:
        names: list[str] = []
        with new_set(folder) as scratch:
            for number, (sheet, (width, height, pixel_m)) in enumerate(_MINIATURES.items()):
                image, mask = _sheet(number, width, height, seed)
                where = _place_of(number, pixel_m)
                write_raster(scratch / "images" / f"{sheet}.tif", image, **where, **_PHOTOGRAPH)
                write_raster(scratch / "masks" / f"{sheet}.tif", mask, **where)
                names += [f"{sheet}_{index}" for index in tile_windows(width, height)]
            shares = {"train": names[0::5] + names[1::5] + names[3::5]}
            shares |= {"val": names[2::5], "test": names[4::5]}
            for part, own in shares.items():
                text = "\n".join(sorted(own)) + "\n"
                (scratch / f"{part}.txt").write_text(text, encoding="utf-8")


_PHOTOGRAPH: dict[str, Any] = {
    "compress": "jpeg",
    "photometric": "ycbcr",
    "predictor": 1,
    "tiled": True,
    "jpeg_quality": 80,
}


def tile_windows(width: int, height: int) -> dict[int, Window]:
    """Windows of the full tiles of a sheet by the index in their names.

    Tiles are numbered row by row. Those that the right or lower edge cuts are left out, but
    counted: a sheet 9000 px wide has 18 columns, of which 17 are full. After the publisher's
    split.py.

    Examples
    --------
    >>> list(tile_windows(1100, 1030))
    [0, 1, 3, 4]
    """
    columns, rows = -(-width // TILE_PX), -(-height // TILE_PX)
    windows = {
        row * columns + col: Window(row * TILE_PX, col * TILE_PX, TILE_PX, TILE_PX)
        for row in range(rows)
        for col in range(columns)
    }
    return {
        index: window
        for index, window in windows.items()
        if window.row_stop <= height and window.col_stop <= width
    }


def cut_tiles(folder: Path) -> int:
    """Cut the orthophotos of an unpacked set into the tiles of its lists, in `output/`.

    Images become JPEG as in the publisher's script; masks stay lossless.

    Parameters
    ----------
    folder : Path
        Holds `images/` and `masks/`.

    Returns
    -------
    int
        The number of tiles.

    Raises
    ------
    OutputError
        `output/` is there already and not empty.
    """
    import rasterio

    sheets = sorted((folder / "images").glob("*.tif"))
    number = 0
    with new_set(folder / "output") as scratch, progress("Cutting", len(sheets), "sheets") as bar:
        for sheet in sheets:
            with (
                rasterio.open(sheet) as image,
                rasterio.open(folder / "masks" / sheet.name) as mask,
            ):
                for index, window in tile_windows(image.width, image.height).items():
                    region = rasterio.windows.Window(
                        window.col_off, window.row_off, window.width, window.height
                    )
                    name = f"{sheet.stem}_{index}"
                    photograph = image.read([1, 2, 3], window=region)
                    write_raster(scratch / f"{name}.jpg", photograph, quality=_JPEG_QUALITY)
                    write_raster(scratch / f"{name}_m.png", mask.read(1, window=region))
                    number += 1
            bar.advance()
    return number


@dataclass
class _Found:
    """What a listing holds, and the folders of sheets and of tiles, in their order."""

    images: set[str]
    masks: set[str]
    tiles: set[str]
    tile_masks: set[str]
    lists: dict[str, str]
    sheet_folders: dict[str, None] = field(default_factory=dict)
    tile_folders: dict[str, None] = field(default_factory=dict)


def _found(listing: Listing) -> _Found:
    found = _Found(set(), set(), set(), set(), {})
    for name in listing:
        match = _FILE.search(f"/{name}")
        if match is None:
            continue
        folder = Path(name).parent
        if match["kind"]:
            (found.images if match["kind"] == "images" else found.masks).add(match["sheet"])
            found.sheet_folders[folder.parent.as_posix()] = None
        elif match["tile"]:
            (found.tiles if match["role"] == ".jpg" else found.tile_masks).add(match["tile"])
            found.tile_folders[folder.as_posix()] = None
        else:
            found.lists[match["part"]] = name
    found.lists = {part: found.lists[part] for part in PARTS if part in found.lists}
    return found


def _only(folders: Collection[str], root: Path) -> str:
    """The one folder of all files of a kind: of several a pattern would take one."""
    names = list(folders)
    if len(names) > 1:
        raise DatasetError(
            f"{root}: holds {len(names)} sets of LandCover.ai ({listed(names)}); give the folder "
            f"of one: {root / names[0]}"
        )
    return names[0]


def _paths(root: str, end: str, own: set[str], partners: set[str]) -> str | list[str]:
    """A pattern for all files of a kind; their names where some lack their partner."""
    if own <= partners:
        return f"{root}/*{end}"
    return [f"{root}/{name}{end}" for name in sorted(own & partners)]


def _sheet(number: int, width: int, height: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 (3, H, W) and mask uint8 (H, W) of a sheet, made of pixels twice as large."""
    window = place(number, height // _COARSER, width // _COARSER)
    piece = ground(window, _PLAN, seed)
    image = picture(reflectance(piece, _LOOKS, seed))
    random = np.random.default_rng([seed, number])
    fine = image.repeat(_COARSER, 1).repeat(_COARSER, 2).astype(np.int16)
    fine += random.integers(-4, 5, fine.shape[1:], dtype=np.int16)
    ids = np.where(piece.ids > _ROAD, 0, piece.ids).astype(np.uint8)
    mask = ids.repeat(_COARSER, 0).repeat(_COARSER, 1)
    return np.clip(fine, 0, 255).astype(np.uint8), mask


def _place_of(number: int, pixel_m: float) -> dict[str, Any]:
    from affine import Affine

    left, top = 350_000.0 + 4_000.0 * number, 500_000.0 - 3_000.0 * number
    return {"crs": "EPSG:2180", "transform": Affine(pixel_m, 0, left, 0, -pixel_m, top)}
