"""A clearing project: Sentinel-2 dates as sen2r writes them, areas, regions and GPS points."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from covermap.core.errors import DatasetError
from covermap.core.files import relative_path
from covermap.datasets.label_keys import boxes, density
from covermap.datasets.listing import Listing
from covermap.datasets.miniature.files import new_set, write_raster
from covermap.datasets.miniature.ground import Ground, Plan, ground, place
from covermap.datasets.miniature.looks import Look, reflectance
from covermap.datasets.miniature.satellite import SCALE, exposed
from covermap.datasets.miniature.vectors import outlines, write_vectors
from covermap.datasets.published import Card, Dataset, Inventory, counted
from covermap.datasets.world.materials import BANDS

_RASTER = re.compile(
    r"/(?P<stem>S2[ABC]2A_(?P<date>\d{8})_\d{3}_[^/]*?)_(?P<kind>BOA|TCI|SCL)_\d{2}\.tif$"
)
_VECTORS = {
    "areas": "areas.shp (polygons, column `state`: need or clear)",
    "regions": "regions.shp (boxes around the worked ground)",
    "points": "points.shp (GPS points of the workers)",
}
# Cloud and cirrus of the scene classification; shadow and the rest stay.
_CLOUD = (8, 9, 10)
_PERCENTILE = 97.0

_FIELD, _MEADOW, _OLD, _NEED, _CLEAR, _HOUSES = range(1, 7)
_PLAN = Plan(
    fields={_FIELD: 0.6, _MEADOW: 0.4},
    stands={_OLD: 0.30, _NEED: 0.22, _CLEAR: 0.18},
    village=_HOUSES,
    field_px=(13.0, 20.0),
    stand_px=15.0,
    village_px=150.0,
)
_LOOKS = {
    _FIELD: Look(("green crop", "ripe crop", "soil"), "soil", rows=0.06, row_px=3.0),
    _MEADOW: Look(("meadow",), "low crop", share=0.25, clumps=0.3),
    _OLD: Look(("conifer",), "broadleaved", share=0.15, clumps=0.2, grain=0.12),
    _NEED: Look(("thicket",), "shrub", share=0.3, clumps=0.5, grain=0.10),
    _CLEAR: Look(("clear cut", "dry grass"), "conifer", share=0.15, clumps=0.3, grain=0.06),
    _HOUSES: Look(("tiles", "garden", "asphalt"), "garden", houses=True, grain=0.08),
}
_SIDE, _REGION_PX = 162, 54
_DATES = ("20190704", "20190818", "20190922", "20191017")
_ORBITS = ("065", "022", "108", "065")
_CRS, _LEFT, _TOP = "EPSG:32633", 530_000.0, 6_480_000.0
# Logged positions in a pixel of each class, on the average; work is where the need is.
_POINTS = {_NEED: 2.2, _CLEAR: 0.10, _OLD: 0.05}


class Clearing(Dataset):
    """Where forest needs clearing, by drawn areas or by where the workers went."""

    card = Card(
        name="clearing",
        title="Need for clearing, from areas and GPS points",
        tasks=("regression", "classification"),
        shows=(
            "a folder of one's own: Sentinel-2 L2A dates at 10 m as sen2r writes them (BOA, TCI, "
            "SCL), with shapefiles"
        ),
        classes="need, clear; or the density of GPS points in 0..1",
        licence="your own",
        source=(
            "Where: not published; the layout is that of Svensson (Orebro University, 2020). "
            "sen2r: github.com/ranghetti/sen2r"
        ),
    )
    signature = re.compile(r"/S2[ABC]2A_\d{8}_\d{3}_[^/]*_(?:BOA|SCL|TCI)_\d{2}\.tif$")

    @property
    def expected(self) -> str:
        return (
            "sen2r rasters such as BOA/S2A2A_20190704_065_Linkoping_BOA_10.tif with SCL/..., "
            + ", ".join(_VECTORS.values())
        )

    def inventory(self, listing: Listing) -> Inventory:
        found = _found(listing)
        dates = found.dates()
        present = [counted(len(dates), "date") + " with BOA and SCL"] if dates else []
        present += [f"{kind} {name}" for kind, names in found.vectors.items() for name in names]
        missing = [what for kind, what in _VECTORS.items() if kind not in found.vectors]
        blind = sorted(found.rasters["BOA"].keys() - found.rasters["SCL"].keys())
        bare = sorted(found.rasters["SCL"].keys() - found.rasters["BOA"].keys())
        if blind:
            missing.append("SCL of " + counted(len(blind), "date", blind))
        if bare:
            missing.append("BOA of " + counted(len(bare), "date", bare))
        worked = {"points", "regions"} <= found.vectors.keys()
        return Inventory(
            tuple(present), tuple(missing), bool(dates and (worked or "areas" in found.vectors))
        )

    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        found = _found(Listing(folder))
        needed = ("areas",) if task == "classification" else ("points", "regions")
        found.require(folder, needed, task)
        vectors = {
            kind: relative_path(folder / names[0], base) for kind, names in found.vectors.items()
        }
        labels = (
            boxes(vectors["areas"], "state")
            if task == "classification"
            else density(vectors["points"], vectors["regions"], _PERCENTILE)
        )
        return {
            "imagery": [
                {
                    "path": relative_path(folder / found.rasters["BOA"][stem], base),
                    "name": PurePosixPath(stem).name,
                    "bands": list(BANDS),
                    "scale": SCALE,
                    "quality": {
                        "path": relative_path(folder / found.rasters["SCL"][stem], base),
                        "invalid": list(_CLOUD),
                    },
                }
                for stem in found.dates()
            ],
            "labels": labels,
            "task": task,
            # The same ground on another date is no unseen ground.
            "split": {"by": "region", "regions": vectors["regions"]}
            if "regions" in vectors
            else {"by": "blocks"},
        }

    def miniature(self, folder: Path, seed: int = 0) -> None:
        from affine import Affine

        piece = ground(place(0, _SIDE, _SIDE), _PLAN, seed)
        bright = reflectance(piece, _LOOKS, seed)
        where = Affine(10, 0, _LEFT, 0, -10, _TOP)
        with new_set(folder) as scratch:
            for count, (date, orbit) in enumerate(zip(_DATES, _ORBITS, strict=True)):
                seen = exposed(piece, bright, 100 * seed + count, clear=count == 0)
                stem = f"S2A2A_{date}_{orbit}_Linkoping"
                layers = {
                    "BOA": np.stack([seen.numbers(band) for band in BANDS]),
                    "TCI": _true_color(seen.reflectance),
                    "SCL": seen.scl,
                }
                for kind, values in layers.items():
                    path = scratch / kind / f"{stem}_{kind}_10.tif"
                    write_raster(path, values, crs=_CRS, transform=where)
            _write_drawings(scratch, piece, where, seed)


@dataclass
class _Found:
    """Rasters by kind and by stem (date, orbit and area), and shapefiles; names in the listing."""

    rasters: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"BOA": {}, "TCI": {}, "SCL": {}}
    )
    vectors: dict[str, list[str]] = field(default_factory=dict)

    def dates(self) -> list[str]:
        """Stems with surface reflectance and scene classification, in order of date."""
        both = self.rasters["BOA"].keys() & self.rasters["SCL"].keys()
        return sorted(both, key=lambda stem: (stem.split("_")[1], stem))

    def require(self, folder: Path, kinds: tuple[str, ...], task: str) -> None:
        for kind in kinds:
            if kind not in self.vectors:
                raise DatasetError(f"{folder}: task {task} needs {_VECTORS[kind]}; it is missing")
        for kind in (*kinds, "regions"):
            names = self.vectors.get(kind, [])
            if len(names) > 1:
                raise DatasetError(
                    f"{folder}: holds {len(names)} files {kind}.shp ({', '.join(names)}); move all "
                    "but one out of this folder"
                )


def _found(listing: Listing) -> _Found:
    found = _Found()
    for name in listing:
        raster = _RASTER.search(f"/{name}")
        if raster:
            found.rasters[raster["kind"]][raster["stem"]] = name
        elif PurePosixPath(name).name.lower() in ("areas.shp", "regions.shp", "points.shp"):
            found.vectors.setdefault(PurePosixPath(name).stem.lower(), []).append(name)
    found.vectors = {kind: found.vectors[kind] for kind in _VECTORS if kind in found.vectors}
    return found


def _true_color(reflectance: np.ndarray) -> np.ndarray:
    """ESA's true colour image: reflectance 0..0.3558 as 1..255."""
    rows = [BANDS.index(band) for band in ("B04", "B03", "B02")]
    return np.clip(np.rint(reflectance[rows] / 0.3558 * 254) + 1, 1, 255).astype(np.uint8)


def _write_drawings(scratch: Path, piece: Ground, where: Any, seed: int) -> None:
    from shapely.geometry import Point, box

    states = {_NEED: "need", _CLEAR: "clear"}
    shapes, numbers = outlines(np.where(np.isin(piece.ids, list(states)), piece.ids, 0), where)
    large = [n for n, shape in enumerate(shapes) if shape.area >= 2_500]
    columns = {"state": [states[numbers[n]] for n in large]}
    write_vectors(scratch / "areas.shp", [shapes[n] for n in large], columns, _CRS)

    starts = range(0, _SIDE, _REGION_PX)
    corners = [(row, col) for row in starts for col in starts]
    regions = [
        box(*(where @ (col + 4, row + _REGION_PX - 4)), *(where @ (col + _REGION_PX - 4, row + 4)))
        for row, col in corners
    ]
    write_vectors(
        scratch / "regions.shp", regions, {"region": list(range(1, len(regions) + 1))}, _CRS
    )
    random = np.random.default_rng(seed)
    rate = np.zeros(piece.ids.shape)
    for number, mean in _POINTS.items():
        rate[piece.ids == number] = mean
    # Crews stay where they begin: some stands get far more points than others.
    rate *= 0.3 + 1.4 * ((piece.patch >> np.uint64(40)) & np.uint64(255)).astype(float) / 255
    inside = np.zeros(piece.ids.shape, bool)
    for row, col in corners:
        inside[row + 4 : row + _REGION_PX - 4, col + 4 : col + _REGION_PX - 4] = True
    counts = random.poisson(np.where(inside, rate, 0))
    rows, cols = np.nonzero(counts)
    each = counts[rows, cols]
    rows, cols = rows.repeat(each), cols.repeat(each)
    x = cols + random.random(len(cols))
    y = rows + random.random(len(rows))
    points = [Point(where @ (float(a), float(b))) for a, b in zip(x, y, strict=True)]
    crews = [1 + n % 3 for n in range(len(points))]
    write_vectors(scratch / "points.shp", points, {"crew": crews}, _CRS)
