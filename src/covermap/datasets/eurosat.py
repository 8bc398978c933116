"""EuroSAT: chips of 64 px in class folders, as RGB JPEG or as GeoTIFF with 13 bands."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.errors import DatasetError
from covermap.core.files import relative_path
from covermap.datasets.label_keys import folder_tags
from covermap.datasets.listing import Listing
from covermap.datasets.miniature.files import new_set, write_raster
from covermap.datasets.miniature.ground import Plan, ground, place
from covermap.datasets.miniature.looks import Look, reflectance
from covermap.datasets.miniature.satellite import SCALE, exposed
from covermap.datasets.published import Card, Dataset, Inventory, counted, listed, share

# Pictures of each class as published; ids follow the alphabet.
CLASSES = {
    "AnnualCrop": 3000, "Forest": 3000, "HerbaceousVegetation": 3000, "Highway": 2500,
    "Industrial": 2500, "Pasture": 2000, "PermanentCrop": 2500, "Residential": 3000,
    "River": 2500, "SeaLake": 3000,
}  # fmt: skip
# In the order of the files: band 8A is the last one, behind 12, not behind 8.
BANDS = (
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A",
)  # fmt: skip
_FILE = re.compile(rf"/(?P<name>{'|'.join(CLASSES)})/(?P=name)_\d+\.(?P<suffix>jpg|tif)$")
_LIST = re.compile(r"/eurosat-(?P<part>train|val|test)\.txt$")
_PARTS = ("train", "val", "test")

_SIDE = 64
_RGB_MADE, _MS_MADE = 12, 12
# Digital numbers that the publisher's pictures stretch to 1..255.
_STRETCHED = 2750
# Light that the air adds at the top of the atmosphere, reflectance; more in the blue.
_HAZE = {"B01": 0.085, "B02": 0.06, "B03": 0.035, "B04": 0.02}
_LAND, _OTHER, _ROAD, _WATER = 1, 2, 3, 4
_CROPS = Look(("green crop", "ripe crop", "soil"), "soil", rows=0.07, row_px=3.0)
_MEADOW = Look(("meadow",), "low crop", share=0.25, clumps=0.3)
_TREES = Look(("broadleaved", "conifer"), "thicket", share=0.3, clumps=0.3, grain=0.12)
_ASPHALT = Look(("asphalt",), "concrete", share=0.2, clumps=0.05, grain=0.03)


@dataclass(frozen=True)
class _Kind:
    """Ground that a chip of a class shows."""

    plan: Plan
    looks: dict[int, Look]


_ORCHARD = Look(("shrub", "thicket"), "earth", share=0.3, rows=0.32, row_px=3.0)
_HALLS = Look(("concrete", "concrete", "asphalt"), "asphalt", share=0.1, houses=True)
_HOMES = Look(("tiles", "garden", "garden"), "garden", share=0.2, houses=True, grain=0.08)
_SCRUB = Look(("dry grass", "shrub"), "meadow", share=0.3, clumps=0.5, grain=0.09)
_OPEN = Look(("deep water", "turbid water"), "turbid water", grain=0.02)
_KINDS = {
    "AnnualCrop": _Kind(Plan({_LAND: 1.0}, field_px=(17, 30)), {_LAND: _CROPS}),
    "Forest": _Kind(Plan({_LAND: 1.0}, field_px=(60, 80)), {_LAND: _TREES}),
    "HerbaceousVegetation": _Kind(
        Plan({_LAND: 1.0}, {_LAND: 0.9}, field_px=(40, 60)), {_LAND: _SCRUB}
    ),
    "Highway": _Kind(
        Plan({_LAND: 0.7, _OTHER: 0.3}, road=_ROAD, road_px=2.2, field_px=(18, 30)),
        {_LAND: _CROPS, _OTHER: _MEADOW, _ROAD: _ASPHALT},
    ),
    "Industrial": _Kind(
        Plan({_LAND: 0.85, _OTHER: 0.15}, field_px=(18, 26)), {_LAND: _HALLS, _OTHER: _MEADOW}
    ),
    "Pasture": _Kind(
        Plan({_LAND: 1.0}, {_OTHER: 0.08}, field_px=(40, 60), stand_px=9),
        {_LAND: _MEADOW, _OTHER: _TREES},
    ),
    "PermanentCrop": _Kind(Plan({_LAND: 1.0}, field_px=(20, 30)), {_LAND: _ORCHARD}),
    "Residential": _Kind(
        Plan({_LAND: 0.85, _OTHER: 0.15}, field_px=(18, 26)), {_LAND: _HOMES, _OTHER: _MEADOW}
    ),
    "River": _Kind(
        Plan({_LAND: 0.6, _OTHER: 0.4}, road=_WATER, road_px=6.0, field_px=(18, 30)),
        {_LAND: _CROPS, _OTHER: _TREES, _WATER: _OPEN},
    ),
    "SeaLake": _Kind(Plan({_LAND: 1.0}, field_px=(90, 90)), {_LAND: _OPEN}),
}


class EuroSat(Dataset):
    """27,000 chips of ten classes; a chip's class is its folder."""

    card = Card(
        name="eurosat",
        title="EuroSAT",
        tasks=("classification",),
        shows=(
            "27,000 chips of 64 x 64 px, Sentinel-2 L1C at 10 m (not 30 m): RGB JPEG, or GeoTIFF "
            "of 13 bands, of which B8A is the last"
        ),
        classes="ten, of 2,000 to 3,000 chips each",
        licence="MIT",
        source=(
            "Where: Zenodo, DOI 10.5281/zenodo.7711810 (EuroSAT_RGB.zip, EuroSAT_MS.zip); lists "
            "eurosat-train.txt, -val.txt, -test.txt of Neumann et al., arXiv:1911.06721"
        ),
    )
    signature = _FILE

    @property
    def expected(self) -> str:
        return "class folders such as AnnualCrop/AnnualCrop_1.jpg (or .tif)"

    def inventory(self, listing: Listing) -> Inventory:
        found = _found(listing)
        present, missing = [], []
        for (root, suffix), counts in found.pictures.items():
            kind = "RGB" if suffix == "jpg" else "13 bands"
            number = share(sum(counts.values()), sum(CLASSES.values()), "chip")
            present.append(f"{root}: {number} ({kind})")
            absent = sorted(CLASSES.keys() - counts.keys())
            if absent:
                missing.append(f"{root}: no chip of {listed(absent)}")
        present += [f"list {name}" for name in found.lists.values()]
        return Inventory(tuple(present), tuple(missing), bool(found.pictures))

    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        found = _found(Listing(folder))
        if len(found.pictures) > 1:
            roots = [root for root, _ in found.pictures]
            raise DatasetError(
                f"{folder}: holds {counted(len(roots), 'set')} of EuroSAT chips ({listed(roots)}); "
                f"give the folder of one: {folder / roots[0]}"
            )
        ((root, suffix),) = found.pictures
        path = f"{escape(relative_path(folder / root, base))}/*/*.{suffix}"
        entry: dict[str, Any] = {"path": path, "join": False}
        if suffix == "jpg":
            entry["bands"] = ["red", "green", "blue"]
        else:
            entry |= {"bands": list(BANDS), "scale": SCALE}
        lists = {part: relative_path(folder / name, base) for part, name in found.lists.items()}
        whole = len(lists) == len(_PARTS)
        return {
            "imagery": [entry],
            "labels": folder_tags(),
            "task": task,
            "chips": {"size": 64},
            "split": {"by": "list", **lists} if whole else {"by": "images"},
        }

    def miniature(self, folder: Path, seed: int = 0) -> None:
        with new_set(folder) as scratch:
            for cls, name in enumerate(CLASSES):
                for number in range(_RGB_MADE):
                    _write_chip(scratch, name, cls * _RGB_MADE + number, number, seed)


@dataclass
class _Found:
    """Chips of each class by their root folder and suffix, and lists; names in the listing."""

    pictures: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)


def _found(listing: Listing) -> _Found:
    found = _Found()
    for name in listing:
        match = _FILE.search(f"/{name}")
        if match:
            root = Path(name).parent.parent.as_posix()
            found.pictures.setdefault((root, match["suffix"]), Counter())[match["name"]] += 1
            continue
        own = _LIST.search(f"/{name}")
        if own:
            found.lists[own["part"]] = name
    found.lists = {part: found.lists[part] for part in _PARTS if part in found.lists}
    return found


def _write_chip(scratch: Path, name: str, window: int, number: int, seed: int) -> None:
    from affine import Affine

    kind = _KINDS[name]
    piece = ground(place(window, _SIDE, _SIDE), kind.plan, seed)
    seen = exposed(piece, reflectance(piece, kind.looks, seed), seed, clear=True)
    numbers = {
        band: seen.numbers(band) + np.uint16(round(_HAZE.get(band, 0.0) / SCALE)) for band in BANDS
    }
    stem = f"{name}_{1 + 37 * number}"
    shown = np.stack([numbers[band] for band in ("B04", "B03", "B02")]).astype(np.float32)
    image = np.clip(1 + np.rint(shown * (254 / _STRETCHED)), 1, 255).astype(np.uint8)
    write_raster(scratch / "EuroSAT_RGB" / name / f"{stem}.jpg", image)
    if number < _MS_MADE:
        # Chips were cut in their own zones; a pixel is only nearly 10 m.
        pixel = 9.98 + 0.004 * (window % 10)
        where = Affine(pixel, 0, 555_575.96 + 2_000 * window, 0, -10.0, 4_753_252.46)
        write_raster(
            scratch / "EuroSAT_MS" / name / f"{stem}.tif",
            np.stack([numbers[band] for band in BANDS]),
            crs=f"EPSG:{32629 + window % 8}",
            transform=where,
        )
