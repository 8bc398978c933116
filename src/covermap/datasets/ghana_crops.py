"""Crop Type in Ghana: Sentinel-2 chips of many dates without a place, and crops of some fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.files import relative_path
from covermap.datasets.clearest import clearest_dates, in_codes
from covermap.datasets.listing import Listing
from covermap.datasets.miniature.files import new_set, write_raster
from covermap.datasets.miniature.ground import Plan, ground, place
from covermap.datasets.miniature.looks import Look, reflectance
from covermap.datasets.miniature.satellite import SCALE, exposed
from covermap.datasets.published import Card, Dataset, Inventory, counted, share
from covermap.datasets.world import noise

_PREFIX = "su_african_crops_ghana"
_LABEL = re.compile(rf"/{_PREFIX}_labels_(?P<chip>\d{{6}})/labels\.tif$")
_IMAGE = re.compile(
    rf"/{_PREFIX}_source_s2_(?P<chip>\d{{6}})_(?P<date>\d{{4}}_\d{{2}}_\d{{2}})/"
    r"(?P<role>source|cloudmask)\.tif$"
)
_LIST = re.compile(r"/ghana_(?P<part>train|val|test)\.txt$")
_PARTS = ("train", "val", "test")
BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
# Of the cloud mask, in order of name: clear, cloud, haze, shadow.
_CLOUD, _HAZE, _SHADOW = 1, 2, 3
_CHIPS = 4040

_NUT, _MAIZE, _RICE, _SOYA, _YAM, _CASSAVA = 1, 2, 3, 4, 5, 9
_BUSH, _YARD = 30, 31
_PLAN = Plan(
    # The four crops as often as the authors count them.
    fields={_MAIZE: 0.44, _NUT: 0.15, _RICE: 0.16, _SOYA: 0.13, _YAM: 0.07, _CASSAVA: 0.05},
    stands={_BUSH: 0.25},
    village=_YARD,
    field_px=(9.0, 13.0),
    stand_px=15.0,
    village_px=90.0,
)
_LOOKS = {
    _NUT: Look(("low crop",), "soil", share=0.2, rows=0.05, row_px=3.0),
    _MAIZE: Look(("broad crop",), "soil", share=0.12, rows=0.10, row_px=3.0),
    _RICE: Look(("wet crop",), "turbid water", share=0.15, grain=0.03),
    _SOYA: Look(("green crop",), "soil", share=0.1, grain=0.04),
    _YAM: Look(("low crop",), "earth", share=0.45, clumps=0.3, grain=0.10),
    _CASSAVA: Look(("shrub",), "earth", share=0.3, clumps=0.2),
    _BUSH: Look(("shrub", "dry grass"), "broadleaved", share=0.3, clumps=0.4, grain=0.1),
    _YARD: Look(("earth", "tiles"), "garden", houses=True, grain=0.08),
}
_SIDE, _CHIPS_MADE = 64, 16
_DATES = ("2016_07_21", "2016_09_09")
_SURVEYED = 0.75


class GhanaCrops(Dataset):
    """Fields of smallholders; ground that nobody surveyed is 0 and teaches nothing."""

    card = Card(
        name="ghana-crops",
        title="Crop Type in Ghana",
        tasks=("segmentation",),
        shows="4,040 chips of 64 x 64 px, Sentinel-2, 10 m, many dates of 2016 and 2017, no CRS",
        classes="ground nut, maize, rice, soya bean of 24 crops; 0 is unlabelled",
        licence="CC BY-SA 4.0",
        source=(
            "Where: Radiant Earth Foundation, DOI 10.34911/rdnt.ry138p, now at source.coop; lists "
            "ghana_train.txt, ghana_val.txt, ghana_test.txt in the authors' repository "
            "(crop-type-mapping); paper: Rustowicz et al., CVPR Workshops 2019"
        ),
    )
    signature = re.compile(rf"/{_PREFIX}_(?:labels_\d{{6}}|source_s2_\d{{6}}_[\d_]+)/[^/]+\.tif$")

    @property
    def expected(self) -> str:
        return (
            f"{_PREFIX}_labels/{_PREFIX}_labels_000000/labels.tif and, for each date, "
            f"{_PREFIX}_source_s2/{_PREFIX}_source_s2_000000_2016_07_21/source.tif"
        )

    def inventory(self, listing: Listing) -> Inventory:
        found = _found(listing)
        both = found.labels.keys() & found.images.keys()
        dates = sum(len(found.images[chip]) for chip in both)
        present = [
            share(len(both), _CHIPS, "chip")
            + f" with labels and imagery of {dates:,} dates together"
        ]
        present += [f"list {name}" for name in found.lists.values()]
        missing = []
        for what, chips in (
            ("imagery (source_s2) of ", found.labels.keys() - found.images.keys()),
            ("labels of ", found.images.keys() - found.labels.keys()),
        ):
            if chips:
                missing.append(what + counted(len(chips), "chip", sorted(chips)))
        unmasked = {
            f"{chip}_{date}"
            for chip, dates in found.images.items()
            for date in dates.keys() - found.clouds.get(chip, {}).keys()
        }
        if unmasked:
            missing.append("cloudmask.tif of " + counted(len(unmasked), "date", sorted(unmasked)))
        lost = [f"ghana_{part}.txt" for part in _PARTS if part not in found.lists]
        if lost:
            missing.append(f"the authors' lists: {', '.join(lost)}")
        return Inventory(tuple(present), tuple(missing), bool(_masked(found)))

    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        found = _found(Listing(folder))
        chips = {
            chip: {date: folder / found.clouds[chip][date] for date in dates}
            for chip, dates in _masked(found).items()
        }
        clear = clearest_dates(chips, in_codes((_CLOUD, _HAZE, _SHADOW)))
        lists = {part: relative_path(folder / name, base) for part, name in found.lists.items()}
        whole = len(lists) == len(_PARTS)
        parents = sorted({(folder / found.labels[chip]).parent.parent for chip in chips})
        return {
            "imagery": [
                {
                    "path": relative_path(folder / found.images[chip][date], base),
                    "name": chip,
                    "date": date.replace("_", "-"),
                    "bands": list(BANDS),
                    "scale": SCALE,
                    "quality": {
                        "path": relative_path(chips[chip][date], base),
                        "invalid": [_CLOUD, _HAZE, _SHADOW],
                    },
                }
                for chip, date in clear.items()
            ],
            "labels": {
                "path": [
                    f"{escape(relative_path(p, base))}/*_labels_*/labels.tif" for p in parents
                ],
                "legend": "ghana-4",
                "tokens": _PREFIX.split("_"),
            },
            "split": {"by": "list", **lists} if whole else {"by": "auto"},
        }

    def miniature(self, folder: Path, seed: int = 0) -> None:
        names = [f"{(number * 263) % _CHIPS:06}" for number in range(_CHIPS_MADE)]
        with new_set(folder) as scratch:
            for number, chip in enumerate(names):
                _write_chip(scratch, number, chip, seed)
            for part, own in zip(_PARTS, (names[:10], names[10:13], names[13:]), strict=True):
                text = "\n".join(own) + "\n"
                (scratch / f"ghana_{part}.txt").write_text(text, encoding="utf-8")


@dataclass
class _Found:
    """Names in the listing: labels by chip; images and cloud masks by chip and date; lists."""

    labels: dict[str, str] = field(default_factory=dict)
    images: dict[str, dict[str, str]] = field(default_factory=dict)
    clouds: dict[str, dict[str, str]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)


def _found(listing: Listing) -> _Found:
    found = _Found()
    for name in listing:
        image = _IMAGE.search(f"/{name}")
        if image:
            kind = found.images if image["role"] == "source" else found.clouds
            kind.setdefault(image["chip"], {})[image["date"]] = name
            continue
        label = _LABEL.search(f"/{name}")
        if label:
            found.labels[label["chip"]] = name
            continue
        own = _LIST.search(f"/{name}")
        if own:
            found.lists[own["part"]] = name
    found.lists = {part: found.lists[part] for part in _PARTS if part in found.lists}
    return found


def _masked(found: _Found) -> dict[str, list[str]]:
    """Dates with image and cloud mask of each labelled chip, in order of chip."""
    dates = {
        chip: sorted(found.images.get(chip, {}).keys() & found.clouds.get(chip, {}).keys())
        for chip in sorted(found.labels)
    }
    return {chip: own for chip, own in dates.items() if own}


def _write_chip(scratch: Path, number: int, chip: str, seed: int) -> None:
    piece = ground(place(number, _SIDE, _SIDE), _PLAN, seed)
    bright = reflectance(piece, _LOOKS, seed)
    surveyed = noise.uniform(noise.stream(seed, "surveyed"), piece.patch) < _SURVEYED
    crops = np.where(surveyed & (piece.ids < _BUSH), piece.ids, 0).astype(np.uint8)
    labels = scratch / f"{_PREFIX}_labels" / f"{_PREFIX}_labels_{chip}"
    write_raster(labels / "labels.tif", crops)
    for count, date in enumerate(_DATES):
        seen = exposed(piece, bright, 100 * seed + count, clear=(number + count) % 3 == 0)
        own = scratch / f"{_PREFIX}_source_s2" / f"{_PREFIX}_source_s2_{chip}_{date}"
        write_raster(own / "source.tif", np.stack([seen.numbers(band) for band in BANDS]))
        clouds = np.select([seen.scl == 9, seen.scl == 3], [_CLOUD, _SHADOW], 0).astype(np.uint8)
        write_raster(own / "cloudmask.tif", clouds)
