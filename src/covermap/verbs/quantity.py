"""What a regression measures: fitted to training ground, kept in the bundle."""

from __future__ import annotations

import numpy as np

from covermap.bundle.facts import Quantity
from covermap.chips.loading import Share
from covermap.core.errors import LabelError
from covermap.labels.density import Cap
from covermap.labels.numbers import Numbers
from covermap.verbs.caps import fitted_cap, quantity_of
from covermap.verbs.workspace import Workspace


def fitted_quantity(workspace: Workspace, teach: Share) -> Quantity | None:
    """What the network's numbers stand for; None for tasks of classes.

    Of numbers of pictures 0 is the mean of the training chips and 1 their standard deviation.

    Raises
    ------
    LabelError
        Training ground is empty, or all its numbers are the same.
    """
    labels = workspace.labels
    if not isinstance(labels, Numbers):
        cap = fitted_cap(workspace, teach)
        return None if cap is None else quantity_of(cap)
    numbers = [
        labels.number_of(scene)
        for number, (scene, _) in enumerate(teach.windows)
        if teach.counted(teach.read(number)).any()
    ]
    # Not by the deviation: that of seven times 0.1 is 1e-17, what rounding leaves.
    if not np.ptp(numbers) > 0:
        raise LabelError(
            f"{labels.path}: the training pictures all have the same {labels.column}; add pictures "
            "with others, or choose another split"
        )
    return Quantity(labels.column, "", mean=float(np.mean(numbers)), spread=float(np.std(numbers)))


def scale_of(quantity: Quantity) -> Cap | Quantity:
    """What the answers to training chips are scaled by; see `Workspace.answers`."""
    return quantity if quantity.cap is None else Cap(quantity.cap)
