"""DeepGlobe land cover: pictures `ID_sat.jpg` with colour masks `ID_mask.png`."""

from __future__ import annotations

import re
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.files import relative_path
from covermap.datasets.listing import Listing
from covermap.datasets.miniature.files import new_set, picture, write_raster
from covermap.datasets.miniature.ground import Plan, ground, place
from covermap.datasets.miniature.looks import Look, reflectance
from covermap.datasets.published import Card, Dataset, Inventory, counted, share
from covermap.labels.coding import legend_settings

_NAME = re.compile(r"/(\d+)_(sat\.jpg|mask\.png)$")
# Binarising each channel at 128, as the publishers ask, is taking the nearest corner of the colour
# cube; no pixel is farther from its corner than half of the cube's diagonal.
HALF_CUBE = 221
_PAIRS = 803
_CSV = (
    "name,r,g,b\nurban_land,0,255,255\nagriculture_land,255,255,0\nrangeland,255,0,255\n"
    "forest_land,0,255,0\nwater,0,0,255\nbarren_land,255,255,255\nunknown,0,0,0\n"
)
_URBAN, _AGRICULTURE, _RANGE, _FOREST, _WATER, _BARREN, _UNKNOWN = 1, 2, 3, 4, 5, 6, 0
_COLORS = np.array(
    [
        (0, 0, 0), (0, 255, 255), (255, 255, 0), (255, 0, 255), (0, 255, 0), (0, 0, 255),
        (255, 255, 255),
    ],
    np.uint8,
)  # fmt: skip
_PLAN = Plan(
    fields={_AGRICULTURE: 1.0},
    stands={_FOREST: 0.22, _RANGE: 0.2, _BARREN: 0.12},
    village=_URBAN,
    lake=_WATER,
    field_px=(36.0, 52.0),
    stand_px=52.0,
    village_px=190.0,
    lake_px=210.0,
)
_LOOKS = {
    _URBAN: Look(("tiles", "concrete", "asphalt", "garden"), "asphalt", houses=True, grain=0.06),
    _AGRICULTURE: Look(("green crop", "ripe crop", "soil", "low crop"), "soil", rows=0.10),
    _RANGE: Look(("dry grass", "shrub"), "meadow", share=0.3, clumps=0.4, grain=0.09),
    _FOREST: Look(("broadleaved", "conifer"), "thicket", share=0.3, clumps=0.3, grain=0.22),
    _WATER: Look(("deep water", "turbid water"), "turbid water", grain=0.02),
    _BARREN: Look(("sand", "gravel", "earth"), "gravel", clumps=0.3, grain=0.05),
}
# The true pictures have 2448 pixels a side, which no power of two divides beyond 16.
_SIDE = 204
_PICTURES = 14


class DeepGlobe(Dataset):
    """803 aerial pictures with masks, and 343 without, of the challenge of 2018."""

    card = Card(
        name="deepglobe",
        title="DeepGlobe Land Cover Classification",
        tasks=("segmentation",),
        shows="803 pictures of 2448 x 2448 px with masks, 0.5 m, red, green and blue, no CRS",
        classes="urban, agriculture, rangeland, forest, water, barren; black is unlabelled",
        licence="terms of the DeepGlobe challenge: research only, no redistribution",
        source=(
            "Where: DeepGlobe 2018 challenge (deepglobe.org), track land cover; paper "
            "arXiv:1805.06561"
        ),
    )
    signature = _NAME

    @property
    def expected(self) -> str:
        return "pictures ID_sat.jpg with masks ID_mask.png, such as train/855_sat.jpg"

    def inventory(self, listing: Listing) -> Inventory:
        pictures, masks = _by_folder(listing)
        paired = {folder: pictures.get(folder, set()) & ids for folder, ids in masks.items()}
        number = sum(len(ids) for ids in paired.values())
        present = [share(number, _PAIRS, "picture") + " with a mask"]
        missing = []
        for folder, ids in sorted(pictures.items()):
            alone = sorted(ids - masks.get(folder, set()))
            if alone and folder in masks:
                missing.append(counted(len(alone), "mask", [f"{i}_mask.png" for i in alone]))
            elif alone:
                present.append(f"{counted(len(alone), 'picture')} to be mapped, in {folder or '.'}")
        for folder, ids in sorted(masks.items()):
            lost = sorted(ids - pictures.get(folder, set()))
            if lost:
                missing.append(counted(len(lost), "picture", [f"{i}_sat.jpg" for i in lost]))
        if not masks:
            missing.append("masks: no ID_mask.png beside the pictures")
        return Inventory(tuple(present), tuple(missing), number > 0)

    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        pictures, masks = _by_folder(Listing(folder))
        paired = [name for name in sorted(masks) if pictures.get(name, set()) & masks[name]]
        roots = [escape(relative_path(folder / name, base)) for name in paired]
        return {
            "imagery": [
                {
                    "path": [f"{root}/*_sat.jpg" for root in roots],
                    "bands": ["red", "green", "blue"],
                    "join": False,
                }
            ],
            "labels": {
                "path": [f"{root}/*_mask.png" for root in roots],
                "legend": legend_of_corners(),
                "tolerance": HALF_CUBE,
            },
            "split": {"by": "auto"},
        }

    def miniature(self, folder: Path, seed: int = 0) -> None:
        with new_set(folder) as scratch:
            for number in range(_PICTURES):
                piece = ground(place(number, _SIDE, _SIDE), _PLAN, seed)
                image = picture(reflectance(piece, _LOOKS, seed))
                name = f"{119 + 61 * number}"
                ids = piece.ids.copy()
                # Cloud over a corner of some: nobody could tell what is below.
                if number % 5 == 4:
                    ids[:30, -48:] = _UNKNOWN
                    image[:, :30, -48:] = 225 + image[:, :30, -48:] // 16
                write_raster(scratch / "train" / f"{name}_sat.jpg", image)
                colors = np.moveaxis(_COLORS[ids], -1, 0)
                write_raster(scratch / "train" / f"{name}_mask.png", colors)
            for number in range(_PICTURES, _PICTURES + 2):
                piece = ground(place(number, _SIDE, _SIDE), _PLAN, seed)
                image = picture(reflectance(piece, _LOOKS, seed))
                write_raster(scratch / "valid" / f"{119 + 61 * number}_sat.jpg", image)
            (scratch / "class_dict.csv").write_text(_CSV, encoding="utf-8")


def legend_of_corners() -> dict[str, Any]:
    """The shipped legend, with red ignored too, as a project file writes it.

    Red is the corner of the colour cube that no class has: with a tolerance of half the cube, what
    is nearest to it means nothing, and every channel is cut at 128 as the challenge asks.
    """
    shipped = legend_settings("deepglobe", Path())
    classes = {
        number: {"name": item.name, "color": item.color} for number, item in shipped.classes.items()
    }
    return {"classes": classes, "ignore": [*shipped.ignore, "#ff0000"]}


def _by_folder(listing: Listing) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """Numbers of pictures and of masks in each folder."""
    pictures: dict[str, set[int]] = {}
    masks: dict[str, set[int]] = {}
    for name in listing:
        match = _NAME.search(f"/{name}")
        if match:
            kind = pictures if match.group(2) == "sat.jpg" else masks
            kind.setdefault(str(Path(name).parent.as_posix()), set()).add(int(match.group(1)))
    return pictures, masks
