"""Errors that name a user's mistake: what, where, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CovermapError(Exception):
    """A mistake that the user can mend; printed as one line, exit status 2."""


class ProjectError(CovermapError):
    """The project file cannot be used."""


class ImageryError(CovermapError):
    """An image cannot be used."""


class NothingToMapError(ImageryError):
    """No pixel of an image is usable and wanted."""


class LabelError(CovermapError):
    """The labels cannot be used."""


class SplitError(CovermapError):
    """No honest split of these labels exists, or the audit failed."""


class ModelError(CovermapError):
    """No such network, loss or weights, or they do not fit."""


class BundleError(CovermapError):
    """A trained model cannot be used, or does not fit a scene."""


class DatasetError(CovermapError):
    """A published data set is not there, not complete, or no data set at all."""


class ClusterError(CovermapError):
    """Workers cannot be had, or were lost."""


class OutputError(CovermapError):
    """Something is in the way of a file to be written."""


class CovermapWarning(UserWarning):
    """Something the user should know but that stops nothing."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to `name`, or lists what is known.

    Examples
    --------
    >>> nearest("imagry", ["imagery", "labels"])
    "did you mean 'imagery'?"
    >>> nearest("zzz", ["imagery", "labels"])
    'known: imagery, labels'
    """
    words = [str(word) for word in known]
    folded = {word.casefold(): word for word in words}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"did you mean '{folded[close[0]]}'?"
    return "known: " + ", ".join(words)
