"""All data sets that covermap knows in their published layout: a new one is one line here."""

from __future__ import annotations

from pathlib import Path

from covermap.core.errors import DatasetError, nearest
from covermap.datasets.clearing import Clearing
from covermap.datasets.deepglobe import DeepGlobe
from covermap.datasets.eurosat import EuroSat
from covermap.datasets.ghana_crops import GhanaCrops
from covermap.datasets.landcoverai import LandCoverAI
from covermap.datasets.landcovernet import LandCoverNet
from covermap.datasets.landsat_cdl import LandsatCdl
from covermap.datasets.listing import listing_of
from covermap.datasets.published import Dataset
from covermap.datasets.urban_atlas import UrbanAtlas

DATASETS: dict[str, Dataset] = {
    dataset.card.name: dataset
    for dataset in (
        LandsatCdl(),
        LandCoverAI(),
        LandCoverNet(),
        GhanaCrops(),
        DeepGlobe(),
        Clearing(),
        EuroSat(),
        UrbanAtlas(),
    )
}


def dataset_named(name: str) -> Dataset:
    """The data set that covermap calls `name`.

    Raises
    ------
    DatasetError
        There is none.
    """
    if name not in DATASETS:
        raise DatasetError(f"no data set '{name}'; {nearest(name, DATASETS)}")
    return DATASETS[name]


def recognised(path: Path) -> Dataset | None:
    """The data set whose layout a folder or archive has, or None.

    Raises
    ------
    DatasetError
        There is no such folder or archive, or the archive is damaged.
    """
    listing = listing_of(path)
    return next((item for item in DATASETS.values() if item.recognises(listing)), None)
