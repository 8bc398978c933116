"""Urban Atlas of one city with a Sentinel-2 scene: polygons of land use with five-figure codes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from covermap.core.errors import DatasetError
from covermap.core.files import relative_path
from covermap.datasets.listing import Listing
from covermap.datasets.miniature.files import new_set, write_raster
from covermap.datasets.miniature.ground import Plan, ground, place
from covermap.datasets.miniature.looks import Look, reflectance
from covermap.datasets.miniature.satellite import exposed
from covermap.datasets.miniature.vectors import outlines, write_vectors
from covermap.datasets.published import Card, Dataset, Inventory, listed
from covermap.datasets.world import noise

_CITY = re.compile(r"/(?P<city>[A-Z]{2}\d{3}L\d_[A-Z_]+_UA20\d\d)[^/]*\.(?:gpkg|shp)$")
_SCENE = re.compile(
    r"/(?P<scene>S2[ABC]_MSIL2A_[^/]+\.SAFE)/GRANULE/.+"
    r"_(?P<layer>B0[234](?=\.|_10m)|SCL)(?:_[126]0m)?\.jp2$"
)
_BANDS, _SCL = ("B02", "B03", "B04"), "SCL"
_CODE = re.compile(r"code_?20\d\d", re.IGNORECASE)

# Code and name of the classes of the miniature, by their number in its ground.
_CODES = {
    1: ("21000", "Arable land (annual crops)"),
    2: ("23000", "Pastures"),
    3: ("31000", "Forests"),
    4: ("11100", "Continuous urban fabric (S.L. : > 80%)"),
    5: ("11220", "Discontinuous medium density urban fabric (S.L. : 30% - 50%)"),
    6: ("12100", "Industrial, commercial, public, military and private units"),
    7: ("14100", "Green urban areas"),
    8: ("12220", "Other roads and associated land"),
    9: ("50000", "Water"),
    10: ("13100", "Mineral extraction and dump sites"),
}
_PLAN = Plan(
    fields={1: 0.65, 2: 0.35},
    stands={3: 0.15, 4: 0.10, 5: 0.16, 6: 0.10, 7: 0.06, 10: 0.05},
    lake=9,
    road=8,
    field_px=(14.0, 20.0),
    stand_px=24.0,
    lake_px=90.0,
    road_px=1.3,
)
_LOOKS = {
    1: Look(("green crop", "ripe crop", "soil"), "soil", rows=0.07, row_px=3.0),
    2: Look(("meadow",), "low crop", share=0.25, clumps=0.3),
    3: Look(("broadleaved", "conifer"), "thicket", share=0.3, clumps=0.3, grain=0.12),
    4: Look(("tiles", "asphalt", "tiles", "concrete"), "asphalt", houses=True, grain=0.08),
    5: Look(("tiles", "garden", "garden"), "garden", share=0.2, houses=True, grain=0.08),
    6: Look(("concrete", "asphalt"), "concrete", share=0.15, grain=0.05),
    7: Look(("garden", "broadleaved"), "meadow", share=0.4, clumps=0.5, grain=0.08),
    8: Look(("asphalt",), "concrete", share=0.2, clumps=0.05, grain=0.03),
    9: Look(("deep water", "turbid water"), "turbid water", grain=0.02),
    10: Look(("gravel", "sand"), "earth", share=0.2, clumps=0.3),
}
_SIDE = 256
_SAFE = "S2A_MSIL2A_20180705T104031_N0208_R008_T31TDF_20180705T142255.SAFE"
_TILE = "T31TDF_20180705T104031"
_METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<Level-2A_User_Product>
  <Product_Info><PROCESSING_BASELINE>02.08</PROCESSING_BASELINE></Product_Info>
  <QUANTIFICATION_VALUES_LIST>
    <BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
  </QUANTIFICATION_VALUES_LIST>
</Level-2A_User_Product>
"""
_NAME = "ES999L2_MINIATURE_UA2018"


class UrbanAtlas(Dataset):
    """A functional urban area of the Copernicus Urban Atlas, and imagery that shows it."""

    card = Card(
        name="urban-atlas",
        title="Copernicus Urban Atlas with Sentinel-2",
        tasks=("segmentation",),
        shows=(
            "polygons of one city (from 0.25 ha in towns, 1 ha outside), beside Sentinel-2 L2A "
            "products at 10 m; B02, B03, B04 are blue, green, red"
        ),
        classes="27 land uses; legends urban-atlas-10 and urban-atlas-6 merge them",
        licence="free and open (Copernicus), source to be named",
        source=(
            "Where: land.copernicus.eu, Urban Atlas 2018 (one archive a city), and "
            "dataspace.copernicus.eu for Sentinel-2 L2A"
        ),
    )
    signature = _CITY

    @property
    def expected(self) -> str:
        return (
            "a city such as ES002L2_BARCELONA_UA2018_v013/Data/ES002L2_BARCELONA_UA2018_v013.gpkg "
            "and, beside it, S2*_MSIL2A_*.SAFE"
        )

    def inventory(self, listing: Listing) -> Inventory:
        found = _found(listing)
        present = [f"polygons of {name}" for name in sorted(found.cities)]
        present += [f"Sentinel-2 {PurePosixPath(path).name}" for path in found.usable]
        missing = []
        for path, layers in sorted(found.scenes.items()):
            lost = [layer for layer in (*_BANDS, _SCL) if layer not in layers]
            if lost:
                missing.append(f"{', '.join(lost)} of {PurePosixPath(path).name}")
        if not found.scenes:
            missing.append("Sentinel-2 L2A products (S2*_MSIL2A_*.SAFE, unpacked)")
        return Inventory(tuple(present), tuple(missing), bool(found.cities and found.usable))

    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        found = _found(Listing(folder))
        if len(found.cities) > 1:
            raise DatasetError(
                f"{folder}: holds {len(found.cities)} cities ({listed(sorted(found.cities))}); a "
                "project is about one: give a folder with its polygons and scenes"
            )
        polygons = folder / next(iter(found.cities.values()))
        layer, column = _layer_with_codes(polygons)
        return {
            "imagery": [{"path": relative_path(folder / path, base)} for path in found.usable],
            "bands": list(_BANDS),
            "labels": {
                "path": relative_path(polygons, base),
                "layer": layer,
                "attribute": column,
                "legend": "urban-atlas",
            },
            "chips": {"size": 64},
            "split": {"by": "blocks"},
        }

    def miniature(self, folder: Path, seed: int = 0) -> None:
        from affine import Affine

        piece = ground(place(0, _SIDE, _SIDE), _PLAN, seed)
        seen = exposed(piece, reflectance(piece, _LOOKS, seed), seed)
        left, top, crs = 430_000.0, 4_585_000.0, "EPSG:32631"
        with new_set(folder) as scratch:
            images = scratch / _SAFE / "GRANULE" / "L2A_T31TDF_A015855" / "IMG_DATA"
            for band in ("B02", "B03", "B04", "B08"):
                write_raster(
                    images / "R10m" / f"{_TILE}_{band}_10m.jp2",
                    seen.numbers(band),
                    crs=crs,
                    transform=Affine(10, 0, left, 0, -10, top),
                )
            write_raster(
                images / "R20m" / f"{_TILE}_SCL_20m.jp2",
                seen.scl[::2, ::2],
                crs=crs,
                transform=Affine(20, 0, left, 0, -20, top),
            )
            (scratch / _SAFE / "MTD_MSIL2A.xml").write_text(_METADATA, encoding="utf-8")
            _write_city(scratch / f"{_NAME}_v013" / "Data" / f"{_NAME}_v013.gpkg", piece.ids, seed)


@dataclass
class _Found:
    """Vector files by city, and layers by folder of a product; names in the listing."""

    cities: dict[str, str] = field(default_factory=dict)
    scenes: dict[str, set[str]] = field(default_factory=dict)

    @property
    def usable(self) -> list[str]:
        """Products with all bands; without a scene classification their clouds are not seen."""
        return sorted(path for path, layers in self.scenes.items() if layers.issuperset(_BANDS))


def _found(listing: Listing) -> _Found:
    found = _Found()
    for name in listing:
        city = _CITY.search(f"/{name}")
        if city:
            found.cities[city["city"]] = name
            continue
        scene = _SCENE.search(f"/{name}")
        if scene:
            folder = name[: name.index(scene["scene"])] + scene["scene"]
            found.scenes.setdefault(folder, set()).add(scene["layer"])
    return found


def _layer_with_codes(path: Path) -> tuple[str, str]:
    """The layer of land use (others hold the city's boundary), and its column of codes."""
    import pyogrio

    for layer, _ in pyogrio.list_layers(path):
        for column in pyogrio.read_info(path, layer=layer)["fields"]:
            if _CODE.fullmatch(column):
                return str(layer), str(column)
    raise DatasetError(f"{path}: no layer has a column code_2018 (or of another year)")


def _write_city(path: Path, ids: np.ndarray, seed: int) -> None:
    from affine import Affine
    from shapely.geometry import box

    transform = Affine(10, 0, 430_000.0, 0, -10, 4_585_000.0)
    shapes, numbers = outlines(ids, transform)
    columns: dict[str, list[Any]] = {
        "country": ["ES"] * len(numbers),
        "fua_name": ["Miniature"] * len(numbers),
        "code_2018": [_CODES[number][0] for number in numbers],
        "class_2018": [_CODES[number][1] for number in numbers],
        "identifier": [
            f"{noise.stream(seed, str(n)) % 10**5:05}-ES999L2" for n in range(len(numbers))
        ],
        "area": [float(shape.area) for shape in shapes],
    }
    write_vectors(path, shapes, columns, "EPSG:32631", "EPSG:3035", layer=_NAME)
    around = [box(430_000, 4_585_000 - 10 * _SIDE, 430_000 + 10 * _SIDE, 4_585_000)]
    write_vectors(
        path, around, {"fua_name": ["Miniature"]}, "EPSG:32631", "EPSG:3035", f"{_NAME}_Boundary"
    )
