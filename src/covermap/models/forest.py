"""A random forest over pixels, alone or with the statistics of their surroundings."""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.core.errors import BundleError

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

TREES = 100
# Pixels that a forest learns from at most, and of each class at least so many of those there are.
# Classes keep their frequencies: evened out, a forest loses more at the common classes than it
# gains at the rare ones (docs/results.md).
_MOST_PIXELS, _LEAST_OF_CLASS = 60_000, 1_000
# Many pixels of real pictures overlap between classes: leaves of a few keep a tree from learning
# noise by heart. Of few pixels each may tell.
_MANY_PIXELS, _LEAF_OF_MANY = 20_000, 5
_SCHEMA = "schema.json"
# Pixels that one thread predicts at a time.
_PIXELS_AT_ONCE = 65_536
# All that a forest's file may hold beyond plain containers and numpy arrays. This list is ours:
# what a file asks to be trusted with is never read from the file.
_TRUSTED = ["sklearn.tree._tree.Tree"]


@dataclass(frozen=True)
class Forest:
    """A random forest; made by `fit_forest` or `forest_from_bytes`.

    Attributes
    ----------
    trees : RandomForestClassifier
    classes : int
        K, the length of the legend; classes that training lacked get probability 0.
    window : int
        Side in pixels of the surroundings that its features describe; 1 for the pixel alone.
    """

    trees: RandomForestClassifier
    classes: int
    window: int = 1

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Share of the trees' votes for each class, float32 (M, K), from features (M, F)."""
        return self._by_parts(features, self._vote, (0, self.classes), np.float32)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Position in the legend of each pixel's class, int16 (M,), from features (M, F)."""

        def best(part: np.ndarray) -> np.ndarray:
            return self._vote(part).argmax(axis=1).astype(np.int16)

        return self._by_parts(features, best, (0,), np.int16)

    def _by_parts(
        self,
        features: np.ndarray,
        answer: Callable[[np.ndarray], np.ndarray],
        empty: tuple[int, ...],
        dtype: type,
    ) -> np.ndarray:
        starts = range(0, len(features), _PIXELS_AT_ONCE)
        parts = [features[start : start + _PIXELS_AT_ONCE] for start in starts]
        # Threads share out pixels, not trees: the votes of a pixel are then always added in the
        # same order, so that ties fall the same way every time.
        with _kept_warning_filters(), ThreadPoolExecutor(os.cpu_count()) as pool:
            answers = list(pool.map(answer, parts))
        return np.concatenate(answers) if answers else np.zeros(empty, dtype)

    def _vote(self, features: np.ndarray) -> np.ndarray:
        votes = np.zeros((len(features), self.classes), np.float32)
        votes[:, self.trees.classes_.astype(int)] = self.trees.predict_proba(features)
        return votes


def features_of(values: np.ndarray, window: int) -> np.ndarray:
    """Features of each pixel of a chip.

    Parameters
    ----------
    values : ndarray of float32, shape (C, H, W)
        Normalised, 0 where invalid.
    window : int
        Odd side in pixels; with more than 1 the mean and standard deviation of each band in the
        square around the pixel follow its own values.

    Returns
    -------
    ndarray of float32, shape (H, W, C) or (H, W, 3 C)
    """
    if window <= 1:
        return np.moveaxis(values, 0, -1)
    from scipy.ndimage import uniform_filter

    size = (0, window, window)
    wide = values.astype(np.float64)
    mean = uniform_filter(wide, size=size, mode="nearest")
    square = uniform_filter(wide**2, size=size, mode="nearest")
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    features = np.concatenate([values, mean, spread]).astype(np.float32)
    return np.moveaxis(features, 0, -1)


def quotas(counts: np.ndarray) -> np.ndarray:
    """How many pixels of each class a forest learns from, int64 (K,), given how many there are.

    All of them where they are few; else their share of the 60,000 that are drawn in all, and of a
    rare class 1,000.

    Examples
    --------
    >>> quotas(np.array([900_000, 300_000, 400, 0]))
    array([44985, 14995,   400,     0])
    """
    counts = np.asarray(counts, dtype=np.int64)
    total = int(counts.sum())
    if total <= _MOST_PIXELS:
        return counts
    shares = (counts * (_MOST_PIXELS / total)).astype(np.int64)
    return np.minimum(counts, np.maximum(shares, _LEAST_OF_CLASS))


def fit_forest(
    features: np.ndarray,
    index: np.ndarray,
    classes: int,
    seed: int,
    window: int = 1,
) -> Forest:
    """A random forest of 100 trees trained on labelled pixels.

    Parameters
    ----------
    features : ndarray of float32, shape (N, F)
        Finite; of pixels of training ground only.
    index : ndarray of int, shape (N,)
        Position of each pixel's class in the legend, 0..K-1.
    classes : int
        K; classes without a training pixel are never predicted.
    seed : int
        Of the trees.
    window : int
        That the features were made with.

    Raises
    ------
    ValueError
        No pixel, shapes that do not fit, or a class beyond the legend.
    """
    from sklearn.ensemble import RandomForestClassifier

    if features.ndim != 2 or index.shape != features.shape[:1] or not len(index):
        raise ValueError(
            f"features {features.shape} and index {index.shape} should be (N, F) and (N,)"
        )
    if index.min() < 0 or index.max() >= classes:
        raise ValueError(f"index holds {index.min()}..{index.max()}, expected 0..{classes - 1}")
    leaf = 1 if len(index) < _MANY_PIXELS else _LEAF_OF_MANY
    trees = RandomForestClassifier(TREES, random_state=seed, n_jobs=-1, min_samples_leaf=leaf)
    with _kept_warning_filters():
        trees.fit(features, index)
    trees.set_params(n_jobs=1)
    return Forest(trees, classes, window)


@contextmanager
def _kept_warning_filters() -> Iterator[None]:
    """What is warned of stays as it was.

    Threads of scikit-learn each set the filters of the whole process and put back what they met,
    which may be what another one had set: all that Python hides by default was shown from then on.
    """
    with warnings.catch_warnings():
        yield


def forest_to_bytes(forest: Forest) -> bytes:
    """A forest as skops keeps it: data only, no pickle; the same forest gives the same bytes."""
    from skops.io import dumps

    return _without_addresses(dumps(forest.trees))


def forest_from_bytes(content: bytes, classes: int, window: int, where: str) -> Forest:
    """A forest out of a file.

    Raises
    ------
    BundleError
        The file is damaged, or holds anything that a forest does not need; `where` begins the
        message.
    """
    from sklearn.ensemble import RandomForestClassifier
    from skops.io import loads

    try:
        trees = loads(content, trusted=_TRUSTED)
    except Exception as error:  # skops raises what its parts raise
        raise BundleError(
            f"{where}: not readable as a random forest ({type(error).__name__}: "
            f"{str(error).splitlines()[0][:120]}); copy the whole bundle again, or train anew"
        ) from None
    if not isinstance(trees, RandomForestClassifier):
        raise BundleError(f"{where}: holds a {type(trees).__name__}, expected a random forest")
    return Forest(trees, classes, window)


def _without_addresses(archive: bytes) -> bytes:
    """The same archive without times, and with objects numbered in order.

    skops numbers objects and names files by their addresses in memory, other ones in every run.
    """
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}

    def renamed(part: Any) -> Any:
        if isinstance(part, list):
            return [renamed(item) for item in part]
        if not isinstance(part, dict):
            return part
        result: dict[str, Any] = {}
        for key, value in part.items():
            if key == "__id__":
                result[key] = numbers.setdefault(value, len(numbers))
            elif key == "file" and isinstance(value, str):
                result[key] = names.setdefault(value, f"{len(names)}{Path(value).suffix}")
            else:
                result[key] = renamed(value)
        return result

    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        schema = renamed(json.loads(source.read(_SCHEMA)))
        files = {names[name]: source.read(name) for name in source.namelist() if name in names}
    files[_SCHEMA] = json.dumps(schema).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as result:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            result.writestr(entry, content)
    return target.getvalue()
