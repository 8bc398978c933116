"""A bundle on the disk: `bundle.json`, and weights beside it.

Nothing in the folder is executed: JSON and safetensors hold data only.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from covermap.bundle.applicability import Applicability
from covermap.bundle.facts import FACTS, Bundle, from_facts, to_facts
from covermap.core.errors import BundleError, CovermapError, system_words
from covermap.core.files import (
    complete_folder,
    content_digest,
    file_digest,
    read_json,
    write_json,
)

_WEIGHTS = "weights.safetensors"
FOREST_FILE = "forest.skops"
_RANGES = "ranges.json"
_APPLICABILITY = "applicability.safetensors"
_PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy"})


def write_bundle(
    folder: Path,
    bundle: Bundle,
    weights: dict[str, np.ndarray] | bytes,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    applicability: Applicability | None = None,
) -> Bundle:
    """Write a bundle, in one piece; the same content gives the same bytes.

    Parameters
    ----------
    folder : Path
        Takes the place of a bundle that is already there.
    bundle : Bundle
        The facts; its `folder` is not written.
    weights : dict of str to ndarray, or bytes
        Parameters and buffers of a network by name; of a forest, its skops archive.
    ranges : mapping, optional
        What enters each convolution on training chips, for computing in 8-bit integers.
    applicability : Applicability, optional
        What it learnt from, so that scenes which are unlike it are told.

    Returns
    -------
    Bundle
        The same with `folder` set.
    """
    from safetensors.numpy import save_file

    with complete_folder(folder) as scratch:
        if isinstance(weights, bytes):
            (scratch / FOREST_FILE).write_bytes(weights)
        else:
            ordered = {name: np.asarray(weights[name], order="C") for name in sorted(weights)}
            save_file(ordered, scratch / _WEIGHTS)
        if ranges:
            write_json(scratch / _RANGES, {name: list(span) for name, span in ranges.items()})
        if applicability is not None:
            limit = np.array(applicability.limit)
            tensors = {"limit": limit, "pixels": np.ascontiguousarray(applicability.pixels)}
            save_file(tensors, scratch / _APPLICABILITY)
        write_json(scratch / FACTS, to_facts(bundle))
    return dataclasses.replace(bundle, folder=folder)


def write_scores(bundle: Bundle, scores: dict[str, Any]) -> Bundle:
    """Put scores into a bundle that lies in its folder; its weights stay untouched.

    Returns
    -------
    Bundle
        The same with `scores` set.
    """
    return _rewritten(dataclasses.replace(bundle, scores=scores))


def write_temperature(bundle: Bundle, temperature: float) -> Bundle:
    """Put a temperature into a bundle that lies in its folder; its weights stay untouched.

    Returns
    -------
    Bundle
        The same with `temperature` set.
    """
    return _rewritten(dataclasses.replace(bundle, temperature=temperature))


def _rewritten(bundle: Bundle) -> Bundle:
    if bundle.folder is None:
        raise ValueError("this bundle was not read from a folder")
    write_json(bundle.folder / FACTS, to_facts(bundle))
    return bundle


def is_bundle(folder: Path) -> bool:
    """Whether a folder holds the facts of a bundle."""
    return (folder / FACTS).is_file()


def bundle_digest(folder: Path) -> str:
    """SHA-256 of all that a map depends on: the facts without the scores, weights and ranges.

    A model that was scored is the model that was trained.

    Raises
    ------
    BundleError
        A file cannot be read.
    """
    try:
        return _digest(folder)
    except OSError as error:
        raise _unreadable(folder, error) from None


def _digest(folder: Path) -> str:
    try:
        facts = read_json(folder / FACTS)
    except CovermapError:
        return file_digest(folder)
    if not isinstance(facts, dict):
        return file_digest(folder)
    names = (_WEIGHTS, FOREST_FILE, _RANGES)
    files = [folder / name for name in names if (folder / name).is_file()]
    told = {name: value for name, value in facts.items() if name != "scores"}
    return content_digest([told, *([path.name, file_digest(path)] for path in files)])


def read_bundle(folder: Path) -> Bundle:
    """Read the facts of a bundle; its weights are read by `read_weights`.

    Raises
    ------
    BundleError
        The folder is no bundle, lacks its weights, holds pickles, was written in a format that
        this version does not know, or its JSON is broken.
    """
    if folder.is_file():
        raise BundleError(
            f"{folder}: is a file, and a bundle is a folder (RUN/bundle); the bundle comes first: "
            "covermap map BUNDLE SCENE --out map.tif"
        )
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder; expected a bundle (a folder with {FACTS})")
    _refuse_pickles(folder)
    if not is_bundle(folder):
        raise BundleError(
            f"{folder}: not a bundle (no {FACTS} in it); give the folder 'bundle' of a run"
        )
    try:
        facts = read_json(folder / FACTS)
    except CovermapError as error:
        raise BundleError(str(error)) from None
    bundle = from_facts(facts, folder)
    weights = FOREST_FILE if bundle.is_forest else _WEIGHTS
    if not (folder / weights).is_file():
        raise BundleError(f"{folder}: lacks its weights ({weights}); copy the whole folder")
    return bundle


def read_weights(bundle: Bundle) -> dict[str, np.ndarray]:
    """Parameters and buffers of a bundle's network by name.

    Raises
    ------
    BundleError
        The file is missing, damaged, or somebody else's alone.
    """
    if bundle.folder is None:
        raise ValueError("this bundle was not read from a folder")
    return _read_tensors(bundle.folder / _WEIGHTS)


def read_forest(bundle: Bundle) -> bytes:
    """The skops archive of a bundle's forest."""
    if bundle.folder is None:
        raise ValueError("this bundle was not read from a folder")
    path = bundle.folder / FOREST_FILE
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def read_ranges(bundle: Bundle) -> dict[str, tuple[float, float]]:
    """Ranges of the inputs of a network's convolutions by name; empty where none are kept.

    Raises
    ------
    BundleError
        The file is damaged.
    """
    if bundle.folder is None or not (bundle.folder / _RANGES).is_file():
        return {}
    path = bundle.folder / _RANGES
    try:
        spans = {str(name): (float(a), float(b)) for name, (a, b) in read_json(path).items()}
    except (CovermapError, AttributeError, TypeError, ValueError):
        spans = {"": (math.nan, math.nan)}
    if not all(math.isfinite(end) for span in spans.values() for end in span):
        raise BundleError(
            f"{path}: expected a low and a high number for each layer; copy the whole bundle again"
        )
    return spans


def read_applicability(bundle: Bundle) -> Applicability | None:
    """What a bundle's model learnt from; None where that is not kept (earlier versions).

    Raises
    ------
    BundleError
        The file is damaged, or of another bundle.
    """
    if bundle.folder is None or not (bundle.folder / _APPLICABILITY).is_file():
        return None
    path = bundle.folder / _APPLICABILITY
    tensors = _read_tensors(path)
    pixels, limit = tensors.get("pixels", np.empty(0)), tensors.get("limit", np.empty(0))
    fits = pixels.ndim == 2 and pixels.shape[1] == len(bundle.channels) and limit.size == 1
    if not fits or not len(pixels) or not (np.isfinite(pixels).all() and np.isfinite(limit).all()):
        raise BundleError(
            f"{path}: expected pixels of {len(bundle.channels)} channels and a limit; copy the "
            "whole bundle again"
        )
    return Applicability(pixels, float(limit.item()))


def _read_tensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        # The library takes every file that it cannot open for one that is not there.
        with path.open("rb"):
            pass
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise BundleError(
            f"{path}: not readable as safetensors ({error}); copy the whole bundle again"
        ) from None


def _unreadable(path: Path, error: OSError) -> BundleError:
    path = Path(error.filename or path)
    if isinstance(error, FileNotFoundError):
        return BundleError(f"{path}: no such file; copy the whole bundle")
    said, advice = system_words(error)
    if isinstance(error, PermissionError):
        advice = "its owner can let others read the bundle: chmod -R a+rX BUNDLE"
    return BundleError(f"{path}: cannot be read ({said}); {advice}")


def _refuse_pickles(folder: Path) -> None:
    found = sorted(item.name for item in folder.iterdir() if item.suffix.lower() in _PICKLES)
    if found:
        raise BundleError(
            f"{folder}: holds {found[0]}, which can run a stranger's code when it is opened; a "
            f"bundle is {FACTS} and {_WEIGHTS} only. Remove it, or ask for a bundle of covermap"
        )
