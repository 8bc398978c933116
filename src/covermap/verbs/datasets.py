"""datasets: published data sets in their own layout, verified and described as projects."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from covermap.core.errors import DatasetError, nearest
from covermap.core.files import complete_file
from covermap.datasets.listing import is_archive, listing_of, unpack
from covermap.datasets.project_text import project_text
from covermap.datasets.published import Card, Dataset, Inventory, listed
from covermap.datasets.registry import DATASETS, dataset_named, recognised
from covermap.verbs.init import new_project_file


@dataclass(frozen=True)
class Verified:
    """A folder or archive, the data set that it is, and what of it is there."""

    path: Path
    card: Card
    inventory: Inventory

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "dataset": self.card.name,
            "complete": self.inventory.complete,
            **asdict(self.inventory),
        }


def datasets() -> tuple[Card, ...]:
    """The cards of all data sets that covermap knows."""
    return tuple(dataset.card for dataset in DATASETS.values())


def card_of(name: str) -> tuple[Card, str]:
    """The card of a data set, and what its published folder holds.

    Raises
    ------
    DatasetError
        There is no such data set.
    """
    dataset = dataset_named(name)
    return dataset.card, dataset.expected


def verify(path: str | Path) -> Verified:
    """Which data set a folder or archive is, what of it is there and what is missing.

    Raises
    ------
    DatasetError
        It has the layout of none, or the archive is damaged.
    """
    place = Path(path)
    dataset = _required(place)
    return Verified(place, dataset.card, dataset.verify(place))


def project_of(folder: str | Path, out: str | Path, task: str | None = None) -> Path:
    """Write the project file of an unpacked data set.

    Parameters
    ----------
    folder : path
    out : path
        The project file; its paths start from its own folder.
    task : str, optional
        Where the set serves several; see its card.

    Raises
    ------
    DatasetError
        The folder is no data set, or too little of one.
    OutputError
        `out` exists.
    """
    target = new_project_file(out)
    dataset = _required(Path(folder))
    project = dataset.project(Path(folder), target.parent, task)
    with complete_file(target) as scratch:
        scratch.write_text(project_text(dataset.card, project), encoding="utf-8")
    return target


def unpacked(archive: str | Path, folder: str | Path) -> Path:
    """Unpack the archive of a data set into a new folder.

    Raises
    ------
    DatasetError
        The archive is damaged or leads out of its folder.
    OutputError
        Something is in the way.
    """
    unpack(Path(archive), Path(folder))
    return Path(folder)


def miniature(name: str, folder: str | Path, seed: int = 0) -> Path:
    """Write a small generated set in the layout of the data set `name`.

    Raises
    ------
    DatasetError
        There is no such data set.
    OutputError
        Something is in the way.
    """
    dataset_named(name).miniature(Path(folder), seed)
    return Path(folder)


def _required(path: Path) -> Dataset:
    if not path.exists() and path.name == str(path):
        raise DatasetError(
            f"{path}: no such folder or archive, and no data set of that name; "
            f"{nearest(str(path), DATASETS)}"
        )
    dataset = recognised(path)
    if dataset is None:
        packed = listing_of(path).archives()
        if packed:
            first = path if is_archive(path) else path / packed[0]
            raise DatasetError(
                f"{path}: holds archives ({listed(packed)}), and what is in them is not looked "
                "into; unpack them and give their folder: covermap datasets "
                f"{shlex.quote(str(first))} --unpack FOLDER"
            )
        known = next(iter(DATASETS))
        raise DatasetError(
            f"{path}: has the layout of no known data set ({', '.join(DATASETS)}); `covermap "
            f"datasets {known}` says what that one looks like"
        )
    return dataset
