"""What every published data set offers, whatever its layout."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, ClassVar

from covermap.core.errors import DatasetError
from covermap.core.errors import counted as core_counted
from covermap.datasets.listing import Listing, is_archive, listing_of

# Names that are looked at to recognise a layout; a set's first folders tell it.
_LOOKED_AT = 2000
_NAMED = 4


@dataclass(frozen=True)
class Card:
    """What a person wants to know of a data set before fetching it.

    Attributes
    ----------
    name : str
        What covermap calls it.
    title : str
    tasks : tuple of str
        What a project's `task` may be; the first one when none is named.
    shows : str
        Imagery, size of a pixel, number of pictures or area.
    classes : str
    licence : str
    source : str
        Where its publisher offers it, in words, with the DOI where there is one.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    shows: str
    classes: str
    licence: str
    source: str


@dataclass(frozen=True)
class Inventory:
    """What of a data set is there.

    Attributes
    ----------
    present, missing : tuple of str
        One statement each.
    usable : bool
        Whether a project can be made of what is present.
    """

    present: tuple[str, ...]
    missing: tuple[str, ...]
    usable: bool

    @property
    def complete(self) -> bool:
        return not self.missing


class Dataset(ABC):
    """A data set in the layout in which it is published; one subclass and one instance each."""

    card: ClassVar[Card]
    # Names of files that only this layout has.
    signature: ClassVar[re.Pattern[str]]

    def recognises(self, listing: Listing) -> bool:
        """Whether a folder or archive holds this layout, complete or not."""
        return any(self.signature.search(f"/{name}") for name in listing.head(_LOOKED_AT))

    def verify(self, path: Path) -> Inventory:
        """What of the data set a folder or archive holds, and what is missing.

        Raises
        ------
        DatasetError
            Nothing of it is there, or the archive is damaged.
        """
        listing = listing_of(path)
        if not self.recognises(listing):
            raise DatasetError(
                f"{path}: this is not {self.card.title}; expected {self.expected}. "
                f"{self.card.source}"
            )
        return self.inventory(listing)

    def project(self, folder: Path, base: Path, task: str | None = None) -> dict[str, Any]:
        """A project for the data set in a folder.

        Parameters
        ----------
        folder : Path
            Where the data set lies, unpacked.
        base : Path
            Folder of the project file, from which its paths start.
        task : str, optional
            One of the card's; the first of them when not given.

        Raises
        ------
        DatasetError
            Too little of it is there, `folder` is an archive, or the set is not for this task.
        """
        if is_archive(folder):
            raise DatasetError(
                f"{folder}: unpack it first: covermap datasets {quote(str(folder))} --unpack "
                f"{quote(folder.name.split('.')[0])}"
            )
        found = self.verify(folder)
        if not found.usable:
            raise DatasetError(
                f"{folder}: {self.card.title} cannot be used; missing: "
                f"{'; '.join(found.missing)}. "
                f"{self.card.source}"
            )
        keys = self.described(folder, base, self._task(task))
        return {"name": self.card.name, **keys}

    def _task(self, task: str | None) -> str:
        known = self.card.tasks
        if task is not None and task not in known:
            raise DatasetError(f"{self.card.name} is for {' or '.join(known)}, not for '{task}'")
        return task or known[0]

    @property
    @abstractmethod
    def expected(self) -> str:
        """What the published folder holds, in words."""

    @abstractmethod
    def inventory(self, listing: Listing) -> Inventory:
        """What is there by the names of files."""

    @abstractmethod
    def described(self, folder: Path, base: Path, task: str) -> dict[str, Any]:
        """The project's keys but for its name; `folder` is usable, `task` one of the card's."""

    @abstractmethod
    def miniature(self, folder: Path, seed: int = 0) -> None:
        """Write a small generated set in the same layout into a new or empty folder.

        Its pictures carry signal that a network learns: classes differ in spectrum and texture,
        and vary within. The same seed gives the same bytes.
        """


def counted(number: int, thing: str, of: Sequence[str] | None = None) -> str:
    """`3 masks`, with the first names where they help.

    Examples
    --------
    >>> counted(1, "mask", ["7_mask.png"])
    '1 mask: 7_mask.png'
    """
    names = "" if not of else ": " + listed(of)
    return f"{core_counted(number, thing)}{names}"


def share(number: int, published: int, thing: str) -> str:
    """How many things of the published ones are there.

    Examples
    --------
    >>> share(12, 1980, "chip")
    '12 of 1,980 chips'
    """
    return f"{number:,} of {published:,} {thing}s"


def listed(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    items = list(names)
    more = f" and {len(items) - _NAMED:,} more" if len(items) > _NAMED else ""
    return ", ".join(items[:_NAMED]) + more
