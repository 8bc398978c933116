"""The temperatures of a k-fold's networks, where no ground is left to validate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.bundle.folder import read_bundle, write_temperature
from covermap.core.progress import say

if TYPE_CHECKING:
    from covermap.training.calibration import Answers


def calibrate_folds(
    folders: Mapping[str, Path], unseen: Mapping[str, Answers]
) -> dict[str, dict[str, Any]]:
    """Give each network of a k-fold the temperature that its siblings need on unseen ground.

    A network is scored on the one fold that it never saw, so that fold must not calibrate it. Its
    siblings learnt nearly the same ground by the same settings and are as sure: the temperature is
    fitted on what each of them answers on its own fold. The last network, which learnt all of the
    ground, gets that of all folds.

    Parameters
    ----------
    folders : mapping of str to Path
        Bundles by the name of their training; forests among them stay as they are.
    unseen : mapping of str to (ndarray, ndarray)
        What the network of each fold answers on that fold, as `training.calibration.answers_of`
        gives it.

    Returns
    -------
    dict of str to dict
        For `training.json`, those that were calibrated.
    """
    from covermap.training.calibration import fitted

    told: dict[str, dict[str, Any]] = {}
    if not unseen:
        return told
    for name, folder in folders.items():
        bundle = read_bundle(folder)
        others = [answers for fold, answers in unseen.items() if fold != name]
        if bundle.is_forest or not others:
            continue
        found = fitted(*(np.concatenate(part) for part in zip(*others, strict=True)))
        if found is not None:
            write_temperature(bundle, found.temperature)
            told[name] = found.to_dict()
            if name == "final":
                say(found.told("the folds"))
    return told
