"""A Landsat composite in the pieces that Earth Engine exports, with the Cropland Data Layer."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from covermap.core.errors import DatasetError
from covermap.core.files import relative_path
from covermap.datasets.label_keys import presence
from covermap.datasets.listing import Listing
from covermap.datasets.miniature.files import new_set, write_raster
from covermap.datasets.miniature.ground import Plan, ground, place
from covermap.datasets.miniature.looks import Look, reflectance
from covermap.datasets.miniature.satellite import SCALE
from covermap.datasets.published import Card, Dataset, Inventory, counted, listed
from covermap.datasets.world import noise
from covermap.datasets.world.materials import BANDS as SENTINEL_2_BANDS

_PIECE = re.compile(r"/(?P<stem>[^/]+)-(?P<row>\d{10})-(?P<col>\d{10})\.tif$")
_CDL = re.compile(r"/[^/]*cdls?(?![a-z])[^/]*\.(?:tif|img|vrt)$", re.IGNORECASE)
# Words, as a number of a Landsat band means another colour on each Landsat.
BANDS = ("coastal", "blue", "green", "red", "nir", "swir1", "swir2")
# A class is present in a chip where it covers more than this share of the valid pixels.
PRESENT = 0.05

_CORN, _SOY, _FOREST, _GRASS, _WATER, _TOWN, _HAY = 1, 5, 141, 176, 111, 122, 37
_PLAN = Plan(
    fields={_CORN: 0.4, _SOY: 0.36, _HAY: 0.08, _GRASS: 0.16},
    stands={_FOREST: 0.24, _GRASS: 0.14},
    village=_TOWN,
    lake=_WATER,
    field_px=(13.0, 19.0),
    stand_px=24.0,
    village_px=110.0,
    lake_px=130.0,
)
_LOOKS = {
    _CORN: Look(("broad crop",), "soil", share=0.15, rows=0.04),
    _SOY: Look(("green crop",), "soil", share=0.12),
    _HAY: Look(("low crop",), "meadow", share=0.3),
    _FOREST: Look(("broadleaved",), "conifer", share=0.2, clumps=0.3, grain=0.09),
    _GRASS: Look(("meadow", "dry grass"), "shrub", share=0.25, clumps=0.4),
    _WATER: Look(("turbid water", "deep water"), "turbid water", grain=0.02),
    _TOWN: Look(("tiles", "asphalt", "garden"), "concrete", houses=True, grain=0.07),
}
# Degrees that 30 m are on the equator: what Earth Engine takes for `scale: 30` in longitude and
# latitude.
_DEGREES = 0.000269494585
_LEFT, _TOP = -90.4, 40.9
_HEIGHT, _WIDTH, _PIECE_PX = 180, 260, 100
_SOURCES = ("B02", "B02", "B03", "B04", "B8A", "B11", "B12")


class LandsatCdl(Dataset):
    """What a person exports for an area: seven bands in degrees, and the crops of USDA."""

    card = Card(
        name="landsat-cdl",
        title="Landsat 8 composite with the Cropland Data Layer",
        tasks=("multilabel", "segmentation"),
        shows=(
            "a composite exported from Earth Engine in adjoining GeoTIFFs, seven bands, longitude "
            "and latitude (a pixel of 30 m is 23 m wide at 40 degrees); CDL in Albers, 30 m"
        ),
        classes="corn, soybeans, deciduous forest, grass/pasture, other",
        licence="public domain (USGS, USDA NASS)",
        source=(
            "Where: export Landsat 8 surface reflectance from Earth Engine "
            "(code.earthengine.google.com); CDL from USDA NASS (nassgeodata.gmu.edu/CropScape)"
        ),
    )
    signature = _CDL

    def recognises(self, listing: Listing) -> bool:
        found = _found(listing)
        return bool(found.pieces and found.crops)

    @property
    def expected(self) -> str:
        return (
            "pieces such as landsat8_2016-0000000000-0000000000.tif and one raster of crops such "
            "as 2016_30m_cdls.tif"
        )

    def inventory(self, listing: Listing) -> Inventory:
        found = _found(listing)
        present = [
            f"{counted(len(names), 'piece')} of {stem}" for stem, names in found.pieces.items()
        ]
        present += [f"crops {name}" for name in found.crops]
        missing = [hole for names in found.pieces.values() for hole in _holes(names)]
        return Inventory(tuple(present), tuple(missing), bool(found.pieces and found.crops))

    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        found = _found(Listing(folder))
        if len(found.pieces) > 1 or len(found.crops) > 1:
            names = [*found.pieces, *found.crops]
            raise DatasetError(
                f"{folder}: holds several composites or rasters of crops ({listed(names)}); a "
                "project is about one of each: move the others away (gdalbuildvrt cdl.vrt ... "
                "makes one raster of many pieces)"
            )
        ((stem, pieces),) = found.pieces.items()
        first = folder / pieces[0]
        crops = relative_path(folder / found.crops[0], base)
        legend = {"legend": "cdl-corn-belt"}
        scale = _scale_of([folder / name for name in pieces])
        root = escape(f"{relative_path(first.parent, base)}/{PurePosixPath(stem).name}")
        project: dict[str, Any] = {
            "imagery": [{"path": f"{root}-*.tif", "bands": list(BANDS), "scale": scale}],
            "labels": {"path": crops, **legend},
            "chips": {"size": 64},
            "split": {"by": "blocks"},
        }
        if task == "multilabel":
            project |= {"labels": presence(crops, PRESENT, **legend), "task": task}
        return project

    def miniature(self, folder: Path, seed: int = 0) -> None:
        from affine import Affine

        piece = ground(place(0, _HEIGHT, _WIDTH), _PLAN, seed)
        numbers = _composite(reflectance(piece, _LOOKS, seed), seed)
        where = Affine(_DEGREES, 0, _LEFT, 0, -_DEGREES, _TOP)
        with new_set(folder) as scratch:
            for row in range(0, _HEIGHT, _PIECE_PX):
                for col in range(0, _WIDTH, _PIECE_PX):
                    write_raster(
                        scratch / f"landsat8_2016-{row:010}-{col:010}.tif",
                        numbers[:, row : row + _PIECE_PX, col : col + _PIECE_PX],
                        crs="EPSG:4326",
                        transform=where @ Affine.translation(col, row),
                        names=[f"B{number}" for number in range(1, 8)],
                    )
            _write_crops(scratch / "2016_30m_cdls.tif", piece.ids, where)


@dataclass
class _Found:
    """Pieces by the beginning of their names, and rasters of crops; names in the listing."""

    pieces: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    crops: list[str] = field(default_factory=list)


def _found(listing: Listing) -> _Found:
    found = _Found()
    for name in listing:
        if _CDL.search(f"/{name}"):
            found.crops.append(name)
            continue
        piece = _PIECE.search(f"/{name}")
        if piece:
            found.pieces[name.rsplit("-", 2)[0]].append(name)
    return found


def _holes(names: list[str]) -> list[str]:
    """Pieces that the rows and columns of the others ask for."""
    places = {
        (match["row"], match["col"]) for name in names if (match := _PIECE.search(f"/{name}"))
    }
    rows, cols = ({place[axis] for place in places} for axis in (0, 1))
    stem = PurePosixPath(names[0]).name.rsplit("-", 2)[0]
    lost = [
        f"{stem}-{row}-{col}.tif"
        for row in sorted(rows)
        for col in sorted(cols)
        if (row, col) not in places
    ]
    return [counted(len(lost), "piece", lost)] if lost else []


def _scale_of(paths: list[Path]) -> float:
    """What turns the numbers of the pieces into reflectance: they are it, or 10,000 times it."""
    import rasterio

    for path in paths:
        with rasterio.open(path) as dataset:
            sample = (min(256, dataset.height), min(256, dataset.width))
            values = dataset.read(min(5, dataset.count), out_shape=sample)
        known = values[np.isfinite(values)]
        if known.size and known.max() > 0:
            return SCALE if known.max() > 2 else 1.0
    raise DatasetError(f"{paths[0]}: neither this piece nor any other holds a valid pixel")


def _composite(reflectance: np.ndarray, seed: int) -> np.ndarray:
    """Seven bands of digital numbers, float32, with holes where no date was clear."""
    rows = [SENTINEL_2_BANDS.index(band) for band in _SOURCES]
    random = np.random.default_rng(seed)
    values = reflectance[rows] + random.normal(0, 0.002, (len(rows), _HEIGHT, _WIDTH))
    numbers = np.rint(np.clip(values, 0.0005, 1) / SCALE).astype(np.float32)
    x = np.arange(_WIDTH, dtype=np.float64)[None, :]
    y = np.arange(_HEIGHT, dtype=np.float64)[:, None]
    cloudy = noise.fractal(x, y, 45.0, 3, noise.stream(seed, "never clear")) > 0.42
    numbers[:, cloudy] = np.nan
    return numbers


def _write_crops(path: Path, ids: np.ndarray, where: Any) -> None:
    """The crops on USDA's own grid, a little wider than the composite."""
    from affine import Affine
    from rasterio.warp import Resampling, reproject, transform_bounds

    height, width = ids.shape
    right, bottom = where @ (width, height)
    bounds = transform_bounds("EPSG:4326", "EPSG:5070", _LEFT, bottom, right, _TOP)
    left, top = (30 * np.floor(bounds[0] / 30) - 60, 30 * np.ceil(bounds[3] / 30) + 60)
    size = int((top - bounds[1]) / 30) + 3, int((bounds[2] - left) / 30) + 3
    crops = np.zeros(size, np.uint8)
    grid = Affine(30, 0, left, 0, -30, top)
    reproject(
        ids.astype(np.uint8),
        crops,
        src_crs="EPSG:4326",
        src_transform=where,
        dst_crs="EPSG:5070",
        dst_transform=grid,
        resampling=Resampling.nearest,
    )
    write_raster(path, crops, crs="EPSG:5070", transform=grid)
