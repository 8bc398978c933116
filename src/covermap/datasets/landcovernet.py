"""LandCoverNet: Sentinel-2 chips of many dates, a file for each band, and a label for the year."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
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
from covermap.imagery.quality import SCL_INVALID

_CHIP = r"(?P<chip>\d{2}[A-Z]{3}_\d{2})"
_LABEL = re.compile(rf"/(?P<folder>[^/]*labels_{_CHIP})/labels\.tif$")
_LAYER = re.compile(rf"{_CHIP}_(?P<date>\d{{8}})/[^/]*SCL[^/]*\.tif$")
_BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
# Of the African part.
_CHIPS = 1980

_WATER, _ARTIFICIAL, _NATURAL_BARE, _SNOW, _WOODY, _CULTIVATED, _SEMI_NATURAL = range(1, 8)
_PLAN = Plan(
    fields={_CULTIVATED: 0.7, _SEMI_NATURAL: 0.3},
    stands={_WOODY: 0.22, _SEMI_NATURAL: 0.14, _NATURAL_BARE: 0.14},
    village=_ARTIFICIAL,
    lake=_WATER,
    field_px=(11.0, 16.0),
    stand_px=17.0,
    village_px=62.0,
    lake_px=66.0,
)
_LOOKS = {
    _WATER: Look(("deep water", "turbid water"), "turbid water", grain=0.02),
    _ARTIFICIAL: Look(("tiles", "concrete", "asphalt"), "asphalt", houses=True, grain=0.08),
    _NATURAL_BARE: Look(("sand", "gravel", "earth"), "dry grass", share=0.1, clumps=0.2),
    _SNOW: Look(("snow",), "gravel", share=0.05, grain=0.02),
    _WOODY: Look(("broadleaved", "conifer"), "thicket", share=0.3, clumps=0.3, grain=0.12),
    _CULTIVATED: Look(("green crop", "ripe crop", "soil"), "soil", rows=0.08, row_px=3.0),
    _SEMI_NATURAL: Look(("dry grass", "shrub"), "meadow", share=0.3, clumps=0.4, grain=0.07),
}
_SIDE, _CHIPS_MADE = 64, 14
_TILES = ("30PWT", "38KMA")
_DATES = ("20180120", "20180513")
_ALL_BANDS = ("B01", *_BANDS[:8], "B09", *_BANDS[8:])


class LandCoverNet(Dataset):
    """Chips of 256 px at 10 m; each date is a folder, each chip has one label file."""

    card = Card(
        name="landcovernet",
        title="LandCoverNet v1 (Africa and other continents)",
        tasks=("segmentation",),
        shows="Africa: 1,980 chips of 256 x 256 px, Sentinel-2 L2A, 10 m, up to 73 dates of 2018",
        classes=(
            "water, artificial bare, natural bare, snow, woody, cultivated (6), semi-natural (7); "
            "0 is unlabelled"
        ),
        licence="CC BY 4.0",
        source=(
            "Where: Radiant Earth Foundation, DOI 10.34911/rdnt.d2ce8i (Africa), now at "
            "source.coop; paper arXiv:2012.03111"
        ),
    )
    signature = re.compile(rf"(?:landcovernet[^/]*|/){_CHIP}(?:_\d{{8}})?/[^/]+\.(?:tif|csv|json)$")

    @property
    def expected(self) -> str:
        return (
            "ref_landcovernet_af_v1_labels/*_labels_30PWT_00/labels.tif and, for each date, "
            "ref_landcovernet_af_v1_source_sentinel_2/*_30PWT_00_20180105/B02.tif, ..., SCL.tif"
        )

    def inventory(self, listing: Listing) -> Inventory:
        found = _found(listing)
        both = found.labels.keys() & found.layers.keys()
        dates = sum(len(found.layers[chip]) for chip in both)
        present = [
            share(len(both), _CHIPS, "chip")
            + f" with labels and imagery of {dates:,} dates together"
        ]
        missing = []
        bare = sorted(found.labels.keys() - found.layers.keys())
        blind = sorted(found.layers.keys() - found.labels.keys())
        if bare:
            missing.append("imagery (source_sentinel_2) of " + counted(len(bare), "chip", bare))
        if blind:
            missing.append("labels of " + counted(len(blind), "chip", blind))
        if not found.labels and not found.layers:
            missing.append("labels.tif and SCL.tif of every chip")
        return Inventory(tuple(present), tuple(missing), bool(both))

    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        found = _found(Listing(folder))
        layers = {
            chip: {date: folder / name for date, name in found.layers[chip].items()}
            for chip in sorted(found.labels.keys() & found.layers.keys())
        }
        annotated = {chip: _annotated(folder / found.labels[chip]) for chip in layers}
        candidates = {
            chip: {d: p for d, p in dates.items() if d in annotated[chip]} or dates
            for chip, dates in layers.items()
        }
        clear = clearest_dates(candidates, in_codes(SCL_INVALID))
        return {
            "imagery": [
                {
                    "path": relative_path(layers[chip][date].parent, base),
                    "name": chip,
                    "date": f"{date[:4]}-{date[4:6]}-{date[6:]}",
                    # The products of 2018 have no offset.
                    "scale": SCALE,
                    "join": False,
                }
                for chip, date in clear.items()
            ],
            "bands": list(_BANDS),
            "labels": {
                "path": _patterns(folder, found.labels, base),
                "legend": "landcovernet",
                "band": 1,
                "tokens": _words_beside(found.labels.values()),
            },
            "split": {"by": "auto"},
        }

    def miniature(self, folder: Path, seed: int = 0) -> None:
        with new_set(folder) as scratch:
            for number in range(_CHIPS_MADE):
                tile, own = _TILES[number % 2], number // 2
                _write_chip(scratch, number, f"{tile}_{own:02}", seed)


@dataclass
class _Found:
    """Label files by chip, and scene classifications by chip and date; names in the listing."""

    labels: dict[str, str] = field(default_factory=dict)
    layers: dict[str, dict[str, str]] = field(default_factory=dict)


def _found(listing: Listing) -> _Found:
    found = _Found()
    for name in listing:
        label = _LABEL.search(f"/{name}")
        if label:
            found.labels[label["chip"]] = name
            continue
        layer = _LAYER.search(f"/{name}")
        if layer:
            found.layers.setdefault(layer["chip"], {})[layer["date"]] = name
    return found


def _annotated(label: Path) -> set[str]:
    """The dates (`20180105`) that the annotators looked at; none where the file does not say it."""
    path = label.with_name("source_dates.csv")
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as lines:
        return {row[1] for row in list(csv.reader(lines))[1:] if len(row) > 1}


def _patterns(folder: Path, labels: Mapping[str, str], base: Path) -> list[str]:
    """Globs of all label files."""
    parents = sorted({(folder / name).parent.parent for name in labels.values()})
    return [f"{escape(relative_path(parent, base))}/*labels_*/labels.tif" for parent in parents]


def _words_beside(labels: Any) -> list[str]:
    """Words of the label folders that do not tell the chip: ref, landcovernet, af, v1."""
    words: dict[str, None] = {}
    for name in labels:
        before = Path(name).parent.name.split("labels_")[0]
        words.update(dict.fromkeys(word for word in before.split("_") if word))
    return list(words)


def _write_chip(scratch: Path, number: int, chip: str, seed: int) -> None:
    from affine import Affine

    piece = ground(place(number, _SIDE, _SIDE), _PLAN, seed)
    ids = piece.ids.copy()
    if number % 4 == 0:
        ids[(ids == _NATURAL_BARE)] = _SNOW
    piece = type(piece)(piece.window, ids, piece.patch, piece.across, piece.house, piece.edge)
    bright = reflectance(piece, _LOOKS, seed)
    zone = "EPSG:32630" if chip.startswith("30") else "EPSG:32738"
    left, top = 500_000.0 + 9_000.0 * number, 1_221_920.0
    where: dict[str, Any] = {"crs": zone, "transform": Affine(10, 0, left, 0, -10, top)}

    labels = np.zeros((2, _SIDE, _SIDE), np.uint16)
    labels[0] = ids
    # Annotators left some ground unlabelled, and say how far they agree.
    labels[0, :6, : _SIDE // 2] = 0
    labels[1] = np.where(labels[0] > 0, 100 - 33 * (piece.edge < 1), 0)
    base = scratch / "ref_landcovernet_af_v1_labels" / f"ref_landcovernet_af_v1_labels_{chip}"
    write_raster(base / "labels.tif", labels, nodata=0, **where)
    rows = "".join(f"{row},{date}\n" for row, date in enumerate(_DATES))
    (base / "source_dates.csv").write_text(f",{chip[:5]}\n{rows}", encoding="utf-8")
    root = scratch / "ref_landcovernet_af_v1_source_sentinel_2"
    for count, date in enumerate(_DATES):
        seen = exposed(piece, bright, 100 * seed + count, clear=count == 0 and number % 3 == 0)
        own = root / f"ref_landcovernet_af_v1_source_sentinel_2_{chip}_{date}"
        for band in _ALL_BANDS:
            write_raster(own / f"{band}.tif", seen.numbers(band), nodata=0, **where)
        write_raster(own / "SCL.tif", seen.scl, nodata=0, **where)
        cloudy = np.where(seen.scl == 9, 100, 0).astype(np.uint8)
        write_raster(own / "CLD.tif", cloudy, nodata=255, **where)
